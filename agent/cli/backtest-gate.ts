// The rows of a recording as the live agent's gate hands them on, and the asset they belong to.
import type { AssetConfig } from '../config/contract.ts'
import { DEFAULTS } from '../config/defaults.ts'
import { loadConfig } from '../config/load.ts'
import { Counters } from '../core/counters.ts'
import { AgentError } from '../core/errors.ts'
import type { ModelFile } from '../models/contract.ts'
import type { GatedBlock } from '../windows/contract.ts'
import { Gate } from '../windows/gate.ts'
import type { AlarmDelays } from './backtest-options.ts'
import type { Recording } from './backtest-recording.ts'
import type { ModelRows } from './backtest-rows.ts'

/** Times the usual step. */
const GAP_STEPS = 10
const EVERY_MS_MAX = 60_000
const KEY = 'backtest'

/** All rows through the gate, which judges each by those before it. */
export function gated(asset: AssetConfig, recording: Recording, { rows, values }: ModelRows): GatedBlock {
  const everyUs = asset.everyMs * 1000
  const timesUs = new Float64Array(rows)
  for (let row = 0; row < rows; row++) {
    const stepUs = recording.breaks[row] === 1 ? 2 * GAP_STEPS * everyUs : everyUs
    timesUs[row] = row === 0 ? Math.max(0, Math.round(recording.timesUs[0]!)) : timesUs[row - 1]! + stepUs
  }
  let out: GatedBlock | undefined
  const gate = new Gate(asset, new Counters(), block => {
    out = block
  })
  gate.push({ asset: 0, rows, columns: asset.channels.length, timesUs, values })
  if (!out || out.rows !== rows) throw new AgentError('CSV_INVALID', `${recording.path} has no rows to score`)
  return out
}

/** Rows [from, to) of a block, not copied. */
export function slice(block: GatedBlock, from: number, to: number): GatedBlock {
  const { columns } = block
  return {
    asset: block.asset,
    rows: to - from,
    columns,
    timesUs: block.timesUs.subarray(from, to),
    values: block.values.subarray(from * columns, to * columns),
    states: block.states.subarray(from, to),
    breaks: block.breaks.subarray(from, to),
    quality: block.quality.subarray(from * columns, to * columns),
    runningUs: block.runningUs.subarray(from, to),
  }
}

/** The asset as a configuration would describe it, so that every default is the live agent's. */
export function assetOf({ manifest }: ModelFile, { onRows, offRows, deadband }: AlarmDelays): AssetConfig {
  // The gate and the rule count in steps of the asset; which length a step has changes nothing but what is allowed as a delay.
  const everyMs = Math.min(EVERY_MS_MAX, Math.max(1, Math.round(manifest.everyMs ?? DEFAULTS.everyMs)))
  const text = JSON.stringify({
    version: 1,
    gateway: { site: 'backtest', id: 'backtest' },
    sources: { csv: { replay: { files: 'recording.csv' } } },
    assets: {
      [KEY]: {
        source: 'csv',
        layout: 'rows',
        every: `${everyMs}ms`,
        gap: `${everyMs * GAP_STEPS}ms`,
        alarm: { 'on-delay': `${onRows * everyMs}ms`, 'off-delay': `${offRows * everyMs}ms`, deadband },
        channels: Object.fromEntries(manifest.channels.map(({ id, unit }) => [id, { unit: unit || '1' }])),
      },
    },
  })
  const io = { file: 'backtest', env: {}, readFile: unread, machineId: undefined }
  return loadConfig(text, io).config.assets[0]!
}

function unread(path: string): never {
  throw new AgentError('CONFIG_UNREADABLE', `a backtest reads no ${path}`)
}
