import { AgentError } from '../core/errors.ts'
import type { ControlApi } from '../http/contract.ts'
import type { SyncReport } from '../uplink/contract.ts'
import type { AgentParts } from './parts.ts'
import { setBaseline } from './set-baseline.ts'
import { alarmView, fullStatus, standingAlarms } from './views.ts'

/** The agent as its socket sees it. */
export function controlApi(parts: AgentParts, sync: (by: string) => Promise<SyncReport>): ControlApi {
  return {
    status: () => fullStatus(parts),
    channels: () => parts.lines.flatMap(line => line.live.rows(parts.clock.nowUs())),
    alarms: () => standingAlarms(parts),
    async acknowledge(id, by, note) {
      const transition = parts.engine.acknowledge(id, by, note)
      await parts.commits.settled()
      return alarmView(transition)
    },
    history(query) {
      if (!parts.config.assets.some(asset => asset.id === query.asset)) {
        throw new AgentError(
          'NOT_FOUND',
          `no asset ${query.asset}; there are ${parts.config.assets.map(asset => asset.id).join(', ')}`,
        )
      }
      return parts.history.query(query)
    },
    sync,
    setBaseline: request => setBaseline(parts, request),
  }
}
