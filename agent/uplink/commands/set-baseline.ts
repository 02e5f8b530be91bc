import { AgentError } from '../../core/errors.ts'
import { type CommandSpec, through } from './command.ts'

/** Learn anew, from stored rows since `since` on where given; or go back to the model before. */
export const setBaseline: CommandSpec = {
  trust: 'signed',
  everyMs: 0,
  recorded: true,
  read(args) {
    const asset = args.text('asset', 64)
    const sinceUs = args.optionalTimeUs('since')
    const revert = args.flag('revert')
    if (revert && sinceUs !== undefined)
      throw new AgentError('COMMAND_INVALID', '"since" and "revert" exclude each other: learn anew, or go back')
    const how = { ...(sinceUs === undefined ? {} : { sinceUs }), ...(revert ? { revert } : {}) }
    const request = { asset, ...how, ...args.note() }
    return (handlers, by) => through(handlers.setBaseline, { ...request, by })
  },
}
