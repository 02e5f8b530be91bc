import { type CommandSpec, RARELY_MS } from './command.ts'

/** "Look now": needs no signature, because trust is in the repository's signed metadata. */
export const sync: CommandSpec = {
  trust: 'open',
  everyMs: RARELY_MS,
  recorded: true,
  read: () => async (handlers, by) => {
    const { ok, message, models } = await handlers.sync(by)
    return { ok, message, detail: { models } }
  },
}
