import { type CommandSpec, through } from './command.ts'
import { readTarget } from './target.ts'

const MINUTE_MS = 60_000
const WEEK_MINUTES = 7 * 24 * 60

/** `minutes`: it ends by itself. The agent has a longest time of its own for each asset; see docs/alarms.md. */
export const shelve: CommandSpec = {
  trust: 'allowable',
  everyMs: 0,
  recorded: true,
  read(args, { shelveMaxMs }) {
    const most = Math.min(13 * WEEK_MINUTES, Math.floor(shelveMaxMs / MINUTE_MS))
    const request = { ...readTarget(args), forMs: args.number('minutes', 1, most) * MINUTE_MS, ...args.note() }
    return (handlers, by) => through(handlers.shelve, { ...request, by })
  },
}
