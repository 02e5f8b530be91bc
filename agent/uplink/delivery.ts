// Journal -> broker. Nothing is queued here beyond the in-flight window: the journal is the queue, cursors say how far it is
// delivered (lanes.ts), and both survive a crash. Each lane is a stream of its own (alert-lane.ts); what stands is mirrored
// beside them (retained.ts).
//
// After a lost connection, and with `receipt: consumer` when no receipt comes, everything past the cursor is sent again, in
// order: at least once, and a consumer that drops what it has (id + seq) sees every alert exactly once and in order.
import type { GatewayConfig, UplinkConfig } from '../config/contract.ts'
import { Backoff } from '../core/backoff.ts'
import { type Cancel, type Clock, sleep } from '../core/clock.ts'
import type { Counters } from '../core/counters.ts'
import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Prng } from '../core/prng.ts'
import type { Cursor, Journal } from '../journal/contract.ts'
import { AlertLane } from './alert-lane.ts'
import { type AlertLink, AlertOut } from './alert-out.ts'
import type { LaneFacts, Round } from './lane-facts.ts'
import { freshSeq, isSplit, openPositions, type Positions, readAll } from './lanes.ts'
import { OrderedAcks } from './ordered-acks.ts'
import type { Receipt } from './receipts.ts'
import { RetainedAlarms } from './retained.ts'
import { Signal } from './signal.ts'
import type { Standing } from './standing.ts'
import type { Topics } from './topics.ts'

export interface DeliveryOptions {
  journal: Journal
  gateway: GatewayConfig
  topics: Topics
  link: AlertLink
  config: Pick<UplinkConfig, 'inFlightMax' | 'receipt' | 'receiptTimeoutMs' | 'backfill' | 'expiryMs'>
  clock: Clock
  prng: Prng
  logger: Logger
  counters: Counters
  onDelivered: (alertSeq: number, pubackMs: number) => void
}

interface State {
  positions: Positions
  fresh: AlertLane
  backlog: AlertLane | undefined
  /** Last alert of the backlog. */
  backlogTo: number
  standing: Standing
}

const CHECK_MS = 250
/** A consumer that misses something may ask for it so often. */
const RESEND_MS = 1_000

export class Delivery {
  readonly retained: RetainedAlarms
  lastPubackMs: number | undefined
  readonly #options: DeliveryOptions
  readonly #backoff: Backoff
  readonly #wake = new Signal()
  readonly #stopping = new AbortController()
  readonly #out: AlertOut
  readonly #cancels: Cancel[] = []
  #trouble: string | undefined
  #up = false
  #round: Round = { alive: false, refused: undefined }
  #loop: Promise<void> | undefined
  #state: State | undefined
  #resendAsked = false
  #resentMs = Number.NEGATIVE_INFINITY

  constructor(options: DeliveryOptions) {
    this.#options = options
    this.#backoff = new Backoff(options.prng, 500, 30_000)
    this.#out = new AlertOut({ ...options, expiryMs: options.config.expiryMs })
    this.retained = new RetainedAlarms(options)
  }

  /** Every alert up to it is delivered. */
  get deliveredAlertSeq(): number {
    return (this.#state?.backlog ?? this.#state?.fresh)?.alertSeq ?? 0
  }

  /** What the backlog lane still has to deliver, while there is one. */
  get backlog(): { from: number | null; to: number } | undefined {
    const lane = this.#state?.backlog
    if (!lane || !this.#state) return undefined
    return { from: lane.alertSeq === undefined ? null : lane.alertSeq + 1, to: this.#state.backlogTo }
  }

  /** Everything in the journal is delivered, as far as is known. */
  get idle(): boolean {
    const { backlog, fresh } = this.#state ?? {}
    return this.#up && !backlog && fresh?.caughtUp === true && this.retained.idle
  }

  /** What a person should know of it, each a sentence. */
  get notes(): string[] {
    const { config, clock } = this.#options
    const { backlog } = this
    const range = backlog && `${backlog.from ?? '?'} to ${backlog.to}`
    const lanes = [this.#state?.fresh, this.#state?.backlog]
    const sinceMs = lanes.map(lane => lane?.unconfirmedSinceMs ?? Number.POSITIVE_INFINITY)
    const waitedMs = clock.monotonicMs() - Math.min(...sinceMs)
    const unconfirmed = waitedMs >= config.receiptTimeoutMs
    return [
      ...(range ? [`alerts ${range} of the outage follow at ${config.backfill.perSecond}/s, fresh ones go first`] : []),
      ...(unconfirmed
        ? [
            `no consumer has confirmed alerts for ${Math.round(waitedMs / 1000)} s: is it running, and may it write alert-receipt?`,
          ]
        : []),
    ]
  }

  get trouble(): string | undefined {
    return this.#out.trouble ?? this.#trouble ?? this.retained.trouble
  }

  start(): void {
    const { journal, clock, config } = this.#options
    this.#cancels.push(journal.onAppend(() => this.#notify()))
    if (config.receipt === 'consumer') this.#cancels.push(clock.every(CHECK_MS, () => this.#checkReceipts()))
    this.#loop = this.#run()
  }

  up(): void {
    this.#up = true
    this.retained.up()
    this.#notify()
  }

  down(): void {
    this.#up = false
    this.retained.down()
    this.#endRound()
  }

  async stop(): Promise<void> {
    for (const cancel of this.#cancels) cancel()
    this.#stopping.abort()
    this.down()
    await this.#loop
    await this.retained.stop()
    await this.#state?.fresh.acks.flush()
    await this.#state?.backlog?.acks.flush()
  }

  /** A consumer says what it has. Returns why that cannot be. */
  confirm({ seq, fresh: freshTo, resend }: Receipt): string | undefined {
    const { fresh, backlog, backlogTo, standing } = this.#state ?? {}
    if (!fresh || !standing) return 'nothing was sent yet'
    const made = Math.max(standing.alertSeq ?? 0, fresh.sentAlertSeq)
    const first = backlog ?? fresh
    if (Math.max(seq, freshTo ?? 0) > made)
      return `it confirms ${Math.max(seq, freshTo ?? 0)}, and there are ${made} alerts`
    if (seq < (first.alertSeq ?? 0)) return `it goes back to ${seq}, and ${first.alertSeq} was confirmed`
    if (resend) this.#resendAsked = true
    first.acks.confirm(seq)
    if (backlog && freshTo !== undefined && freshTo >= (backlogTo ?? 0)) fresh.acks.confirm(freshTo)
    if (backlog && seq >= (backlogTo ?? 0)) fresh.acks.confirm(seq)
    this.#notify()
    return undefined
  }

  #notify(): void {
    this.#wake.notify()
    this.retained.notify()
    this.#state?.fresh.notify()
    this.#state?.backlog?.notify()
  }

  /** What is on its way counts no more; it will be sent again. */
  #endRound(): void {
    this.#round.alive = false
    this.#notify()
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      if (!this.#up) {
        await this.#wake.wait()
        continue
      }
      const round: Round = { alive: true, refused: undefined }
      this.#round = round
      try {
        this.#state ??= await this.#open()
        if (!round.alive) continue
        await this.retained.caughtUp()
        if (!round.alive) continue
        await this.#split(this.#state)
        await this.#deliver(round, this.#state)
      } catch (error) {
        this.#options.counters.get('uplink.delivery_errors').n++
        if (round.refused === undefined) this.#trouble = `cannot deliver alerts: ${messageOf(error)}; trying again`
        this.#options.logger.warn(this.trouble ?? messageOf(error))
        await sleep(this.#options.clock, this.#backoff.nextMs(), this.#stopping.signal)
      }
    }
  }

  async #open(): Promise<State> {
    const { journal } = this.#options
    const positions = await openPositions(journal)
    const { standing, seq, ended, at } = await readAll(journal, positions)
    // Without the number at its end a backlog cannot be told from a loss: then it goes in one lane.
    const split = isSplit(positions) && at.s !== undefined
    const fresh = split
      ? this.#lane('fresh', positions.f, freshSeq(positions), at.f)
      : this.#lane('fresh', positions.m, positions.m.seq, at.m)
    const state: State = { positions, fresh, backlog: undefined, backlogTo: at.s ?? 0, standing }
    if (split) state.backlog = this.#backlogLane(state, at.m, positions.m.seq)
    this.retained.start(standing, seq, ended)
    return state
  }

  /** Puts what waits into a lane of its own when it is much: all of it, whatever was in two lanes before. */
  async #split(state: State): Promise<void> {
    const { config, journal } = this.#options
    const { positions, fresh, standing } = state
    const headSeq = this.retained.foldedSeq
    const waiting = Math.min(headSeq, journal.status().nextSeq - 1) - fresh.acks.settledSeq
    const to = standing.alertSeq
    if (waiting < config.backfill.from || to === undefined || to <= (fresh.alertSeq ?? 0)) return
    await positions.s.advance(headSeq)
    const { alertSeq, acks } = state.backlog ?? fresh
    state.backlogTo = to
    state.backlog = this.#backlogLane(state, alertSeq, acks.settledSeq)
    state.fresh = this.#lane('fresh', positions.f, headSeq, to)
    this.#options.logger.info(`${waiting} records wait: alerts up to ${to} are delivered beside fresh ones`, {
      perSecond: config.backfill.perSecond,
    })
  }

  #backlogLane({ positions, backlogTo }: State, alertSeq: number | undefined, seq: number): AlertLane {
    const end = { seq: positions.s.seq, alertSeq: backlogTo }
    return this.#lane('backlog', positions.m, seq, alertSeq, end)
  }

  #lane(
    name: 'fresh' | 'backlog',
    cursor: Cursor,
    seq: number,
    alertSeq: number | undefined,
    end?: { seq: number; alertSeq: number },
  ): AlertLane {
    const { config } = this.#options
    return new AlertLane({
      ...this.#options,
      ...{ name, alertSeq, out: this.#out, inFlightMax: config.inFlightMax },
      acks: new OrderedAcks(cursor, error => this.#cursorFailed(error), seq),
      ...(end ? { end, perSecond: config.backfill.perSecond } : {}),
      receipts: config.receipt === 'consumer',
      facts: lane => this.#facts(lane),
      onDelivered: (number, pubackMs) => this.#delivered(number, pubackMs),
    })
  }

  #facts({ name, alertSeq }: AlertLane): LaneFacts {
    const { backlog } = this
    return {
      lane: name,
      ...(this.#options.config.receipt === 'consumer' ? { confirmed: alertSeq ?? 0 } : {}),
      ...(backlog ? { backlog } : {}),
    }
  }

  async #deliver(round: Round, state: State): Promise<void> {
    const failures: unknown[] = []
    const pumped = async (lane: AlertLane): Promise<void> => {
      try {
        await lane.pump(round)
        if (round.alive && lane === state.backlog) await this.#merge(state)
      } catch (error) {
        if (round.alive) failures.push(error)
        this.#endRound()
      }
    }
    await Promise.all([state.fresh, ...(state.backlog ? [state.backlog] : [])].map(pumped))
    if (failures.length > 0) throw failures[0]
  }

  /** The backlog is delivered: from here on the cursor follows the fresh lane. */
  async #merge(state: State): Promise<void> {
    await state.backlog?.acks.flush()
    state.backlog = undefined
    state.fresh.acks.moveTo(state.positions.m)
    state.fresh.notify()
    this.#options.logger.info(`alerts up to ${state.backlogTo} are delivered: one lane again`)
  }

  #delivered(alertSeq: number, pubackMs: number): void {
    this.lastPubackMs = pubackMs
    this.#trouble = undefined
    this.#backoff.reset()
    this.#options.onDelivered(alertSeq, pubackMs)
  }

  /** Alerts that got no receipt for long, or that a consumer asks for, are sent again. */
  #checkReceipts(): void {
    const { clock, config, counters } = this.#options
    const lanes = [this.#state?.fresh, this.#state?.backlog].filter(lane => lane !== undefined)
    const nowMs = clock.monotonicMs()
    const waiting = lanes.filter(({ acks }) => acks.awaitsReceipts)
    const asked = this.#resendAsked && nowMs - this.#resentMs >= RESEND_MS
    if (waiting.length === 0) this.#resendAsked &&= lanes.some(({ acks }) => acks.length > 0)
    const late = waiting.some(({ movedMs }) => nowMs - Math.max(movedMs, this.#resentMs) >= config.receiptTimeoutMs)
    if (!this.#round.alive || waiting.length === 0 || !(asked || late)) return
    this.#resendAsked = false
    this.#resentMs = nowMs
    counters.get('uplink.resends').n++
    this.#endRound()
  }

  #cursorFailed(error: unknown): void {
    this.#options.counters.get('uplink.cursor_errors').n++
    this.#options.logger.warn(`cannot store how far alerts are delivered: ${messageOf(error)}; some may be sent twice`)
  }
}
