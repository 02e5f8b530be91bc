// The reference consumer of the alert stream: what any subscriber should do with it, in a screenful.
import type { MqttLinkConfig } from '../config/contract.ts'
import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import type { Prng } from '../core/prng.ts'
import { AlertLedger } from './alert-ledger.ts'
import { type CollectItem, parseAlert, type ReceiptOptions } from './collect-items.ts'
import { MqttLink } from './link.ts'
import { ReceiptSender } from './receipt-sender.ts'
import { GAP_LEVEL, TOPIC_ROOT } from './topics.ts'

export interface CollectOptions {
  config: MqttLinkConfig
  /** One MQTT level each; undefined = all. */
  site?: string
  gateway?: string
  /** True keeps the session at the broker between runs, so that nothing is missed; needs a client id of its own. */
  persistent: boolean
  /** Also deliver the retained alarms that stand now, first. */
  retained: boolean
  clock: Clock
  prng: Prng
  logger: Logger
  /** Called before the PUBACK: what it stored will not be sent again, what it did not store will. */
  onItem: (item: CollectItem) => void
  /** Confirms to the gateways what is stored; then alerts are taken in order only, and what is missing is asked for. */
  receipts?: ReceiptOptions
}

/** One for each of a few gateways; the others wait their turn. */
const RECEIPTS_IN_FLIGHT = 4

export class Collector {
  readonly ledger = new AlertLedger()
  readonly #receipts: ReceiptSender | undefined
  malformed = 0
  readonly #link: MqttLink
  #closed = false

  constructor(options: CollectOptions) {
    const base = `${TOPIC_ROOT}/${options.site ?? '+'}/${options.gateway ?? '+'}`
    const alarms = options.retained ? [{ topic: `${base}/alarm/+/+`, qos: 1 as const }] : []
    if (options.receipts)
      this.#receipts = new ReceiptSender(options.receipts, options.clock, topic => this.#link.publish(...topic))
    this.#link = new MqttLink({
      config: options.config,
      inFlightMax: RECEIPTS_IN_FLIGHT,
      of: 'this command',
      clean: !options.persistent,
      subscriptions: [...alarms, { topic: `${base}/alert/+`, qos: 1 }],
      clock: options.clock,
      prng: options.prng,
      logger: options.logger,
      handlers: {
        up: () => {
          options.logger.info(this.#link.detail)
          this.#receipts?.announce()
        },
        down: () => {},
        message: (topic, payload, packet) => {
          if (this.#closed) return false
          for (const item of this.#itemsOf(topic, payload.toString('utf8'), packet.retain)) options.onItem(item)
          return true
        },
        subscriptionRefused: (topic, reason) =>
          options.logger.error(`broker refuses subscription to ${topic}: ${reason}`),
      },
    })
  }

  get status(): { state: string; detail: string } {
    return { state: this.#link.state, detail: this.#link.detail }
  }

  start(): void {
    this.#link.start()
  }

  /** Takes nothing more and acknowledges nothing more: a kept session delivers it next time. Callable from `onItem`. */
  close(): void {
    this.#closed = true
  }

  async stop(): Promise<void> {
    this.close()
    await this.#receipts?.stop()
    return this.#link.stop(1_000)
  }

  #itemsOf(topic: string, text: string, retained: boolean): CollectItem[] {
    const [, , site, id, stream, asset] = topic.split('/')
    const gateway = `${site}/${id}`
    // Live changes of a retained alarm are alerts too: those are taken from the stream. Empty: an alarm that went.
    if (stream === 'alarm' && (!retained || text === '')) return []
    if (asset === GAP_LEVEL) {
      this.#receipts?.stated(gateway, text)
      return [{ kind: 'stated-gap', gateway, text }]
    }
    const alert = parseAlert(text)
    if (!alert) {
      this.malformed++
      return [{ kind: 'malformed', topic }]
    }
    if (stream === 'alarm') return [{ kind: 'standing', alert, text }]
    if (this.#receipts && stream === 'alert') return this.#receipts.take(gateway, alert, text)
    const { verdict, gap } = this.ledger.take(gateway, alert.id, alert.seq, alert)
    if (verdict === 'duplicate') return []
    const item: CollectItem = { kind: 'alert', alert, text, late: verdict === 'late' }
    return gap ? [{ kind: 'gap', gateway, ...gap }, item] : [item]
  }
}
