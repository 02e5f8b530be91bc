// One MQTT connection that comes back by itself. Every attempt is a client object of its own with empty stores: mqtt.js
// drops publishes made while it resends stored packets (mqtt.js #2015) and keeps unbounded queues in memory, so it is given
// nothing to store. What must not be lost is sent again by the owner, who reads it from the journal.
import { Socket } from 'node:net'
import { connect, type IClientOptions, type IConnackPacket, type IPublishPacket, type MqttClient } from 'mqtt'
import type { MqttLinkConfig } from '../config/contract.ts'
import { Backoff } from '../core/backoff.ts'
import type { Cancel, Clock } from '../core/clock.ts'
import { AgentError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Prng } from '../core/prng.ts'
import { explainFailure, parts, REASON } from './explain.ts'
import { Publishes, type PublishOptions } from './publishes.ts'

export interface LinkOptions {
  config: MqttLinkConfig
  /** QoS 1 publishes awaiting their PUBACK at most; the broker's Receive Maximum may lower it. */
  inFlightMax: number
  /** False keeps the session, and with it undelivered messages, at the broker. */
  clean: boolean
  will?: { topic: string; payload: Buffer }
  subscriptions: readonly { topic: string; qos: 0 | 1 }[]
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
}

const BACKOFF_FIRST_MS = 250
const BACKOFF_CAP_MS = 30_000
const CONNECT_TIMEOUT_MS = 10_000
/** A connection that lived this long was a good one: the next loss starts with short delays again. */
const STABLE_MS = 10_000
/** What QoS 0 may pile up in the socket while the other end does not read. */
const UNSENT_BYTES_MAX = 1 << 20
/** Nothing larger is of use to us; MQTT 5 brokers then do not send it. */
const INCOMING_BYTES_MAX = 1 << 20
const SESSION_EXPIRY_S = 7 * 86_400

export class MqttLink {
  state: 'connecting' | 'up' | 'waiting' | 'stopped' = 'stopped'
  detail = 'not started'
  /** In effect, or tried next. */
  protocol: 4 | 5
  reconnects = 0
  readonly #options: LinkOptions
  readonly #backoff: Backoff
  readonly #publishes = new Publishes()
  #client: MqttClient | undefined
  #cancelRetry: Cancel | undefined
  #failure: unknown
  #upSinceMs = 0

  constructor(options: LinkOptions) {
    this.#options = options
    this.#backoff = new Backoff(options.prng, BACKOFF_FIRST_MS, BACKOFF_CAP_MS)
    this.protocol = options.config.protocol === 4 ? 4 : 5
  }

  start(): void {
    this.#open()
  }

  /**
   * QoS 1. Resolves on PUBACK; rejects when the broker refused it (`code` is the reason code) or the connection went away
   * (UPLINK_UNAVAILABLE). Rejected means: not known to be delivered.
   */
  publish(topic: string, payload: Buffer | string, options: PublishOptions = {}): Promise<void> {
    return this.state === 'up' ? this.#publishes.add(topic, payload, options) : Promise.reject(this.#unavailable())
  }

  /** QoS 0, now or never. False when it was not sent: not connected, or the broker does not read. */
  publishNow(topic: string, payload: Buffer): boolean {
    if (this.state !== 'up' || !this.#client) return false
    if (this.#client.stream.writableLength > UNSENT_BYTES_MAX) return false
    this.#client.publish(topic, payload, { qos: 0 })
    return true
  }

  /** Says goodbye to the broker, so that it does not send the will, then closes. */
  async stop(limitMs: number): Promise<void> {
    const client = this.#client
    const wasUp = this.state === 'up'
    this.state = 'stopped'
    this.detail = 'stopped'
    this.#cancelRetry?.()
    this.#client = undefined
    this.#publishes.close(this.#unavailable())
    if (!client) return
    await new Promise<void>(resolve => {
      const cancel = this.#options.clock.after(limitMs, () => {
        client.stream.destroy()
        resolve()
      })
      client.end(!wasUp, {}, () => {
        cancel()
        resolve()
      })
    })
  }

  #open(): void {
    this.state = 'connecting'
    this.#failure = undefined
    let client: MqttClient
    try {
      client = connect(this.#options.config.url, this.#clientOptions())
    } catch (error) {
      this.#failure = error
      this.#retryLater(this.#backoff.nextMs())
      return
    }
    this.#client = client
    // Small packets that wait for each other's TCP acknowledgement cost 40 ms a window.
    if (client.stream instanceof Socket) client.stream.setNoDelay(true)
    const current = (): boolean => this.#client === client
    client.on('connect', packet => current() && this.#connected(client, packet))
    client.handleMessage = (packet, done) => {
      // Not current: stopping or replaced, so nobody takes it and nobody may acknowledge it.
      if (current() && this.#options.handlers.message(packet.topic, toBuffer(packet.payload), packet)) done()
    }
    client.on('error', error => {
      // The first error is the cause, later ones its consequences.
      if (current()) this.#failure ??= error
    })
    client.on('disconnect', packet => {
      if (current())
        this.#failure = Object.assign(new Error('the broker ended the session'), { code: packet.reasonCode })
    })
    client.on('close', () => current() && this.#lost(client))
  }

  #clientOptions(): IClientOptions {
    const { config, clean, will } = this.#options
    const v5 = this.protocol === 5
    const properties = {
      maximumPacketSize: INCOMING_BYTES_MAX,
      ...(clean ? {} : { sessionExpiryInterval: SESSION_EXPIRY_S }),
    }
    return {
      clientId: config.clientId,
      protocolVersion: this.protocol,
      clean,
      keepalive: config.keepaliveS,
      // A half-open connection must show although we keep writing to it: ping on time, not only when idle.
      reschedulePings: false,
      reconnectPeriod: 0,
      connectTimeout: CONNECT_TIMEOUT_MS,
      queueQoSZero: false,
      resubscribe: false,
      ...(config.username === undefined ? {} : { username: config.username }),
      ...(config.password === undefined ? {} : { password: config.password }),
      ...config.tls,
      ...(will ? { will: { ...will, qos: 1, retain: true } } : {}),
      ...(v5 ? { properties } : {}),
    }
  }

  #connected(client: MqttClient, packet: IConnackPacket): void {
    const receiveMaximum = packet.properties?.receiveMaximum ?? 65_535
    this.#publishes.open(client, Math.max(1, Math.min(this.#options.inFlightMax, receiveMaximum)))
    this.#upSinceMs = this.#options.clock.monotonicMs()
    this.state = 'up'
    this.detail = `connected to ${withoutPassword(this.#options.config.url)}, MQTT ${this.protocol === 5 ? '5' : '3.1.1'}`
    for (const { topic, qos } of this.#options.subscriptions) {
      client.subscribe(topic, { qos }, (error, granted) => {
        if (this.#client !== client) return
        // MQTT 3.1.1 refuses with 128 in the SUBACK.
        const refused = error?.message ?? (granted?.some(g => (g.qos as number) > 2) ? 'not authorized' : undefined)
        if (refused !== undefined) this.#options.handlers.subscriptionRefused(topic, refused)
      })
    }
    this.#options.handlers.up()
  }

  #lost(client: MqttClient): void {
    const wasUp = this.state === 'up'
    this.#client = undefined
    client.end(true)
    if (wasUp) {
      this.reconnects++
      if (this.#options.clock.monotonicMs() - this.#upSinceMs >= STABLE_MS) this.#backoff.reset()
    }
    const retryNow = !wasUp && this.#tryOtherProtocol()
    this.#retryLater(retryNow ? 0 : this.#backoff.nextMs())
    this.#publishes.close(this.#unavailable())
    if (wasUp) this.#options.handlers.down()
  }

  /** `auto`: 5 first. A broker that speaks only 3.1.1 says so, or just closes; then 4, and back to 5 when 4 fails too. */
  #tryOtherProtocol(): boolean {
    if (this.#options.config.protocol !== 'auto') return false
    const { code } = parts(this.#failure)
    const versionRefused = code === REASON.unacceptableVersion || code === REASON.unsupportedVersion
    const closedWithoutWord = this.#failure === undefined || (code === undefined && this.protocol === 5)
    if (!versionRefused && !closedWithoutWord) return false
    this.protocol = this.protocol === 5 ? 4 : 5
    return this.protocol === 4
  }

  #retryLater(delayMs: number): void {
    const { config, clock, logger } = this.#options
    const context = { url: withoutPassword(config.url), clientId: config.clientId, username: config.username }
    const failure = this.#failure ?? new Error(closedText(config.clientId))
    this.state = 'waiting'
    this.detail = explainFailure(failure, context)
    const takenOver = parts(failure).code === REASON.sessionTakenOver
    // Two clients of one id would throw each other out for ever: give way for the longest delay there is.
    const waitMs = takenOver ? BACKOFF_CAP_MS : delayMs
    logger.warn(`broker: ${this.detail}`, { retryMs: Math.round(waitMs) })
    this.#cancelRetry = clock.after(waitMs, () => this.#open())
  }

  #unavailable(): AgentError {
    return new AgentError('UPLINK_UNAVAILABLE', `not connected to the broker: ${this.detail}`)
  }
}

function toBuffer(payload: string | Buffer): Buffer {
  return typeof payload === 'string' ? Buffer.from(payload) : payload
}

/** MQTT 3.1.1 has no way to say why. */
function closedText(clientId: string): string {
  return `the broker closed the connection; if this repeats, another client may use client id "${clientId}"`
}

/** URLs may carry a login; it must not reach logs or status. */
function withoutPassword(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//')
}
