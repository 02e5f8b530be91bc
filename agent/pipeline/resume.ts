import type { AssetConfig } from '../config/contract.ts'
import { AgentError, messageOf } from '../core/errors.ts'
import type { ModelFile } from '../models/contract.ts'
import { readModelPath } from '../models/file/read-path.ts'
import type { AgentParts } from './parts.ts'

/**
 * At start: loads every model that the config names or the journal says was active; one that cannot be used is named. Until
 * this resolves, minutes later where TensorRT builds, the rows of their assets wait. Never throws.
 */
export async function resumeModels(parts: AgentParts): Promise<void> {
  const named = parts.config.assets.filter(asset => isNamed(parts, asset))
  for (const asset of named) parts.scoring[asset.index]!.expect()
  try {
    await resume(parts, named)
  } catch (error) {
    // Stopped while it loaded: the next start tries again.
    if (parts.host.status().state === 'stopped') return
    const reason = messageOf(error)
    for (const asset of named) if (!parts.desk.active(asset.id)) refuse(parts, asset, reason)
  }
}

async function resume(parts: AgentParts, named: readonly AssetConfig[]): Promise<void> {
  const models = new Map<string, ModelFile>()
  for (const asset of named) {
    try {
      models.set(asset.id, await modelOf(parts, asset))
    } catch (error) {
      refuse(parts, asset, messageOf(error))
    }
  }
  if (models.size === 0) return
  const result = await parts.desk.resume(models)
  for (const asset of named) {
    const refused = result.refused.find(entry => entry.key === asset.id)
    if (refused) refuse(parts, asset, refused.message)
    const model = parts.desk.active(asset.id)
    // Nothing to catch up with: what was not scored before the stop belongs to the past.
    if (model) parts.scoring[asset.index]!.bind(model, Number.NEGATIVE_INFINITY)
  }
}

/** Said in the log and shown in status; the fixed limits go on, and the asset learns a model of its own meanwhile. */
function refuse(parts: AgentParts, asset: AssetConfig, reason: string): void {
  const { file } = asset.model
  const text = file ? `model file ${file} refused: ${reason}` : `its model cannot be used: ${reason}`
  parts.logger.room('models').error(`model of ${asset.id}: ${text}`)
  parts.scoring[asset.index]!.refused(text)
}

/** A model learnt from other channels or units than today's knows nothing about this machine. */
function isNamed({ records }: AgentParts, asset: AssetConfig): boolean {
  const binding = records.models.bindings.get(asset.id)
  return Boolean(asset.model.file) || (!!binding && (binding.origin !== 'local' || binding.digest === asset.digest))
}

async function modelOf(parts: AgentParts, asset: AssetConfig): Promise<ModelFile> {
  if (asset.model.file) return checkChannels(asset, await readModelPath(asset.model.file, 'file'))
  const { sha256, origin } = parts.records.models.bindings.get(asset.id)!
  return checkChannels(asset, await parts.store.read(sha256, origin))
}

function checkChannels(asset: AssetConfig, model: ModelFile): ModelFile {
  for (const wanted of model.manifest.channels) {
    const channel = asset.channels.find(candidate => candidate.id === wanted.id)
    if (channel?.unit === wanted.unit) continue
    const found = channel ? `${asset.id} has it in ${channel.unit}` : `${asset.id} has no such channel`
    throw new AgentError(
      'MODEL_MISMATCH',
      `model ${model.manifest.name} wants channel ${wanted.id} in ${wanted.unit}, but ${found}`,
    )
  }
  return model
}
