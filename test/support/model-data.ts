// Machines that never were, for fitting: seeded, correlated, with their own dynamics.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { seededPrng } from '../../agent/core/prng.ts'
import type { FitData, FitOptions } from '../../agent/models/contract.ts'

export const fitOptions: FitOptions = {
  name: 'p-101-var',
  release: 1,
  family: 'auto',
  order: 3,
  mean: 5,
  hop: 1,
  alarm: { onDelayMs: 600_000, offDelayMs: 1_800_000, deadband: 0.1 },
}

/** A load that wanders, seen by every channel with its own gain, level, lag and noise. */
export function machine(rows: number, channels: number, seed: number): FitData {
  const prng = seededPrng(seed)
  const level = Array.from({ length: channels }, () => 10 ** (4 * prng.next() - 1))
  const gain = Array.from({ length: channels }, () => 0.2 + prng.next())
  const lag = Array.from({ length: channels }, () => 0.8 * prng.next())
  const state = new Array<number>(channels).fill(0)
  const values = new Float64Array(rows * channels)
  let load = 0
  for (let r = 0; r < rows; r++) {
    load = 0.95 * load + prng.normal()
    for (let c = 0; c < channels; c++) {
      state[c] = lag[c]! * state[c]! + (1 - lag[c]!) * gain[c]! * load
      values[r * channels + c] = level[c]! * (1 + 0.05 * state[c]! + 0.02 * prng.normal())
    }
  }
  return fitData(values, channels)
}

export function fitData(values: Float64Array, channels: number): FitData {
  const rows = values.length / channels
  const breaks = new Uint8Array(rows)
  breaks[0] = 1
  return {
    values,
    rows,
    channels: Array.from({ length: channels }, (_, c) => ({ id: `c${c}`, unit: 'bar' })),
    breaks,
    fromUs: 1_700_000_000_000_000,
    toUs: 1_700_000_000_000_000 + rows * 1e6,
    source: 'test data',
  }
}

/** Window [channels x samples] of the rows that end at `end`. */
export function windowAt(data: FitData, end: number, samples: number): Float32Array {
  const channels = data.channels.length
  const window = new Float32Array(channels * samples)
  for (let c = 0; c < channels; c++) {
    for (let s = 0; s < samples; s++) window[c * samples + s] = data.values[(end - samples + 1 + s) * channels + c]!
  }
  return window
}

const dataDir = process.env.WEARWATCH_DATA ?? join('..', 'shared', 'data')

/** The recorded valve runs: 8 values a row, and the label. Undefined where the recordings are not there. */
export function skabRuns(): { name: string; values: Float64Array; labels: boolean[] }[] | undefined {
  const root = join(dataDir, 'skab')
  if (!existsSync(root)) return undefined
  return ['valve1', 'valve2'].flatMap(group =>
    readdirSync(join(root, group))
      .filter(file => file.endsWith('.csv'))
      .map(file => {
        const lines = readFileSync(join(root, group, file), 'utf8')
          .trim()
          .split('\n')
          .slice(1)
        const cells = lines.map(line => line.split(';'))
        return {
          name: `${group}/${file}`,
          values: Float64Array.from(cells.flatMap(row => row.slice(1, 9).map(Number))),
          labels: cells.map(row => Number(row[9]) > 0),
        }
      }),
  )
}

/** The recorded healthy run, 8 values a row. */
export function skabAnomalyFree(): Float64Array | undefined {
  const path = join(dataDir, 'skab', 'anomaly-free.csv')
  if (!existsSync(path)) return undefined
  const lines = readFileSync(path, 'utf8').trim().split('\n').slice(1)
  return Float64Array.from(lines.flatMap(line => line.split(';').slice(1, 9).map(Number)))
}
