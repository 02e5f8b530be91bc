// What commands from MQTT do; agent/uplink/commands has the commands themselves.
import type { Who } from '../alarms/contract.ts'
import { AgentError } from '../core/errors.ts'
import type { SuppressRequest } from '../http/contract.ts'
import type { Asked, CommandHandlers, CommandReport, SyncReport } from '../uplink/contract.ts'
import { suppress } from './control-api.ts'
import { labelAlarm } from './label-alarm.ts'
import type { AgentParts } from './parts.ts'
import { setBaseline } from './set-baseline.ts'
import { takeCapture } from './take-capture.ts'
import { fullStatus } from './views.ts'

/** `parts` is asked for at each command: the uplink is built before the agent is whole. */
export function commandHandlers(parts: () => AgentParts, sync: (by: string) => Promise<SyncReport>): CommandHandlers {
  return {
    sync,
    status: () => fullStatus(parts()),
    async acknowledge({ id, ...asked }) {
      const { engine, commits } = parts()
      const { asset } = engine.desk.acknowledge(id, who(asked))
      await commits.settled()
      return { message: `alarm ${id} of ${asset} is acknowledged`, detail: { id, asset } }
    },
    async label({ id, verdict, ...asked }) {
      const { alarm, proposal } = await labelAlarm(parts(), id, verdict, who(asked))
      const said = `alarm ${alarm.id} of ${alarm.asset} is labelled ${verdict}`
      const detail = { id: alarm.id, asset: alarm.asset, verdict, ...(proposal ? { proposal } : {}) }
      // All of it is in the detail.
      const [first] = proposal?.message.split('\n') ?? []
      return { message: first === undefined ? said : `${said}; ${first.replace(/ +/g, ' ')}`, detail }
    },
    shelve: ({ asset, forMs, ...request }) =>
      suppressed(parts(), { action: 'shelve', target: asset, forMs, ...request }),
    unshelve: ({ asset, ...request }) => suppressed(parts(), { action: 'unshelve', target: asset, ...request }),
    capture: ({ asset, by }) => takeCapture(parts(), asset, by),
    restartScorer: () => restartScorer(parts()),
    async setBaseline(request) {
      const { message, ...detail } = await setBaseline(parts(), request)
      return { message, detail: { ...detail } }
    },
  }
}

async function restartScorer({ host }: AgentParts): Promise<CommandReport> {
  const { state } = host.status()
  const { accepted, refused } = await host.restart()
  if (accepted.length === 0 && refused.length === 0)
    throw new AgentError('COMMAND_REFUSED', `no model scores here yet (scorer ${state}): there is nothing to restart`)
  const [first] = refused
  if (first)
    throw new AgentError('COMMAND_REFUSED', `the scorer was not restarted, the old one goes on: ${first.message}`)
  const { pid } = host.status()
  return {
    message: `a new scorer scores ${accepted.length} asset(s), pid ${pid}`,
    detail: { pid, models: accepted.length },
  }
}

async function suppressed(parts: AgentParts, request: SuppressRequest): Promise<CommandReport> {
  const { message, asset } = suppress(parts, request, who(request))
  await parts.commits.settled()
  return { message, detail: { asset } }
}

/** From afar, whoever it says it is. */
function who({ by, note }: Asked): Who {
  return { actor: 'command', by, ...(note === undefined ? {} : { note }) }
}
