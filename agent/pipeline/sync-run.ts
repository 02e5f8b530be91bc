import type { AssetConfig } from '../config/contract.ts'
import { AgentError, messageOf } from '../core/errors.ts'
import type { ModelDesk } from '../models/live/desk.ts'
import type { SyncOffer, SyncWish } from '../sync/contract.ts'
import type { SyncReport } from '../uplink/contract.ts'
import type { AgentParts } from './parts.ts'

export type SyncDeps = Pick<AgentParts, 'config' | 'repository' | 'desk' | 'logger' | 'scoring'>

type Line = SyncReport['models'][number]

/** One sync, the same from the CLI, the schedule and MQTT: look, verify, load, take over, report. Never throws. */
export async function runSync(deps: SyncDeps, by: string): Promise<SyncReport> {
  try {
    if (!deps.repository) {
      throw new AgentError(
        'SYNC_OFF',
        'sync is off: the config has no `sync` section; give it a repository and a trusted root.json',
      )
    }
    const offers = await deps.repository.check(deps.config.assets.map(asset => wish(asset, deps.desk)))
    // Together, so that one swap of the scorer takes all of them.
    const models = await Promise.all(offers.map(offer => take(deps, offer, by)))
    const report = { ok: !models.some(line => line.action === 'refused'), message: summary(models), models }
    const log = deps.logger.room('sync')
    const reasons = models.flatMap(line => (line.reason ? [`${line.asset}: ${line.reason}`] : []))
    const text = [`asked by ${by}: ${report.message}`, ...reasons].join('; ')
    if (report.ok) log.info(text)
    else log.warn(text)
    return report
  } catch (error) {
    const message = messageOf(error)
    deps.logger.room('sync').warn(`asked by ${by}, failed: ${message}; the running models go on`)
    return { ok: false, message, models: [] }
  }
}

function wish(asset: AssetConfig, desk: ModelDesk): SyncWish {
  const active = desk.active(asset.id)
  const delivered = active?.origin === 'delivered' ? active : undefined
  return {
    asset: asset.id,
    assetClass: asset.type ?? asset.id,
    channels: asset.channels.map(({ id, unit }) => ({ id, unit })),
    releaseNow: delivered?.manifest.release ?? 0,
    sha256Now: delivered?.sha256,
  }
}

async function take(deps: SyncDeps, offer: SyncOffer, by: string): Promise<Line> {
  if (offer.kind === 'refused') return { asset: offer.asset, action: 'refused', reason: offer.reason }
  if (offer.kind !== 'new') return { asset: offer.asset, action: offer.kind }
  const asset = deps.config.assets.find(candidate => candidate.id === offer.asset)
  if (!asset) return { asset: offer.asset, action: 'refused', reason: 'no such asset' }
  const { model } = offer
  const named = { asset: asset.id, model: model.manifest.name, release: model.manifest.release }
  const scoring = deps.scoring[asset.index]!
  const outcome = await deps.desk.install({ asset, model, by, taken: taken => scoring.bind(taken, scoring.lastRowUs) })
  if (!outcome.ok) return { ...named, action: 'refused', reason: outcome.reason ?? 'refused' }
  return { ...named, action: 'activated' }
}

/** Counts; why a model was refused stands with it in `models`. */
function summary(models: readonly Line[]): string {
  if (models.length === 0) return 'no assets to sync'
  const count = (action: Line['action']): number => models.filter(line => line.action === action).length
  return (['activated', 'unchanged', 'refused', 'absent'] as const)
    .filter(action => count(action) > 0)
    .map(action => `${count(action)} ${action}`)
    .join(', ')
}
