// Family `bands`: energies of spectral bands against what they were.
//
//   window [channels, samples], detrended, Hann, blocks overlapped by half, mean of powers
//     E[c, l]  mean square of channel c in level l: bands of 200 Hz, then groups of four of them
//     z        = (ln(E / reference + floor) - centre) / deviation
//     s[c, p]  = rms over the levels of part p (bands, groups) of max(0, z), over its limit
//     score    = largest s                                1.0 is the setpoint
//     contributions: z² of the part that won, per band; a group's is shared out by its bands' own
//
// One-sided: a machine that wears rises somewhere; bearings that run in fall, for hours, and are not ill. Of six bearings run to
// failure two-sided z found as many, but 3.5 min before the end instead of 33.5. What a sensor loses is judged apart (vibration/judge.ts).
//
// Bands and groups are two parts with a limit each, because a narrow rise drowns in the energy of a wide band and a broad one in
// the number of narrow bands. The limit is the largest held-out score of five contiguous fifths, widened by the 95 % doubt that as
// many captures leave in a standard deviation: x 1.25 with 21, x 1.15 with 60, x 1.04 with 1,000. See docs/vibration.md for what
// else was tried.
import { type BandsShape, levelsOf } from './bands-shape.ts'
import { tQuantile } from './student.ts'

const FOLDS = 5
/** Natural logarithms of energy; 0.05 is 0.2 dB: no chain of sensor, mount and digitiser repeats itself better. */
const DEVIATION_FLOOR = 0.05
/** Share of a level's own baseline energy: 30 dB below it a level is as good as silent, and its logarithm stays finite. */
export const ENERGY_FLOOR = 1e-3
/** Least baseline energy of a level, as a share of its channel's: what float32 can tell from rounding. */
const REFERENCE_SHARE_MIN = 1e-10
/** One-sided 95 % of the normal distribution. */
const CONFIDENCE = 1.645
const COVERED = 0.99
const MANY = 1_000
// One wild capture that no level gave away must not make the model blind.
const LARGEST_OVER_SECOND_MAX = 1.5

/** Mean squares of windows. */
export interface BandLevels {
  shape: BandsShape
  /** [captures x perCapture, channels, levels]. */
  energies: Float64Array
  captures: number
  /** Windows of a capture. */
  perCapture: number
}

export interface BandsBaseline {
  /** [channels x levels] geometric mean energy. */
  reference: Float64Array
  /** [channels x levels] of ln(E / reference + ENERGY_FLOOR). */
  centre: Float64Array
  inverse: Float64Array
}

export interface BandsModel extends BandsBaseline {
  shape: BandsShape
  /** [channels x 2] 1 / limit of the bands, of the groups. */
  gain: Float64Array
}

export interface BandsFit {
  model: BandsModel
  /** [captures] held-out scores in time order, below 1 all of them. */
  heldOut: Float64Array
}

/** Those captures alone. */
export function capturesOf(levels: BandLevels, captures: readonly number[]): BandLevels {
  const size = levels.energies.length / levels.captures
  const energies = new Float64Array(captures.length * size)
  captures.forEach((k, i) => {
    energies.set(levels.energies.subarray(k * size, (k + 1) * size), i * size)
  })
  return { ...levels, energies, captures: captures.length }
}

/** The caller has made sure of at least two captures and of energy in every channel. `widened` multiplies the limits. */
export function fitBands(levels: BandLevels, widened = 1): BandsFit {
  const { shape, captures } = levels
  const parts = 2 * shape.channels
  const heldOut = new Float64Array(captures * parts)
  const folds = Math.min(FOLDS, captures)
  for (let fold = 0; fold < folds; fold++) {
    const inFold = (capture: number): boolean => Math.floor((capture * folds) / captures) === fold
    const baseline = baselineOf(levels, capture => !inFold(capture))
    for (let capture = 0; capture < captures; capture++) {
      if (inFold(capture)) heldOut.set(meanParts(levels, baseline, capture), capture * parts)
    }
  }
  const widen = captures < FOLDS ? widenFew(captures) : 1 + CONFIDENCE / Math.sqrt(2 * captures)
  const gain = Float64Array.from({ length: parts }, (_, part) => {
    const scores = Float64Array.from({ length: captures }, (_, capture) => heldOut[capture * parts + part]!).sort()
    const limit = Math.min(scores[captures - 1]!, LARGEST_OVER_SECOND_MAX * scores[captures - 2]!)
    // Captures without any rise at all: one standard deviation is as good a limit as any.
    return 1 / ((limit || 1) * widen * widened)
  })
  const model = { ...baselineOf(levels, () => true), shape, gain }
  const largest = (capture: number): number =>
    gain.reduce((top, g, part) => Math.max(top, g * heldOut[capture * parts + part]!), 0)
  return { model, heldOut: Float64Array.from({ length: captures }, (_, capture) => largest(capture)) }
}

/** Where a further capture lies with 99 % by Student's t of so few, over where it lies if their deviation were known. */
function widenFew(captures: number): number {
  return (tQuantile(COVERED, captures - 1) * Math.sqrt(1 + 1 / captures)) / tQuantile(COVERED, MANY)
}

/** Score of a capture: the mean of its windows'. */
export function scoreCapture(model: BandsModel, levels: BandLevels, capture: number): number {
  const { channels } = model.shape
  const size = channels * levelsOf(model.shape)
  let sum = 0
  for (let w = 0; w < levels.perCapture; w++) {
    const at = (capture * levels.perCapture + w) * size
    sum += scoreWindow(model, levels.energies.subarray(at, at + size))
  }
  return sum / levels.perCapture
}

/** `energies`: [channels x levels] of one window. */
export function scoreWindow(model: BandsModel, energies: Float64Array): number {
  const parts = partScores(model.shape, model, energies)
  return parts.reduce((top, score, part) => Math.max(top, score * model.gain[part]!), 0)
}

/** [channels x 2] mean over the windows of a capture. */
function meanParts(levels: BandLevels, baseline: BandsBaseline, capture: number): Float64Array {
  const { shape, perCapture, energies } = levels
  const size = shape.channels * levelsOf(shape)
  const mean = new Float64Array(2 * shape.channels)
  for (let w = 0; w < perCapture; w++) {
    const at = (capture * perCapture + w) * size
    const parts = partScores(shape, baseline, energies.subarray(at, at + size))
    for (let part = 0; part < mean.length; part++) mean[part]! += parts[part]! / perCapture
  }
  return mean
}

/** [channels x 2], before the limit. */
function partScores(shape: BandsShape, baseline: BandsBaseline, energies: Float64Array): Float64Array {
  const { channels, bands, groups } = shape
  const levels = bands + groups
  const scores = new Float64Array(2 * channels)
  for (let c = 0; c < channels; c++) {
    for (let level = 0; level < levels; level++) {
      const at = c * levels + level
      const rise =
        (Math.log(energies[at]! / baseline.reference[at]! + ENERGY_FLOOR) - baseline.centre[at]!) *
        baseline.inverse[at]!
      if (rise > 0) scores[2 * c + (level < bands ? 0 : 1)]! += rise * rise
    }
    scores[2 * c] = Math.sqrt(scores[2 * c]! / bands)
    scores[2 * c + 1] = Math.sqrt(scores[2 * c + 1]! / groups)
  }
  return scores
}

/** Of the windows of the captures that `use` lets in. */
function baselineOf(levels: BandLevels, use: (capture: number) => boolean): BandsBaseline {
  const { shape, energies, perCapture, captures } = levels
  const width = levelsOf(shape)
  const size = shape.channels * width
  const rows: number[] = []
  for (let capture = 0; capture < captures; capture++) {
    if (use(capture)) for (let w = 0; w < perCapture; w++) rows.push((capture * perCapture + w) * size)
  }
  const reference = new Float64Array(size)
  const centre = new Float64Array(size)
  const inverse = new Float64Array(size)
  for (let i = 0, least = 0; i < size; i++) {
    if (i % width === 0) least = REFERENCE_SHARE_MIN * meanEnergy(energies, rows, i, shape.bands)
    reference[i] = Math.exp(rows.reduce((sum, at) => sum + Math.log(energies[at + i]! + least), 0) / rows.length)
    const logs = rows.map(at => Math.log(energies[at + i]! / reference[i]! + ENERGY_FLOOR))
    centre[i] = logs.reduce((sum, value) => sum + value, 0) / rows.length
    const squares = logs.reduce((sum, value) => sum + (value - centre[i]!) ** 2, 0)
    inverse[i] = 1 / Math.max(DEVIATION_FLOOR, Math.sqrt(squares / Math.max(1, rows.length - 1)))
  }
  return { reference, centre, inverse }
}

/** Of all bands of the channel that begins at `from` in each row. */
function meanEnergy(energies: Float64Array, rows: readonly number[], from: number, bands: number): number {
  let sum = 0
  for (const at of rows) for (let band = 0; band < bands; band++) sum += energies[at + from + band]!
  return sum / rows.length
}
