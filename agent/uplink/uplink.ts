// The link upstream, put together: delivery of alerts, retained state with last will, health and features, commands.
import type { IPublishPacket } from 'mqtt'
import type { GatewayConfig, UplinkConfig } from '../config/contract.ts'
import { type Clock, sleep } from '../core/clock.ts'
import type { Counters } from '../core/counters.ts'
import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Prng } from '../core/prng.ts'
import { isoFromUs } from '../core/types.ts'
import type { Journal } from '../journal/contract.ts'
import { Backfill } from './backfill.ts'
import { CommandDesk, type CommandResult } from './command-desk.ts'
import type { CommandHandlers, CommandLedger, Uplink, UplinkStatus } from './contract.ts'
import { Delivery } from './delivery.ts'
import { EchoWatch } from './echo-watch.ts'
import { explainRefusal } from './explain.ts'
import { MqttLink } from './link.ts'
import { json, statusPayload, willPayload } from './payloads.ts'
import { type Receipt, ReceiptDesk } from './receipts.ts'
import type { ReplyTo } from './reply-to.ts'
import { type Topics, topicsOf } from './topics.ts'

export interface UplinkOptions {
  config: UplinkConfig
  gateway: GatewayConfig
  journal: Journal
  /** Undefined: no commands, whatever the configuration lists. */
  handlers: CommandHandlers | undefined
  /** Undefined: only commands that need no record. */
  ledger?: CommandLedger
  clockState: () => 'synced' | 'uncertain'
  /** Number of the last alert made; shown beside the last delivered. */
  lastAlertSeq: () => number
  clock: Clock
  prng: Prng
  logger: Logger
  counters: Counters
  version: string
}

/** Longer than any topic of ours: levels are ids. */
const TOPIC_CHARS_MAX = 1_024
/** For the last words: state offline and the MQTT DISCONNECT. */
/** For the word offline and the disconnect together. */
const GOODBYE_MS = 1_000
const GOODBYE_LEAST_MS = 50

export function createUplink(options: UplinkOptions): Uplink {
  return new MqttUplink({ ...options, logger: options.logger.room('uplink') })
}

class MqttUplink implements Uplink {
  readonly #options: UplinkOptions
  readonly #topics: Topics
  readonly #link: MqttLink
  readonly #delivery: Delivery
  readonly #echo: EchoWatch
  readonly #receipts: ReceiptDesk | undefined
  readonly #desk: CommandDesk | undefined
  readonly #backfill: Backfill
  readonly #listeners: ((alertSeq: number, pubackMs: number) => void)[] = []
  #state: Record<string, unknown> = { state: 'online' }
  /** State messages are coalesced: one on its way, at most one (the newest) behind it. */
  #stateDirty = false
  #stateSending = false
  #trouble: string | undefined
  #started = false

  constructor(options: UplinkOptions) {
    this.#options = options
    const { config, gateway, handlers, version } = options
    this.#topics = topicsOf(gateway)
    this.#echo = new EchoWatch(this.#topics, () => options.clock.monotonicMs())
    const commands = handlers !== undefined && config.commands.length > 0
    const shared = { clock: options.clock, prng: options.prng, logger: options.logger }
    this.#link = new MqttLink({
      ...shared,
      config,
      inFlightMax: config.inFlightMax,
      clean: true,
      will: { topic: this.#topics.state, payload: willPayload(gateway, version) },
      subscriptions: [
        { topic: this.#topics.alarms, qos: 0 },
        { topic: this.#topics.state, qos: 1 },
        { topic: this.#topics.echo('alert'), qos: 0, only: 4 },
        ...(config.receipt === 'consumer' ? [{ topic: this.#topics.alertReceipt, qos: 1 as const }] : []),
        ...(commands ? [{ topic: this.#topics.command, qos: 1 as const }] : []),
      ],
      handlers: {
        up: () => this.#up(),
        down: () => this.#delivery.down(),
        message: (topic, payload, packet) => {
          this.#message(topic, payload, packet)
          return true
        },
        subscriptionRefused: (topic, reason) => this.#subscriptionRefused(topic, reason),
        acknowledged: (topic, sinceMs) => this.#echo.acknowledged(topic, sinceMs),
      },
    })
    this.#delivery = new Delivery({
      ...shared,
      journal: options.journal,
      gateway,
      topics: this.#topics,
      link: this.#link,
      config,
      counters: options.counters,
      onDelivered: (alertSeq, pubackMs) => {
        for (const listener of this.#listeners) listener(alertSeq, pubackMs)
      },
    })
    const accept = (receipt: Receipt): string | undefined => this.#delivery.confirm(receipt)
    this.#receipts =
      config.receipt === 'consumer' ? new ReceiptDesk({ ...options, consumer: config.consumer, accept }) : undefined
    this.#backfill = new Backfill({
      ...options,
      topics: this.#topics,
      link: this.#link,
      deliveredAlertSeq: () => this.#delivery.deliveredAlertSeq,
    })
    this.#desk = commands
      ? new CommandDesk({
          handlers: { backfill: ({ from, to }) => this.#backfill.send(from, to), ...handlers },
          enabled: config.commands,
          trust: config.commandTrust,
          gateway,
          ledger: options.ledger,
          clock: options.clock,
          clockState: options.clockState,
          logger: options.logger,
          counters: options.counters,
          answer: (result, to) => this.#answer(result, to),
          onNonce: () => this.#stateChanged(),
        })
      : undefined
  }

  start(): void {
    this.#started = true
    this.#delivery.start()
    this.#desk?.start()
    this.#link.start()
  }

  status(): UplinkStatus {
    const link = this.#link
    const up = link.state === 'up'
    const trouble = up ? (this.#delivery.trouble ?? this.#trouble) : undefined
    const unheard = up ? this.#echo.text(link.protocol) : undefined
    const notes = [
      ...link.notes,
      ...(unheard === undefined ? [] : [unheard]),
      ...(up ? [...this.#delivery.notes, ...this.#fallbacks()] : []),
    ]
    return {
      state: link.state,
      detail: trouble ?? link.detail,
      ...(notes.length > 0 ? { notes } : {}),
      protocol: link.state === 'up' ? link.protocol : undefined,
      lastAlertSeq: Math.max(this.#options.lastAlertSeq(), this.#delivery.deliveredAlertSeq),
      deliveredAlertSeq: this.#delivery.deliveredAlertSeq,
      lastPubackMs: this.#delivery.lastPubackMs,
      reconnects: link.reconnects,
    }
  }

  publishState(state: Record<string, unknown>): void {
    this.#state = state
    this.#stateChanged()
  }

  #stateChanged(): void {
    this.#stateDirty = true
    this.#sendState()
  }

  publishHealth(health: Record<string, unknown>): void {
    this.#now(this.#topics.health, this.#payload('health', health))
  }

  publishFeatures(asset: string, features: Record<string, unknown>): void {
    this.#now(this.#topics.features(asset), this.#payload('features', features, asset))
  }

  onDelivered(listener: (alertSeq: number, pubackMs: number) => void): void {
    this.#listeners.push(listener)
  }

  async stop(drainMs: number): Promise<void> {
    if (!this.#started) return
    this.#started = false
    this.#desk?.stop()
    this.#backfill.stop()
    await this.#drain(drainMs)
    await this.#delivery.stop()
    const { clock } = this.#options
    const endMs = clock.monotonicMs() + GOODBYE_MS
    if (this.#link.state === 'up') {
      const offline = this.#payload('state', { state: 'offline', reason: 'stopped', version: this.#options.version })
      const sent = this.#link.publish(this.#topics.state, offline, { retain: true }).catch(() => undefined)
      await within(GOODBYE_MS, clock, sent)
    }
    await this.#link.stop(Math.max(GOODBYE_LEAST_MS, endMs - clock.monotonicMs()))
  }

  /** Until everything in the journal is delivered, the time is up or the broker is away. */
  async #drain(drainMs: number): Promise<void> {
    const { clock } = this.#options
    const endMs = clock.monotonicMs() + drainMs
    while (this.#link.state === 'up' && !this.#delivery.idle && clock.monotonicMs() < endMs) await sleep(clock, 5)
  }

  #up(): void {
    const { reconnects, detail } = this.#link
    this.#options.logger.info(detail, reconnects > 0 ? { reconnects } : {})
    for (const note of this.#fallbacks()) this.#options.logger.warn(note)
    this.#trouble = undefined
    this.#echo.reset(this.#link.protocol)
    this.#stateDirty = true
    this.#stateSending = false
    this.#sendState()
    this.#delivery.up()
  }

  /** Settings of MQTT 5 that this connection cannot have. */
  #fallbacks(): string[] {
    const expires = this.#options.config.expiryMs !== undefined
    return expires && this.#link.protocol === 4 ? ['expiry needs MQTT 5: over 3.1.1 alerts do not expire'] : []
  }

  #sendState(): void {
    if (!this.#stateDirty || this.#stateSending || this.#link.state !== 'up') return
    this.#stateDirty = false
    this.#stateSending = true
    const commandNonce = this.#desk?.nonce
    const nonce = commandNonce === undefined ? {} : { commandNonce }
    const body = { state: 'online', version: this.#options.version, ...this.#state, ...nonce }
    this.#link.publish(this.#topics.state, this.#payload('state', body), { retain: true }).then(
      () => {
        this.#stateSending = false
        this.#sendState()
      },
      (error: unknown) => {
        this.#stateSending = false
        if (this.#link.state === 'up') this.#trouble = explainRefusal(error, this.#topics.state)
      },
    )
  }

  #now(topic: string, payload: Buffer): void {
    if (!this.#link.publishNow(topic, payload)) this.#options.counters.get('uplink.best_effort_dropped').n++
  }

  #message(topic: string, payload: Buffer, packet: IPublishPacket): void {
    if (topic === this.#topics.command) {
      this.#desk?.receive(payload, packet)
      return
    }
    if (topic === this.#topics.alertReceipt) {
      this.#receipts?.receive(payload, packet)
      return
    }
    this.#echo.heard(topic)
    // Ours have six levels and are short; a peer may send others.
    if (topic.length > TOPIC_CHARS_MAX) return
    const [asset, id] = topic.split('/').slice(-2)
    const ours = asset !== undefined && id !== undefined && topic === this.#topics.alarm(asset, id)
    // Live copies of our own publishes come back here too, without the retain flag.
    if (ours && packet.retain && payload.length > 0) this.#delivery.retained.seen(topic, id)
  }

  #subscriptionRefused(topic: string, reason: string): void {
    this.#echo.deafTo(topic)
    const allow = "allow this gateway to read it in the broker's access list"
    if (topic === this.#topics.command)
      this.#trouble = `no commands: the broker refuses to deliver ${topic} (${reason}); ${allow}`
    if (topic === this.#topics.alertReceipt)
      this.#trouble = `no receipts: the broker refuses to deliver ${topic} (${reason}); ${allow}`
    this.#options.logger.warn(`broker refuses subscription to ${topic}: ${reason}; ${allow}`)
  }

  #answer(result: CommandResult, to: ReplyTo): void {
    const { gateway, clock, counters } = this.#options
    const head = { schema: 'wearwatch.command-result/1', site: gateway.site, gateway: gateway.id }
    const { id, command, ok, message, detail } = result
    const payload = json({ ...head, id, command, ok, message, detail, at: isoFromUs(clock.nowUs()) })
    const options = to.correlationData ? { correlationData: to.correlationData } : {}
    this.#link.publish(to.topic ?? this.#topics.commandResult, payload, options).catch((error: unknown) => {
      counters.get('uplink.results_lost').n++
      this.#options.logger.warn(`the result of command ${id ?? ''} could not be sent: ${messageOf(error)}`)
    })
  }

  #payload(kind: 'state' | 'health' | 'features', body: Record<string, unknown>, asset?: string): Buffer {
    return statusPayload(kind, this.#options.gateway, this.#options.clock.nowUs(), body, asset)
  }
}

async function within(limitMs: number, clock: Clock, work: Promise<unknown>): Promise<void> {
  const limit = new AbortController()
  await Promise.race([work, sleep(clock, limitMs, limit.signal)])
  limit.abort()
}
