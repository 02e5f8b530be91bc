import { type CommandSpec, through } from './command.ts'

/** What an alarm turned out to be. */
export const label: CommandSpec = {
  trust: 'allowable',
  everyMs: 0,
  recorded: true,
  read(args) {
    const verdict = args.oneOf('verdict', ['confirmed', 'false', 'expected'])
    const request = { id: args.text('id', 64), verdict, ...args.note() }
    return (handlers, by) => through(handlers.label, { ...request, by })
  },
}
