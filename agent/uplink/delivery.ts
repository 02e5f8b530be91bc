// Journal -> broker. Nothing is queued here beyond the in-flight window: the journal is the queue, the cursor says how far
// it is delivered (ordered-acks.ts), and both survive a crash.
//
// After a lost connection everything past the cursor is sent again, in order: at least once, and a consumer that drops
// what it has (id + seq) sees every alert exactly once and in order.
import { type AlarmTransition, stands } from '../alarms/contract.ts'
import type { GatewayConfig } from '../config/contract.ts'
import { Backoff } from '../core/backoff.ts'
import { type Clock, sleep } from '../core/clock.ts'
import type { Counters } from '../core/counters.ts'
import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Prng } from '../core/prng.ts'
import type { Journal, JournalRecord } from '../journal/contract.ts'
import { explainRefusal } from './explain.ts'
import { GapWatch } from './gap-watch.ts'
import type { MqttLink } from './link.ts'
import { type Flight, OrderedAcks } from './ordered-acks.ts'
import { type AlertGap, alarmPayload, alertPayload, gapPayload } from './payloads.ts'
import { Signal } from './signal.ts'
import { type Decoded, decode, Standing } from './standing.ts'
import type { Topics } from './topics.ts'

export interface DeliveryOptions {
  journal: Journal
  gateway: GatewayConfig
  topics: Topics
  link: MqttLink
  inFlightMax: number
  clock: Clock
  prng: Prng
  logger: Logger
  counters: Counters
  onDelivered: (alertSeq: number, pubackMs: number) => void
}

/** One connection. Work begun for an earlier one sees `alive` false and lets go. */
interface Session {
  alive: boolean
  refused: unknown
}

const CURSOR = 'uplink'
const READ_RECORDS = 128
/** Retained alarms of ours on the broker that this gateway knows nothing of. */
const STRAYS_MAX = 10_000

export class Delivery {
  readonly #options: DeliveryOptions
  readonly #backoff: Backoff
  readonly #wake = new Signal()
  readonly #standing = new Standing()
  readonly #strays = new Map<string, string>()
  readonly #stopping = new AbortController()
  #session: Session | undefined
  #loop: Promise<void> | undefined
  #acks: OrderedAcks | undefined
  #unsubscribe: (() => void) | undefined
  /** Everything in the journal is delivered, as far as is known. */
  idle = false
  lastPubackMs: number | undefined
  /** Why the broker does not take what is sent, while it does not. */
  trouble: string | undefined

  constructor(options: DeliveryOptions) {
    this.#options = options
    this.#backoff = new Backoff(options.prng, 500, 30_000)
  }

  get deliveredAlertSeq(): number {
    return this.#standing.alertSeq ?? 0
  }

  start(): void {
    this.#unsubscribe = this.#options.journal.onAppend(() => {
      this.idle = false
      this.#wake.notify()
    })
    this.#loop = this.#run()
  }

  up(): void {
    this.#session = { alive: true, refused: undefined }
    this.idle = false
    this.#wake.notify()
  }

  down(): void {
    if (this.#session) this.#session.alive = false
    this.#session = undefined
    this.idle = false
    this.#wake.notify()
  }

  /** A retained message of ours that the broker holds: cleared once it is certain that its alarm does not stand. */
  retainedSeen(topic: string, id: string): void {
    if (this.#strays.size < STRAYS_MAX) this.#strays.set(topic, id)
    if (this.idle) this.#wake.notify()
  }

  async stop(): Promise<void> {
    this.#unsubscribe?.()
    this.#stopping.abort()
    this.down()
    await this.#loop
    await this.#acks?.flush()
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const session = this.#session
      try {
        this.#acks ??= await this.#load()
        if (session) await this.#deliver(session, this.#acks)
        else await this.#wake.wait()
      } catch (error) {
        if (session && !session.alive) continue
        this.#options.counters.get('uplink.delivery_errors').n++
        this.trouble = session?.refused ? this.trouble : `cannot deliver alerts: ${messageOf(error)}; trying again`
        this.#options.logger.warn(this.trouble ?? messageOf(error))
        await sleep(this.#options.clock, this.#backoff.nextMs(), this.#stopping.signal)
        if (session) session.refused = undefined
      }
    }
  }

  /** What was delivered before this start: the fold up to the cursor. */
  async #load(): Promise<OrderedAcks> {
    const { journal } = this.#options
    const cursor = await journal.cursor(CURSOR)
    const { firstSeq } = journal.status()
    // From the first record there is, nothing was delivered before it: numbering starts at 1.
    if (firstSeq <= 1) this.#standing.alertSeq = 0
    for (let from = firstSeq; from <= cursor.seq; ) {
      const records = await journal.read(from, READ_RECORDS)
      if (records.length === 0) break
      for (const record of records) if (record.seq <= cursor.seq) this.#fold(decode(record))
      from = records[records.length - 1]!.seq + 1
    }
    return new OrderedAcks(cursor, error => this.#cursorFailed(error))
  }

  /** Returns the alarms that stand no longer although no transition said so. */
  #fold(decoded: Decoded): AlarmTransition[] {
    if (decoded.kind === 'transition') this.#standing.apply(decoded.transition)
    return decoded.kind === 'checkpoint' ? this.#standing.restore(decoded.checkpoint) : []
  }

  /** Sends from the cursor on until the session ends; throws when the broker or the journal refuses. */
  async #deliver(session: Session, acks: OrderedAcks): Promise<void> {
    acks.reset()
    let nextSeq = acks.settledSeq + 1
    const gaps = new GapWatch(nextSeq, this.#standing.alertSeq, () => this.#options.journal.status().losses)
    for (const t of this.#standing.all) this.#send(session, undefined, this.#alarmTopic(t), this.#alarm(t), true)
    while (session.alive) {
      if (session.refused) throw session.refused
      const room = this.#options.inFlightMax - acks.length
      const records = room > 0 ? await this.#options.journal.read(nextSeq, Math.min(room, READ_RECORDS)) : []
      if (!session.alive) return
      for (const record of records) {
        this.#dispatch(session, acks, record, gaps)
        nextSeq = record.seq + 1
      }
      if (records.length > 0) continue
      if (acks.length === 0) this.#caughtUp(session, gaps)
      await this.#wake.wait()
    }
  }

  #dispatch(session: Session, acks: OrderedAcks, record: JournalRecord, gaps: GapWatch): void {
    const decoded = decode(record)
    gaps.record(record)
    const flight = acks.add(record.seq, ({ pubackMs }) => this.#settled(decoded, pubackMs))
    if (decoded.kind === 'damaged') this.#options.counters.get('uplink.damaged_records').n++
    if (decoded.kind === 'checkpoint') {
      this.#sendGap(session, flight, gaps.alertsUpTo(decoded.checkpoint.alarms.alertSeq))
    } else if (decoded.kind === 'transition') {
      const t = decoded.transition
      this.#sendGap(session, flight, gaps.alertsUpTo(t.alertSeq - 1))
      gaps.alert(t.alertSeq)
      this.#send(session, flight, this.#options.topics.alert(t.asset), alertPayload(this.#options.gateway, t), false)
      this.#send(session, flight, this.#alarmTopic(t), stands(t) ? this.#alarm(t) : '', true)
    }
    this.#acked(flight)
  }

  #settled(decoded: Decoded, pubackMs: number): void {
    for (const gone of this.#fold(decoded)) this.#strays.set(this.#alarmTopic(gone), gone.id)
    if (decoded.kind !== 'transition') return
    this.lastPubackMs = pubackMs
    this.#backoff.reset()
    this.#options.onDelivered(decoded.transition.alertSeq, pubackMs)
  }

  #sendGap(session: Session, flight: Flight | undefined, gap: AlertGap | undefined): void {
    const { gateway, topics, clock, logger } = this.#options
    if (!gap) return
    logger.error(`alerts ${gap.from ?? '?'} to ${gap.to ?? '?'} are lost: ${gap.detail}; consumers are told`)
    this.#send(session, flight, topics.gap, gapPayload(gateway, gap, clock.nowUs()), false)
  }

  /** Publishes for `flight` (undefined: for nobody, a refresh). A refusal ends the session's work, not the connection. */
  #send(session: Session, flight: Flight | undefined, topic: string, payload: Buffer | string, retain: boolean): void {
    const { link, clock } = this.#options
    const startedMs = clock.monotonicMs()
    if (flight) flight.left++
    link.publish(topic, payload, { retain }).then(
      () => {
        if (!session.alive || session.refused) return
        this.trouble = undefined
        if (!flight) return
        if (!retain) flight.pubackMs = clock.monotonicMs() - startedMs
        this.#acked(flight)
      },
      (error: unknown) => {
        if (!session.alive) return
        session.refused ??= error
        this.trouble = explainRefusal(error, topic)
        this.#wake.notify()
      },
    )
  }

  #acked(flight: Flight): void {
    this.#acks?.acked(flight)
    this.#wake.notify()
  }

  #cursorFailed(error: unknown): void {
    this.#options.counters.get('uplink.cursor_errors').n++
    this.#options.logger.warn(`cannot store how far alerts are delivered: ${messageOf(error)}; some may be sent twice`)
  }

  #caughtUp(session: Session, gaps: GapWatch): void {
    this.#sendGap(session, undefined, gaps.atHead())
    for (const [topic, id] of this.#strays) {
      if (!this.#standing.has(id)) this.#send(session, undefined, topic, '', true)
    }
    this.#strays.clear()
    this.idle = !this.#wake.pending
  }

  #alarm(t: AlarmTransition): Buffer {
    return alarmPayload(this.#options.gateway, t)
  }

  #alarmTopic(t: AlarmTransition): string {
    return this.#options.topics.alarm(t.asset, t.id)
  }
}
