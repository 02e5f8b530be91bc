// Which models killed or hung the scorer, and which of them may not be tried again.
import type { Clock } from '../core/clock.ts'
import type { ScorerStatus } from './contract.ts'

/** Deaths of a model's own making (hang, abort) that end its chances even when batches in between went well. */
const OWN_DEATHS_MAX = 5
const OWN_DEATHS_WITHIN_MS = 10 * 60_000
/** Two in a row, with no batch scored in between: the second time on the very batch that was sent once more. */
const IN_A_ROW_MAX = 2

interface Record {
  name: string
  inARow: number
  ownDeathsMs: number[]
  /** Set once it is quarantined. */
  reason?: string
}

/**
 * Kept by digest: a repaired model is another model. Lives as long as the process, so a restart of the agent, a
 * person's deed, gives it another chance.
 */
export class Quarantine {
  readonly #clock: Clock
  readonly #records = new Map<string, Record>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Notes a death while `sha256` was loaded or scored. `own`: not by a signal from outside, which may have been the
   * kernel's or a person's doing and counts only when it meets the same batch twice. Returns whether it is quarantined now.
   */
  blame(sha256: string, name: string, reason: string, own: boolean): boolean {
    const record = this.#records.get(sha256) ?? { name, inARow: 0, ownDeathsMs: [] }
    this.#records.set(sha256, record)
    const nowMs = this.#clock.monotonicMs()
    record.inARow++
    if (own) record.ownDeathsMs.push(nowMs)
    record.ownDeathsMs = record.ownDeathsMs.filter(atMs => nowMs - atMs <= OWN_DEATHS_WITHIN_MS)
    if (record.inARow >= IN_A_ROW_MAX || record.ownDeathsMs.length >= OWN_DEATHS_MAX) record.reason = reason
    return record.reason !== undefined
  }

  /** A batch of it was scored. On the hot path: costs nothing while no model is suspected. */
  scored(sha256: string): void {
    if (this.#records.size === 0) return
    const record = this.#records.get(sha256)
    if (record) record.inARow = 0
  }

  reasonOf(sha256: string): string | undefined {
    return this.#records.get(sha256)?.reason
  }

  list(): ScorerStatus['quarantined'] {
    return [...this.#records].flatMap(([sha256, { name, reason }]) =>
      reason === undefined ? [] : [{ sha256, name, reason }],
    )
  }
}
