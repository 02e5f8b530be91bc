// How models are to be loaded: from the config, per model.
import type { ModelFile } from '../models/contract.ts'
import type { Provider } from './contract.ts'
import { BATCH_BYTES_MAX, type LoadMeta } from './protocol.ts'

/** Watchdog on one model and provider. TensorRT builds engines for 4 to 10 minutes on the boards this is for. */
export const LOAD_DEADLINE_MS: Readonly<Record<Provider, number>> = {
  tensorrt: 20 * 60_000,
  cuda: 3 * 60_000,
  cpu: 30_000,
}

export interface LoadSettings {
  providers: readonly Provider[]
  require: boolean
  deviceId: number
  threads: number
  batchMax: number
  /** Per model and provider: to create the session, warm up and self-test. */
  loadDeadlineMs: Record<Provider, number>
}

/** Windows per batch of a model. */
export function batchMaxOf(model: ModelFile, batchMax: number): number {
  const windowBytes = model.manifest.channels.length * model.manifest.samples * 4
  return Math.max(1, Math.min(batchMax, Math.floor(BATCH_BYTES_MAX / windowBytes)))
}

export function loadMeta(model: ModelFile, settings: LoadSettings): LoadMeta {
  const { manifest } = model
  return {
    name: manifest.name,
    channels: manifest.channels.length,
    samples: manifest.samples,
    contributions: manifest.contributions.length,
    features: manifest.features.length,
    selfTest: manifest.selfTest,
    providers: settings.providers,
    require: settings.require,
    deviceId: settings.deviceId,
    threads: settings.threads,
    batchMax: batchMaxOf(model, settings.batchMax),
  }
}
