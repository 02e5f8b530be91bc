// MQTT subscription over connections that come and go (core/mqtt/broker-link.ts). Its queues are unbounded; ingest sends
// nothing, so none fill.
import type { ISubscriptionGrant, MqttClient } from 'mqtt'
import type { MqttSourceConfig } from '../config/contract.ts'
import { Backoff } from '../core/backoff.ts'
import type { Counter } from '../core/counters.ts'
import { BrokerLink } from '../core/mqtt/broker-link.ts'
import { shownUrl } from '../core/mqtt/explain.ts'
import type { MessageDecoder } from '../decode/contract.ts'
import type { Source, SourceDeps, SourceStatus } from './contract.ts'
import { StatusBoard } from './status-board.ts'

const RETRY_FIRST_MS = 500
const RETRY_CAP_MS = 30_000
// Larger packets end the connection before they are buffered, and MQTT 5 brokers do not send them; messages over 1 MiB are
// refused by the decoder anyway.
const PACKET_BYTES_MAX = 4 * 1024 * 1024
// Topics may have 65,535 bytes, all of them slashes; matching one with each filter would take milliseconds.
const TOPIC_CHARS_MAX = 4_096
const TOPIC_LEVELS_MAX = 128
const FILTERS_PER_SUBSCRIBE = 100
const STOP_MS = 1000
const SILENT_MS = 30_000
// libuv reads up to 32 times 64 KiB from one socket before it looks at another: 10,000 messages, or 0.3 s, in which no timer,
// no score and no question of the CLI is served. After so many messages the others have their turn.
const TURN_MESSAGES_MAX = 256

export class MqttSource implements Source {
  readonly id: string
  readonly ended: Promise<void> = new Promise(() => {})
  readonly #config: MqttSourceConfig
  readonly #deps: SourceDeps
  readonly #board: StatusBoard
  readonly #decoder: MessageDecoder
  readonly #link: BrokerLink
  readonly #messages: Counter
  readonly #retained: Counter
  readonly #deepTopics: Counter
  readonly #refused = new Map<string, number>()
  #upSinceMs: number | undefined

  constructor(config: MqttSourceConfig, deps: SourceDeps) {
    const { counters, clock, prng, logger } = deps
    this.id = config.id
    this.#config = config
    this.#deps = deps
    this.#board = new StatusBoard(config.id, 'mqtt', logger)
    this.#decoder = deps.decoders.message({ sourceId: config.id, assets: deps.assets, sink: deps.sink, counters })
    this.#messages = counters.get(`sources.${config.id}.messages`)
    this.#retained = counters.get(`sources.${config.id}.retained`)
    this.#deepTopics = counters.get(`sources.${config.id}.deep_topics`)
    this.#link = new BrokerLink({
      ...{ config, clock, logger },
      of: `source ${config.id}`,
      incomingBytesMax: PACKET_BYTES_MAX,
      client: { clean: true },
      backoff: new Backoff(prng, RETRY_FIRST_MS, RETRY_CAP_MS),
      handlers: {
        attend: client => this.#attend(client),
        up: client => this.#connected(client),
        waiting: detail => {
          this.#upSinceMs = undefined
          this.#board.set('waiting', detail)
          this.#board.reconnecting()
        },
        renewing: () => {
          this.#upSinceMs = undefined
          this.#board.set('waiting', 'logging in with renewed credentials')
          this.#board.reconnecting()
        },
      },
    })
  }

  start(): void {
    this.#board.set('starting', `connecting to ${shownUrl(this.#config.url)}`)
    this.#link.start()
  }

  status(): SourceStatus {
    const status = this.#board.get()
    // mosquitto's access list grants every subscription and then sends nothing: silence is all there is to see of it.
    const silentMs = this.#upSinceMs === undefined ? 0 : this.#deps.clock.monotonicMs() - this.#upSinceMs
    if (status.state === 'up' && status.lastDataUs === undefined && silentMs >= SILENT_MS) {
      status.detail += '; nothing received yet: check the topics, and that the broker lets this user read them'
    }
    const { notes } = this.#link
    return notes.length > 0 ? { ...status, notes } : status
  }

  async stop(): Promise<void> {
    await this.#link.stop(STOP_MS)
    this.#board.set('stopped', 'stopped')
  }

  #attend(client: MqttClient): void {
    let taken = 0
    client.handleMessage = (_packet, done) => {
      taken = (taken + 1) % TURN_MESSAGES_MAX
      if (taken === 0) setImmediate(done)
      else done()
    }
    client.on('message', (topic, payload, packet) => {
      if (this.#link.client !== client) return
      if (packet.retain && this.#config.retained === 'ignore') {
        this.#retained.n++
        return
      }
      if (tooDeep(topic)) {
        this.#deepTopics.n++
        return
      }
      this.#messages.n++
      const nowUs = this.#deps.clock.nowUs()
      this.#board.dataAt(nowUs)
      this.#decoder.message(topic, payload, nowUs)
    })
  }

  #connected(client: MqttClient): void {
    this.#upSinceMs = this.#deps.clock.monotonicMs()
    this.#refused.clear()
    const { filters } = this.#decoder
    // MQTT 5 only: do not send what is retained (rh 2); keep the retain flag off live messages (rap false), because with
    // rap a publisher that retains every reading could not be told from the broker's memory.
    const rh = this.#config.retained === 'ignore' ? 2 : 0
    const options = { qos: this.#config.qos, ...(this.#link.protocol === 5 ? ({ rh, rap: false } as const) : {}) }
    for (let i = 0; i < filters.length; i += FILTERS_PER_SUBSCRIBE) {
      const some = filters.slice(i, i + FILTERS_PER_SUBSCRIBE)
      client.subscribe(some, options, (error, _granted, packet) => {
        if (this.#link.client !== client) return
        const codes = packet && 'granted' in packet ? packet.granted : undefined
        if (codes) this.#note(some, codes as (number | ISubscriptionGrant)[])
        else if (error) this.#link.fail(error)
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
    const version = this.#link.protocol === 5 ? '5' : '3.1.1'
    const subscribed = `${shownUrl(this.#config.url)}, MQTT ${version}, ${filters.length} filters`
    this.#board.set('up', subscribed)
    const [first] = this.#refused
    if (!first) return
    this.#board.warn(
      `${subscribed}; the broker refused ${this.#refused.size} of them, e.g. ${first[0]} (code ${first[1]}): ` +
        `allow user ${this.#config.username ?? '(anonymous)'} to read it in the access list of the broker`,
    )
  }
}

function tooDeep(topic: string): boolean {
  if (topic.length > TOPIC_CHARS_MAX) return true
  let levels = 1
  for (let at = topic.indexOf('/'); at >= 0 && levels <= TOPIC_LEVELS_MAX; at = topic.indexOf('/', at + 1)) levels++
  return levels > TOPIC_LEVELS_MAX
}
