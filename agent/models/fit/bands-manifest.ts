// What a `bands` model file says of itself beside its graph.
import type {
  AxisLevels,
  CaptureData,
  CaptureFitOptions,
  Manifest,
  Reference,
  SelfTest,
  SpeedRange,
  VibrationReference,
} from '../contract.ts'
import { type BandsModel, scoreWindow } from '../families/bands.ts'
import { bandsContributions, bandsFeatures } from '../families/bands-graph.ts'
import { BandMeter } from '../families/bands-levels.ts'
import { levelsOf } from '../families/bands-shape.ts'

const PER_MIN = '1/min'
/** 260 kB in the file, of at most 1 MB. */
const SELF_TEST_FLOATS = 49_152
const SELF_TEST_MAX = 12
/** Windows louder by these factors, so that the self-test covers what an alarm looks like. */
const LOUDER = [1.5, 3]
const SELF_TEST_TOLERANCE = 0.01
const DEADBAND = 0.1
/** Intervals between captures. A second capture beyond the setpoint raises, for a passing lorry is in one; four good ones clear. */
const ON_DELAY_CAPTURES = 1
const OFF_DELAY_CAPTURES = 3
/** Of an interval: a capture that comes a little early still counts as the next. */
const JITTER = 0.1
/** Captures quieter than this share of them are outliers. */
const QUIET_SHARE = 0.05
const QUANTILES = [0.5, 0.9, 0.99, 0.999, 1]

/** A baseline, of all captures or of those of one bin of speeds. */
export interface FittedCaptures {
  model: BandsModel
  /** Indices of its captures. */
  kept: readonly number[]
  heldOut: Float64Array
  /** Where the speed is known. */
  range?: SpeedRange
}

/** `fitted`: rising with the speed. */
export function bandsManifest(
  data: CaptureData,
  options: CaptureFitOptions,
  fitted: readonly FittedCaptures[],
): Manifest {
  const models = fitted.map(({ model }) => model)
  const { shape } = models[0]!
  const several = fitted.length > 1
  const { channels, timesUs, count, source } = data
  const { name, release, assetClass, provisional } = options
  const kept = fitted.flatMap(part => part.kept).sort((a, b) => a - b)
  const everyMs = everyMsOf(timesUs)
  const outliers = count - kept.length
  const speed = speedOf(data, fitted)
  return {
    schema: 'wearwatch.model/1',
    name,
    release,
    family: 'bands',
    ...(assetClass === undefined ? {} : { assetClass }),
    channels: [
      ...channels.map(({ id, unit }) => ({ id, unit })),
      ...(speed && several ? [{ id: speed.channel, unit: PER_MIN }] : []),
    ],
    samples: shape.samples,
    hop: shape.samples,
    everyMs,
    alarm: options.alarm ?? delays(everyMs),
    contributions: bandsContributions(shape, channels),
    features: bandsFeatures(models, channels),
    fitted: {
      rows: kept.length,
      fromUs: timesUs[0]!,
      toUs: timesUs[count - 1]!,
      source,
      ...(outliers > 0 ? { outliers } : {}),
    },
    ...(speed ? { speed } : {}),
    reference: options.reference ?? referenceOf(data, kept, several ? data.speed?.perMin : undefined),
    ...(provisional ? { provisional } : {}),
    quantiles: quantilesOf(Float64Array.from(fitted.flatMap(({ heldOut }) => [...heldOut]))),
    selfTest: selfTestOf(data, fitted),
  }
}

function speedOf({ speed }: CaptureData, fitted: readonly FittedCaptures[]): Manifest['speed'] {
  const bins = fitted.flatMap(({ range, kept }) => (range ? [{ ...range, captures: kept.length }] : []))
  return speed && bins.length > 0 ? { channel: speed.channel, bins } : undefined
}

function delays(everyMs: number): Manifest['alarm'] {
  const delay = (captures: number): number => Math.floor((captures - JITTER) * everyMs)
  return { onDelayMs: delay(ON_DELAY_CAPTURES), offDelayMs: delay(OFF_DELAY_CAPTURES), deadband: DEADBAND }
}

function everyMsOf(timesUs: Float64Array): number {
  const steps = Array.from(timesUs.subarray(1), (time, i) => (time - timesUs[i]!) / 1000)
  return Math.max(1, medianOf(steps))
}

/** Mean and rms about it of every channel, the speed included where the model looks at it. */
function referenceOf(
  { captures, samples, channels, timesUs, count, levels }: CaptureData,
  kept: readonly number[],
  speeds: ArrayLike<number> | undefined,
): Reference {
  const centre: number[] = []
  const deviation: number[] = []
  for (let c = 0; c < channels.length; c++) {
    let sum = 0
    let squares = 0
    for (const k of kept) {
      const from = (k * channels.length + c) * samples
      for (let i = from; i < from + samples; i++) {
        sum += captures[i]!
        squares += captures[i]! ** 2
      }
    }
    const mean = sum / (kept.length * samples)
    centre.push(mean)
    deviation.push(Math.sqrt(Math.max(0, squares / (kept.length * samples) - mean * mean)))
  }
  if (speeds) {
    const mean = kept.reduce((sum, k) => sum + speeds[k]!, 0) / kept.length
    centre.push(mean)
    deviation.push(Math.sqrt(kept.reduce((sum, k) => sum + (speeds[k]! - mean) ** 2, 0) / kept.length))
  }
  const vibration = levels && { vibration: channels.map((_, c) => levelsOfAxis(kept.map(k => levels[k]![c]!))) }
  return { fromUs: timesUs[0]!, toUs: timesUs[count - 1]!, rows: kept.length, centre, deviation, ...vibration }
}

/** Of high frequencies the quietest captures count: what a load takes away from them is no fault of a sensor. */
function levelsOfAxis(levels: readonly AxisLevels[]): VibrationReference {
  const sorted = (name: keyof AxisLevels): number[] =>
    levels
      .map(level => level[name])
      .filter(value => !Number.isNaN(value))
      .sort((a, b) => a - b)
  const [low, high, velocity] = [sorted('lowRms'), sorted('highRms'), sorted('mmPerS')]
  return {
    lowRms: low.length > 0 ? medianOf(low) : 0,
    highRms: high[Math.floor(QUIET_SHARE * high.length)] ?? 0,
    ...(velocity.length > 0 ? { mmPerS: medianOf(velocity) } : {}),
  }
}

/** First windows of captures, evenly spread over the baselines, the last of them louder; scores in float64. */
function selfTestOf(data: CaptureData, fitted: readonly FittedCaptures[]): SelfTest {
  const { samples: captured, captures, channels, speed } = data
  const several = fitted.length > 1
  const of = fitted.flatMap(({ model, kept }) => kept.map(k => ({ model, k })))
  const { shape } = fitted[0]!.model
  const { samples } = shape
  const floats = (channels.length + (several ? 1 : 0)) * samples
  const count = Math.max(2, Math.min(SELF_TEST_MAX, Math.floor(SELF_TEST_FLOATS / floats)))
  const louder = LOUDER.slice(-Math.floor(count / 2))
  const windows = new Float32Array(count * floats)
  const meter = new BandMeter(shape)
  const energies = new Float64Array(channels.length * levelsOf(shape))
  const scores: number[] = []
  for (let t = 0; t < count; t++) {
    const { model, k } = of[Math.floor((t * (of.length - 1)) / (count - 1))]!
    const factor = louder[t - (count - louder.length)] ?? 1
    const own = windows.subarray(t * floats, (t + 1) * floats)
    for (let c = 0; c < channels.length; c++) {
      const window = own.subarray(c * samples, (c + 1) * samples)
      const from = (k * channels.length + c) * captured
      for (let i = 0; i < samples; i++) window[i] = factor * captures[from + i]!
      meter.measure(window, energies.subarray(c * levelsOf(shape), (c + 1) * levelsOf(shape)))
    }
    if (several) own.fill(speed!.perMin[k]!, channels.length * samples)
    scores.push(Number(scoreWindow(model, energies).toPrecision(7)))
  }
  return { windows: Buffer.from(windows.buffer).toString('base64'), scores, tolerance: SELF_TEST_TOLERANCE }
}

function quantilesOf(heldOut: Float64Array): Record<string, number> {
  const sorted = heldOut.toSorted()
  const at = (q: number): number => sorted[Math.round(q * (sorted.length - 1))] ?? 0
  return Object.fromEntries(QUANTILES.map(q => [String(q), Number(at(q).toPrecision(7))]))
}

export function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}
