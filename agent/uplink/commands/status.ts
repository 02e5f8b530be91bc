import { type CommandSpec, RARELY_MS } from './command.ts'

/** Only looks. */
export const status: CommandSpec = {
  trust: 'open',
  everyMs: RARELY_MS,
  recorded: false,
  read: () => async handlers => ({ ok: true, message: 'status', detail: await handlers.status() }),
}
