// Power spectra as ISO 13373-2 has them: detrend, Hann, overlapping blocks, mean of powers.
import { detrend } from './detrend.ts'
import { Fft, smoothAtLeast, smoothAtMost } from './fft.ts'

/** Fewer averages leave the power of a line in noise uncertain by more than its half. */
export const AVERAGES_MIN = 4
// 50 % with room for what a decimating filter takes from the ends: 4 s still hold four blocks of 1.6 s.
const OVERLAP_MAX = 0.51

export interface Spectrum {
  /** [lines] mean square of the signal that belongs to the line k * lineHz: their sum is that of the detrended signal. */
  power: Float64Array
  lineHz: number
  averages: number
}

/**
 * Blocks of about `blockS` (shorter where the capture is too short for AVERAGES_MIN of them at 50 % overlap), spread evenly so
 * that first and last sample count. Energy, not amplitude, correction: a line's power is divided by the mean square of the window,
 * so a band of lines sums to the energy in it, be it sine or noise; a single line of a sine reads low.
 */
export function welch(samples: ArrayLike<number>, rateHz: number, blockS: number): Spectrum {
  const signal = detrend(samples)
  const longest = signal.length / (1 + (AVERAGES_MIN - 1) * (1 - OVERLAP_MAX))
  const block = Math.max(2, Math.min(smoothAtLeast(Math.round(blockS * rateHz)), smoothAtMost(longest)))
  const averages = Math.max(1, Math.floor((signal.length - block) / (block * (1 - OVERLAP_MAX))) + 1)
  const step = averages > 1 ? (signal.length - block) / (averages - 1) : 0
  const window = Float64Array.from({ length: block }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / block))
  const power = new Float64Array(Math.floor(block / 2) + 1)
  const fft = new Fft(block)
  const re = new Float64Array(block)
  const im = new Float64Array(block)
  for (let k = 0; k < averages; k++) {
    const start = Math.round(k * step)
    for (let i = 0; i < block; i++) re[i] = signal[start + i]! * window[i]!
    im.fill(0)
    fft.forward(re, im)
    for (let line = 0; line < power.length; line++) power[line]! += re[line]! ** 2 + im[line]! ** 2
  }
  // The Hann window's mean square is 3/8; two sides in one, but for 0 Hz and half the rate, which have but one.
  const scale = 2 / (block * block * 0.375 * averages)
  for (let line = 0; line < power.length; line++) power[line]! *= line === 0 || 2 * line === block ? scale / 2 : scale
  return { power, lineHz: rateHz / block, averages }
}

/**
 * Share of line `line` in [fromHz, toHz): a line stands for half its width to either side. Adjacent bands share the line between
 * them, so that their energies sum to that of the whole.
 */
export function lineShare(line: number, lineHz: number, fromHz: number, toHz: number): number {
  const low = Math.max(fromHz / lineHz, line - 0.5)
  const high = Math.min(toHz / lineHz, line + 0.5)
  return Math.max(0, high - low)
}

/** Mean square in [fromHz, toHz); each line's power times `weight(its Hz)`. */
export function bandPower(
  { power, lineHz }: Spectrum,
  fromHz: number,
  toHz: number,
  weight: (hz: number) => number = () => 1,
): number {
  const first = Math.max(0, Math.floor(fromHz / lineHz))
  const last = Math.min(power.length - 1, Math.ceil(toHz / lineHz))
  let sum = 0
  for (let line = first; line <= last; line++) {
    const share = lineShare(line, lineHz, fromHz, toHz)
    if (share > 0) sum += share * power[line]! * weight(line * lineHz)
  }
  return sum
}
