// One connection to a broker, from opening to its end; whoever wants another makes another. Around mqtt.js, for both links:
// nothing of a peer is buffered beyond a limit, nothing a peer sends throws, every end has a cause, and a login that is not
// answered ends.
import { Socket } from 'node:net'
import { connect, type IClientOptions, type IConnackPacket, type MqttClient } from 'mqtt'
import type { Cancel, Clock } from '../clock.ts'
import { tameConnack } from './connack.ts'
import type { Login } from './credentials.ts'
import { linkFault } from './explain.ts'
import { guardClient } from './guarded.ts'
import { GuardError } from './packet-guard.ts'

export interface ConnectionOptions {
  url: string
  clientId: string
  keepaliveS: number
  protocol: 4 | 5
  login: Login
  /** Packets larger than this end the connection; MQTT 5 brokers are told not to send them. */
  incomingBytesMax: number
  clock: Clock
  /** Over those made of the fields above. */
  client: Pick<IClientOptions, 'clean' | 'will' | 'reschedulePings'> & { sessionExpiryS?: number }
  handlers: ConnectionHandlers
}

export interface ConnectionHandlers {
  /** The login was taken. */
  up(packet: IConnackPacket): void
  /** Over; called once, not after leave(). `livedMs` since up, undefined when it never was. */
  over(cause: unknown, livedMs: number | undefined): void
}

/** From the first packet out to the answer of the broker. */
const LOGIN_MS = 10_000
/** Longer than our own limit: mqtt.js stops its timer at any CONNACK, also at one without a result. */
const CONNECT_TIMEOUT_MS = 60_000
const silent = (): void => {}

export class Connection {
  readonly client: MqttClient
  readonly #options: ConnectionOptions
  readonly #cancelLogin: Cancel
  #cause: unknown
  #upSinceMs: number | undefined
  #left = false

  /** Throws where Node cannot use the TLS material. `attend` sets handlers of messages before anything can come. */
  constructor(options: ConnectionOptions, attend: (client: MqttClient) => void) {
    this.#options = options
    this.client = connect(options.url, clientOptions(options))
    attend(this.client)
    guardClient(this.client, options.incomingBytesMax)
    this.client.connect()
    // Small packets that wait for each other's TCP acknowledgement cost 40 ms a window.
    if (this.client.stream instanceof Socket) this.client.stream.setNoDelay(true)
    this.#cancelLogin = options.clock.after(LOGIN_MS, () => {
      this.fail(linkFault('NO_LOGIN_ANSWER', `did not answer the login for ${LOGIN_MS / 1000} s`))
    })
    this.#listen()
  }

  /** Ends it; the first cause is the one that is told, later ones are its consequences. */
  fail(cause: unknown): void {
    const pingless = cause instanceof Error && cause.message === 'Keepalive timeout'
    this.#cause ??= pingless ? linkFault('SILENT', 'no answer to a ping') : cause
    this.client.stream.destroy()
  }

  /** Nothing is told of it any more; `politely`: with DISCONNECT, so that the broker sends no will. Resolves in `limitMs`. */
  leave(politely: boolean, limitMs: number): Promise<void> {
    this.#left = true
    this.#cancelLogin()
    return new Promise(resolve => {
      // mqtt.js waits for answers under way, on a link that may never give them.
      const cancel = this.#options.clock.after(limitMs, () => {
        this.client.stream.destroy()
        resolve()
      })
      this.client.end(!politely, {}, () => {
        cancel()
        resolve()
      })
    })
  }

  #listen(): void {
    const { client } = this
    const { handlers, keepaliveS, clock } = this.#options
    client.on('packetreceive', packet => {
      const wrong = tameConnack(packet as never, keepaliveS)
      if (wrong) this.fail(new GuardError('MALFORMED', wrong))
    })
    client.on('connect', packet => {
      if (this.#left || this.#cause) return
      this.#cancelLogin()
      this.#upSinceMs = clock.monotonicMs()
      handlers.up(packet)
    })
    // mqtt.js goes on after bytes that it cannot parse, and keeps errors without a code to itself.
    client.on('error', error => this.fail(error))
    client.stream.on('error', error => this.fail(error))
    client.on('disconnect', ({ reasonCode }) => {
      const text = 'it ended the session'
      this.fail(reasonCode ? Object.assign(new Error(text), { code: reasonCode }) : linkFault('CLOSED', text))
    })
    client.on('close', () => this.#closed())
  }

  #closed(): void {
    this.#cancelLogin()
    if (this.#left) return
    this.#left = true
    this.client.end(true)
    const upSinceMs = this.#upSinceMs
    const livedMs = upSinceMs === undefined ? undefined : this.#options.clock.monotonicMs() - upSinceMs
    const unsaid = linkFault(livedMs === undefined ? 'CLOSED_BEFORE_LOGIN' : 'CLOSED', 'closed')
    this.#options.handlers.over(this.#cause ?? unsaid, livedMs)
  }
}

function clientOptions(options: ConnectionOptions): IClientOptions {
  const { clientId, protocol, login, incomingBytesMax, keepaliveS, client } = options
  const { sessionExpiryS, ...more } = client
  const expiry = sessionExpiryS === undefined ? {} : { sessionExpiryInterval: sessionExpiryS }
  return {
    clientId,
    protocolVersion: protocol,
    keepalive: keepaliveS,
    // The guard goes in between, before anything is read.
    manualConnect: true,
    reconnectPeriod: 0,
    connectTimeout: CONNECT_TIMEOUT_MS,
    queueQoSZero: false,
    resubscribe: false,
    // mqtt.js otherwise calls its debug log four times a message: 3 % of the agent's time at 20,000 messages/s.
    log: silent,
    ...login,
    // Nothing a peer sends is unpacked, and no frame is larger than a packet may be.
    wsOptions: { maxPayload: incomingBytesMax, perMessageDeflate: false },
    ...more,
    ...(protocol === 5 ? { properties: { maximumPacketSize: incomingBytesMax, ...expiry } } : {}),
  }
}
