// Captures of an asset: which channels they are of, and how they come back from the history to be fitted.
import type { AssetConfig, ChannelConfig } from '../../config/contract.ts'
import type { History } from '../../history/contract.ts'
import type { CaptureData } from '../contract.ts'
import { windowOf } from '../fit/fit-bands.ts'

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
  }
}

/** It learns `bands` from captures, not a process model from rows. */
export function learnsCaptures(asset: AssetConfig): boolean {
  const { family } = asset.model
  const alone = asset.channels.every(channel => channel.waveform)
  return capturePlan(asset) !== undefined && (family === 'bands' || (family === 'auto' && alone))
}

/** How many captures make its baseline. */
export function capturesNeeded({ learn }: AssetConfig, { everyUs }: CapturePlan): number {
  return Math.max(CAPTURES_LEAST, learn.rows ?? Math.ceil((learn.runningMs * 1000) / everyUs))
}

/** Captures of [fromUs, toUs] as fit data, thinned evenly when there are too many. */
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
  const wanted = (startUs: number): boolean => Math.round(startUs / everyUs) % thinnedBy === 0
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
    timesUs: Float64Array.from(together, ({ startUs }) => startUs + ((plan.samples - 1) / rateHz) * 1e6),
    source: `captures of ${asset.id}`,
  }
}

/** Pieces as stored -> whole captures in engineering units; the array is reused. */
async function readAxis(
  history: History,
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
