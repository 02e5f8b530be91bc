// What a backtest of captures tells the alarm rule of the asset.
import type { AssetConfig } from '../config/contract.ts'
import { loadConfig } from '../config/load.ts'
import { AgentError } from '../core/errors.ts'
import type { ModelFile } from '../models/contract.ts'
import type { Captures } from './captures-file.ts'

/** Of the asset, and of the model in the scorer. */
export const KEY = 'backtest'

/** The asset as a configuration would describe it, so that every default is the live agent's. */
export function assetOf({ manifest }: ModelFile, { channels, rateHz }: Captures): AssetConfig {
  const { onDelayMs, offDelayMs, deadband } = manifest.alarm
  const text = JSON.stringify({
    version: 1,
    gateway: { site: 'backtest', id: 'backtest' },
    sources: { npy: { replay: { files: 'captures.npy' } } },
    assets: {
      [KEY]: {
        source: 'npy',
        alarm: { 'on-delay': `${onDelayMs}ms`, 'off-delay': `${offDelayMs}ms`, deadband },
        channels: Object.fromEntries(channels.map(({ id, unit }) => [id, { unit, waveform: 'float32', rate: rateHz }])),
      },
    },
  })
  const io = { file: 'backtest', env: {}, readFile: unread, machineId: undefined }
  return loadConfig(text, io).config.assets[0]!
}

function unread(path: string): never {
  throw new AgentError('CONFIG_UNREADABLE', `a backtest reads no ${path}`)
}
