// One baseline per speed: 1 x moves with it, and so does nearly everything else in the spectrum.
import type { CaptureData, CaptureFitOptions, FitResult } from '../contract.ts'
import { CAPTURES_FAIR, fitBands } from './fit-bands.ts'

/** Widest bin, as the ratio of its ends: within 10 % an order stays in its 200 Hz band up to 2 kHz. */
const BIN_RATIO_MAX = 1.1

export interface SpeedBin {
  /** Revolutions per minute, both included. */
  fromPerMin: number
  toPerMin: number
  /** Indices of its captures, rising. */
  captures: number[]
}

/**
 * Bins of neighbouring speeds, none wider than 10 %, cut at the widest gaps: two speeds of a two-speed motor are two bins, a speed that
 * wanders over a range is a row of them. Speeds of 0 and below, and what is no number, belong to none.
 */
export function speedBins(speeds: ArrayLike<number>): SpeedBin[] {
  const order = Array.from({ length: speeds.length }, (_, k) => k)
    .filter(k => speeds[k]! > 0 && Number.isFinite(speeds[k]!))
    .sort((a, b) => speeds[a]! - speeds[b]!)
  return cutApart(order, speeds).map(captures => ({
    fromPerMin: speeds[captures[0]!]!,
    toPerMin: speeds[captures[captures.length - 1]!]!,
    captures: captures.sort((a, b) => a - b),
  }))
}

function cutApart(order: readonly number[], speeds: ArrayLike<number>): number[][] {
  const pending = order.length > 0 ? [[...order]] : []
  const done: number[][] = []
  for (let part = pending.pop(); part; part = pending.pop()) {
    if (speeds[part[part.length - 1]!]! <= BIN_RATIO_MAX * speeds[part[0]!]!) {
      done.push(part)
      continue
    }
    let cut = 1
    const ratio = (i: number): number => speeds[part![i]!]! / speeds[part![i - 1]!]!
    for (let i = 2; i < part.length; i++) if (ratio(i) > ratio(cut)) cut = i
    pending.push(part.slice(cut), part.slice(0, cut))
  }
  return done
}

export interface SpeedFit {
  bin: SpeedBin
  /** Undefined: too few captures at this speed to fit (`missing` more are needed). */
  result?: FitResult
  missing?: number
}

/** A model per bin of `data.speeds`, in the order of speed; its manifest says which speeds it speaks for. Throws what fitBands throws. */
export function fitBandsBySpeed(data: CaptureData, speeds: Float64Array, options: CaptureFitOptions): SpeedFit[] {
  const size = data.channels.length * data.samples
  return speedBins(speeds).map(bin => {
    const missing = CAPTURES_FAIR - bin.captures.length
    if (missing > 0) return { bin, missing }
    const captures = new Float32Array(bin.captures.length * size)
    bin.captures.forEach((k, i) => {
      captures.set(data.captures.subarray(k * size, (k + 1) * size), i * size)
    })
    const part = {
      ...data,
      captures,
      count: bin.captures.length,
      timesUs: Float64Array.from(bin.captures, k => data.timesUs[k]!),
      speeds: Float64Array.from(bin.captures, k => speeds[k]!),
    }
    return { bin, result: fitBands(part, options) }
  })
}

/**
 * Which of several models speaks for a capture at `speed`: the nearest, as long as its own speeds lie within 5 % of it. Undefined: a speed
 * that no baseline knows; such a capture is not scored.
 */
export function modelForSpeed<T extends { fromPerMin: number; toPerMin: number }>(
  models: readonly T[],
  speed: number,
): T | undefined {
  const margin = Math.sqrt(BIN_RATIO_MAX)
  const distance = ({ fromPerMin, toPerMin }: T): number => Math.max(fromPerMin / speed, speed / toPerMin, 1)
  const near = models.filter(model => distance(model) <= margin).sort((a, b) => distance(a) - distance(b))
  return near[0]
}
