// The other end of a command: what an operator's machine says to a gateway through the broker.
import type { IPublishPacket } from 'mqtt'
import type { GatewayConfig, MqttLinkConfig } from '../config/contract.ts'
import { type Clock, sleep } from '../core/clock.ts'
import { AgentError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { type Prng, unguessable } from '../core/prng.ts'
import { isRecord } from './command-envelope.ts'
import { explainRefusal } from './explain.ts'
import { MqttLink } from './link.ts'
import { topicsOf } from './topics.ts'

export interface CommandClientOptions {
  config: MqttLinkConfig
  gateway: GatewayConfig
  /** MQTT 5: where to answer; the gateway's `command-result` where not given. */
  responseTopic?: string
  clock: Clock
  prng: Prng
  logger: Logger
}

/** What the gateway says of itself, retained. */
export interface GatewayState {
  online: boolean
  reason: string | undefined
  at: string | undefined
  clock: string | undefined
  commandNonce: string | undefined
}

export interface CommandAnswer {
  id: string | null
  command: string | null
  ok: boolean
  message: string
  detail: Record<string, unknown>
  at: string
}

/** The retained state comes right behind the subscription. */
const STATE_MS = 2_000
const ANSWER_BYTES_MAX = 512 * 1024

export class CommandClient {
  /** Undefined: none is retained, or the broker does not let us read it. */
  state: GatewayState | undefined
  readonly #options: CommandClientOptions
  readonly #link: MqttLink
  readonly #topics: ReturnType<typeof topicsOf>
  readonly #answerTopic: string
  readonly #correlation = Buffer.from(unguessable(12))
  readonly #refusals = new Map<string, string>()
  readonly #changed: (() => void)[] = []
  #waiting: { id: string; done: (answer: CommandAnswer) => void } | undefined

  constructor(options: CommandClientOptions) {
    const { config, gateway, clock, prng, logger, responseTopic } = options
    this.#options = options
    this.#topics = topicsOf(gateway)
    this.#answerTopic = responseTopic ?? this.#topics.commandResult
    const answers = new Set([this.#answerTopic, this.#topics.commandResult])
    this.#link = new MqttLink({
      config,
      inFlightMax: 1,
      clean: true,
      subscriptions: [this.#topics.state, ...answers].map(topic => ({ topic, qos: 1 as const })),
      clock,
      prng,
      logger,
      handlers: {
        up: () => this.#notify(),
        down: () => {},
        message: (topic, payload, packet) => {
          if (topic === this.#topics.state) this.#takeState(payload)
          else if (answers.has(topic) && payload.length <= ANSWER_BYTES_MAX) this.#takeAnswer(payload, packet)
          return true
        },
        subscriptionRefused: (topic, reason) => {
          this.#refusals.set(topic, reason)
          this.#notify()
        },
      },
    })
  }

  /** Resolves when connected, with `state` read where it can be. Throws UPLINK_UNAVAILABLE. */
  async connect(limitMs: number): Promise<void> {
    this.#link.start()
    if (!(await this.#until(() => this.#link.state === 'up', limitMs)))
      throw new AgentError('UPLINK_UNAVAILABLE', `no connection to the broker: ${this.#link.detail}`)
    const refused = (): boolean => this.#refusals.has(this.#topics.state)
    await this.#until(() => this.state !== undefined || refused(), STATE_MS)
  }

  /** Sends a request named `id`. Throws UPLINK_UNAVAILABLE when the broker refuses it, or no answer comes within `limitMs`. */
  async ask(payload: Buffer, id: string, limitMs: number): Promise<CommandAnswer> {
    let answer: CommandAnswer | undefined
    this.#waiting = {
      id,
      done: got => {
        answer = got
        this.#notify()
      },
    }
    const options = { correlationData: this.#correlation, responseTopic: this.#answerTopic }
    await this.#link.publish(this.#topics.command, payload, options).catch((error: unknown) => {
      throw new AgentError('UPLINK_UNAVAILABLE', explainRefusal(error, this.#topics.command), { cause: error })
    })
    await this.#until(() => answer !== undefined, limitMs)
    if (answer) return answer
    throw new AgentError('UPLINK_UNAVAILABLE', `no answer within ${limitMs / 1000} s: ${this.#whyNoAnswer()}`)
  }

  /** Another nonce than `used`; undefined when none came in time. */
  async freshNonce(used: string | undefined): Promise<string | undefined> {
    const nonce = (): string | undefined => this.state?.commandNonce
    await this.#until(() => nonce() !== undefined && nonce() !== used, STATE_MS)
    return nonce() === used ? undefined : nonce()
  }

  close(): Promise<void> {
    return this.#link.stop(1_000)
  }

  #whyNoAnswer(): string {
    const { site, id } = this.#options.gateway
    if (this.#link.state !== 'up') return `the connection to the broker was lost (${this.#link.detail})`
    for (const topic of [this.#answerTopic, this.#topics.commandResult]) {
      const reason = this.#refusals.get(topic)
      if (reason !== undefined)
        return `the broker does not let this client read ${topic} (${reason}), so it may have been executed; allow it`
    }
    if (!this.state)
      return (
        `no state of ${site}/${id} is retained on this broker, or this client may not read it; look at the name ` +
        'of the gateway, and at the access list'
      )
    if (!this.state.online) return `${site}/${id} went offline (${this.state.reason ?? 'no reason given'})`
    const acl = this.#link.protocol === 4 ? '; with MQTT 3.1.1 a broker cannot say that it refused the message' : ''
    return `${site}/${id} is online; does uplink.commands in its configuration take commands, and may it read ${this.#topics.command}${acl}?`
  }

  #takeState(payload: Buffer): void {
    const body = parse(payload)
    if (!body) return
    const text = (key: string): string | undefined =>
      typeof body[key] === 'string' ? (body[key] as string) : undefined
    this.state = {
      online: body.state === 'online',
      reason: text('reason'),
      at: text('at'),
      clock: text('clock'),
      commandNonce: text('commandNonce'),
    }
    this.#notify()
  }

  #takeAnswer(payload: Buffer, packet: IPublishPacket): void {
    const body = parse(payload)
    const waiting = this.#waiting
    if (!body || !waiting || packet.retain) return
    const { correlationData } = packet.properties ?? {}
    if (body.id !== waiting.id && !(body.id === null && correlationData?.equals(this.#correlation))) return
    if (typeof body.ok !== 'boolean' || typeof body.message !== 'string') return
    waiting.done({ ...body, detail: isRecord(body.detail) ? body.detail : {} } as unknown as CommandAnswer)
  }

  #notify(): void {
    for (const wake of this.#changed.splice(0)) wake()
  }

  /** Looks again at each message; false when the time is up. */
  async #until(condition: () => boolean, limitMs: number): Promise<boolean> {
    const limit = new AbortController()
    let late = false
    const end = sleep(this.#options.clock, limitMs, limit.signal).then(() => {
      late = true
    })
    while (!condition() && !late) await Promise.race([end, new Promise<void>(wake => this.#changed.push(wake))])
    limit.abort()
    return condition()
  }
}

function parse(payload: Buffer): Record<string, unknown> | undefined {
  try {
    const body: unknown = JSON.parse(payload.toString('utf8'))
    return isRecord(body) ? body : undefined
  } catch {
    return undefined
  }
}
