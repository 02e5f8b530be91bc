import type { CommandRun } from './command.ts'
import { status } from './status.ts'
import { sync } from './sync.ts'

/** Every command there is; the configuration says which of them are accepted. */
export const COMMANDS: Record<string, CommandRun> = Object.assign(Object.create(null), { status, sync })
