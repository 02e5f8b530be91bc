// Family `autoencoder`: random features and two solved layers. A row is encoded by tanh units whose weights are drawn once from a
// seed, and decoded by a linear layer through a code of few numbers; what does not come back is the residual. The
// decoder is solved (ridge), not trained, so the same rows give the same bytes and a fit takes a second.
//
//   f    = tanh(z E + b)                      E, b seeded, not fitted
//   zhat = f D + d                            ridge, then cut to the few directions that carry 90 % of zhat
//   r    = (z - zhat) / rms of the residual   per channel
//   row  = |r|                                over the limit: part 1
//   mean of |r| over the last 10 rows         over its own limit: part 2
//
// It looks at one row at a time and so is a second opinion beside `var`, which looks at how rows follow each other. A tanh
// saturates: far from the baseline the reconstruction stays near it and the residual grows with the distance, where a
// linear code (PCA) would follow a common shift without a residual.
//
// On four server recordings of 38 channels VUS-PR was 0.52 for the row alone and 0.55 for both parts. It hardly depends on what was
// chosen here: 128 units instead of 64, a ridge of 1e-1, a code of 80 or 95 %, another seed, 30 rows more in the mean gave
// 0.48 to 0.53 and 0.54 to 0.57.
import { EVD, Matrix } from 'ml-matrix'
import { seededPrng } from '../../core/prng.ts'
import { limitOf } from '../fit/limit.ts'
import {
  type Autoencoder,
  autoencoderParts,
  type Encoder,
  encodeRow,
  type Network,
  Reconstruction,
} from './autoencoder-parts.ts'
import type { Baseline, Family } from './family.ts'
import { FOLDS, foldOf, raiseTo, runsInFolds } from './folds.ts'
import { Moments, regress } from './moments.ts'

/** Below it the reconstruction knows the baseline by heart and little else. */
const ROWS_MIN = 5_000
const HIDDEN = 64
const SEED = 20_261_122
// Spread of a unit's input in a healthy row: tanh is bent there, and not yet flat.
const GAIN = 0.9
// In units of a unit's variance per row.
const RIDGE = 1e-3
const CODE_SHARE = 0.9
// In standard deviations of the channel: a channel that comes back better than this is judged as if it did not, or float32
// rounding would count. 38 channels of 64 terms round to about 1e-6.
const RESIDUAL_FLOOR = 0.02
/** Rows of the mean of part 2. */
const MEAN_ROWS = 10

export const AUTOENCODER: Family = {
  name: 'autoencoder',
  rowsNeeded: () => ROWS_MIN,
  lacks,
  fit: baseline => {
    const { model, heldOut } = fitAutoencoder(baseline)
    return { parts: autoencoderParts(model), heldOut, warnings: [] }
  },
  delayRows: { on: 5, off: 30 },
  keeps: 'baseline',
  screens: true,
}

function lacks({ rows, constant }: Baseline): string | undefined {
  const moving = movingOf(constant)
  if (moving < 2) {
    return `an autoencoder compares channels with each other, and ${moving} of ${constant.length} moves. Fit family var or aakr.`
  }
  if (rows >= ROWS_MIN) return undefined
  return `${rows} rows are there, and an autoencoder takes ${ROWS_MIN}. Learn longer, or fit family var.`
}

const movingOf = (constant: Uint8Array): number => constant.length - constant.reduce((sum, c) => sum + c, 0)

/** `heldOut` [rows]: 1.0 is the setpoint. */
export function fitAutoencoder(baseline: Baseline): { model: Autoencoder; heldOut: Float64Array } {
  const { rows, channels } = baseline
  const encoder = encoderOf(channels, baseline.constant)
  const moments = foldMoments(baseline, encoder)
  const folds = moments.map(
    (_, fold) => new Reconstruction(solve(encoder, Moments.total(moments, fold), baseline.constant)),
  )
  const norms = Float64Array.from({ length: rows }, (_, t) => folds[foldOf(t, rows)]!.norm(baseline.z, t))
  const means = meansOf(norms, runsInFolds(baseline.runs))
  const limits = { row: limitOf(norms, 1), mean: limitOf(means, MEAN_ROWS) }
  const heldOut = new Float64Array(rows).fill(Number.NaN)
  raiseTo(heldOut, norms, limits.row)
  raiseTo(heldOut, means, limits.mean)
  const network = solve(encoder, Moments.total(moments), baseline.constant)
  return { model: { ...network, limits, meanRows: MEAN_ROWS }, heldOut }
}

/** From a fixed seed, float32 exact. A channel that never moved feeds no unit: a later change of it must not blur the others. */
function encoderOf(channels: number, constant: Uint8Array): Encoder {
  const prng = seededPrng(SEED)
  const moving = Math.max(1, movingOf(constant))
  const encode = new Float64Array(channels * HIDDEN)
  for (let i = 0; i < encode.length; i++) {
    const weight = (GAIN / Math.sqrt(moving)) * prng.normal()
    encode[i] = constant[Math.floor(i / HIDDEN)] ? 0 : Math.fround(weight)
  }
  const encodeBias = Float64Array.from({ length: HIDDEN }, () => Math.fround(2 * prng.next() - 1))
  return { channels, hidden: HIDDEN, encode, encodeBias }
}

/** Moments of [z, f, 1] per fifth of the rows. */
function foldMoments({ z, rows, channels }: Baseline, encoder: Encoder): Moments[] {
  const size = channels + HIDDEN + 1
  const folds = Array.from({ length: FOLDS }, () => new Moments(size))
  const vector = new Float64Array(size)
  const units = vector.subarray(channels, channels + HIDDEN)
  vector[size - 1] = 1
  for (let t = 0; t < rows; t++) {
    for (let c = 0; c < channels; c++) vector[c] = z[t * channels + c]!
    encodeRow(encoder, z, t, units)
    folds[foldOf(t, rows)]!.add(vector)
  }
  return folds
}

/** Decoder and residual scale from the moments of the rows it may see. */
function solve(encoder: Encoder, moments: Moments, constant: Uint8Array): Network {
  const { channels, hidden } = encoder
  const full = regress(moments, channels, RIDGE)
  const decode = throughCode(full, moments, channels)
  const inverse = residualInverse(decode, moments, constant)
  return {
    ...encoder,
    decode: decode.subarray(0, hidden * channels),
    decodeBias: decode.subarray(hidden * channels),
    inverse,
  }
}

/** [(hidden + 1) x channels] with zhat cut to its widest directions; never as many as there are channels, or all would come back. */
function throughCode(full: Float64Array, moments: Moments, channels: number): Float64Array {
  const weights = new Matrix(toRows(full, channels))
  const units = Matrix.zeros(weights.rows, weights.rows)
  for (let i = 0; i < units.rows; i++) {
    for (let j = 0; j < units.rows; j++) units.set(i, j, moments.at(channels + i, channels + j) / moments.count)
  }
  const mean = Matrix.rowVector(units.getRow(units.rows - 1)).mmul(weights)
  const covariance = weights.transpose().mmul(units).mmul(weights).sub(mean.transpose().mmul(mean))
  const { realEigenvalues: values, eigenvectorMatrix: vectors } = new EVD(covariance, { assumeSymmetric: true })
  const kept = widest(values, channels)
  const directions = vectors.subMatrixColumn(kept)
  const project = directions.mmul(directions.transpose())
  const cut = weights.mmul(project)
  // The part of the mean that the cut takes away is no residual of any row.
  const last = cut.rows - 1
  for (let c = 0; c < channels; c++) {
    let kept = 0
    for (let k = 0; k < channels; k++) kept += mean.get(0, k) * project.get(k, c)
    cut.set(last, c, cut.get(last, c) + mean.get(0, c) - kept)
  }
  return Float64Array.from(cut.to1DArray(), Math.fround)
}

function toRows(values: Float64Array, width: number): number[][] {
  return Array.from({ length: values.length / width }, (_, r) => [...values.subarray(r * width, (r + 1) * width)])
}

/** Indices of the largest eigenvalues that make up CODE_SHARE of their sum. */
function widest(values: readonly number[], channels: number): number[] {
  const order = values.map((_, i) => i).sort((a, b) => values[b]! - values[a]!)
  const total = values.reduce((sum, value) => sum + Math.max(0, value), 0)
  const kept: number[] = []
  let sum = 0
  for (const i of order.slice(0, Math.max(1, channels - 1))) {
    if (sum >= CODE_SHARE * total) break
    kept.push(i)
    sum += Math.max(0, values[i]!)
  }
  return kept.length > 0 ? kept : order.slice(0, 1)
}

/** 1 / rms of z - zhat per channel: a quadratic form of the moments, without another pass over the rows. */
function residualInverse(decode: Float64Array, moments: Moments, constant: Uint8Array): Float64Array {
  const channels = constant.length
  const units = moments.size - channels
  return Float64Array.from(constant, (isConstant, c) => {
    if (isConstant) return 1
    const column = Float64Array.from({ length: units }, (_, i) => decode[i * channels + c]!)
    let squares = moments.at(c, c)
    for (let i = 0; i < units; i++) {
      let row = 0
      for (let j = 0; j < units; j++) row += moments.at(channels + i, channels + j) * column[j]!
      squares += column[i]! * (row - 2 * moments.at(c, channels + i))
    }
    return Math.fround(1 / Math.max(Math.sqrt(Math.max(0, squares) / moments.count), RESIDUAL_FLOOR))
  })
}

/** Means of MEAN_ROWS norms, NaN where `runs` is shorter. */
function meansOf(norms: Float64Array, runs: Uint32Array): Float64Array {
  return norms.map((_, t) => {
    if (runs[t]! < MEAN_ROWS) return Number.NaN
    let sum = 0
    for (let k = 0; k < MEAN_ROWS; k++) sum += norms[t - k]!
    return sum / MEAN_ROWS
  })
}
