import type { CommandRun } from './command.ts'

export const status: CommandRun = async handlers => ({ ok: true, message: 'status', detail: await handlers.status() })
