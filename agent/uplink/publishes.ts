// QoS 1 publishes of one connection: so many without PUBACK at a time, the others wait their turn in order. Those who
// publish are bounded themselves (a window of records, one state message, rare answers), so this list is too.
import type { MqttClient } from 'mqtt'
import type { Clock } from '../core/clock.ts'
import { BrokerLimits, type PublishProperties } from './broker-limits.ts'

export interface PublishOptions {
  retain?: boolean
  /** MQTT 5; over 3.1.1 the message goes without them. */
  properties?: PublishProperties
  /** MQTT 5 only. */
  correlationData?: Buffer
  /** MQTT 5 only. */
  responseTopic?: string
}

interface Pending {
  sentMs: number
  start(client: MqttClient): void
  reject(error: Error): void
}

export class Publishes {
  /** Of the broker of this connection. */
  limits = new BrokerLimits()
  readonly #waiting: Pending[] = []
  readonly #sent = new Set<Pending>()
  readonly #nowMs: () => number
  #permits = 0
  #client: MqttClient | undefined
  #settled: (() => void) | undefined

  /** `nowMs` is monotonic. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  /** How long the oldest one has waited for its PUBACK; undefined when none does. */
  get oldestMs(): number | undefined {
    for (const { sentMs } of this.#sent) return this.#nowMs() - sentMs
    return undefined
  }

  /** Starts no more of them; resolves when those under way have their PUBACK, or after `limitMs`. */
  async settle(clock: Clock, limitMs: number): Promise<void> {
    this.#permits = Number.NEGATIVE_INFINITY
    if (this.#sent.size === 0) return
    await new Promise<void>(resolve => {
      const cancel = clock.after(limitMs, resolve)
      this.#settled = () => {
        cancel()
        resolve()
      }
    })
  }

  open(client: MqttClient, inFlightMax: number, limits = new BrokerLimits()): void {
    this.#client = client
    this.limits = limits
    this.#permits = inFlightMax
  }

  /** Rejects everything without PUBACK. */
  close(error: Error): void {
    this.#client = undefined
    this.#settled?.()
    this.#settled = undefined
    const all = [...this.#sent, ...this.#waiting]
    this.#sent.clear()
    this.#waiting.length = 0
    for (const pending of all) pending.reject(error)
  }

  add(topic: string, payload: Buffer | string, options: PublishOptions): Promise<void> {
    const { retain = false } = options
    const properties = { ...options.properties, ...answering(options) }
    return new Promise((resolve, reject) => {
      const pending: Pending = {
        reject,
        sentMs: 0,
        start: client => {
          pending.sentMs = this.#nowMs()
          this.#sent.add(pending)
          const v5 = client.options.protocolVersion === 5
          const { limits } = this
          const more = v5 && Object.keys(properties).length > 0 ? { properties } : {}
          client.publish(topic, payload, { qos: limits.qos, retain: retain && limits.retain, ...more }, error => {
            // Rejected before: the connection that this callback belongs to is gone.
            if (!this.#sent.delete(pending)) return
            this.#permits++
            if (error) reject(error)
            else resolve()
            if (this.#sent.size === 0) this.#settled?.()
            this.#startWaiting()
          })
        },
      }
      this.#waiting.push(pending)
      this.#startWaiting()
    })
  }

  #startWaiting(): void {
    while (this.#permits > 0 && this.#client) {
      const next = this.#waiting.shift()
      if (!next) return
      this.#permits--
      next.start(this.#client)
    }
  }
}

function answering({ correlationData, responseTopic }: PublishOptions): PublishProperties {
  return {
    ...(correlationData ? { correlationData } : {}),
    ...(responseTopic === undefined ? {} : { responseTopic }),
  }
}
