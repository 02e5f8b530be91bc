// What is trended of a capture beside its spectrum. All of the detrended signal, in the channel's unit unless said.
import { Fft, smoothAtMost } from './fft.ts'
import { CaptureSignal } from './signal.ts'

/** Bearing resonances lie above it; what rings at 1 x and its harmonics lies below. */
export const ENVELOPE_HZ_MIN = 2000

export interface AccelerationFeatures {
  rms: number
  peak: number
  /** peak / rms; 0 of a signal that does not move. */
  crest: number
  /** 3 of noise, 1.5 of a sine, more of shocks; 0 of a signal that does not move. Never part of a score: it falls again as damage grows. */
  kurtosis: number
  /** From 1 kHz to rate / 2.56; undefined where the rate does not reach that far. */
  highRms: number | undefined
  /** Of the envelope's movement between 2 kHz and rate / 2.56; undefined likewise. */
  envelopeRms: number | undefined
}

export function accelerationFeatures(samples: ArrayLike<number>, rateHz: number): AccelerationFeatures {
  return accelerationOf(new CaptureSignal(samples, rateHz))
}

export function accelerationOf(signal: CaptureSignal): AccelerationFeatures {
  const { detrended, rateHz, topHz, highRms } = signal
  let squares = 0
  let fourths = 0
  let peak = 0
  for (let i = 0; i < detrended.length; i++) {
    const square = detrended[i]! * detrended[i]!
    squares += square
    fourths += square * square
    peak = Math.max(peak, square)
  }
  peak = Math.sqrt(peak)
  const power = squares / Math.max(1, detrended.length)
  const rms = Math.sqrt(power)
  return {
    rms,
    peak,
    crest: rms > 0 ? peak / rms : 0,
    kurtosis: power > 0 ? fourths / detrended.length / (power * power) : 0,
    highRms,
    envelopeRms: topHz > ENVELOPE_HZ_MIN ? envelopeRms(detrended, rateHz, ENVELOPE_HZ_MIN, topHz) : undefined,
  }
}

/**
 * Band-pass [fromHz, toHz] and Hilbert transform at once (only the positive frequencies of the band are kept), magnitude, and the
 * rms of that about its mean: 0 of a steady tone, large where shocks make a resonance ring again and again.
 */
export function envelopeRms(signal: Float64Array, rateHz: number, fromHz: number, toHz: number): number {
  const size = smoothAtMost(signal.length)
  const re = signal.slice(0, size)
  const im = new Float64Array(size)
  const fft = new Fft(size)
  fft.forward(re, im)
  for (let line = 0; line < size; line++) {
    const hz = (line * rateHz) / size
    if (hz >= fromHz && hz <= toHz) continue
    re[line] = 0
    im[line] = 0
  }
  fft.inverse(re, im)
  let sum = 0
  let squares = 0
  for (let i = 0; i < size; i++) {
    // Twice the positive half is the analytic signal.
    const magnitude = (2 * Math.hypot(re[i]!, im[i]!)) / size
    sum += magnitude
    squares += magnitude * magnitude
  }
  const mean = sum / size
  return Math.sqrt(Math.max(0, squares / size - mean * mean))
}
