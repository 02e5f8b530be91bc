import { AgentError } from '../../core/errors.ts'
import type { CaptureData, CaptureFitOptions, FitResult } from '../contract.ts'
import { type BandLevels, capturesOf, fitBands as fitLevels } from '../families/bands.ts'
import { bandsGraph } from '../families/bands-graph.ts'
import { BandMeter } from '../families/bands-levels.ts'
import { type BandsShape, bandsShape, levelsOf } from '../families/bands-shape.ts'
import { writeModelFile } from '../file/model-file.ts'
import { bandsManifest } from './bands-manifest.ts'
import { atText, baselineParts, CAPTURES_MIN } from './bands-parts.ts'
import { sufficiencyOf } from './bands-sufficiency.ts'

const CAPTURES_GOOD = 60
/** Floats of a window: beyond it the windows of the self-test alone would make a file of 1 MB. */
const WINDOW_FLOATS_MAX = 16_384
const WINDOWS_PER_CAPTURE_MAX = 32

/**
 * Fits healthy captures. Seconds of pure computation, so the agent runs it in a worker (`fitCapturesInWorker`). A window of the model is a
 * whole capture where that fits in 16,384 floats; of longer captures it takes windows one after another, up to 32, and the score
 * of a capture is their mean. Captures of a machine that stood are left out first, and counted. Where the speed is known, each bin of
 * speeds has a baseline of its own (bands-speeds.ts), all in one graph. Captures of which a sensor has a fault are not given. The same
 * captures give the same bytes.
 *
 * Throws AgentError FIT_INSUFFICIENT: fewer than two captures, too short for four averages, no signal, values that are no numbers, no
 * speed at which there are ten.
 */
export function fitBands(given: CaptureData, options: CaptureFitOptions): FitResult {
  checkValues(given)
  const { channels, samples } = windowOf(given.channels.length, given.samples)
  const shape = bandsShape(channels, samples, given.rateHz)
  if (!shape)
    throw refusal(given, `captures of ${given.samples} samples are too short for four averages; capture longer.`)
  const all = measure(given, shape)
  const { parts, warnings: left } = baselineParts(given, all)
  if (parts.length === 0) throw refusal(given, `${left.join(' ')} Learn longer.`)
  const fitted = parts.map(part => ({
    ...part,
    ...fitLevels(capturesOf(all, part.kept), options.provisional?.widened),
  }))
  const sufficiency = sufficiencyOf(parts.map(({ kept, range }) => ({ levels: capturesOf(all, kept), range })))
  const manifest = bandsManifest(given, options, fitted)
  const warnings = [
    ...left,
    ...fitted.flatMap(({ kept, range }) =>
      kept.length < CAPTURES_GOOD
        ? [
            `${kept.length} captures${parts.length > 1 ? atText(range) : ''}; ${CAPTURES_GOOD} or more would make a lower setpoint.`,
          ]
        : [],
    ),
    ...(sufficiency.reason === '' ? [] : [sufficiency.reason]),
  ]
  const graph = bandsGraph(
    fitted.map(({ model }) => model),
    manifest.speed?.bins,
  )
  return { bytes: writeModelFile(graph, manifest), manifest, sufficiency, warnings }
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

function checkValues(data: CaptureData): void {
  const { captures, count, samples, channels, timesUs, speed } = data
  if (channels.length === 0 || count < CAPTURES_MIN) {
    throw refusal(
      data,
      `${count} captures of ${channels.length} channels are there; it takes ${CAPTURES_MIN} of one at the least, and ${CAPTURES_GOOD} for a good setpoint.`,
    )
  }
  const wanted = count * channels.length * samples
  if (captures.length !== wanted || timesUs.length !== count || (speed && speed.perMin.length !== count)) {
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
