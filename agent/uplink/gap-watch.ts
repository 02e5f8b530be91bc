// Finds alerts that were journalled and can never be delivered: holes in the journal's numbering, and in the alerts' own.
import { holeOf, type JournalLoss, type JournalRecord } from '../journal/contract.ts'
import type { AlertGap } from './payloads.ts'

export class GapWatch {
  readonly #losses: () => readonly JournalLoss[]
  #expectedSeq: number
  /** Last alert accounted for: sent, or stated as lost. Undefined while nothing tells. */
  #alertSeq: number | undefined
  /** Journal numbers missing since the last alert; `stated`: a gap message without an end went out for them. */
  #missing: { from: number; to: number; stated: boolean } | undefined

  constructor(expectedSeq: number, alertSeq: number | undefined, losses: () => readonly JournalLoss[]) {
    this.#expectedSeq = expectedSeq
    this.#alertSeq = alertSeq
    this.#losses = losses
  }

  /** Every record in the order read. */
  record(record: JournalRecord): void {
    const { seq } = record
    if (seq > this.#expectedSeq) this.#miss(seq - 1)
    const hole = holeOf(record)
    if (hole?.reason === 'space') this.#miss(hole.toSeq)
    this.#expectedSeq = (hole?.toSeq ?? seq) + 1
  }

  /**
   * The journal proves that alerts up to `alertSeq` existed before this point; returns those not accounted for. A hole in
   * the journal without a hole in the alerts lost no alert and is no gap to a consumer.
   */
  alertsUpTo(alertSeq: number): AlertGap | undefined {
    const before = this.#alertSeq
    const missing = this.#missing
    this.#missing = undefined
    if (before !== undefined && alertSeq <= before) return undefined
    this.#alertSeq = alertSeq
    if (alertSeq < 1 || (before === undefined && !missing)) return undefined
    return this.#gap(before === undefined ? null : before + 1, alertSeq, missing)
  }

  alert(alertSeq: number): void {
    this.#alertSeq = alertSeq
  }

  /** Everything readable was read. Nothing after a hole tells (yet) how many alerts were in it. */
  atHead(): AlertGap | undefined {
    const lost = this.#losses().find(l => l.fromSeq <= this.#expectedSeq && l.toSeq >= this.#expectedSeq)
    if (lost) {
      this.#miss(lost.toSeq)
      this.#expectedSeq = lost.toSeq + 1
    }
    const missing = this.#missing
    if (!missing || missing.stated) return undefined
    missing.stated = true
    return this.#gap(this.#alertSeq === undefined ? null : this.#alertSeq + 1, null, missing)
  }

  #miss(to: number): void {
    this.#missing = { from: this.#missing?.from ?? this.#expectedSeq, to, stated: false }
  }

  #gap(from: number | null, to: number | null, missing: { from: number; to: number } | undefined): AlertGap {
    const loss = missing && this.#losses().find(l => l.fromSeq <= missing.to && l.toSeq >= missing.from)
    return {
      from,
      to,
      journalFrom: missing?.from ?? null,
      journalTo: missing?.to ?? null,
      reason: loss?.reason ?? 'unknown',
      detail: loss?.detail ?? 'records are missing from the journal of the gateway',
    }
  }
}
