import type { AssetConfig } from '../config/contract.ts'
import { AgentError } from '../core/errors.ts'
import type { ControlApi } from '../http/contract.ts'
import type { SyncReport } from '../uplink/contract.ts'
import type { AgentParts } from './parts.ts'
import { setBaseline } from './set-baseline.ts'
import { spectrumOf } from './vibration-view.ts'
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

function assetOf({ config }: AgentParts, id: string): AssetConfig {
  const asset = config.assets.find(candidate => candidate.id === id)
  if (asset) return asset
  throw new AgentError('NOT_FOUND', `no asset ${id}; there are ${config.assets.map(({ id }) => id).join(', ')}`)
}
