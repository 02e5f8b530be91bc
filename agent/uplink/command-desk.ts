// Commands from the broker. Whoever may publish there is not thereby trusted: everything is checked, bounded, answered
// with a reason, and nothing is accepted that the configuration does not list.
import type { IPublishPacket } from 'mqtt'
import type { Clock } from '../core/clock.ts'
import type { Counters } from '../core/counters.ts'
import { AgentError, messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { COMMANDS } from './commands/registry.ts'
import type { CommandHandlers } from './contract.ts'

export interface CommandDeskOptions {
  /** Names from the configuration. */
  enabled: readonly string[]
  handlers: CommandHandlers
  clock: Clock
  logger: Logger
  counters: Counters
  /** Best effort: an answer that cannot be sent now is not sent. */
  answer: (result: CommandResult, to: ReplyTo) => void
}

export interface CommandResult {
  id: string | null
  command: string | null
  ok: boolean
  message: string
  detail: Record<string, unknown>
}

/** MQTT 5 request/response; undefined fields: the gateway's own `command-result` topic. */
export interface ReplyTo {
  topic?: string
  correlationData?: Buffer
}

interface Request {
  command: string
  id: string
}

const PAYLOAD_BYTES_MAX = 16 * 1024
const RESULT_BYTES_MAX = 256 * 1024
const PERIOD_MS = 5_000
const IDS_REMEMBERED = 256
/** Answers to requests that did nothing: at most this many at once, then one a second, the rest only counted. */
const REFUSALS_BURST = 5
const ID = /^[\x21-\x7e]{1,64}$/

export class CommandDesk {
  readonly #options: CommandDeskOptions
  /** Oldest first. Undefined while the command runs. */
  readonly #answered = new Map<string, CommandResult | undefined>()
  readonly #lastMs = new Map<string, number>()
  #refusalTokens = REFUSALS_BURST
  #refusalMs = 0

  constructor(options: CommandDeskOptions) {
    this.#options = options
  }

  /** Never throws; the answer comes later. */
  receive(payload: Buffer, packet: Pick<IPublishPacket, 'retain' | 'properties'>): void {
    const to = replyTo(packet)
    try {
      const request = this.#parse(payload, packet.retain)
      const known = this.#answered.get(request.id)
      if (known) {
        this.#refuse(known, to)
        return
      }
      this.#admit(request)
      void this.#run(request, to)
    } catch (error) {
      const request = error instanceof Refusal ? error.request : undefined
      const detail = { code: error instanceof AgentError ? error.code : 'COMMAND_INVALID' }
      const message = messageOf(error)
      this.#refuse({ id: request?.id ?? null, command: request?.command ?? null, ok: false, message, detail }, to)
    }
  }

  #parse(payload: Buffer, retained: boolean): Request {
    if (payload.length > PAYLOAD_BYTES_MAX) {
      throw new Refusal(
        'COMMAND_INVALID',
        `a command has at most ${PAYLOAD_BYTES_MAX} bytes, this one ${payload.length}`,
      )
    }
    const request = readRequest(payload)
    if (retained) {
      const why = 'this command was retained: it may be years old. Publish it without the retain flag'
      throw new Refusal('COMMAND_REFUSED', why, request)
    }
    return request
  }

  #admit(request: Request): void {
    const { enabled, clock } = this.#options
    const { command, id } = request
    if (!enabled.includes(command) || !COMMANDS[command]) {
      const list = enabled.length > 0 ? `accepted are: ${enabled.join(', ')}` : 'none is accepted'
      throw new Refusal('COMMAND_REFUSED', `command "${command}" is not enabled here; ${list}`, request)
    }
    if (this.#answered.has(id)) throw new Refusal('COMMAND_REFUSED', `command ${id} is still running`, request)
    const waitMs = (this.#lastMs.get(command) ?? Number.NEGATIVE_INFINITY) + PERIOD_MS - clock.monotonicMs()
    if (waitMs > 0) {
      const why = `one "${command}" in ${PERIOD_MS / 1000} s is enough; send it again in ${Math.ceil(waitMs / 1000)} s`
      throw new Refusal('COMMAND_REFUSED', why, request)
    }
    this.#lastMs.set(command, clock.monotonicMs())
    this.#remember(id, undefined)
  }

  async #run(request: Request, to: ReplyTo): Promise<void> {
    const { handlers, logger, counters, answer } = this.#options
    logger.info(`command ${request.command} received`, { id: request.id })
    counters.get('uplink.commands').n++
    let result: CommandResult
    try {
      const outcome = await COMMANDS[request.command]!(handlers, `mqtt ${request.id}`)
      result = { ...request, ...outcome }
    } catch (error) {
      const detail = error instanceof AgentError ? { code: error.code } : {}
      result = { ...request, ok: false, message: messageOf(error), detail }
    }
    if (JSON.stringify(result.detail).length > RESULT_BYTES_MAX) {
      result = { ...result, detail: { omitted: `more than ${RESULT_BYTES_MAX} bytes; ask the control socket` } }
    }
    this.#remember(request.id, result)
    logger[result.ok ? 'info' : 'warn'](`command ${request.command}: ${result.message}`, { id: request.id })
    answer(result, to)
  }

  /** A repeated id (MQTT delivers at least once) gets its first answer again and does nothing. */
  #remember(id: string, result: CommandResult | undefined): void {
    this.#answered.set(id, result)
    const oldest = this.#answered.keys().next()
    if (this.#answered.size > IDS_REMEMBERED && !oldest.done) this.#answered.delete(oldest.value)
  }

  #refuse(result: CommandResult, to: ReplyTo): void {
    const { clock, counters, logger, answer } = this.#options
    counters.get('uplink.commands_refused').n++
    const nowMs = clock.monotonicMs()
    this.#refusalTokens = Math.min(REFUSALS_BURST, this.#refusalTokens + (nowMs - this.#refusalMs) / 1000)
    this.#refusalMs = nowMs
    if (this.#refusalTokens < 1) return
    this.#refusalTokens--
    if (!result.ok) logger.warn(`command refused: ${result.message}`, { id: result.id })
    answer(result, to)
  }
}

class Refusal extends AgentError {
  readonly request: Request | undefined

  constructor(code: 'COMMAND_INVALID' | 'COMMAND_REFUSED', message: string, request?: Request) {
    super(code, message)
    this.request = request
  }
}

function readRequest(payload: Buffer): Request {
  let body: unknown
  try {
    body = JSON.parse(payload.toString('utf8'))
  } catch (error) {
    throw new Refusal(
      'COMMAND_INVALID',
      `a command is a JSON object, e.g. {"command":"sync","id":"1"}: ${messageOf(error)}`,
    )
  }
  const { command, id } = (body ?? {}) as Partial<Record<'command' | 'id', unknown>>
  if (typeof command !== 'string' || !/^[a-z][a-z-]{0,31}$/.test(command)) {
    throw new Refusal('COMMAND_INVALID', '"command" must be the name of a command, e.g. "sync"')
  }
  if (typeof id !== 'string' || !ID.test(id)) {
    throw new Refusal(
      'COMMAND_INVALID',
      '"id" must be 1 to 64 printable ASCII characters without spaces, new for each request',
    )
  }
  return { command, id }
}

/**
 * A requester names where to answer. Not everything: an answer must not be mistaken for an alert, so nothing below
 * wearwatch/ but a command-result, no wildcard, no system topic.
 */
function replyTo(packet: Pick<IPublishPacket, 'properties'>): ReplyTo {
  const { responseTopic: topic, correlationData } = packet.properties ?? {}
  const usable =
    topic !== undefined &&
    topic.length <= 256 &&
    !/[+#]|^\$|^$/.test(topic) &&
    (!topic.startsWith('wearwatch/') || topic.endsWith('/command-result'))
  return {
    ...(usable ? { topic } : {}),
    ...(correlationData && correlationData.length <= 256 ? { correlationData } : {}),
  }
}
