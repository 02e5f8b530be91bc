// A connection to a broker that comes back by itself, for sources and uplink. Every attempt is a client object of its own with
// empty stores: mqtt.js drops publishes made while it resends stored packets (mqtt.js #2015) and keeps unbounded queues in
// memory, so nothing of a dead link lives on.
//
//   waiting ──► connecting ──► up ──► waiting …       renewed credentials: up ──► connecting (after DISCONNECT)
import type { IConnackPacket, MqttClient } from 'mqtt'
import type { Backoff } from '../backoff.ts'
import type { Cancel, Clock } from '../clock.ts'
import type { Logger } from '../logger.ts'
import { Connection, type ConnectionOptions } from './connection.ts'
import { Credentials, type Login } from './credentials.ts'
import { Evictions } from './evictions.ts'
import { explainBroker, isVersionRefusal, linkFault, parts, REASON } from './explain.ts'

export interface BrokerConfig {
  url: string
  clientId: string
  username?: string
  password?: string
  tls: Pick<Login, 'ca' | 'cert' | 'key'>
  /** Absolute paths of what came from files. */
  files?: Login
  protocol: 'auto' | 4 | 5
  keepaliveS: number
}

export interface BrokerLinkOptions {
  config: BrokerConfig
  /** Whose settings mend it: `the uplink`, `source plant`. */
  of: string
  incomingBytesMax: number
  client: ConnectionOptions['client']
  backoff: Backoff
  clock: Clock
  logger: Logger
  handlers: BrokerLinkHandlers
}

export interface BrokerLinkHandlers {
  /** A client that is not connected yet: set what takes its messages. */
  attend(client: MqttClient): void
  up(client: MqttClient, packet: IConnackPacket): void
  /** Not up any more, or an attempt failed; `detail` says why and what to do. */
  waiting(detail: string, wasUp: boolean): void
  /** Called while still up, before the connection is left for renewed credentials; what is under way may come to its end. */
  settle?(): Promise<void>
  /** No longer up: left for renewed credentials, connecting again. */
  renewing(): void
}

/** A connection that lived this long was a good one: the next loss starts with short delays again. */
const STABLE_MS = 10_000
const CREDENTIALS_CHECK_MS = 5_000
const LEAVE_MS = 1_000
/** Two clients of one id would throw each other out for ever: give way for long. */
const GIVE_WAY_MS = 30_000

export class BrokerLink {
  state: 'connecting' | 'up' | 'waiting' | 'stopped' = 'stopped'
  /** In effect, or tried next. */
  protocol: 4 | 5
  readonly #options: BrokerLinkOptions
  readonly #credentials: Credentials
  readonly #evictions = new Evictions()
  #connection: Connection | undefined
  #cancelRetry: Cancel | undefined
  #cancelChecks: Cancel | undefined
  #noted: string | undefined

  constructor(options: BrokerLinkOptions) {
    const { config, clock } = options
    const { tls, username, password, files = {} } = config
    this.#options = options
    const login = { ...(username === undefined ? {} : { username }), ...(password === undefined ? {} : { password }) }
    this.#credentials = new Credentials({ initial: { ...tls, ...login }, files, nowUs: () => clock.nowUs() })
    this.protocol = config.protocol === 4 ? 4 : 5
  }

  get client(): MqttClient | undefined {
    return this.#connection?.client
  }

  /** What else a person should know of this link, each a sentence. */
  get notes(): string[] {
    const { config, clock } = this.#options
    const up = this.state === 'up'
    const evicted = up ? this.#evictions.text(clock.monotonicMs()) : undefined
    const older = up && this.protocol === 4 && config.protocol !== 4
    return [
      ...(this.#credentials.note === undefined ? [] : [this.#credentials.note]),
      ...(evicted === undefined ? [] : [this.#explain(linkFault('EVICTED', evicted))]),
      ...(older ? ['the broker does not take MQTT 5; with 3.1.1 it cannot say why it refuses something'] : []),
    ]
  }

  start(): void {
    if (this.#credentials.fromFiles)
      this.#cancelChecks = this.#options.clock.every(CREDENTIALS_CHECK_MS, () => {
        if (this.#refresh()) void this.#renew()
      })
    this.#open()
  }

  /** Ends the connection for that cause; it comes back. */
  fail(cause: unknown): void {
    this.#connection?.fail(cause)
  }

  /** Says goodbye to the broker, so that it does not send the will. */
  async stop(limitMs: number): Promise<void> {
    const connection = this.#connection
    const wasUp = this.state === 'up'
    this.state = 'stopped'
    this.#connection = undefined
    this.#cancelRetry?.()
    this.#cancelChecks?.()
    await connection?.leave(wasUp, limitMs)
  }

  #open(): void {
    const { config, incomingBytesMax, clock, client, handlers } = this.#options
    this.#refresh()
    this.state = 'connecting'
    const { url, clientId, keepaliveS } = config
    const { protocol } = this
    const login = this.#credentials.current
    try {
      const connection: Connection = new Connection(
        {
          ...{ url, clientId, keepaliveS, protocol, login, incomingBytesMax, clock, client },
          handlers: {
            up: packet => {
              this.state = 'up'
              handlers.up(connection.client, packet)
            },
            over: (cause, livedMs) => this.#over(cause, livedMs),
          },
        },
        handlers.attend,
      )
      this.#connection = connection
    } catch (error) {
      // TLS material that Node cannot use.
      this.#wait(error, false)
    }
  }

  #over(cause: unknown, livedMs: number | undefined): void {
    this.#connection = undefined
    if (livedMs === undefined) {
      this.#evictions.failed()
      if (this.#tryOtherProtocol(cause)) this.#open()
      else this.#wait(cause, false)
      return
    }
    if (livedMs >= STABLE_MS) this.#options.backoff.reset()
    this.#wait(this.#evictions.ended(cause, livedMs, this.#options.clock.monotonicMs()), true)
  }

  #wait(cause: unknown, wasUp: boolean): void {
    const { clock, backoff, handlers } = this.#options
    // A pattern of evictions is a guess, a network that cuts looks the same: there the backoff grows by itself.
    const taken = parts(cause).code === REASON.sessionTakenOver
    this.state = 'waiting'
    this.#cancelRetry = clock.after(taken ? GIVE_WAY_MS : backoff.nextMs(), () => this.#open())
    const reset = ['ECONNRESET', 'EPIPE'].includes(String(parts(cause).code))
    // What was up speaks MQTT: there is no need to ask whether it does.
    const shown = wasUp && reset ? linkFault('CUT', 'the connection was cut') : cause
    handlers.waiting(this.#explain(shown), wasUp)
  }

  /**
   * 5 first, unless 3.1.1 is asked for. A broker that speaks only 3.1.1 says so, or (`auto`) just closes; then 4, and back to 5
   * when 4 fails too. Also where 5 is asked for: alarms over 3.1.1 are better than none. True: try at once.
   */
  #tryOtherProtocol(cause: unknown): boolean {
    const { protocol } = this.#options.config
    if (protocol === 4) return false
    const withoutWord = ['CLOSED_BEFORE_LOGIN', 'NO_LOGIN_ANSWER'].includes(String(parts(cause).code))
    if (!isVersionRefusal(cause) && !(withoutWord && protocol === 'auto')) return false
    this.protocol = this.protocol === 5 ? 4 : 5
    if (this.protocol === 5) return false
    this.#options.logger.info(`${this.#options.of}: the broker does not take MQTT 5; trying 3.1.1`)
    return true
  }

  /** True when there are new ones. What hinders is logged once. */
  #refresh(): boolean {
    const renewed = this.#credentials.refresh()
    const { note } = this.#credentials
    if (note !== undefined && note !== this.#noted) this.#options.logger.warn(`${this.#options.of}: ${note}`)
    this.#noted = note
    return renewed
  }

  /** What is under way comes to its end, then DISCONNECT (no will is sent), then a login with the new ones. */
  async #renew(): Promise<void> {
    const { logger, of, handlers } = this.#options
    logger.info(`certificate or login of ${of} were renewed: logging in with them`)
    if (this.state === 'waiting') {
      this.#cancelRetry?.()
      this.#open()
      return
    }
    const connection = this.#connection
    // An attempt under way fails or comes up; then the next look at the files finds nothing new, so it is ended here too.
    if (!connection) return
    if (this.state === 'up') await handlers.settle?.()
    if (this.#connection !== connection) return
    const wasUp = this.state === 'up'
    this.#connection = undefined
    this.state = 'connecting'
    if (wasUp) handlers.renewing()
    await connection.leave(wasUp, LEAVE_MS)
    // Nothing else opens a link in this state, but stop() may have come.
    if (this.state === 'connecting') this.#open()
  }

  #explain(cause: unknown): string {
    const { config, of } = this.#options
    const { username, cert } = this.#credentials.current
    const certFile = cert === undefined ? undefined : (config.files?.cert ?? 'of tls.cert')
    const { url, clientId } = config
    return explainBroker(cause, { url, clientId, username, of, protocol: this.protocol, certFile })
  }
}
