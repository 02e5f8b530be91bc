import type { CommandHandlers } from '../contract.ts'

export interface CommandOutcome {
  ok: boolean
  /** One line a person can read. */
  message: string
  detail: Record<string, unknown>
}

/** What a command from MQTT does. `by` says who asked, for logs and records. May reject: the reason becomes the answer. */
export type CommandRun = (handlers: CommandHandlers, by: string) => Promise<CommandOutcome>
