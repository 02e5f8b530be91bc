import { type CommandSpec, RARELY_MS, through } from './command.ts'

/** Alerts `from` to `to` once more, for a consumer that lost what the broker had acknowledged. */
export const backfill: CommandSpec = {
  trust: 'signed',
  everyMs: RARELY_MS,
  recorded: true,
  read(args) {
    const from = args.integer('from', 1)
    const to = args.optionalInteger('to', from)
    const request = { from, ...(to === undefined ? {} : { to }), ...args.note() }
    return (handlers, by) => through(handlers.backfill, { ...request, by })
  },
}
