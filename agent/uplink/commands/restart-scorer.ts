import { type CommandSpec, RARELY_MS, through } from './command.ts'

/** A new scorer process takes over between two batches. */
export const restartScorer: CommandSpec = {
  trust: 'signed',
  everyMs: RARELY_MS,
  recorded: true,
  read(args) {
    const request = args.note()
    return (handlers, by) => through(handlers.restartScorer, { ...request, by })
  },
}
