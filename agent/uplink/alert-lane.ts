// One ordered stream of alerts out of the journal: from a durable position on, in a window, to the head or to a fixed end.
import type { Clock } from '../core/clock.ts'
import type { Counters } from '../core/counters.ts'
import type { Journal, JournalRecord } from '../journal/contract.ts'
import type { AlertOut, Answers } from './alert-out.ts'
import { GapWatch } from './gap-watch.ts'
import type { LaneFacts, LaneName, Round } from './lane-facts.ts'
import type { Flight, OrderedAcks } from './ordered-acks.ts'
import type { AlertGap } from './payloads.ts'
import { Signal } from './signal.ts'
import { type Decoded, decode } from './standing.ts'

export interface LaneOptions {
  name: LaneName
  journal: Journal
  acks: OrderedAcks
  /** Last alert that was delivered before; undefined while nothing tells. */
  alertSeq: number | undefined
  /** Ends there, at the alert of that number; undefined: goes on with the journal. */
  end?: { seq: number; alertSeq: number }
  inFlightMax: number
  /** Alerts a second; undefined: as fast as they are taken. */
  perSecond?: number
  /** True: an alert is delivered when its receipt came. */
  receipts: boolean
  out: AlertOut
  facts: (lane: AlertLane) => LaneFacts
  clock: Clock
  counters: Counters
  onDelivered: (alertSeq: number, pubackMs: number) => void
}

const READ_RECORDS = 128

export class AlertLane {
  readonly name: LaneName
  readonly acks: OrderedAcks
  /** Last alert delivered. */
  alertSeq: number | undefined
  /** Highest alert number sent, or stated as lost, in this life of the agent. */
  sentAlertSeq: number
  /** Everything in the journal is delivered, as far as is known. */
  caughtUp = false
  /** Monotonic: something was delivered, or the first of a window sent. */
  movedMs = 0
  /** Monotonic: since then an alert waits for its receipt, however often it was sent; undefined: none does. */
  unconfirmedSinceMs: number | undefined
  readonly #options: LaneOptions
  readonly #wake = new Signal()
  readonly #pace: Pace | undefined
  #nextSeq = 0

  constructor(options: LaneOptions) {
    this.#options = options
    this.name = options.name
    this.acks = options.acks
    this.alertSeq = options.alertSeq
    this.sentAlertSeq = options.alertSeq ?? 0
    const { perSecond, clock } = options
    this.#pace = perSecond === undefined ? undefined : new Pace(perSecond, clock)
  }

  notify(): void {
    this.caughtUp = false
    this.#wake.notify()
  }

  /** Sends from the delivered position on until the round ends, or the lane does; throws when broker or journal refuses. */
  async pump(round: Round): Promise<void> {
    const { journal, end } = this.#options
    this.acks.reset()
    this.#nextSeq = this.acks.settledSeq + 1
    const gaps = new GapWatch(this.#nextSeq, this.alertSeq, () => journal.status().losses)
    let ended = false
    while (round.alive) {
      if (round.refused) throw round.refused
      const room = ended ? 0 : this.#room()
      const records = room > 0 ? await journal.read(this.#nextSeq, Math.min(room, READ_RECORDS)) : []
      if (!round.alive) return
      const ours = end ? records.filter(({ seq }) => seq <= end.seq) : records
      for (const record of ours) this.#dispatch(round, record, gaps)
      if (ours.length > 0) continue
      if (end && room > 0) {
        ended = true
        this.#finish(round, gaps, end)
      }
      if (this.acks.length === 0) {
        if (ended) return
        if (room > 0) this.#atHead(round, gaps)
      }
      await this.#wake.wait()
    }
  }

  #room(): number {
    const free = this.#options.inFlightMax - this.acks.length
    return this.#pace
      ? Math.min(
          free,
          this.#pace.allowance(() => this.#wake.notify()),
        )
      : free
  }

  #dispatch(round: Round, record: JournalRecord, gaps: GapWatch): void {
    const { out, clock, counters } = this.#options
    this.#nextSeq = record.seq + 1
    const decoded = decode(record)
    gaps.record(record)
    if (this.acks.length === 0) this.movedMs = clock.monotonicMs()
    const flight = this.acks.add(record.seq, ({ pubackMs }) => this.#settled(decoded, pubackMs))
    if (decoded.kind === 'damaged') counters.get('uplink.damaged_records').n++
    if (decoded.kind === 'checkpoint') {
      this.#gap(round, flight, gaps.alertsUpTo(decoded.checkpoint.alarms.alertSeq))
    } else if (decoded.kind === 'transition') {
      const t = decoded.transition
      this.#pace?.take()
      this.#gap(round, flight, gaps.alertsUpTo(t.alertSeq - 1))
      gaps.alert(t.alertSeq)
      // Nothing tells what was delivered before: from here on it is known where the stream begins.
      if (this.#options.receipts) this.alertSeq ??= t.alertSeq - 1
      this.#expect(flight, t.alertSeq)
      out.alert(round, flight, t, this.#options.facts(this), this.#answers)
    }
    this.#answers.acked(flight)
  }

  /** The numbers up to the end of the lane existed: what did not come by now is lost. Then the position is the end itself. */
  #finish(round: Round, gaps: GapWatch, end: { seq: number; alertSeq: number }): void {
    if (this.acks.settledSeq >= end.seq && this.acks.length === 0) return
    const flight = this.acks.add(end.seq, () => {
      this.alertSeq = Math.max(end.alertSeq, this.alertSeq ?? 0)
    })
    this.#gap(round, flight, gaps.alertsUpTo(end.alertSeq))
    this.#answers.acked(flight)
  }

  #atHead(round: Round, gaps: GapWatch): void {
    const gap = gaps.atHead()
    if (gap) this.#options.out.gap(round, undefined, gap, this.#answers)
    this.caughtUp = !this.#wake.pending
  }

  #gap(round: Round, flight: Flight, gap: AlertGap | undefined): void {
    if (!gap) return
    if (gap.to !== null) this.#expect(flight, gap.to)
    this.#options.out.gap(round, flight, gap, this.#answers)
  }

  #expect(flight: Flight, number: number): void {
    this.sentAlertSeq = Math.max(number, this.sentAlertSeq)
    if (!this.#options.receipts) return
    this.acks.awaitReceipt(flight, number)
    this.unconfirmedSinceMs ??= this.#options.clock.monotonicMs()
  }

  #settled(decoded: Decoded, pubackMs: number): void {
    this.movedMs = this.#options.clock.monotonicMs()
    this.unconfirmedSinceMs = this.acks.length > 0 ? this.movedMs : undefined
    const number =
      decoded.kind === 'transition'
        ? decoded.transition.alertSeq
        : decoded.kind === 'checkpoint'
          ? decoded.checkpoint.alarms.alertSeq
          : undefined
    if (number !== undefined) this.alertSeq = Math.max(number, this.alertSeq ?? 0)
    if (decoded.kind === 'transition') this.#options.onDelivered(decoded.transition.alertSeq, pubackMs)
  }

  readonly #answers: Answers = {
    acked: flight => {
      this.acks.acked(flight)
      this.#wake.notify()
    },
    refused: () => this.#wake.notify(),
  }
}

/** A bucket that fills with `perSecond`; a quarter of a second's worth at most, so that it is even. */
class Pace {
  readonly #perSecond: number
  readonly #clock: Clock
  #filledMs: number
  #held = 1
  #waiting = false

  constructor(perSecond: number, clock: Clock) {
    this.#perSecond = perSecond
    this.#clock = clock
    this.#filledMs = clock.monotonicMs()
  }

  /** How many may go now; when none, `wake` is called once that changes. */
  allowance(wake: () => void): number {
    const nowMs = this.#clock.monotonicMs()
    const gained = ((nowMs - this.#filledMs) * this.#perSecond) / 1000
    this.#held = Math.min(Math.max(1, this.#perSecond / 4), this.#held + gained)
    this.#filledMs = nowMs
    if (this.#held >= 1) return Math.floor(this.#held)
    if (!this.#waiting) {
      this.#waiting = true
      this.#clock.after(Math.ceil(((1 - this.#held) * 1000) / this.#perSecond), () => {
        this.#waiting = false
        wake()
      })
    }
    return 0
  }

  take(): void {
    this.#held--
  }
}
