// Broad-band velocity in mm/s rms, as severity standards judge it, from acceleration.
import { LOW_HZ_MAX } from './decimate.ts'
import { CaptureSignal } from './signal.ts'
import { AVERAGES_MIN, bandPower, type Spectrum } from './welch.ts'

/** 9.80665 m/s² (ISO 80000-3): the standard acceleration of free fall. */
export const STANDARD_GRAVITY = 9.80665
export const CAPTURE_S_MIN = 4
const REVOLUTIONS_MIN = 10
/** A speed that moved further than this smears every harmonic over several lines. */
export const SPEED_SPREAD_MAX = 0.02
/** ISO 20816-3:2022, 4.2: from 10 Hz, and from 2 Hz for machines at or below 600/min. */
const LOW_HZ = 10
const LOW_HZ_SLOW = 2
const SLOW_PER_MIN = 600

export type AccelerationUnit = 'g' | 'm/s2'

export interface SpeedOfCapture {
  /** Revolutions per minute: mean, least and largest over the capture. */
  mean: number
  min: number
  max: number
}

/** `mmPerS` rms, or why there is none. */
export type Velocity =
  | { mmPerS: number; fromHz: number; toHz: number; lineHz: number; averages: number }
  | { reason: string }

/** To m/s². */
export function accelerationFactor(unit: AccelerationUnit): number {
  return unit === 'g' ? STANDARD_GRAVITY : 1
}

/**
 * Velocity of one axis, integrated in the frequency domain. Too short a capture, or one over which the speed moved, has none: an
 * integral amplifies what is slow, and of what is slow such a capture holds too little.
 * @param samples acceleration in `unit`, contiguous
 * @param speed where it is known; without, only the length of the capture is judged
 */
export function velocityOf(
  samples: ArrayLike<number>,
  rateHz: number,
  unit: AccelerationUnit,
  speed?: SpeedOfCapture,
): Velocity {
  return velocityOfSignal(new CaptureSignal(samples, rateHz), unit, speed)
}

export function velocityOfSignal(signal: CaptureSignal, unit: AccelerationUnit, speed?: SpeedOfCapture): Velocity {
  const reason = unfit(signal.seconds, speed)
  if (reason !== undefined) return { reason }
  const slow = speed !== undefined && speed.mean <= SLOW_PER_MIN
  const fromHz = slow ? LOW_HZ_SLOW : LOW_HZ
  const spectrum = signal.low
  const toHz = Math.min(LOW_HZ_MAX, signal.topHz)
  if (spectrum.averages < AVERAGES_MIN)
    return { reason: `${spectrum.averages} averages, at least ${AVERAGES_MIN} needed` }
  const metres = bandPower(spectrum, fromHz, toHz, hz => 1 / (2 * Math.PI * hz) ** 2)
  const mmPerS = 1000 * accelerationFactor(unit) * Math.sqrt(metres)
  return { mmPerS, fromHz, toHz, lineHz: spectrum.lineHz, averages: spectrum.averages }
}

/** See CaptureSignal.low. */
export function lowSpectrum(samples: ArrayLike<number>, rateHz: number): Spectrum {
  return new CaptureSignal(samples, rateHz).low
}

/** Furthest that it was from its mean, as a share of that. */
export function speedSpread({ mean, min, max }: SpeedOfCapture): number {
  return Math.max(max - mean, mean - min) / mean
}

function unfit(seconds: number, speed: SpeedOfCapture | undefined): string | undefined {
  if (seconds < CAPTURE_S_MIN) return `the capture is ${round(seconds)} s long, velocity takes ${CAPTURE_S_MIN} s`
  if (!speed) return undefined
  const revolutions = (speed.mean / 60) * seconds
  if (!(revolutions >= REVOLUTIONS_MIN)) {
    return `${round(revolutions)} revolutions in the capture, velocity takes ${REVOLUTIONS_MIN}`
  }
  const spread = speedSpread(speed)
  return spread > SPEED_SPREAD_MAX
    ? `the speed moved by ${round(100 * spread)} % during the capture, at most ${100 * SPEED_SPREAD_MAX} % are let pass`
    : undefined
}

const round = (value: number): number => Number(value.toPrecision(3))
