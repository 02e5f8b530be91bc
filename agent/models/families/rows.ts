// Rows of a baseline, standardised, with what may be looked back on.
import type { Baseline, Stretch } from './family.ts'

/** Raw rows as they come: [rows x channels] row-major, breaks[r] = 1 where row r does not follow row r-1. */
export interface Rows {
  values: Float64Array
  rows: number
  channels: number
  breaks: Uint8Array
}

export interface Standard {
  /** [channels] subtracted first, in raw units; exactly representable in float32, as the graph holds it. */
  centre: Float64Array
  /** [channels] 1 / standard deviation, float32 exact. */
  inverse: Float64Array
  /** [channels] 1 where the channel never moved. */
  constant: Uint8Array
}

// Below this share of its level a deviation is lost in float32 (eps 6e-8) and the channel counts as constant.
const RESOLUTION = 1e-6
// A constant channel counts one standard deviation per 1 % of its value, or per unit at zero: it is not followed
// closely, but a change of it is seen.
const CONSTANT_SHARE = 0.01

export function standardOf(data: Rows): Standard {
  const { values, rows, channels } = data
  const centre = new Float64Array(channels)
  const inverse = new Float64Array(channels)
  const constant = new Uint8Array(channels)
  for (let c = 0; c < channels; c++) {
    let sum = 0
    for (let r = 0; r < rows; r++) sum += values[r * channels + c]!
    const mean = sum / rows
    let squares = 0
    for (let r = 0; r < rows; r++) squares += (values[r * channels + c]! - mean) ** 2
    const deviation = Math.sqrt(squares / rows)
    constant[c] = deviation <= RESOLUTION * Math.abs(mean) || deviation === 0 ? 1 : 0
    centre[c] = Math.fround(mean)
    inverse[c] = Math.fround(1 / (constant[c] ? CONSTANT_SHARE * Math.abs(mean) || 1 : deviation))
  }
  return { centre, inverse, constant }
}

/** The baseline a family fits, by the standard taken from the same rows. */
export function baselineOf(data: Rows, standard: Standard): Baseline {
  return { ...stretchOf(data, standard), constant: standard.constant }
}

/** Rows as the parts of a model read them. */
export function stretchOf(data: Rows, standard: Standard): Stretch {
  const { rows, channels } = data
  return { z: standardise(data, standard), rows, channels, runs: runLengths(data.breaks, rows) }
}

/** (x - centre) * inverse of every row; x rounded to float32 first, as the model will see it. */
export function standardise(data: Rows, standard: Standard): Float64Array {
  const { values, rows, channels } = data
  const z = new Float64Array(rows * channels)
  for (let r = 0, at = 0; r < rows; r++) {
    for (let c = 0; c < channels; c++, at++) {
      z[at] = (Math.fround(values[at]!) - standard.centre[c]!) * standard.inverse[c]!
    }
  }
  return z
}

/** [rows] how many rows up to and including this one follow each other without a break. */
export function runLengths(breaks: Uint8Array, rows: number): Uint32Array {
  const lengths = new Uint32Array(rows)
  for (let r = 0; r < rows; r++) lengths[r] = r > 0 && breaks[r] === 0 ? lengths[r - 1]! + 1 : 1
  return lengths
}

/** Mean of each row and the `length - 1` before it; meaningless where the run is shorter. */
export function movingMean(z: Float64Array, rows: number, channels: number, length: number): Float64Array {
  const means = new Float64Array(rows * channels)
  for (let r = length - 1; r < rows; r++) {
    for (let c = 0; c < channels; c++) {
      let sum = 0
      for (let k = 0; k < length; k++) sum += z[(r - k) * channels + c]!
      means[r * channels + c] = sum / length
    }
  }
  return means
}
