import { AgentError } from '../../core/errors.ts'
import type { CommandHandlers, CommandReport } from '../contract.ts'
import type { Arguments } from './arguments.ts'

export interface CommandOutcome {
  ok: boolean
  /** One line a person can read. */
  message: string
  detail: Record<string, unknown>
}

/** What a command from MQTT does. `by` says who asked, for logs and records. May reject: the reason becomes the answer. */
export type CommandRun = (handlers: CommandHandlers, by: string) => Promise<CommandOutcome>

export interface CommandSpec {
  /**
   * `open`: needs no signature; `allowable`: needs one unless the configuration takes it without; `signed`: needs one.
   */
  trust: 'open' | 'allowable' | 'signed'
  /** One in so long is enough; the next is refused. */
  everyMs: number
  /** Kept in the journal when it is accepted: not what only looks. */
  recorded: boolean
  /** Throws COMMAND_INVALID for arguments that are wrong. */
  read(args: Arguments, limits: CommandLimits): CommandRun
}

/** What an unsigned request may at most. */
export interface CommandLimits {
  shelveMaxMs: number
}

/** For heavy ones, and for those that anybody may give who can publish. */
export const RARELY_MS = 5_000

/** Runs a handler that this version may lack. */
export async function through<R>(
  handler: ((request: R) => Promise<CommandReport>) | undefined,
  request: R,
): Promise<CommandOutcome> {
  if (!handler) throw new AgentError('COMMAND_REFUSED', 'this command is not available in this version')
  const { message, detail = {} } = await handler(request)
  return { ok: true, message, detail }
}
