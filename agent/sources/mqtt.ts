// MQTT subscription. One mqtt.js client per connection, thrown away when it closes: nothing of a dead link (queues, stores,
// half-sent packets) lives on, and the reconnect is ours. Its queues are unbounded; ingest sends nothing, so none fill.
import mqtt, { type IClientOptions, type ISubscriptionGrant, type MqttClient } from 'mqtt'
import type { MqttSourceConfig } from '../config/contract.ts'
import { Backoff } from '../core/backoff.ts'
import type { Cancel } from '../core/clock.ts'
import type { Counter } from '../core/counters.ts'
import type { MessageDecoder } from '../decode/contract.ts'
import type { Source, SourceDeps, SourceStatus } from './contract.ts'
import { explainMqttError, isProtocolRefusal, shownUrl } from './mqtt-errors.ts'
import { StatusBoard } from './status-board.ts'

const RETRY_FIRST_MS = 500
const RETRY_CAP_MS = 30_000
// A link that held this long was good; before that it may be two gateways throwing each other out.
const STABLE_MS = 10_000
const CONNECT_TIMEOUT_MS = 10_000
// MQTT 5 brokers drop larger packets for us; messages over 1 MiB are refused by the decoder anyway.
const PACKET_BYTES_MAX = 4 * 1024 * 1024
const FILTERS_PER_SUBSCRIBE = 100
const STOP_MS = 1000
const SILENT_MS = 30_000
// libuv reads up to 32 times 64 KiB from one socket before it looks at another: 10,000 messages, or 0.3 s, in which no timer,
// no score and no question of the CLI is served. After so many messages the others have their turn.
const TURN_MESSAGES_MAX = 256
const silent = (): void => {}

export class MqttSource implements Source {
  readonly id: string
  readonly ended: Promise<void> = new Promise(() => {})
  readonly #config: MqttSourceConfig
  readonly #deps: SourceDeps
  readonly #board: StatusBoard
  readonly #decoder: MessageDecoder
  readonly #backoff: Backoff
  readonly #messages: Counter
  readonly #retained: Counter
  readonly #refused = new Map<string, number>()
  #protocol: 4 | 5
  #client: MqttClient | undefined
  #cancelRetry: Cancel | undefined
  #error: unknown
  #upSinceMs: number | undefined
  #stopped = false

  constructor(config: MqttSourceConfig, deps: SourceDeps) {
    this.id = config.id
    this.#config = config
    this.#deps = deps
    this.#board = new StatusBoard(config.id, 'mqtt', deps.logger)
    this.#decoder = deps.decoders.message({
      sourceId: config.id,
      assets: deps.assets,
      sink: deps.sink,
      counters: deps.counters,
    })
    this.#backoff = new Backoff(deps.prng, RETRY_FIRST_MS, RETRY_CAP_MS)
    this.#messages = deps.counters.get(`sources.${config.id}.messages`)
    this.#retained = deps.counters.get(`sources.${config.id}.retained`)
    this.#protocol = config.protocol === 'auto' ? 5 : config.protocol
  }

  start(): void {
    this.#board.set('starting', `connecting to ${shownUrl(this.#config.url)}`)
    this.#open()
  }

  status(): SourceStatus {
    const status = this.#board.get()
    // mosquitto's access list grants every subscription and then sends nothing: silence is all there is to see of it.
    const silentMs = this.#upSinceMs === undefined ? 0 : this.#deps.clock.monotonicMs() - this.#upSinceMs
    if (status.state === 'up' && status.lastDataUs === undefined && silentMs >= SILENT_MS) {
      status.detail += '; nothing received yet: check the topics, and that the broker lets this user read them'
    }
    return status
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#cancelRetry?.()
    const client = this.#client
    this.#client = undefined
    if (client) await endClient(client, this.#deps)
    this.#board.set('stopped', 'stopped')
  }

  #open(): void {
    this.#error = undefined
    this.#upSinceMs = undefined
    let client: MqttClient
    try {
      client = mqtt.connect(this.#config.url, this.#options())
    } catch (error) {
      // TLS material that Node cannot use, an unknown protocol in the URL.
      this.#error = error
      this.#retry()
      return
    }
    this.#client = client
    let taken = 0
    client.handleMessage = (_packet, done) => {
      taken = (taken + 1) % TURN_MESSAGES_MAX
      if (taken === 0) setImmediate(done)
      else done()
    }
    const current = (): boolean => this.#client === client
    client.on('message', (topic, payload, packet) => {
      if (!current()) return
      if (packet.retain && this.#config.retained === 'ignore') {
        this.#retained.n++
        return
      }
      this.#messages.n++
      const nowUs = this.#deps.clock.nowUs()
      this.#board.dataAt(nowUs)
      this.#decoder.message(topic, payload, nowUs)
    })
    client.on('connect', () => current() && this.#connected(client))
    client.on('error', error => current() && this.#failed(error))
    client.on('disconnect', packet => {
      if (packet.reasonCode)
        this.#failed(Object.assign(new Error('disconnected by the broker'), { code: packet.reasonCode }))
    })
    client.on('close', () => {
      if (!current()) return
      this.#client = undefined
      client.end(true)
      this.#retry()
    })
  }

  #options(): IClientOptions {
    const { tls, username, password, clientId, keepaliveS } = this.#config
    return {
      protocolVersion: this.#protocol,
      clientId,
      clean: true,
      keepalive: keepaliveS,
      connectTimeout: CONNECT_TIMEOUT_MS,
      reconnectPeriod: 0,
      resubscribe: false,
      queueQoSZero: false,
      // mqtt.js otherwise calls its debug log four times a message: 3 % of the agent's time at 20,000 messages/s.
      log: silent,
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      ...(this.#protocol === 5 ? { properties: { maximumPacketSize: PACKET_BYTES_MAX } } : {}),
      ...(tls.ca === undefined ? {} : { ca: tls.ca }),
      ...(tls.cert === undefined ? {} : { cert: tls.cert }),
      ...(tls.key === undefined ? {} : { key: tls.key }),
    }
  }

  /** The first error of a connection names the cause; what follows are its effects. */
  #failed(error: unknown): void {
    this.#error ??= error
  }

  #connected(client: MqttClient): void {
    this.#upSinceMs = this.#deps.clock.monotonicMs()
    this.#refused.clear()
    const { filters } = this.#decoder
    // MQTT 5 only: do not send what is retained (rh 2); keep the retain flag off live messages (rap false), because with
    // rap a publisher that retains every reading could not be told from the broker's memory.
    const rh = this.#config.retained === 'ignore' ? 2 : 0
    const options = { qos: this.#config.qos, ...(this.#protocol === 5 ? ({ rh, rap: false } as const) : {}) }
    for (let i = 0; i < filters.length; i += FILTERS_PER_SUBSCRIBE) {
      const some = filters.slice(i, i + FILTERS_PER_SUBSCRIBE)
      client.subscribe(some, options, (error, _granted, packet) => {
        if (this.#client !== client) return
        const codes = packet && 'granted' in packet ? packet.granted : undefined
        if (codes) this.#note(some, codes as (number | ISubscriptionGrant)[])
        else if (error) this.#failed(error)
        this.#showUp()
      })
    }
    // Up is who is subscribed: what is published before that does not come.
    if (filters.length === 0) this.#showUp()
    else this.#board.set('starting', `${shownUrl(this.#config.url)}: logged in, waiting for the broker to subscribe`)
  }

  #note(filters: readonly string[], codes: readonly (number | ISubscriptionGrant)[]): void {
    filters.forEach((filter, i) => {
      const code = codes[i]
      // 3.9.3: 128 and above is a refusal.
      if (typeof code === 'number' && code >= 128) this.#refused.set(filter, code)
    })
  }

  #showUp(): void {
    const { filters } = this.#decoder
    const version = this.#protocol === 5 ? '5' : '3.1.1'
    const subscribed = `${shownUrl(this.#config.url)}, MQTT ${version}, ${filters.length} filters`
    this.#board.set('up', subscribed)
    const [first] = this.#refused
    if (!first) return
    this.#board.warn(
      `${subscribed}; the broker refused ${this.#refused.size} of them, e.g. ${first[0]} (code ${first[1]}): ` +
        `allow user ${this.#config.username ?? '(anonymous)'} to read it in the access list of the broker`,
    )
  }

  #retry(): void {
    if (this.#stopped) return
    const { clock } = this.#deps
    const wasUp = this.#upSinceMs !== undefined
    if (wasUp && clock.monotonicMs() - this.#upSinceMs! >= STABLE_MS) this.#backoff.reset()
    if (!wasUp && this.#config.protocol === 'auto' && this.#tryOtherProtocol()) return
    const why =
      this.#error === undefined
        ? `${shownUrl(this.#config.url)}: the broker closed the connection`
        : explainMqttError(this.#error, this.#config)
    this.#board.set('waiting', why)
    this.#cancelRetry = clock.after(this.#backoff.nextMs(), () => {
      this.#board.reconnecting()
      this.#open()
    })
  }

  /** True when the next attempt, with the other version, has begun. */
  #tryOtherProtocol(): boolean {
    const refused = isProtocolRefusal(this.#error)
    // Brokers that know only 3.1.1 may also just hang up, without a CONNACK.
    if (!refused && this.#error !== undefined) return false
    const before = this.#protocol
    this.#protocol = before === 5 ? 4 : 5
    if (before === 4) return false
    this.#deps.logger.info('the broker does not take MQTT 5; trying 3.1.1', { source: this.id })
    this.#open()
    return true
  }
}

/**
 * DISCONNECT, then close. mqtt.js waits for answers under way, on a link that may never give them: after a second the
 * link is cut, and its callback may then never come.
 */
function endClient(client: MqttClient, deps: SourceDeps): Promise<void> {
  return new Promise(resolve => {
    const cancel = deps.clock.after(STOP_MS, () => {
      client.stream.destroy()
      resolve()
    })
    client.end(!client.connected, () => {
      cancel()
      resolve()
    })
  })
}
