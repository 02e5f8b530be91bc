// Commands from the broker. Whoever may publish there is not thereby trusted: everything is checked, bounded, answered
// with a reason, and nothing is accepted that the configuration does not list.
//
//   message ─► read ─► retained, QoS 0? ─► answered before? ─► signature, freshness (command-gate) ─► listed, arguments, busy?
//                                                   ─► journal: who, what, when, counter ─► executed once ─► answer
import type { IPublishPacket } from 'mqtt'
import type { Counters } from '../core/counters.ts'
import { AgentError, messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { TokenBucket } from '../core/token-bucket.ts'
import { Admission, type AdmissionOptions, type Admitted } from './command-admission.ts'
import { type Asker, Refusal, RefusalTally } from './command-refusal.ts'
import { type Request, readRequest } from './command-request.ts'
import { COMMANDS } from './commands/registry.ts'
import type { AcceptedCommand, CommandHandlers } from './contract.ts'
import { type ReplyTo, replyTo } from './reply-to.ts'

export interface CommandDeskOptions extends AdmissionOptions {
  handlers: CommandHandlers
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

const RESULT_BYTES_MAX = 256 * 1024
const ANSWERS_REMEMBERED = 256
/** Different commands that may be under way together. */
const RUNNING_MAX = 16
/** Answers to requests that did nothing: at most this many at once, then one a second, the rest only counted. */
const REFUSALS_BURST = 5
export class CommandDesk {
  readonly #options: CommandDeskOptions
  readonly #admission: Admission
  readonly #tally: RefusalTally
  readonly #refusals: TokenBucket
  /** Oldest first. Undefined while the command runs. */
  readonly #answered = new Map<string, CommandResult | undefined>()
  #running = 0

  constructor(options: CommandDeskOptions) {
    this.#options = options
    this.#admission = new Admission(options)
    this.#tally = new RefusalTally(options)
    this.#refusals = new TokenBucket(options.clock, REFUSALS_BURST, 1)
  }

  /** What a gateway with an uncertain clock wants signed; undefined where no key is configured. */
  get nonce(): string | undefined {
    return this.#admission.gate?.nonce
  }

  start(): void {
    this.#admission.gate?.start()
  }

  stop(): void {
    this.#admission.gate?.stop()
    this.#tally.record()
  }

  /** Never throws; the answer comes later. */
  receive(payload: Buffer, packet: Pick<IPublishPacket, 'retain' | 'qos' | 'properties'>): void {
    const to = replyTo(packet)
    let request: Request | undefined
    try {
      request = readRequest(payload)
      refuseUnlikely(packet, request.asker)
      const answerKey = answerKeyOf(request)
      if (this.#running >= RUNNING_MAX)
        throw new Refusal('busy', `${RUNNING_MAX} commands are running; send it again later`, request.asker)
      if (this.#answered.has(answerKey)) this.#repeated(answerKey, request.asker, to)
      else this.#execute(this.#admission.admit(request, answerKey), to)
    } catch (error) {
      const refusal = error instanceof Refusal ? error : new Refusal('malformed', messageOf(error))
      this.#refuse(refusal, refusal.asker ?? request?.asker, to)
    }
  }

  /** MQTT delivers at least once: the first answer again, and nothing is done. */
  #repeated(answerKey: string, asker: Asker | undefined, to: ReplyTo): void {
    const known = this.#answered.get(answerKey)
    if (!known) throw new Refusal('busy', `command ${asker?.id} is still running`, asker)
    this.#tally.add('replayed', asker ?? {})
    if (this.#refusals.take()) this.#options.answer(known, to)
  }

  /** From here on the same message is answered from memory, or refused. */
  #execute(admitted: Admitted, to: ReplyTo): void {
    this.#remember(admitted.answerKey, undefined)
    this.#running++
    void this.#run(admitted).then(result => {
      this.#running--
      this.#remember(admitted.answerKey, result)
      const { id, command } = admitted.asker
      this.#options.logger[result.ok ? 'info' : 'warn'](`command ${command}: ${result.message}`, {
        id,
        by: admitted.by,
      })
      this.#options.answer(result, to)
    })
  }

  /** Never rejects. */
  async #run(admitted: Admitted): Promise<CommandResult> {
    const { handlers, logger, counters } = this.#options
    const { id, command } = admitted.asker
    try {
      await this.#record(admitted)
      logger.info(`command ${command} received`, { id, by: admitted.by })
      counters.get('uplink.commands').n++
      const outcome = await admitted.run(handlers, admitted.by)
      if (JSON.stringify(outcome.detail).length <= RESULT_BYTES_MAX) return { id, command, ...outcome }
      const detail = { omitted: `more than ${RESULT_BYTES_MAX} bytes; ask the control socket` }
      return { id, command, ...outcome, detail }
    } catch (error) {
      if (error instanceof Refusal) this.#tally.add(error.reason, admitted.asker)
      return { id, command, ok: false, message: messageOf(error), detail: detailOf(error) }
    }
  }

  /** Durable before it is executed, so that a crash in between executes it never, and not twice. */
  async #record({ name, asker, arguments: given, by, opened }: Admitted): Promise<void> {
    const { ledger, clock } = this.#options
    const { recorded, trust } = COMMANDS[name]
    if ((!recorded && !opened) || !ledger) return
    const record: AcceptedCommand = {
      schema: 'wearwatch.operator/1',
      event: 'accepted',
      atUs: clock.nowUs(),
      by,
      command: name,
      arguments: given,
      id: asker.id,
    }
    if (opened) {
      const { command, keySha256 } = opened
      Object.assign(record, { key: command.key, keySha256 })
      if (command.counter !== undefined) record.counter = command.counter
    }
    const beganMs = clock.monotonicMs()
    const recording = ledger.record(record)
    // "Look now" is harmless, and wanted all the more where the disk refuses.
    if (trust === 'open' && !opened) return
    const durable = await recording
    if (!durable)
      throw new Refusal('not-recorded', 'it could not be recorded in the journal, and was not executed', asker)
    if (opened && clock.monotonicMs() - beganMs >= opened.leftMs)
      throw new Refusal('expired', 'it expired while the journal could not be written, and was not executed', asker)
  }

  #remember(answerKey: string, result: CommandResult | undefined): void {
    this.#answered.set(answerKey, result)
    const oldest = this.#answered.keys().next()
    if (this.#answered.size > ANSWERS_REMEMBERED && !oldest.done) this.#answered.delete(oldest.value)
  }

  #refuse(refusal: Refusal, asker: Asker | undefined, to: ReplyTo): void {
    const { logger, answer } = this.#options
    this.#tally.add(refusal.reason, asker ?? {})
    if (!this.#refusals.take()) return
    const { id = null, command = null } = asker ?? {}
    logger.warn(`command refused: ${refusal.message}`, { id, reason: refusal.reason })
    answer({ id, command, ok: false, message: refusal.message, detail: detailOf(refusal) }, to)
  }
}

/** A retained message may be years old; one of QoS 0 may be lost without anybody knowing. */
function refuseUnlikely(packet: Pick<IPublishPacket, 'retain' | 'qos'>, asker: Asker | undefined): void {
  if (packet.retain) {
    const why = 'this command was retained: it may be years old. Publish it without the retain flag'
    throw new Refusal('retained', why, asker)
  }
  if (packet.qos === 0) throw new Refusal('qos-0', 'commands are taken with QoS 1 (mosquitto_pub -q 1)', asker)
}

/** Signed: every message has one signature. Else what the asker calls it. */
function answerKeyOf(request: Request): string {
  if (request.kind === 'signed') return `signed ${request.envelope.signature.toString('base64')}`
  return `plain ${request.asker.id}`
}

function detailOf(error: unknown): Record<string, unknown> {
  if (error instanceof Refusal) return { code: error.code, reason: error.reason }
  return error instanceof AgentError ? { code: error.code } : {}
}
