import { type CommandSpec, RARELY_MS, through } from './command.ts'

/** A capture of the asset's waveforms now, beside those that are due. */
export const capture: CommandSpec = {
  trust: 'signed',
  everyMs: RARELY_MS,
  recorded: true,
  read(args) {
    const request = { asset: args.text('asset', 64), ...args.note() }
    return (handlers, by) => through(handlers.capture, { ...request, by })
  },
}
