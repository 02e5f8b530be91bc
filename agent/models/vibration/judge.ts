// Is it the sensor or the machine? A capture with a finding here says something of the sensor, its cable or its mount, and goes
// neither into a baseline nor through a score. Each threshold has been tried on signals with and without the fault.
import { detrend } from './detrend.ts'
import { accelerationFeatures, HIGH_HZ_MIN, RATE_OVER_TOP } from './features.ts'
import { lowSpectrum } from './velocity.ts'
import { bandPower, type Spectrum } from './welch.ts'

export type SensorFault = 'power-up' | 'dead' | 'clipping' | 'bias' | 'drift' | 'ski-slope' | 'lost-high-frequency'

export interface SensorFinding {
  fault: SensorFault
  /** What was measured, in words and numbers. */
  text: string
}

export interface JudgeOptions {
  /** Largest value the sensor and digitiser can give, in the unit of the samples. Without it no offset is judged. */
  fullScale?: number
  /** Since the IEPE supply was switched on: the bias of such a sensor takes seconds to settle. */
  sincePowerUpS?: number
  /** Of healthy captures; without it a lost high frequency cannot be told from a quiet machine. */
  reference?: { lowRms: number; highRms: number }
}

export interface Judgement {
  ok: boolean
  findings: SensorFinding[]
}

const POWER_UP_S = 10
/** In steps of the digitiser: an rms below one is its own noise. */
const DEAD_STEPS = 1
/** Levels that a signal is sorted into where the digitiser's steps are finer. */
const LEVELS = 4096
// A sine fills its topmost level 3 times as often as the mean of the three below it, whatever its amplitude (arcsine law); noise
// fills it less. A sine cut at 0.99 of its peak fills it 30 times as often.
const TOP_LEVEL_MAX = 6
const CLIPPED_MIN = 5
/** Of the full scale: beyond it half of the headroom on one side is gone with shocks of three times the usual. */
const BIAS_MAX = 0.2
/** The trend of a capture against the rms about it. */
const DRIFT_MAX = 3
/** Shorter captures hold too few periods of what is slow to tell a drift from a vibration. */
const SLOW_S_MIN = 1
/** Acceleration density at 1.25–2.5 Hz over that at 5–10 Hz: integrated noise falls by 16, a settling bias by more. */
const SLOPE_MIN = 6
/** The lowest line over those beside it: a slope is highest there, a slow machine's own line is not. */
const LOWEST_LINE_MIN = 0.5
const HIGH_LOST = 0.25
const LOW_KEPT = 0.5

/** Judges one contiguous capture of one axis. Pure; the findings in the order of what invalidates most. */
export function judgeCapture(samples: ArrayLike<number>, rateHz: number, options: JudgeOptions = {}): Judgement {
  const findings = [...voidedBy(options), ...judgeValues(samples, options)]
  // Nothing more can be read from a signal that is not there.
  if (!findings.some(({ fault }) => fault === 'dead')) {
    findings.push(...judgeTrend(samples, rateHz), ...judgeSpectrum(samples, rateHz, options))
  }
  return { ok: findings.length === 0, findings }
}

function voidedBy({ sincePowerUpS }: JudgeOptions): SensorFinding[] {
  if (sincePowerUpS === undefined || sincePowerUpS >= POWER_UP_S) return []
  const text = `${number(sincePowerUpS)} s after power-up; the bias settles for ${POWER_UP_S} s`
  return [{ fault: 'power-up', text }]
}

function judgeValues(samples: ArrayLike<number>, { fullScale }: JudgeOptions): SensorFinding[] {
  const sorted = Float64Array.from(samples).sort()
  const low = sorted[0] ?? 0
  const high = sorted[sorted.length - 1] ?? 0
  const step = smallestStep(sorted)
  if (!Number.isFinite(high - low)) return [{ fault: 'dead', text: 'values that are no numbers' }]
  const mean = sorted.reduce((sum, value) => sum + value, 0) / sorted.length
  const rms = Math.sqrt(sorted.reduce((sum, value) => sum + (value - mean) ** 2, 0) / sorted.length)
  if (high === low || rms < DEAD_STEPS * step) {
    const text = high === low ? `constant ${number(low)}` : `${number(rms / step)} digitiser steps rms`
    return [{ fault: 'dead', text }]
  }
  const findings: SensorFinding[] = []
  const width = Math.max(step, (high - low) / LEVELS)
  const clipped = clippedAt(sorted, high, -width) + clippedAt(sorted, low, width)
  if (clipped > 0) {
    const share = `${number((100 * clipped) / sorted.length)} % of samples`
    findings.push({
      fault: 'clipping',
      text: `${share} stand at the end of the range (${number(low)}, ${number(high)})`,
    })
  }
  if (fullScale !== undefined && Math.abs(mean) > BIAS_MAX * fullScale) {
    findings.push({ fault: 'bias', text: `offset ${number(mean)} of a full scale of ${number(fullScale)}` })
  }
  return findings
}

/** Least difference of neighbouring values: the digitiser's step, or 0 of a constant. */
function smallestStep(sorted: Float64Array): number {
  // Differences of float32 values that were scaled from whole numbers differ in the last bits.
  const least = 1e-6 * Math.max(Math.abs(sorted[0] ?? 0), Math.abs(sorted[sorted.length - 1] ?? 0))
  let step = 0
  for (let i = 1; i < sorted.length; i++) {
    const difference = sorted[i]! - sorted[i - 1]!
    if (difference > least && (step === 0 || difference < step)) step = difference
  }
  return step
}

/** How many samples stand in the outermost level, where that is more than any vibration has there; else 0. */
function clippedAt(sorted: Float64Array, end: number, inward: number): number {
  const counts = [0, 0, 0, 0]
  const last = sorted.length - 1
  for (let i = 0; i <= last; i++) {
    const value = inward > 0 ? sorted[i]! : sorted[last - i]!
    const level = Math.floor((value - end) / inward + 1e-6)
    if (level > 3) break
    counts[level]!++
  }
  const [top = 0, ...below] = counts
  const usual = below.reduce((sum, count) => sum + count, 0) / below.length
  return top >= CLIPPED_MIN && top > TOP_LEVEL_MAX * Math.max(usual, 0.5) ? top : 0
}

function judgeTrend(samples: ArrayLike<number>, rateHz: number): SensorFinding[] {
  if (samples.length < SLOW_S_MIN * rateHz) return []
  const about = detrend(samples)
  const rms = Math.sqrt(about.reduce((sum, value) => sum + value * value, 0) / about.length)
  const last = samples.length - 1
  const trend = Math.abs(samples[last]! - about[last]! - (samples[0]! - about[0]!))
  if (trend <= DRIFT_MAX * rms) return []
  return [
    { fault: 'drift', text: `the offset moved by ${number(trend)} during the capture, at ${number(rms)} rms about it` },
  ]
}

function judgeSpectrum(samples: ArrayLike<number>, rateHz: number, { reference }: JudgeOptions): SensorFinding[] {
  const low = lowSpectrum(samples, rateHz)
  const findings: SensorFinding[] = []
  const slope = skiSlope(low)
  if (slope !== undefined) findings.push({ fault: 'ski-slope', text: slope })
  if (reference && rateHz / RATE_OVER_TOP > HIGH_HZ_MIN) {
    const lowRms = Math.sqrt(bandPower(low, 2 * low.lineHz, HIGH_HZ_MIN))
    const highRms = accelerationFeatures(samples, rateHz).highRms ?? 0
    if (highRms < HIGH_LOST * reference.highRms && lowRms > LOW_KEPT * reference.lowRms) {
      const text = `above 1 kHz ${number(highRms)} rms where it was ${number(reference.highRms)}, below as before: loose mount`
      findings.push({ fault: 'lost-high-frequency', text })
    }
  }
  return findings
}

/** Excess below 5 Hz that falls with frequency and outweighs all of the machine's velocity; undefined where there is none. */
function skiSlope(spectrum: Spectrum): string | undefined {
  // Lines 0 and 1 hold what the window leaks of the offset: 1.25 Hz is the first octave that 0.625 Hz lines can show.
  if (spectrum.lineHz > 0.7) return undefined
  const density = (from: number, to: number): number => bandPower(spectrum, from, to) / (to - from)
  const octaves = [density(1.25, 2.5), density(2.5, 5), density(5, 10)] as const
  const [lowest = 0, second = 0, third = 0] = spectrum.power.subarray(2, 5)
  if (octaves[0] < SLOPE_MIN * octaves[2] || octaves[1] < octaves[2]) return undefined
  if (lowest < LOWEST_LINE_MIN * Math.max(second, third)) return undefined
  const velocity = (from: number, to: number): number =>
    Math.sqrt(bandPower(spectrum, from, to, hz => 1 / (2 * Math.PI * hz) ** 2))
  const slow = velocity(1.25, 5)
  const machine = velocity(10, HIGH_HZ_MIN)
  return slow > machine ? `velocity below 5 Hz is ${number(slow / machine)} x that from 10 Hz to 1 kHz` : undefined
}

const number = (value: number): string => String(Number(value.toPrecision(3)))
