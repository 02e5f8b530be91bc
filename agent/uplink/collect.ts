// The reference consumer of the alert stream: what any subscriber should do with it, in a screenful.
import type { MqttLinkConfig } from '../config/contract.ts'
import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import type { Prng } from '../core/prng.ts'
import { AlertLedger } from './alert-ledger.ts'
import { MqttLink } from './link.ts'
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
}

/** `late`: new, but after a higher number of the same gateway. `text` is the payload as received. */
export type CollectItem =
  | { kind: 'alert'; alert: AlertView; text: string; late: boolean }
  | { kind: 'standing'; alert: AlertView; text: string }
  | { kind: 'gap'; gateway: string; from: number; to: number }
  | { kind: 'stated-gap'; gateway: string; text: string }
  | { kind: 'malformed'; topic: string }

/** What a line needs of an alert; docs/schemas/alert.schema.json has the rest. */
export interface AlertView {
  id: string
  seq: number
  site: string
  gateway: string
  asset: string
  transition: string
  priority: number
  at: string
  message: string
  by?: string
  model?: { name: string; release: number }
}

export class Collector {
  readonly ledger = new AlertLedger()
  malformed = 0
  readonly #link: MqttLink
  #closed = false

  constructor(options: CollectOptions) {
    const base = `${TOPIC_ROOT}/${options.site ?? '+'}/${options.gateway ?? '+'}`
    const alarms = options.retained ? [{ topic: `${base}/alarm/+/+`, qos: 1 as const }] : []
    this.#link = new MqttLink({
      config: options.config,
      of: 'this command',
      inFlightMax: 1,
      clean: !options.persistent,
      subscriptions: [...alarms, { topic: `${base}/alert/+`, qos: 1 }],
      clock: options.clock,
      prng: options.prng,
      logger: options.logger,
      handlers: {
        up: () => options.logger.info(this.#link.detail),
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

  stop(): Promise<void> {
    this.close()
    return this.#link.stop(1_000)
  }

  #itemsOf(topic: string, text: string, retained: boolean): CollectItem[] {
    const [, , site, id, stream, asset] = topic.split('/')
    const gateway = `${site}/${id}`
    // Live changes of a retained alarm are alerts too: those are taken from the stream. Empty: an alarm that went.
    if (stream === 'alarm' && (!retained || text === '')) return []
    if (asset === GAP_LEVEL) return [{ kind: 'stated-gap', gateway, text }]
    const alert = parseAlert(text)
    if (!alert) {
      this.malformed++
      return [{ kind: 'malformed', topic }]
    }
    if (stream === 'alarm') return [{ kind: 'standing', alert, text }]
    const { verdict, gap } = this.ledger.take(gateway, alert.id, alert.seq)
    if (verdict === 'duplicate') return []
    const item: CollectItem = { kind: 'alert', alert, text, late: verdict === 'late' }
    return gap ? [{ kind: 'gap', gateway, ...gap }, item] : [item]
  }
}

function parseAlert(text: string): AlertView | undefined {
  try {
    const value = JSON.parse(text) as Partial<AlertView> | null
    const whole = typeof value?.id === 'string' && Number.isSafeInteger(value.seq) && typeof value.message === 'string'
    return whole ? (value as AlertView) : undefined
  } catch {
    return undefined
  }
}
