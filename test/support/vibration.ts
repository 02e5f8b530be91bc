// Signals of known content, and captures of run-to-failure bearings where they are there.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { seededPrng } from '../../agent/core/prng.ts'

export const RATE = 25_600

/** `parts`: [amplitude, Hz, phase]. */
export function tones(
  samples: number,
  rateHz: number,
  parts: readonly (readonly [number, number, number?])[],
): Float64Array {
  return Float64Array.from({ length: samples }, (_, i) =>
    parts.reduce(
      (sum, [amplitude, hz, phase = 0]) => sum + amplitude * Math.sin(2 * Math.PI * hz * (i / rateHz) + phase),
      0,
    ),
  )
}

export function noise(samples: number, rms: number, seed: number): Float64Array {
  const prng = seededPrng(seed)
  return Float64Array.from({ length: samples }, () => rms * prng.normal())
}

export function plus(...signals: Float64Array[]): Float64Array {
  return signals[0]!.map((_, i) => signals.reduce((sum, signal) => sum + signal[i]!, 0))
}

/** As a digitiser of `bits` with full scale `fullScale` delivers it, clipped there. */
export function digitised(signal: Float64Array, fullScale: number, bits = 16): Float64Array {
  const step = fullScale / 2 ** (bits - 1)
  return signal.map(
    value => step * Math.max(-(2 ** (bits - 1)), Math.min(2 ** (bits - 1) - 1, Math.round(value / step))),
  )
}

export interface Bearing {
  name: string
  captures: number
  samples: number
  rateHz: number
  /** g */
  capture(index: number): Float32Array
}

/** Bearings run to failure, one capture a minute; undefined where the recordings are not there. */
export function femtoBearings(): Bearing[] | undefined {
  const folder = join(process.env.WEARWATCH_DATA ?? join('..', 'shared', 'data'), 'femto')
  if (!existsSync(folder)) return undefined
  const names = readdirSync(folder).flatMap(file => (file.endsWith('.json') ? [file.slice(0, -5)] : []))
  return names.sort().map(name => {
    const about = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'))
    const bytes = readFileSync(join(folder, `${name}.raw1min.i16`))
    const { raw_snapshots: captures, samples, raw_scale_g: scale, fs: rateHz } = about
    return {
      name,
      captures,
      samples,
      rateHz,
      capture: index =>
        Float32Array.from({ length: samples }, (_, i) => bytes.readInt16LE(2 * (index * samples + i)) * scale),
    }
  })
}
