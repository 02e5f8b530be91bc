import { AgentError } from '../../core/errors.ts'
import type { CaptureData, CaptureFitOptions, FitResult, Sufficiency } from '../contract.ts'
import { type BandLevels, fitBands as fitLevels, scoreCapture } from '../families/bands.ts'
import { bandsGraph } from '../families/bands-graph.ts'
import { BandMeter } from '../families/bands-levels.ts'
import { type BandsShape, bandsShape, levelsOf } from '../families/bands-shape.ts'
import { writeModelFile } from '../file/model-file.ts'
import { judgeCapture } from '../vibration/judge.ts'
import { bandsManifest, medianOf } from './bands-manifest.ts'

/** Below it five fifths of a baseline are no fifths. */
const CAPTURES_MIN = 5
/** Of a half that is to say something about the other, or of one of several bins of speed. */
export const CAPTURES_FAIR = 10
const CAPTURES_GOOD = 60
/** Floats of a window: beyond it the windows of the self-test alone would make a file of 1 MB. */
const WINDOW_FLOATS_MAX = 16_384
const WINDOWS_PER_CAPTURE_MAX = 32
// A capture of a machine that stood, or of a hammer: 3 dB off, and six times as far as captures usually are.
const OUTLIER_SPREADS = 6
const OUTLIER_DB = 3
/** More than this share is no outlier but another way to run. A bearing's first minutes made up a tenth of an hour's baseline. */
const OUTLIER_SHARE_MAX = 0.2
/** Of the second half beyond the setpoint of the first, as with process models. */
const EXCEEDING_SHARE_MAX = 0.05
const JUDGED_MAX = 20

/**
 * Fits healthy captures. Seconds of pure computation, so the agent runs it in a worker (`fitCapturesInWorker`). A window of the model is a
 * whole capture where that fits in 16,384 floats; of longer captures it takes windows one after another, up to 32, and the score
 * of a capture is their mean. Captures of a machine that stood are left out first, and counted. The same captures give the same bytes.
 *
 * Throws AgentError FIT_INSUFFICIENT: fewer than five captures, too short for four averages, no signal, values that are no numbers.
 */
export function fitBands(given: CaptureData, options: CaptureFitOptions): FitResult {
  checkValues(given)
  const { channels, samples } = windowOf(given.channels.length, given.samples)
  const shape = bandsShape(channels, samples, given.rateHz)
  if (!shape)
    throw refusal(given, `captures of ${given.samples} samples are too short for four averages; capture longer.`)
  const all = measure(given, shape)
  const kept = withoutOutliers(all)
  const left = given.count - kept.length
  const levels = pick(all, kept)
  if (kept.length < CAPTURES_MIN) throw refusal(given, `${kept.length} captures are there, it takes ${CAPTURES_MIN}.`)
  const { model, heldOut } = fitLevels(levels, options.provisional?.widened)
  const sufficiency = sufficiencyOf(levels)
  const manifest = bandsManifest(given, options, model, { kept, heldOut })
  const warnings = [
    ...(left > 0 ? [`${left} of ${given.count} captures left out: their level is not that of the others.`] : []),
    ...(kept.length < CAPTURES_GOOD
      ? [`${kept.length} captures; ${CAPTURES_GOOD} or more would make a lower setpoint.`]
      : []),
    ...sensorText(given, kept),
    ...(sufficiency.enough ? [] : [sufficiency.reason]),
  ]
  return { bytes: writeModelFile(bandsGraph(model), manifest), manifest, sufficiency, warnings }
}

/** Samples of a window for captures of so many: the captures themselves where they fit. */
export function windowOf(channels: number, samples: number): { channels: number; samples: number; perCapture: number } {
  const most = Math.floor(WINDOW_FLOATS_MAX / channels)
  if (samples <= most) return { channels, samples, perCapture: 1 }
  const window = 2 ** Math.floor(Math.log2(most))
  return { channels, samples: window, perCapture: Math.min(WINDOWS_PER_CAPTURE_MAX, Math.floor(samples / window)) }
}

/** Energies of every window of the captures. */
export function measure({ captures, count, samples }: CaptureData, shape: BandsShape): BandLevels {
  const { perCapture } = windowOf(shape.channels, samples)
  const width = levelsOf(shape)
  const energies = new Float64Array(count * perCapture * shape.channels * width)
  const meter = new BandMeter(shape)
  for (let k = 0; k < count; k++) {
    for (let w = 0; w < perCapture; w++) {
      for (let c = 0; c < shape.channels; c++) {
        const from = (k * shape.channels + c) * samples + w * shape.samples
        const to = ((k * perCapture + w) * shape.channels + c) * width
        meter.measure(captures.subarray(from, from + shape.samples), energies.subarray(to, to + width))
      }
    }
  }
  return { shape, energies, captures: count, perCapture }
}

/** Indices of the captures whose level in every channel is that of the others. */
function withoutOutliers(levels: BandLevels): number[] {
  const every = Array.from({ length: levels.captures }, (_, k) => k)
  const far = new Set<number>()
  for (let c = 0; c < levels.shape.channels; c++) {
    const power = every.map(k => 10 * Math.log10(channelPower(levels, k, c) + Number.MIN_VALUE))
    const median = medianOf(power)
    const spread = 1.4826 * medianOf(power.map(value => Math.abs(value - median)))
    const most = Math.max(OUTLIER_SPREADS * spread, OUTLIER_DB)
    for (const k of every) if (Math.abs(power[k]! - median) > most) far.add(k)
  }
  return far.size > OUTLIER_SHARE_MAX * levels.captures ? every : every.filter(k => !far.has(k))
}

function channelPower({ shape, energies, perCapture }: BandLevels, capture: number, channel: number): number {
  const width = levelsOf(shape)
  let sum = 0
  for (let w = 0; w < perCapture; w++) {
    const at = ((capture * perCapture + w) * shape.channels + channel) * width
    for (let band = 0; band < shape.bands; band++) sum += energies[at + band]!
  }
  return sum / perCapture
}

function pick(levels: BandLevels, captures: readonly number[]): BandLevels {
  const size = levels.energies.length / levels.captures
  const energies = new Float64Array(captures.length * size)
  captures.forEach((k, i) => {
    energies.set(levels.energies.subarray(k * size, (k + 1) * size), i * size)
  })
  return { ...levels, energies, captures: captures.length }
}

/** Fits the first half of the captures and scores the second. */
function sufficiencyOf(levels: BandLevels): Sufficiency {
  const half = Math.floor(levels.captures / 2)
  if (half < CAPTURES_FAIR) {
    const reason = `too few captures to check one half of the baseline against the other: ${levels.captures} of ${2 * CAPTURES_FAIR}; learn longer before trusting the setpoint.`
    return { enough: false, reason }
  }
  const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i)
  const { model } = fitLevels(pick(levels, range(0, half)))
  const scores = range(half, levels.captures).map(k => scoreCapture(model, levels, k))
  const beyond = scores.filter(score => score >= 1).length
  const exceeding = beyond / scores.length
  // One capture of few raises no alarm.
  if (beyond <= Math.max(1, EXCEEDING_SHARE_MAX * scores.length)) return { enough: true, exceeding, reason: '' }
  const reason =
    `${(100 * exceeding).toFixed(0)} % of the second half of the baseline exceed the setpoint of its first half: ` +
    'the machine still showed new behaviour, or wears. Learn longer; expect false alarms until then.'
  return { enough: false, exceeding, reason }
}

/** What the captures say of the sensors; some of many are judged, evenly spread. */
function sensorText({ captures, samples, channels, rateHz }: CaptureData, kept: readonly number[]): string[] {
  const step = Math.max(1, Math.ceil(kept.length / JUDGED_MAX))
  const judged = kept.filter((_, i) => i % step === 0)
  return channels.flatMap(({ id }, c) => {
    const found = new Map<string, { count: number; text: string }>()
    for (const k of judged) {
      const from = (k * channels.length + c) * samples
      for (const { fault, text } of judgeCapture(captures.subarray(from, from + samples), rateHz).findings) {
        found.set(fault, { count: (found.get(fault)?.count ?? 0) + 1, text })
      }
    }
    return [...found].map(
      ([fault, { count, text }]) =>
        `${id}: ${fault} in ${count} of ${judged.length} captures (${text}); look at the sensor.`,
    )
  })
}

function checkValues(data: CaptureData): void {
  const { captures, count, samples, channels, timesUs, speeds } = data
  if (channels.length === 0 || count < CAPTURES_MIN) {
    throw refusal(
      data,
      `${count} captures of ${channels.length} channels are there, it takes ${CAPTURES_MIN} of one. Learn longer.`,
    )
  }
  const wanted = count * channels.length * samples
  if (captures.length !== wanted || timesUs.length !== count || (speeds && speeds.length !== count)) {
    throw refusal(data, `${captures.length} values and ${timesUs.length} times do not make ${count} captures.`)
  }
  channels.forEach(({ id }, c) => {
    let moved = false
    for (let k = 0; k < count; k++) {
      const from = (k * channels.length + c) * samples
      const first = captures[from]!
      for (let i = from; i < from + samples; i++) {
        if (!Number.isFinite(captures[i]!)) throw refusal(data, `capture ${k} of ${id} holds ${captures[i]}.`)
        moved ||= captures[i] !== first
      }
    }
    if (!moved) throw refusal(data, `${id} has no signal in any capture. Look at the sensor, or leave it out.`)
  })
}

function refusal({ source }: CaptureData, message: string): AgentError {
  return new AgentError('FIT_INSUFFICIENT', `cannot fit ${source}: ${message}`)
}
