// All that is made of one capture before any model sees it: what is wrong with its sensors, and the figures that are trended. The
// running agent and a backtest both come here.
import type { AxisLevels } from '../contract.ts'
import { LOW_HZ_MAX } from './decimate.ts'
import { type AccelerationFeatures, accelerationOf } from './features.ts'
import { type HealthyLevels, judgeSignal, type SensorFinding } from './judge.ts'
import { CaptureSignal } from './signal.ts'
import {
  type AccelerationUnit,
  type SpeedOfCapture,
  STANDARD_GRAVITY,
  type Velocity,
  velocityOfSignal,
} from './velocity.ts'

/** One axis of a capture. */
export interface AxisIn {
  /** In `unit`, contiguous. */
  samples: Float32Array
  /** `g` or `m/s2`; of anything else there is no velocity. */
  unit: string
  /** See JudgeOptions. */
  fullScale?: number
  offset?: number
  /** Of the baseline that its model was fitted on. */
  healthy?: HealthyLevels
}

/** As a digitiser gave it: value = raw * scale + offset. */
export type RawAxis = Omit<AxisIn, 'samples'> & {
  raw: Int16Array | Float32Array
  scale: number
  offset: number
}

export interface RawCapture extends Omit<CaptureIn, 'axes'> {
  axes: RawAxis[]
}

export interface CaptureIn {
  axes: AxisIn[]
  rateHz: number
  /** Of the machine during the capture, where it is known. */
  speed?: SpeedOfCapture
  /** Why there is no velocity, whatever the capture is like. */
  noVelocity?: string
}

/** What is trended of one axis, in its unit unless said. */
export interface AxisFigures extends AccelerationFeatures {
  /** Below 1 kHz. */
  lowRms: number
  velocity: Velocity
  /** 0 to 1 kHz: unit² of each line, which stands for `lineHz`. */
  spectrum: { lineHz: number; power: Float32Array }
}

export interface AxisOut {
  findings: SensorFinding[]
  /** Undefined of an axis that is dead or was not asked for. */
  figures: AxisFigures | undefined
}

/** In engineering units: 1 ms an axis, which is why the thread does it and not the event loop. */
export function toCapture({ axes, ...rest }: RawCapture): CaptureIn {
  return {
    ...rest,
    axes: axes.map(({ raw, scale, ...axis }) => {
      const samples = new Float32Array(raw.length)
      for (let i = 0; i < raw.length; i++) samples[i] = raw[i]! * scale + axis.offset
      return { ...axis, samples }
    }),
  }
}

/** In the order of the axes. Pure; 0.1 s of computation for 5 s of 25.6 kHz. */
export function analyseCapture(capture: CaptureIn): AxisOut[] {
  return capture.axes.map(axis => {
    const signal = new CaptureSignal(axis.samples, capture.rateHz)
    const findings = judgeAxis(signal, axis)
    const dead = findings.some(({ fault }) => fault === 'dead')
    return { findings, figures: dead ? undefined : figuresOf(signal, axis, capture) }
  })
}

/** The judgement alone. */
export function judgeAxis(signal: CaptureSignal, axis: Omit<AxisIn, 'samples'>): SensorFinding[] {
  const { unit, healthy, ...range } = axis
  const gravity = unit === 'g' ? 1 : unit === 'm/s2' ? STANDARD_GRAVITY : 0
  return judgeSignal(signal, { ...range, gravity, reference: healthy }).findings
}

function figuresOf(signal: CaptureSignal, { unit }: AxisIn, { speed, noVelocity }: CaptureIn): AxisFigures {
  const { low } = signal
  const lines = Math.min(low.power.length, Math.floor(LOW_HZ_MAX / low.lineHz) + 1)
  return {
    ...accelerationOf(signal),
    lowRms: signal.lowRms,
    velocity: velocity(signal, unit, speed, noVelocity),
    spectrum: { lineHz: low.lineHz, power: Float32Array.from(low.power.subarray(0, lines)) },
  }
}

function velocity(
  signal: CaptureSignal,
  unit: string,
  speed: SpeedOfCapture | undefined,
  noVelocity: string | undefined,
): Velocity {
  if (!isAcceleration(unit)) return { reason: `${unit} is no acceleration` }
  if (noVelocity !== undefined) return { reason: noVelocity }
  return velocityOfSignal(signal, unit, speed)
}

/** What a baseline keeps of one axis of one capture. */
export function axisLevels(signal: CaptureSignal, unit: string, speed?: SpeedOfCapture): AxisLevels {
  const found = velocity(signal, unit, speed, undefined)
  return {
    lowRms: signal.lowRms,
    highRms: signal.highRms ?? Number.NaN,
    mmPerS: 'mmPerS' in found ? found.mmPerS : Number.NaN,
  }
}

export function isAcceleration(unit: string): unit is AccelerationUnit {
  return unit === 'g' || unit === 'm/s2'
}
