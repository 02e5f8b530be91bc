// Captures of an asset: which channels they are of, and how they come back from the history to be fitted.
import type { AssetConfig, ChannelConfig } from '../../config/contract.ts'
import type { History } from '../../history/contract.ts'
import type { CaptureData } from '../contract.ts'
import { windowOf } from '../fit/fit-bands.ts'
import { speedColumn } from './speed.ts'
import { type CaptureLevels, learnableCapture, levelsAt, readLevels } from './vibration-rows.ts'

/** 64 MB: 62 captures of 128,000 samples on two axes; more are thinned, evenly. */
const FLOATS_MAX = 16_000_000
/** Fewer and one half of them cannot be held against the other. */
const CAPTURES_LEAST = 20
/** Axes of one capture begin within this. */
const TOGETHER_US = 1e6

export interface CapturePlan {
  channels: ChannelConfig[]
  /** Columns of the channels in the asset. */
  columns: number[]
  rateHz: number
  samples: number
  everyUs: number
  /** CaptureConfig.settleMs, the longest of the channels'. */
  settleUs: number
}

/** The channels whose captures are looked at together; undefined where the asset has none. The configuration has made them equal. */
export function capturePlan({ channels }: AssetConfig): CapturePlan | undefined {
  const columns = [...channels.keys()].filter(column => channels[column]!.waveform?.capture)
  const first = channels[columns[0] ?? -1]?.waveform
  if (!first?.capture) return undefined
  const { lengthMs, everyMs } = first.capture
  return {
    channels: columns.map(column => channels[column]!),
    columns,
    rateHz: first.rateHz,
    samples: Math.round((lengthMs * first.rateHz) / 1000),
    everyUs: everyMs * 1000,
    settleUs: Math.max(...columns.map(column => channels[column]!.waveform!.capture!.settleMs)) * 1000,
  }
}

/** It learns `bands` from captures, not a process model from rows. */
export function learnsCaptures(asset: AssetConfig): boolean {
  const { family } = asset.model
  const alone = asset.channels.every(channel => channel.waveform)
  return capturePlan(asset) !== undefined && (family === 'bands' || (family === 'auto' && alone))
}

/** What its baseline is counted in. */
export function rowsWord(asset: AssetConfig): 'captures' | 'rows' {
  return learnsCaptures(asset) ? 'captures' : 'rows'
}

/** How many captures make its baseline. */
export function capturesNeeded({ learn }: AssetConfig, { everyUs }: CapturePlan): number {
  return Math.max(CAPTURES_LEAST, learn.rows ?? Math.ceil((learn.runningMs * 1000) / everyUs))
}

/**
 * Captures of [fromUs, toUs] as fit data, thinned evenly when there are too many. One whose sensors were found to have a fault, or
 * whose speed moved where that is a channel, is left out; of the others goes along what was measured of them.
 */
export async function collectCaptures(
  history: History,
  asset: AssetConfig,
  plan: CapturePlan,
  { fromUs, toUs, expectedRows }: { fromUs: number; toUs: number; expectedRows: number },
): Promise<CaptureData> {
  const { channels, rateHz, everyUs } = plan
  const { samples: window, perCapture } = windowOf(channels.length, plan.samples)
  // No more than the model looks at.
  const samples = window * perCapture
  const most = Math.max(CAPTURES_LEAST, Math.floor(FLOATS_MAX / (channels.length * samples)))
  const thinnedBy = Math.max(1, Math.ceil(expectedRows / most))
  const lengthUs = ((plan.samples - 1) / rateHz) * 1e6
  const known = await readLevels(history, asset.id, channels, fromUs, toUs + lengthUs + TOGETHER_US)
  const levelsOf = (startUs: number): CaptureLevels | undefined =>
    levelsAt(known, startUs + lengthUs, Math.min(TOGETHER_US, everyUs / 2))
  const learnable = learnableCapture(asset)
  const wanted = (startUs: number): boolean =>
    Math.round(startUs / everyUs) % thinnedBy === 0 && learnable(levelsOf(startUs))
  const found: Map<number, Float32Array>[] = []
  for (const { id } of channels) {
    const axis = new Map<number, Float32Array>()
    await readAxis(history, asset.id, id, { fromUs, toUs, samples: plan.samples }, (startUs, values) => {
      if (wanted(startUs) && axis.size < 2 * most) axis.set(startUs, values.slice(0, samples))
    })
    found.push(axis)
  }
  const together = [...(found[0] ?? new Map<number, Float32Array>())].flatMap(([startUs, values]) => {
    const rest = found.slice(1).map(axis => [...axis].find(([at]) => Math.abs(at - startUs) <= TOGETHER_US)?.[1])
    return rest.every(other => other !== undefined) ? [{ startUs, axes: [values, ...(rest as Float32Array[])] }] : []
  })
  const captures = new Float32Array(together.length * channels.length * samples)
  together.forEach(({ axes }, k) => {
    axes.forEach((values, c) => {
      captures.set(values, (k * channels.length + c) * samples)
    })
  })
  const speed = speedColumn(asset)
  const perMin = Float64Array.from(together, ({ startUs }) => levelsOf(startUs)?.perMin ?? Number.NaN)
  const none = channels.map(() => ({ lowRms: Number.NaN, highRms: Number.NaN, mmPerS: Number.NaN }))
  return {
    captures,
    count: together.length,
    samples,
    channels: channels.map(({ id, unit, point, axis }) => ({
      id,
      unit,
      ...(point === undefined ? {} : { point }),
      ...(axis === undefined ? {} : { axis }),
    })),
    rateHz,
    timesUs: Float64Array.from(together, ({ startUs }) => startUs + lengthUs),
    ...(speed === undefined ? {} : { speed: { channel: asset.channels[speed]!.id, perMin } }),
    ...(known.length > 0 ? { levels: together.map(({ startUs }) => levelsOf(startUs)?.axes ?? none) } : {}),
    source: `captures of ${asset.id}`,
  }
}

/** One capture whose axes began at `startsUs`, [axes][plan.samples]; undefined where it is not in the history any more. */
export async function readCapture(
  history: Pick<History, 'waveforms'>,
  asset: string,
  { channels, samples, rateHz }: CapturePlan,
  startsUs: readonly number[],
): Promise<Float32Array[] | undefined> {
  const stepUs = 1e6 / rateHz
  const axes: Float32Array[] = []
  for (const [c, { id }] of channels.entries()) {
    const fromUs = startsUs[c]! - stepUs / 2
    await readAxis(history, asset, id, { fromUs, toUs: fromUs + samples * stepUs, samples }, (_, values) => {
      axes[c] ??= values.slice()
    })
    if (!axes[c]) return undefined
  }
  return axes
}

/** Pieces as stored -> whole captures in engineering units; the array is reused. */
async function readAxis(
  history: Pick<History, 'waveforms'>,
  asset: string,
  channel: string,
  { fromUs, toUs, samples }: { fromUs: number; toUs: number; samples: number },
  onCapture: (startUs: number, values: Float32Array) => void,
): Promise<void> {
  const values = new Float32Array(samples)
  let filled = 0
  let startUs = 0
  for await (const piece of history.waveforms(asset, channel, fromUs, toUs + 1)) {
    const stepUs = 1e6 / piece.rateHz
    if (Math.abs(piece.startUs - (startUs + filled * stepUs)) > 2 * stepUs) filled = 0
    for (let at = 0; at < piece.samples.length; ) {
      if (filled === 0) startUs = piece.startUs + at * stepUs
      const take = Math.min(samples - filled, piece.samples.length - at)
      for (let i = 0; i < take; i++) values[filled + i] = piece.samples[at + i]! * piece.scale + piece.offset
      filled += take
      at += take
      if (filled < samples) continue
      onCapture(startUs, values)
      filled = 0
    }
  }
}
