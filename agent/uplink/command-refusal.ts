// What was refused, by reason: counted one by one, kept in the journal summed up, so that a flood fills neither log nor journal.
import type { Cancel, Clock } from '../core/clock.ts'
import type { Counters } from '../core/counters.ts'
import { AgentError } from '../core/errors.ts'
import type { CommandLedger, RefusedCommands } from './contract.ts'

/** A name for programs: in `detail.reason` of the answer, in the counters and in the journal. docs/commands.md lists them. */
export type RefusalReason =
  | 'malformed'
  | 'retained'
  | 'qos-0'
  | 'not-enabled'
  | 'unsigned'
  | 'unknown-key'
  | 'signature'
  | 'foreign'
  | 'expired'
  | 'early'
  | 'clock'
  | 'nonce'
  | 'replayed'
  | 'arguments'
  | 'busy'
  | 'rate'
  | 'not-recorded'

/** As far as the request could be read. */
export interface Asker {
  id: string
  command: string
  key?: string
}

export class Refusal extends AgentError {
  readonly reason: RefusalReason
  readonly asker: Asker | undefined

  constructor(reason: RefusalReason, message: string, asker?: Asker) {
    super(reason === 'malformed' || reason === 'arguments' ? 'COMMAND_INVALID' : 'COMMAND_REFUSED', message)
    this.reason = reason
    this.asker = asker
  }
}

/** One record in so long: 52,560 a year of the worst flood, 20 MB. */
const RECORD_EVERY_MS = 600_000

export interface TallyOptions {
  clock: Clock
  counters: Counters
  ledger: CommandLedger | undefined
}

export class RefusalTally {
  readonly #options: TallyOptions
  #summary: RefusedCommands | undefined
  #recordedMs = Number.NEGATIVE_INFINITY
  #timer: Cancel | undefined

  constructor(options: TallyOptions) {
    this.#options = options
  }

  add(reason: RefusalReason, asker: Partial<Asker>): void {
    const { clock, counters, ledger } = this.#options
    counters.get('uplink.commands_refused').n++
    counters.get(`uplink.commands_refused_${reason.replaceAll('-', '_')}`).n++
    if (!ledger) return
    const nowUs = clock.nowUs()
    const last = { reason, command: asker.command ?? null, id: asker.id ?? null, key: asker.key ?? null }
    const { fromUs = nowUs, counts = {} } = this.#summary ?? {}
    counts[reason] = (counts[reason] ?? 0) + 1
    this.#summary = { schema: 'wearwatch.operator/1', event: 'refused', fromUs, atUs: nowUs, counts, last }
    const waitMs = this.#recordedMs + RECORD_EVERY_MS - clock.monotonicMs()
    if (waitMs <= 0) this.record()
    else this.#timer ??= clock.after(waitMs, () => this.record())
  }

  /** Records what has gathered; at the end, too. */
  record(): void {
    const { clock, ledger } = this.#options
    this.#timer?.()
    this.#timer = undefined
    const summary = this.#summary
    if (!summary) return
    this.#summary = undefined
    this.#recordedMs = clock.monotonicMs()
    void ledger?.record(summary)
  }
}
