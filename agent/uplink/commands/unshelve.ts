import { type CommandSpec, through } from './command.ts'
import { readTarget } from './target.ts'

export const unshelve: CommandSpec = {
  trust: 'signed',
  everyMs: 0,
  recorded: true,
  read(args) {
    const request = { ...readTarget(args), ...args.note() }
    return (handlers, by) => through(handlers.unshelve, { ...request, by })
  },
}
