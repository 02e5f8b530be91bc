import type { AlarmTransition, Who } from '../alarms/contract.ts'
import type { AssetConfig } from '../config/contract.ts'
import { AgentError } from '../core/errors.ts'
import type { ControlApi, SuppressRequest } from '../http/contract.ts'
import type { SyncReport } from '../uplink/contract.ts'
import { alarmStatistics, alarmView, standingAlarms } from './alarm-views.ts'
import { alarmCase, alarmCases } from './case-views.ts'
import { DrillLog } from './drill-log.ts'
import { labelAlarm } from './label-alarm.ts'
import type { AgentParts } from './parts.ts'
import { setBaseline } from './set-baseline.ts'
import { spectrumOf } from './vibration-view.ts'
import { fullStatus } from './views.ts'

/** The agent as its socket sees it. */
export function controlApi(parts: AgentParts, sync: (by: string) => Promise<SyncReport>): ControlApi {
  const drills = new DrillLog(parts)
  return {
    status: () => fullStatus(parts),
    channels: () => parts.lines.flatMap(line => line.live.rows(parts.clock.nowUs())),
    alarms: () => standingAlarms(parts),
    alarmStatistics: () => alarmStatistics(parts),
    alarmCases: request => alarmCases(parts, request),
    alarmCase: id => alarmCase(parts, id),
    label: ({ id, verdict, by, note }) => labelAlarm(parts, id, verdict, operator(by, note)),
    drill: ({ asset, forMs, by, note }) => drills.begin(asset, forMs, operator(by, note)),
    drillOf: id => drills.view(id),
    async acknowledge(id, by, note) {
      const transition = parts.engine.desk.acknowledge(id, operator(by, note))
      await parts.commits.settled()
      return alarmView(parts, transition)
    },
    async suppress(request) {
      const transition = suppress(parts, request, operator(request.by, request.note))
      await parts.commits.settled()
      return alarmView(parts, transition)
    },
    history(query) {
      assetOf(parts, query.asset)
      return parts.history.query(query)
    },
    async summary(query) {
      assetOf(parts, query.asset)
      return parts.history.summary(query)
    },
    spectrum(id) {
      const asset = assetOf(parts, id)
      const spectrum = spectrumOf(parts, asset.index)
      if (spectrum) return spectrum
      const captured = asset.channels.some(channel => channel.waveform?.capture)
      const why = captured ? 'no capture of it was taken since the start' : 'it has no channel with `capture`'
      throw new AgentError('NOT_FOUND', `no spectrum of ${id}: ${why}`)
    },
    sync,
    setBaseline: request => setBaseline(parts, request),
  }
}

/** Who asks on the socket stands at the gateway. */
function operator(by: string, note: string | undefined): Who {
  return { actor: 'operator', by, ...(note === undefined ? {} : { note }) }
}

/** Throws NOT_FOUND, COMMAND_REFUSED. */
export function suppress({ engine }: Pick<AgentParts, 'engine'>, request: SuppressRequest, who: Who): AlarmTransition {
  const { desk } = engine
  if (request.action === 'shelve') return desk.shelve(request, request.forMs ?? 0, who)
  if (request.action === 'unshelve') return desk.unshelve(request, who)
  return request.action === 'out-of-service' ? desk.outOfService(request, who) : desk.inService(request, who)
}

function assetOf({ config }: AgentParts, id: string): AssetConfig {
  const asset = config.assets.find(candidate => candidate.id === id)
  if (asset) return asset
  throw new AgentError('NOT_FOUND', `no asset ${id}; there are ${config.assets.map(({ id }) => id).join(', ')}`)
}
