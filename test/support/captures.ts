// Simulated captures of a machine: shaft lines, a gear mesh, broad-band noise, each capture a little different.
import { seededPrng } from '../../agent/core/prng.ts'
import type { CaptureData } from '../../agent/models/contract.ts'

export interface CaptureShape {
  count: number
  channels: number
  samples: number
  rateHz: number
  seed: number
}

/** `change` may add to a capture: called per sample with its time in s. */
export function machineCaptures(
  { count, channels, samples, rateHz, seed }: CaptureShape,
  change: (capture: number, channel: number, seconds: number) => number = () => 0,
): CaptureData {
  const prng = seededPrng(seed)
  const captures = new Float32Array(count * channels * samples)
  for (let k = 0; k < count; k++) {
    for (let c = 0; c < channels; c++) {
      const load = 1 + 0.05 * prng.normal()
      const phase = 2 * Math.PI * prng.next()
      const mesh = rateHz / 11
      for (let i = 0; i < samples; i++) {
        const s = i / rateHz
        captures[(k * channels + c) * samples + i] =
          0.2 * load * Math.sin(2 * Math.PI * 24.7 * s + phase) +
          0.1 * load * Math.sin(2 * Math.PI * mesh * s + 2 * phase) +
          (0.05 + 0.01 * c) * load * prng.normal() +
          change(k, c, s)
      }
    }
  }
  return {
    captures,
    count,
    samples,
    channels: Array.from({ length: channels }, (_, c) => ({ id: c === 0 ? 'de-h' : `axis-${c}`, unit: 'g' })),
    rateHz,
    timesUs: Float64Array.from({ length: count }, (_, k) => 1_700_000_000_000_000 + k * 600_000_000),
    source: 'simulated captures',
  }
}

/** [channels, samples] of one capture, the first samples of it. */
export function captureOf(data: CaptureData, k: number, samples = data.samples): Float32Array {
  const out = new Float32Array(data.channels.length * samples)
  for (let c = 0; c < data.channels.length; c++) {
    const from = (k * data.channels.length + c) * data.samples
    out.set(data.captures.subarray(from, from + samples), c * samples)
  }
  return out
}
