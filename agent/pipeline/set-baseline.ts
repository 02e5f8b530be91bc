// `set-baseline`: what a person decides about a baseline, over the control socket.
import type { AssetConfig } from '../config/contract.ts'
import { AgentError, messageOf } from '../core/errors.ts'
import { isoFromUs } from '../core/types.ts'
import type { BaselineReport, BaselineRequest } from '../http/contract.ts'
import { learnsCaptures } from '../models/live/captures.ts'
import type { AgentParts } from './parts.ts'

type Parts = Pick<
  AgentParts,
  'config' | 'scoring' | 'records' | 'desk' | 'store' | 'clock' | 'logger' | 'history' | 'engine'
>

/**
 * Begins a new baseline, or goes back to the model before. Resolves when it is journalled.
 * Throws NOT_FOUND for an unknown asset, COMMAND_REFUSED where the model is not one learnt here or none was there before.
 */
export async function setBaseline(parts: Parts, request: BaselineRequest): Promise<BaselineReport> {
  const asset = parts.config.assets.find(candidate => candidate.id === request.asset)
  if (!asset) {
    const known = parts.config.assets.map(({ id }) => id).join(', ')
    throw new AgentError('NOT_FOUND', `no asset ${request.asset}; there are ${known}`)
  }
  const model = parts.desk.active(asset.id)
  if (model && model.origin !== 'local') {
    const where = model.origin === 'file' ? 'the configuration names its model file' : 'its model was delivered'
    throw new AgentError('COMMAND_REFUSED', `${asset.id} learns no baseline: ${where}; change it where it comes from`)
  }
  return request.revert ? revert(parts, asset, request.by) : anew(parts, asset, request)
}

async function anew(parts: Parts, asset: AssetConfig, { by, sinceUs }: BaselineRequest): Promise<BaselineReport> {
  const scoring = parts.scoring[asset.index]!
  if (scoring.mode === 'catching-up' && !scoring.model) {
    throw new AgentError('COMMAND_REFUSED', `the model of ${asset.id} is still being loaded; ask again in a moment`)
  }
  await parts.history.flush()
  const record = await scoring.setBaseline(parts.clock.nowUs(), sinceUs)
  await parts.records.learn(record)
  const before = scoring.model ? `${named(scoring.model)} scores until then` : 'nothing is scored until then'
  const { rows, starts } = record
  const since = isoFromUs(record.sinceUs)
  const there = learnsCaptures(asset) ? `${rows} captures` : `${rows} rows and ${starts} starts`
  const message = `${asset.id} learns a new baseline from ${since} on (${there} are there); ${before}${alarmText(parts, asset)}`
  parts.logger.room('models').info(`asked by ${by}: ${message}`)
  return { asset: asset.id, message, since, rows }
}

/**
 * The person who asks calls the machine healthy, so rows in alarm are learnt too; the alarm itself is nobody's to end but the
 * rule's, or a machine that is sick would fall silent by a command.
 */
function alarmText({ engine }: Parts, { id }: AssetConfig): string {
  const active = engine.standing().filter(alarm => alarm.active && alarm.asset === id && alarm.kind === 'machine')
  const [first] = active
  if (!first) return ''
  const more = active.length > 1 ? ` and ${active.length - 1} more` : ''
  const ends =
    first.rule === 'model'
      ? 'it goes on until the score is back below the setpoint, of the present model or then of the new one'
      : 'it goes on until the value is back within its limit'
  return (
    `. Alarm ${first.id} stands${more}: ${first.message}; ${ends}. Rows from now on count as healthy although it stands: where ` +
    `that is wrong, take it back with set-baseline ${id} --revert and ask again when the machine is mended`
  )
}

async function revert(parts: Parts, asset: AssetConfig, by: string): Promise<BaselineReport> {
  const scoring = parts.scoring[asset.index]!
  const now = scoring.model
  if (now && scoring.giveUpAnew()) {
    const { models } = parts.records
    const learning = models.learning.get(asset.id)
    if (learning) {
      const { anew: _, ...rest } = learning
      await parts.records.learn(rest)
    }
    return told(parts, asset, by, `${asset.id} learns no new baseline any more; ${named(now)} stays`)
  }
  const { previous } = parts.records.models.lineage(asset.id)
  if (!now || !previous || previous.digest !== asset.digest) {
    throw new AgentError('COMMAND_REFUSED', `${asset.id} has no model before the present one to go back to`)
  }
  const model = await parts.store.read(previous.sha256, 'local').catch((error: unknown) => {
    throw new AgentError('COMMAND_REFUSED', `the model before cannot be used: ${messageOf(error)}`, { cause: error })
  })
  const outcome = await parts.desk.install({
    asset,
    model,
    by,
    kind: 'revert',
    taken: taken => scoring.reverted(taken),
  })
  if (!outcome.ok) throw new AgentError('COMMAND_REFUSED', `the model before is not taken: ${outcome.reason}`)
  const record = scoring.rebaselineRecord
  if (record) await parts.records.learn(record)
  return told(parts, asset, by, `${named(model)} scores ${asset.id} again instead of ${named(now)}`)
}

function told(parts: Parts, asset: AssetConfig, by: string, message: string): BaselineReport {
  parts.logger.room('models').info(`asked by ${by}: ${message}`)
  return { asset: asset.id, message }
}

function named({ manifest }: { manifest: { name: string; release: number } }): string {
  return `${manifest.name} release ${manifest.release}`
}
