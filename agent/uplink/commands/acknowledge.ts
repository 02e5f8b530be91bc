import { type CommandSpec, through } from './command.ts'

/** `id`: of an alarm that stands. */
export const acknowledge: CommandSpec = {
  trust: 'allowable',
  everyMs: 0,
  recorded: true,
  read(args) {
    const request = { id: args.text('id', 64), ...args.note() }
    return (handlers, by) => through(handlers.acknowledge, { ...request, by })
  },
}
