// Who does something, and why: what commands that change something leave on the record.
import type { Command } from 'commander'
import { type DaemonOptions, daemonCommand } from './daemon-commands.ts'

export interface WhoOptions extends DaemonOptions {
  by: string
  note?: string
}

/** A command that leaves who and why on the record. */
export function whoCommand(name: string, description: string): Command {
  return daemonCommand(name, description)
    .option('--by <NAME>', 'who does it', process.env.USER ?? 'cli')
    .option('--note <TEXT>', 'why, for the record')
}

export function who({ by, note }: WhoOptions): { by: string; note?: string } {
  return { by, ...(note === undefined ? {} : { note }) }
}
