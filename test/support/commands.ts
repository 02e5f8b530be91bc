// A command desk with keys, a journal of its own and a list of what was executed.
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { COMMAND_NAMES, type CommandKey, type CommandTrust } from '../../agent/config/contract.ts'
import { Counters } from '../../agent/core/counters.ts'
import { silentLogger } from '../../agent/core/logger.ts'
import { isoFromUs } from '../../agent/core/types.ts'
import { CommandDesk, type CommandDeskOptions, type CommandResult } from '../../agent/uplink/command-desk.ts'
import { type SignedCommand, signCommand } from '../../agent/uplink/command-envelope.ts'
import type { CommandHandlers, CommandLedger, OperatorRecord } from '../../agent/uplink/contract.ts'
import { OperatorFold } from '../../agent/uplink/operator-fold.ts'
import type { ReplyTo } from '../../agent/uplink/reply-to.ts'
import { type ManualClock, manualClock } from './manual-clock.ts'
import { GATEWAY } from './uplink-parts.ts'

export interface TestKey {
  id: string
  privateKey: KeyObject
  config: CommandKey
}

export function newKey(id = 'ops', extra: Partial<CommandKey> = {}): TestKey {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const spki = publicKey.export({ type: 'spki', format: 'der' }).toString('base64')
  return { id, privateKey, config: { id, publicKey: spki, ...extra } }
}

export interface TestLedger extends CommandLedger {
  records: OperatorRecord[]
  /** The disk refuses: nothing becomes durable until it is undefined and `retry` is called. */
  refuses: boolean
  retry(): void
}

/** Kept over restarts of a desk, as a journal is. */
export function memoryLedger(): TestLedger {
  const fold = new OperatorFold()
  const waiting: (() => void)[] = []
  const ledger: TestLedger = {
    records: [],
    refuses: false,
    retry: () => {
      for (const go of waiting.splice(0)) go()
    },
    counterOf: key => fold.counterOf(key),
    async record(record) {
      if (ledger.refuses) await new Promise<void>(resolve => waiting.push(resolve))
      ledger.records.push(structuredClone(record))
      fold.apply(record)
      return true
    },
  }
  return ledger
}

export interface SignedDesk {
  desk: CommandDesk
  clock: ManualClock
  counters: Counters
  ledger: TestLedger
  answers: (CommandResult & { to: ReplyTo })[]
  /** Commands executed, with their requests. */
  ran: { command: string; request: unknown }[]
  nonces: number
  send(payload: Buffer | string, packet?: { retain?: boolean; qos?: 0 | 1; properties?: object }): void
}

export interface SignedDeskOptions extends Partial<Pick<CommandDeskOptions, 'enabled' | 'clockState'>> {
  ledger?: TestLedger
  clock?: ManualClock
  trust?: Partial<CommandTrust>
}

export function signedDesk(keys: readonly TestKey[], options: SignedDeskOptions = {}): SignedDesk {
  const clock = options.clock ?? manualClock(Date.UTC(2026, 10, 22) * 1000)
  const made: Omit<SignedDesk, 'desk'> = {
    clock,
    counters: new Counters(),
    ledger: options.ledger ?? memoryLedger(),
    answers: [],
    ran: [],
    nonces: 0,
    send: (payload, { retain = false, qos = 1, properties = {} } = {}) =>
      desk.receive(Buffer.from(payload), { retain, qos, properties }),
  }
  const desk = new CommandDesk({
    enabled: options.enabled ?? COMMAND_NAMES,
    trust: { keys: keys.map(key => key.config), unsigned: [], unsignedShelveMaxMs: 3_600_000, ...options.trust },
    gateway: GATEWAY,
    handlers: recordingHandlers(made.ran),
    ledger: made.ledger,
    clock,
    clockState: options.clockState ?? (() => 'synced'),
    logger: silentLogger,
    counters: made.counters,
    answer: (result, to) => made.answers.push({ ...result, to }),
    onNonce: () => {
      made.nonces++
    },
  })
  return Object.assign(made, { desk })
}

function recordingHandlers(ran: SignedDesk['ran']): CommandHandlers {
  const note = (command: string) => async (request: object) => {
    ran.push({ command, request })
    return { message: `${command} done` }
  }
  return {
    sync: async by => {
      ran.push({ command: 'sync', request: { by } })
      return { ok: true, message: 'sync done', models: [] }
    },
    status: async () => {
      ran.push({ command: 'status', request: {} })
      return { up: true }
    },
    acknowledge: note('acknowledge'),
    shelve: note('shelve'),
    unshelve: note('unshelve'),
    label: note('label'),
    capture: note('capture'),
    backfill: note('backfill'),
    setBaseline: note('set-baseline'),
    restartScorer: note('restart-scorer'),
  }
}

/** What an operator would sign now. */
export function draft(clock: { nowUs(): number }, extra: Partial<SignedCommand> = {}): SignedCommand {
  const nowUs = clock.nowUs()
  return {
    gateway: `${GATEWAY.site}/${GATEWAY.id}`,
    command: 'acknowledge',
    arguments: { id: '1HEMVG5WV0ABC', note: 'strainer checked' },
    id: 'r-1',
    ...(extra.nonce === undefined ? { counter: 1 } : {}),
    issued: isoFromUs(nowUs),
    expires: isoFromUs(nowUs + 120e6),
    key: 'ops',
    ...extra,
  }
}

export function signed(key: TestKey, command: SignedCommand): Buffer {
  return signCommand(command, key.privateKey)
}
