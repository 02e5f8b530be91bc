// The link upstream: subscriptions and publishes of one broker, over connections that come and go (core/mqtt/broker-link.ts).
// mqtt.js is given nothing to store. What must not be lost is sent again by the owner, who reads it from the journal.
import type { IConnackPacket, IPublishPacket, MqttClient } from 'mqtt'
import type { MqttLinkConfig } from '../config/contract.ts'
import { Backoff } from '../core/backoff.ts'
import type { Cancel, Clock } from '../core/clock.ts'
import { AgentError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { BrokerLink } from '../core/mqtt/broker-link.ts'
import { linkFault, shownUrl } from '../core/mqtt/explain.ts'
import type { Prng } from '../core/prng.ts'
import { BrokerLimits } from './broker-limits.ts'
import { Publishes, type PublishOptions } from './publishes.ts'

export interface LinkOptions {
  config: MqttLinkConfig
  /** Whose settings mend it, in messages. */
  of?: string
  /** QoS 1 publishes awaiting their PUBACK at most; the broker's Receive Maximum may lower it. */
  inFlightMax: number
  /** False keeps the session, and with it undelivered messages, at the broker. */
  clean: boolean
  will?: { topic: string; payload: Buffer }
  /** `only`: on connections of that protocol. */
  subscriptions: readonly { topic: string; qos: 0 | 1; only?: 4 | 5 }[]
  clock: Clock
  prng: Prng
  logger: Logger
  handlers: LinkHandlers
}

export interface LinkHandlers {
  /** Connected; subscriptions are under way. */
  up(): void
  /** Publishes without PUBACK were rejected before this is called. */
  down(): void
  /** Synchronous; true = taken: the PUBACK of a QoS 1 message goes out. False withholds it and stalls the connection: only
   * for one that is about to close, so that a kept session delivers the message again. Must not throw. */
  message(topic: string, payload: Buffer, packet: IPublishPacket): boolean
  subscriptionRefused(topic: string, reason: string): void
  /** A QoS 1 publish, asked for at `sinceMs` (monotonic), was acknowledged without a refusal. */
  acknowledged?(topic: string, sinceMs: number): void
}

const BACKOFF_FIRST_MS = 250
const BACKOFF_CAP_MS = 30_000
/** A broker that answers pings and acknowledges nothing is as good as gone. */
const PUBACK_MS = 60_000
const PUBACK_CHECK_MS = 5_000
/** What QoS 0 may pile up in the socket while the other end does not read. */
const UNSENT_BYTES_MAX = 1 << 20
/** Nothing larger is of use to us. */
const INCOMING_BYTES_MAX = 1 << 20
const SESSION_EXPIRY_S = 7 * 86_400
const RETAIN_NOT_SUPPORTED = 0x9a
const QOS_NOT_SUPPORTED = 0x9b
/** What is in flight may be acknowledged so long before a connection is left for renewed credentials. */
const SETTLE_MS = 2_000

export class MqttLink {
  detail = 'not started'
  reconnects = 0
  readonly #options: LinkOptions
  readonly #link: BrokerLink
  readonly #publishes: Publishes
  /** As the broker takes it: one that retains nothing refuses a login with a retained will (3.1.2.6). */
  readonly #will: { topic: string; payload: Buffer; qos: 0 | 1; retain: boolean } | undefined
  #cancelCheck: Cancel | undefined

  constructor(options: LinkOptions) {
    const { config, of = 'the uplink', clean, will, clock, prng, logger } = options
    this.#options = options
    this.#publishes = new Publishes(() => clock.monotonicMs())
    this.#will = will ? { ...will, qos: 1, retain: true } : undefined
    this.#link = new BrokerLink({
      ...{ config, of, clock, logger },
      incomingBytesMax: INCOMING_BYTES_MAX,
      backoff: new Backoff(prng, BACKOFF_FIRST_MS, BACKOFF_CAP_MS),
      client: {
        clean,
        // A half-open connection must show although we keep writing to it: ping on time, not only when idle.
        reschedulePings: false,
        ...(this.#will ? { will: this.#will } : {}),
        ...(clean ? {} : { sessionExpiryS: SESSION_EXPIRY_S }),
      },
      handlers: {
        attend: client => this.#attend(client),
        up: (client, packet) => this.#up(client, packet),
        waiting: (detail, wasUp) => this.#waiting(detail, wasUp),
        settle: () => this.#publishes.settle(clock, SETTLE_MS),
        renewing: () => this.#down('logging in with renewed credentials'),
      },
    })
  }

  get state(): BrokerLink['state'] {
    return this.#link.state
  }

  get protocol(): 4 | 5 {
    return this.#link.protocol
  }

  get notes(): string[] {
    return [...this.#link.notes, ...(this.state === 'up' ? this.limits.notes() : [])]
  }

  /** What the broker of this connection cannot do. */
  get limits(): BrokerLimits {
    return this.#publishes.limits
  }

  start(): void {
    this.detail = 'connecting'
    this.#cancelCheck = this.#options.clock.every(PUBACK_CHECK_MS, () => this.#checkPubacks())
    this.#link.start()
  }

  /**
   * QoS 1. Resolves on PUBACK; rejects when the broker refused it (`code` is the reason code) or the connection went away
   * (UPLINK_UNAVAILABLE). Rejected means: not known to be delivered.
   */
  publish(topic: string, payload: Buffer | string, options: PublishOptions = {}): Promise<void> {
    if (this.state !== 'up') return Promise.reject(this.#unavailable())
    const { acknowledged } = this.#options.handlers
    const sinceMs = this.#options.clock.monotonicMs()
    const sent = this.#publishes.add(topic, payload, options)
    return acknowledged ? sent.then(() => acknowledged(topic, sinceMs)) : sent
  }

  /** QoS 0, now or never. False when it was not sent: not connected, or the broker does not read. */
  publishNow(topic: string, payload: Buffer): boolean {
    const { client } = this.#link
    if (this.state !== 'up' || !client || client.stream.writableLength > UNSENT_BYTES_MAX) return false
    client.publish(topic, payload, { qos: 0 })
    return true
  }

  /** Says goodbye to the broker, so that it does not send the will, then closes. */
  async stop(limitMs: number): Promise<void> {
    this.#cancelCheck?.()
    const stopped = this.#link.stop(limitMs)
    this.detail = 'stopped'
    this.#publishes.close(this.#unavailable())
    await stopped
  }

  #attend(client: MqttClient): void {
    client.on('packetreceive', packet => {
      if (packet.cmd === 'connack') this.#fitWill(packet)
    })
    client.handleMessage = (packet, done) => {
      // Not current: stopping or replaced, so nobody takes it and nobody may acknowledge it.
      if (this.#link.client !== client) return
      if (this.#options.handlers.message(packet.topic, toBuffer(packet.payload), packet)) done()
    }
  }

  #up(client: MqttClient, packet: IConnackPacket): void {
    const { config, inFlightMax, subscriptions, handlers } = this.#options
    const receiveMaximum = packet.properties?.receiveMaximum ?? 65_535
    const limits = new BrokerLimits(packet.properties)
    this.#publishes.open(client, Math.max(1, Math.min(inFlightMax, receiveMaximum)), limits)
    for (const note of limits.notes()) this.#options.logger.warn(note)
    this.detail = `connected to ${shownUrl(config.url)}, MQTT ${this.protocol === 5 ? '5' : '3.1.1'}`
    for (const { topic, qos, only = this.protocol } of subscriptions) {
      if (only !== this.protocol) continue
      client.subscribe(topic, { qos }, (error, granted) => {
        if (this.#link.client !== client) return
        // MQTT 3.1.1 refuses with 128 in the SUBACK.
        const refused = error?.message ?? (granted?.some(g => (g.qos as number) > 2) ? 'not authorized' : undefined)
        if (refused !== undefined) handlers.subscriptionRefused(topic, refused)
      })
    }
    handlers.up()
  }

  /** For the next login. */
  #fitWill({ reasonCode, properties }: IConnackPacket): void {
    const will = this.#will
    if (!will) return
    const taken = reasonCode === 0
    if (taken || reasonCode === RETAIN_NOT_SUPPORTED) will.retain = taken && properties?.retainAvailable !== false
    if (taken || reasonCode === QOS_NOT_SUPPORTED) will.qos = taken && properties?.maximumQoS !== 0 ? 1 : 0
  }

  #waiting(detail: string, wasUp: boolean): void {
    this.#options.logger.warn(`broker: ${detail}`)
    if (wasUp) this.#down(detail)
    else this.detail = detail
  }

  #down(detail: string): void {
    this.reconnects++
    this.detail = detail
    this.#publishes.close(this.#unavailable())
    this.#options.handlers.down()
  }

  #checkPubacks(): void {
    const waitedMs = this.#publishes.oldestMs
    if (waitedMs === undefined || waitedMs < PUBACK_MS) return
    this.#link.fail(
      linkFault('NO_PUBACK', `has not acknowledged a message for ${Math.round(waitedMs / 1000)} s and was left`),
    )
  }

  #unavailable(): AgentError {
    return new AgentError('UPLINK_UNAVAILABLE', `not connected to the broker: ${this.detail}`)
  }
}

function toBuffer(payload: string | Buffer): Buffer {
  return typeof payload === 'string' ? Buffer.from(payload) : payload
}
