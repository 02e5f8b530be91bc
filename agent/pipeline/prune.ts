import { messageOf } from '../core/errors.ts'
import type { AgentParts } from './parts.ts'

/**
 * Deletes the files of models learnt here that nothing goes back to: neither at work, nor the one before, nor the first
 * baseline. A year of daily re-baselining would else be 365 files an asset. Delivered ones are not touched. Never throws.
 */
export async function pruneModels({
  config,
  records,
  store,
  desk,
  logger,
}: Pick<AgentParts, 'config' | 'records' | 'store' | 'desk' | 'logger'>): Promise<void> {
  const { models } = records
  // Whatever the journal says by now: what scores stays.
  const active = new Set(config.assets.map(({ id }) => desk.active(id)?.sha256))
  for (const { id } of config.assets) {
    for (const sha256 of models.staleFiles(id)) {
      if (active.has(sha256)) continue
      try {
        await store.remove(sha256)
        models.gone(id, sha256)
      } catch (error) {
        logger.warn(messageOf(error))
      }
    }
  }
}
