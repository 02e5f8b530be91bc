// Is it the sensor or the machine? A capture with a finding here says something of the sensor, its cable or its mount, and goes
// neither into a baseline nor through a score. Each threshold has been tried on signals with and without the fault.
import { LOW_HZ_MAX } from './decimate.ts'
import { CaptureSignal } from './signal.ts'
import { bandPower, type Spectrum } from './welch.ts'

/** In the order of what invalidates most; never reordered: the history holds places in this list. */
export const SENSOR_FAULTS = [
  'power-up',
  'dead',
  'clipping',
  'bias',
  'drift',
  'ski-slope',
  'lost-high-frequency',
] as const
export type SensorFault = (typeof SENSOR_FAULTS)[number]

export interface SensorFinding {
  fault: SensorFault
  /** What was measured, in words and numbers. */
  text: string
}

export interface JudgeOptions {
  /** Largest value the sensor and digitiser can give, in the unit of the samples, about `offset`. Without it no bias is judged. */
  fullScale?: number
  /** Of the samples where the digitiser reads 0. Default 0. */
  offset?: number
  /** Standard gravity in the unit of the samples: a sensor that measures from 0 Hz shows it, and that is no bias. Default 0. */
  gravity?: number
  /** Since the IEPE supply was switched on: the bias of such a sensor takes seconds to settle. */
  sincePowerUpS?: number
  /** Of healthy captures; without it a lost high frequency cannot be told from a quiet machine. */
  reference?: HealthyLevels | undefined
}

/** Of one axis over the captures of a baseline, in its unit. */
export interface HealthyLevels {
  /** Usual rms below 1 kHz. */
  lowRms: number
  /** Of the quietest captures above 1 kHz: a load that comes and goes moves it by more than a loose mount does. */
  highRms: number
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
/** Levels that the outermost is held against. */
const LEVELS_BESIDE = 3
const CLIPPED_MIN = 5
/** Of the full scale: beyond it half of the headroom on one side is gone with shocks of three times the usual. */
const BIAS_MAX = 0.2
/** Gravity and what such a sensor's zero may be off. */
const GRAVITY_MARGIN = 1.2
/** The trend of a capture against the rms about it. */
const DRIFT_MAX = 3
/** Shorter captures hold too few periods of what is slow to tell a drift from a vibration. */
const SLOW_S_MIN = 1
/** Shorter captures have no line below 0.7 Hz, and no slope is seen. */
const SLOPE_S_MIN = 3.5
/** Acceleration density at 1.25–2.5 Hz over that at 5–10 Hz: integrated noise falls by 16, a settling bias by more. */
const SLOPE_MIN = 6
/** The lowest line over those beside it: a slope is highest there, a slow machine's own line is not. */
const LOWEST_LINE_MIN = 0.5
const HIGH_LOST = 0.25
const LOW_KEPT = 0.5
/** Risen further, it is the machine that has changed, whatever the mount does: that has to go through the score. */
const LOW_RISEN_MAX = 2

/** Judges one contiguous capture of one axis. Pure; the findings in the order of what invalidates most. */
export function judgeCapture(samples: ArrayLike<number>, rateHz: number, options: JudgeOptions = {}): Judgement {
  return judgeSignal(new CaptureSignal(samples, rateHz), options)
}

/** The same of a signal of which more is wanted: what both need is computed once. */
export function judgeSignal(signal: CaptureSignal, options: JudgeOptions = {}): Judgement {
  const findings = [...voidedBy(options), ...judgeValues(signal.samples, options)]
  // Nothing more can be read from a signal that is not there.
  if (!findings.some(({ fault }) => fault === 'dead')) {
    findings.push(...judgeTrend(signal), ...judgeSpectrum(signal, options))
  }
  return { ok: findings.length === 0, findings }
}

function voidedBy({ sincePowerUpS }: JudgeOptions): SensorFinding[] {
  if (sincePowerUpS === undefined || sincePowerUpS >= POWER_UP_S) return []
  const text = `${number(sincePowerUpS)} s after power-up; the bias settles for ${POWER_UP_S} s`
  return [{ fault: 'power-up', text }]
}

function judgeValues(samples: ArrayLike<number>, options: JudgeOptions): SensorFinding[] {
  const sorted = new Float64Array(samples).sort()
  const low = sorted[0] ?? 0
  const high = sorted[sorted.length - 1] ?? 0
  const step = smallestStep(sorted)
  if (!Number.isFinite(high - low)) return [{ fault: 'dead', text: 'values that are no numbers' }]
  const { mean, rms } = momentsOf(sorted)
  if (high === low || rms < DEAD_STEPS * step) {
    const text = high === low ? `constant ${number(low)}` : `${number(rms / step)} digitiser steps rms`
    return [{ fault: 'dead', text }]
  }
  const findings: SensorFinding[] = []
  const width = Math.max(step, (high - low) / LEVELS)
  const clipped = Math.max(clippedAt(sorted, high, -width) + clippedAt(sorted, low, width), atRails(sorted, options))
  if (clipped > 0) {
    const share = `${number((100 * clipped) / sorted.length)} % of samples`
    findings.push({
      fault: 'clipping',
      text: `${share} stand at the end of the range (${number(low)}, ${number(high)})`,
    })
  }
  const { fullScale = Number.POSITIVE_INFINITY, gravity = 0 } = options
  if (Math.abs(mean) > Math.max(BIAS_MAX * fullScale, GRAVITY_MARGIN * gravity)) {
    findings.push({ fault: 'bias', text: `offset ${number(mean)} of a full scale of ${number(fullScale)}` })
  }
  return findings
}

function momentsOf(values: Float64Array): { mean: number; rms: number } {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i]!
  const mean = sum / values.length
  let squares = 0
  for (let i = 0; i < values.length; i++) squares += (values[i]! - mean) ** 2
  return { mean, rms: Math.sqrt(squares / values.length) }
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

/**
 * How many samples stand in the outermost level, where that is more than any vibration has there; else 0. It is held against the
 * next three levels that hold anything: a sine whose period is a whole number of samples has but a few values.
 */
function clippedAt(sorted: Float64Array, end: number, inward: number): number {
  const counts: number[] = []
  let level = -1
  const last = sorted.length - 1
  for (let i = 0; i <= last; i++) {
    const value = inward > 0 ? sorted[i]! : sorted[last - i]!
    const at = Math.floor((value - end) / inward + 1e-6)
    if (at !== level) {
      if (counts.length > LEVELS_BESIDE) break
      counts.push(0)
      level = at
    }
    counts[counts.length - 1]!++
  }
  const [top = 0, ...below] = counts
  const usual = below.reduce((sum, count) => sum + count, 0) / LEVELS_BESIDE
  return top >= CLIPPED_MIN && top > TOP_LEVEL_MAX * Math.max(usual, 0.5) ? top : 0
}

/** How many samples are the largest or least number that the digitiser has; 0 of a few, which a shock may reach. */
function atRails(sorted: Float64Array, { fullScale, offset = 0 }: JudgeOptions): number {
  if (fullScale === undefined) return 0
  // 32,767 and -32,768 steps: within one of each other.
  const rail = fullScale * (1 - 1e-6)
  let count = 0
  for (let i = 0; i < sorted.length && offset - sorted[i]! >= rail; i++) count++
  for (let i = sorted.length - 1; i >= 0 && sorted[i]! - offset >= rail; i--) count++
  return count >= CLIPPED_MIN ? count : 0
}

function judgeTrend({ samples, detrended, seconds }: CaptureSignal): SensorFinding[] {
  if (seconds < SLOW_S_MIN) return []
  const { rms } = momentsOf(detrended)
  const last = samples.length - 1
  const trend = Math.abs(samples[last]! - detrended[last]! - (samples[0]! - detrended[0]!))
  if (trend <= DRIFT_MAX * rms) return []
  return [
    { fault: 'drift', text: `the offset moved by ${number(trend)} during the capture, at ${number(rms)} rms about it` },
  ]
}

function judgeSpectrum(signal: CaptureSignal, { reference }: JudgeOptions): SensorFinding[] {
  const findings: SensorFinding[] = []
  const slope = signal.seconds < SLOPE_S_MIN ? undefined : skiSlope(signal.low)
  if (slope !== undefined) findings.push({ fault: 'ski-slope', text: slope })
  const { highRms } = signal
  if (reference && highRms !== undefined && highRms < HIGH_LOST * reference.highRms) {
    const kept = signal.lowRms / reference.lowRms
    if (kept > LOW_KEPT && kept < LOW_RISEN_MAX) {
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
  const machine = velocity(10, LOW_HZ_MAX)
  return slow > machine ? `velocity below 5 Hz is ${number(slow / machine)} x that from 10 Hz to 1 kHz` : undefined
}

const number = (value: number): string => String(Number(value.toPrecision(3)))
