// Which commands are executed: those that the configuration takes, from whom it takes them, with arguments that make sense, and
// not too many of them.
import type { CommandName, CommandTrust, GatewayConfig } from '../config/contract.ts'
import type { Clock } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import { TokenBucket } from '../core/token-bucket.ts'
import { CommandGate, type Opened } from './command-gate.ts'
import { type Asker, Refusal } from './command-refusal.ts'
import type { Request } from './command-request.ts'
import { Arguments } from './commands/arguments.ts'
import type { CommandRun } from './commands/command.ts'
import { COMMANDS } from './commands/registry.ts'
import type { CommandLedger } from './contract.ts'

export interface AdmissionOptions {
  /** Names from the configuration. */
  enabled: readonly CommandName[]
  /** Undefined: only what needs no trust. */
  trust: CommandTrust | undefined
  gateway: GatewayConfig
  /** Undefined: what has to be recorded before it is executed is refused. */
  ledger: CommandLedger | undefined
  clock: Clock
  clockState: () => 'synced' | 'uncertain'
  /** The gate's nonce is another one now. */
  onNonce: () => void
}

/** Checked, and to be executed unless the journal refuses. */
export interface Admitted {
  asker: Asker
  name: CommandName
  run: CommandRun
  arguments: Record<string, unknown>
  by: string
  opened: Opened | undefined
  /** Of the answer, for the same message once more. */
  answerKey: string
}

/** Unsigned requests that are recorded: each costs a write to flash. */
const UNSIGNED_BURST = 20
const UNSIGNED_PER_S = 1

export class Admission {
  readonly gate: CommandGate | undefined
  readonly #options: AdmissionOptions
  readonly #unsigned: TokenBucket
  readonly #lastMs = new Map<CommandName, number>()

  constructor(options: AdmissionOptions) {
    this.#options = options
    const { clock, trust, ledger } = options
    this.#unsigned = new TokenBucket(clock, UNSIGNED_BURST, UNSIGNED_PER_S)
    if (trust && ledger && trust.keys.length > 0) this.gate = new CommandGate({ ...options, keys: trust.keys, ledger })
  }

  /** Throws Refusal. Of a signed command its counter, or nonce, is used up then, whatever comes of it. */
  admit(request: Request, answerKey: string): Admitted {
    if (request.kind === 'plain') {
      const { asker, arguments: args } = request
      return this.#admitted(asker, args, this.#enabled(asker, false), undefined, answerKey)
    }
    if (!this.gate)
      throw new Refusal('unknown-key', `no key "${request.envelope.key}" is configured here`, request.asker)
    const opened = this.gate.open(request.envelope)
    const { id, command, key, arguments: args } = opened.command
    const asker = { id, command, key }
    return this.#admitted(asker, args, this.#enabled(asker, true), opened, answerKey)
  }

  /** Whether the configuration takes it at all, and in this form. */
  #enabled(asker: Asker, signed: boolean): CommandName {
    const { enabled, trust } = this.#options
    const name = enabled.find(candidate => candidate === asker.command)
    if (name === undefined) {
      const list = enabled.length > 0 ? `accepted are: ${enabled.join(', ')}` : 'none is accepted'
      throw new Refusal('not-enabled', `command "${asker.command}" is not enabled here; ${list}`, asker)
    }
    const plain = COMMANDS[name].trust === 'open' || trust?.unsigned.some(allowed => allowed === name)
    if (signed || plain) return name
    throw new Refusal(
      'unsigned',
      `command "${name}" needs a signature: send it with "wearwatch command ${name}"`,
      asker,
    )
  }

  #admitted(
    asker: Asker,
    given: Record<string, unknown>,
    name: CommandName,
    opened: Opened | undefined,
    answerKey: string,
  ): Admitted {
    const { trust, ledger, clock } = this.#options
    const { read, everyMs, recorded, trust: needed } = COMMANDS[name]
    const { run, by } = readArguments(given, asker, read, opened ? Number.MAX_SAFE_INTEGER : trust?.unsignedShelveMaxMs)
    if (recorded && needed !== 'open' && !ledger)
      throw new Refusal('not-recorded', 'there is no journal to record it', asker)
    const waitMs = (this.#lastMs.get(name) ?? Number.NEGATIVE_INFINITY) + everyMs - clock.monotonicMs()
    if (waitMs > 0) {
      const why = `one "${name}" in ${everyMs / 1000} s is enough; send it again in ${Math.ceil(waitMs / 1000)} s`
      throw new Refusal('rate', why, asker)
    }
    if (!opened && needed !== 'open' && !this.#unsigned.take())
      throw new Refusal('rate', 'too many unsigned commands; send it again in a second', asker)
    this.#lastMs.set(name, clock.monotonicMs())
    return { asker, name, run, arguments: given, by, opened, answerKey }
  }
}

function readArguments(
  given: Record<string, unknown>,
  asker: Asker,
  read: (typeof COMMANDS)[CommandName]['read'],
  shelveMaxMs = 0,
): { run: CommandRun; by: string } {
  try {
    const args = new Arguments(given)
    const run = read(args, { shelveMaxMs })
    const name = args.optionalText('by', 64)
    args.done()
    return { run, by: whoAsks(asker, name) }
  } catch (error) {
    throw new Refusal('arguments', messageOf(error), asker)
  }
}

/** As records show it: what was signed for is told from what was only said. */
function whoAsks({ id, key }: Asker, name: string | undefined): string {
  if (key !== undefined) return name === undefined ? `key ${key}` : `${name} (key ${key})`
  return name === undefined ? `mqtt ${id}` : `${name} (mqtt, unsigned)`
}
