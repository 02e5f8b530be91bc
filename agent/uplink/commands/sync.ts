import type { CommandRun } from './command.ts'

/** "Look now": needs no signature, because trust is in the repository's signed metadata. */
export const sync: CommandRun = async (handlers, by) => {
  const { ok, message, models } = await handlers.sync(by)
  return { ok, message, detail: { models } }
}
