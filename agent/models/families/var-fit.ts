// Fits vector autoregressions: once on all rows, and once without each fifth of them, for held-out scores.

import { dots } from './dots.ts'
import type { Baseline, Stretch } from './family.ts'
import { FOLDS, foldOf } from './folds.ts'
import { Moments, regress } from './moments.ts'
import { movingMean } from './rows.ts'
import { whitening } from './whiten.ts'

// In units of a channel's variance per row. Results did not move between 1e-4 and 1e-2.
const RIDGE = 1e-3

export interface VarShape {
  channels: number
  /** Rows looked back on. */
  order: number
  /** Rows whose innovations are averaged as a vector before they are whitened; 1: each row on its own. */
  mean: number
}

export interface VarModel extends VarShape {
  /** [(channels * order + 1) x channels]: row (l-1) * channels + j is the weight of z[t-l][j]; the last the intercept. */
  weights: Float64Array
  /** [channels x channels], of the mean of `mean` innovations. */
  whiten: Float64Array
}

/** A fit on all rows, and those that have not seen one fifth, by fifth. */
export interface VarFits {
  whole: VarModel
  folds: VarModel[]
}

/** Weights from the moments of rows, whitening from those of means of `mean` rows (the same where `mean` is 1). */
export function fitVar(baseline: Baseline, shape: VarShape): VarFits {
  const { channels, order, mean } = shape
  const targets = foldMoments(baseline.z, baseline.runs, shape, order + 1)
  const averaged = mean === 1 ? baseline.z : movingMean(baseline.z, baseline.rows, channels, mean)
  const windows = mean === 1 ? targets : foldMoments(averaged, baseline.runs, shape, order + mean)
  const fit = (without: number): VarModel => {
    const weights = regress(Moments.total(targets, without), channels, RIDGE)
    const covariance = innovationCovariance(Moments.total(windows, without), weights, channels)
    return { ...shape, weights, whiten: whitening(covariance, baseline.constant) }
  }
  return { whole: fit(-1), folds: targets.map((_, k) => fit(k)) }
}

/**
 * |W mean(e)| of every row, e the innovations of it and the `mean - 1` before it. NaN where the run is shorter. `modelOf(row)`
 * is the fit that judges it.
 */
export function normsOf({ z, rows, runs }: Stretch, shape: VarShape, modelOf: (row: number) => VarModel): Float64Array {
  const { channels, order, mean } = shape
  const averaged = mean === 1 ? z : movingMean(z, rows, channels, mean)
  const norms = new Float64Array(rows).fill(Number.NaN)
  const size = laggedSize(shape)
  const lagged = new Float64Array(size)
  const component = new Float64Array(channels)
  let model: VarModel | undefined
  let projection = new Float64Array(0)
  for (let t = 0; t < rows; t++) {
    if (runs[t]! < order + mean) continue
    if (modelOf(t) !== model) projection = projectionOf((model = modelOf(t)))
    fillLagged(lagged, averaged, t, shape)
    dots(lagged, 0, projection, channels, size, component)
    let squares = 0
    for (const value of component) squares += value * value
    norms[t] = Math.sqrt(squares)
  }
  return norms
}

/** Of every row, by the fit that has not seen its fifth. */
export function heldOutNorms(stretch: Stretch, { whole, folds }: VarFits): Float64Array {
  return normsOf(stretch, whole, row => folds[foldOf(row, stretch.rows)]!)
}

/** Moments of [z[t], z[t-1] … z[t-order], 1] per fifth of the rows, over rows with `runMin` rows in a run. */
function foldMoments(z: Float64Array, runs: Uint32Array, shape: VarShape, runMin: number): Moments[] {
  const folds = Array.from({ length: FOLDS }, () => new Moments(laggedSize(shape)))
  const vector = new Float64Array(laggedSize(shape))
  for (let t = 0; t < runs.length; t++) {
    if (runs[t]! < runMin) continue
    fillLagged(vector, z, t, shape)
    folds[foldOf(t, runs.length)]!.add(vector)
  }
  return folds
}

const laggedSize = ({ channels, order }: VarShape): number => channels * (order + 1) + 1

function fillLagged(out: Float64Array, z: Float64Array, t: number, shape: VarShape): void {
  let at = 0
  for (let lag = 0; lag <= shape.order; lag++) {
    const row = (t - lag) * shape.channels
    for (let c = 0; c < shape.channels; c++) out[at++] = z[row + c]!
  }
  out[at] = 1
}

/** [channels x laggedSize]: W [I, -weightsᵀ], which maps a lagged vector to its whitened innovation. */
function projectionOf({ weights, whiten, ...shape }: VarModel): Float64Array<ArrayBuffer> {
  const { channels } = shape
  const size = laggedSize(shape)
  const projection = new Float64Array(channels * size)
  for (let i = 0; i < channels; i++) {
    const gains = whiten.subarray(i * channels, (i + 1) * channels)
    projection.set(gains, i * size)
    const rest = projection.subarray(i * size + channels, (i + 1) * size)
    dots(gains, 0, weights, rest.length, channels, rest)
    for (let row = 0; row < rest.length; row++) rest[row] = -rest[row]!
  }
  return projection
}

/** Tᵀ H T / n with T = [I; -weights]: the covariance (about zero) of innovations, without another pass. */
function innovationCovariance(windows: Moments, weights: Float64Array, channels: number): Float64Array {
  const { size } = windows
  const map = (row: number, c: number): number =>
    row < channels ? (row === c ? 1 : 0) : -weights[(row - channels) * channels + c]!
  const covariance = new Float64Array(channels * channels)
  const column = new Float64Array(size)
  for (let j = 0; j < channels; j++) {
    column.fill(0)
    for (let row = 0; row < size; row++) {
      for (let k = 0; k < size; k++) column[row]! += windows.at(row, k) * map(k, j)
    }
    for (let i = 0; i < channels; i++) {
      let sum = 0
      for (let row = 0; row < size; row++) sum += map(row, i) * column[row]!
      covariance[i * channels + j] = sum / windows.count
    }
  }
  return covariance
}
