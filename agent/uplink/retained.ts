// What stands, retained at the broker: a mirror of the fold over the whole journal, apart from the stream of alerts, so that it
// is right whatever lanes and receipts wait for. On every connect all that stands is published again, and what the broker
// still holds of us although it stands no longer is cleared.
import type { GatewayConfig } from '../config/contract.ts'
import { Backoff } from '../core/backoff.ts'
import { type Cancel, type Clock, sleep } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Prng } from '../core/prng.ts'
import type { Journal } from '../journal/contract.ts'
import type { BrokerLimits } from './broker-limits.ts'
import { explainRefusal } from './explain.ts'
import { alarmPayload, fitted } from './payloads.ts'
import type { PublishOptions } from './publishes.ts'
import { Signal } from './signal.ts'
import { decode, type Standing } from './standing.ts'
import type { Topics } from './topics.ts'

export interface RetainedOptions {
  journal: Journal
  gateway: GatewayConfig
  topics: Topics
  link: {
    publish(topic: string, payload: Buffer | string, options?: PublishOptions): Promise<void>
    readonly limits: BrokerLimits
  }
  clock: Clock
  prng: Prng
  logger: Logger
}

const READ_RECORDS = 256
/** Alerts share the connection, and go first. */
const IN_FLIGHT_MAX = 4
/** Retained alarms of ours on the broker that this gateway knows nothing of. */
const STRAYS_MAX = 10_000

export class RetainedAlarms {
  /** Why the broker does not take them, while it does not. */
  trouble: string | undefined
  /** What stands is at the broker, as far as is known. */
  idle = false
  readonly #options: RetainedOptions
  readonly #backoff: Backoff
  readonly #wake = new Signal()
  readonly #stopping = new AbortController()
  /** Topics to publish anew, and the alarm of each. */
  readonly #dirty = new Map<string, string>()
  readonly #strays = new Map<string, string>()
  #standing: Standing | undefined
  #seq = 0
  /** Without PUBACK; a new set for each connection, so that answers of an earlier one count no more. */
  #sent = new Set<{ topic: string; id: string }>()
  #up = false
  #refused = false
  #cancelPause: Cancel | undefined
  #loop: Promise<void> | undefined
  #waiters: (() => void)[] = []

  constructor(options: RetainedOptions) {
    this.#options = options
    this.#backoff = new Backoff(options.prng, 500, 30_000)
  }

  /** From the fold up to record `seq` on; `ended` are alarms that the broker may still hold. */
  start(standing: Standing, seq: number, ended: readonly { asset: string; id: string }[]): void {
    this.#standing = standing
    this.#seq = seq
    for (const { asset, id } of ended) this.#dirty.set(this.#options.topics.alarm(asset, id), id)
    this.#loop = this.#run(standing)
    if (this.#up) this.up()
  }

  /** Last record taken in. */
  get foldedSeq(): number {
    return this.#seq
  }

  /** Resolves when all that was in the journal is taken in, or the connection is gone. */
  async caughtUp(): Promise<void> {
    while (this.#up && this.#options.journal.status().nextSeq > this.#seq + 1) {
      this.#wake.notify()
      await new Promise<void>(resolve => this.#waiters.push(resolve))
    }
  }

  up(): void {
    this.#again()
    this.#up = true
    this.#cancelPause?.()
    this.#refused = false
    for (const t of this.#standing?.all ?? []) this.#dirty.set(this.#options.topics.alarm(t.asset, t.id), t.id)
    this.notify()
  }

  down(): void {
    this.#up = false
    this.#again()
    this.idle = false
    this.#tellWaiters()
  }

  #tellWaiters(): void {
    for (const tell of this.#waiters.splice(0)) tell()
  }

  /** What has no PUBACK is sent again, also what cleared an alarm. */
  #again(): void {
    for (const { topic, id } of this.#sent) this.#dirty.set(topic, id)
    this.#sent = new Set()
  }

  notify(): void {
    this.idle = false
    this.#wake.notify()
  }

  /** A retained message of ours that the broker holds: cleared once it is certain that its alarm does not stand. */
  seen(topic: string, id: string): void {
    if (this.#strays.size < STRAYS_MAX) this.#strays.set(topic, id)
    this.#wake.notify()
  }

  async stop(): Promise<void> {
    this.down()
    this.#cancelPause?.()
    this.#stopping.abort()
    this.#wake.notify()
    await this.#loop
  }

  async #run(standing: Standing): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      try {
        if (this.#up && (await this.#follow(standing))) continue
        if (this.#up && !this.#refused) this.#send(standing)
        await this.#wake.wait()
      } catch (error) {
        this.trouble = `cannot tell which alarms stand: ${messageOf(error)}; trying again`
        this.#tellWaiters()
        await sleep(this.#options.clock, this.#backoff.nextMs(), this.#stopping.signal)
      }
    }
  }

  /** Takes in what the journal has gained; true: there may be more. */
  async #follow(standing: Standing): Promise<boolean> {
    const { journal, topics } = this.#options
    const { nextSeq } = journal.status()
    if (nextSeq <= this.#seq + 1) return false
    const records = await journal.read(this.#seq + 1, READ_RECORDS)
    // Nothing readable up to where the journal stood.
    if (records.length === 0) this.#seq = nextSeq - 1
    for (const record of records) {
      this.#seq = record.seq
      const decoded = decode(record)
      if (decoded.kind === 'transition') standing.apply(decoded.transition)
      const changed =
        decoded.kind === 'transition'
          ? [decoded.transition]
          : decoded.kind === 'checkpoint'
            ? standing.restore(decoded.checkpoint)
            : []
      for (const { asset, id } of changed) this.#dirty.set(topics.alarm(asset, id), id)
    }
    this.#tellWaiters()
    return true
  }

  #send(standing: Standing): void {
    for (const [topic, id] of this.#strays) if (!standing.has(id)) this.#dirty.set(topic, id)
    this.#strays.clear()
    const { link } = this.#options
    // A broker that retains nothing would take an alarm for news.
    if (!link.limits.retain) this.#dirty.clear()
    for (const [topic, id] of this.#dirty) {
      if (this.#sent.size >= IN_FLIGHT_MAX || this.#refused) return
      this.#dirty.delete(topic)
      this.#publish(topic, id, standing)
    }
    this.idle = this.#sent.size === 0 && !this.#wake.pending
  }

  /** Following the journal goes on, since lanes ask how far it is. */
  #pause(): void {
    if (this.#refused) return
    this.#refused = true
    this.#cancelPause = this.#options.clock.after(this.#backoff.nextMs(), () => {
      this.#refused = false
      this.#wake.notify()
    })
  }

  #publish(topic: string, id: string, standing: Standing): void {
    const { gateway, link } = this.#options
    const sent = this.#sent
    const entry = { topic, id }
    const t = standing.get(id)
    const room = link.limits.payloadBytesMax(topic)
    const payload = t ? fitted(t, room, shown => alarmPayload(gateway, shown)) : ''
    // Too large even without its evidence: a broker that cannot hold it holds nothing.
    sent.add(entry)
    link.publish(topic, payload ?? '', { retain: true }).then(
      () => {
        if (!sent.delete(entry) || this.#sent !== sent) return
        this.trouble = undefined
        this.#backoff.reset()
        this.#wake.notify()
      },
      (error: unknown) => {
        if (!sent.delete(entry) || this.#sent !== sent) return
        this.#dirty.set(topic, id)
        this.trouble = explainRefusal(error, topic)
        this.#pause()
      },
    )
  }
}
