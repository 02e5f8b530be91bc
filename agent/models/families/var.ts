// Family `var`: vector autoregression. Each channel is predicted from the last `order` rows of all channels; what is left
// (the innovation) is averaged over the last `mean` rows as a vector, whitened, and its length is the score.
//
//   window [channels, order + mean], oldest row first
//     z  = (x - centre) * inverse
//     e  = mean over the last `mean` rows t of  z[t] - intercept - sum_l A_l z[t-l]
//     c  = W e / limit            W whitens e (ZCA-cor): component i stays with channel i
//     score = |c|                 1.0 is the setpoint;   contributions = c² / sum c²
//
// Averaging commutes with everything before the norm, so the graph and this file average z first (`movingMean`).
//
// The limit is the largest score of held-out rows: five contiguous fifths, each scored by a fit on the other four. On 20
// runs of a water circulation rig with 400 baseline rows that gave F1 0.855 at 10 % false alarms; the largest score of the
// rows fitted on 0.78 at 57 %, their 99 % quantile 0.77 at 64 %. A healthy run with 4,000 baseline rows is in alarm for
// 3.8 % of the rest. Starting 75 or 150 rows later changed nothing with mean 10 (0.855 each), but did with mean 5
// (0.816 to 0.843) and order 3 (0.840 to 0.854; 12 % of the healthy run).
//
// Adding the deviation from what the other channels predict to the vector lost 0.04 and tripled the false alarms: slow
// common drift breaks such relations first. A fault that breaks them for good stays visible without, because innovations
// of noisy channels keep the shift (I - sum A) delta: a simulated pump with a clogged strainer stays above the setpoint
// 98 to 100 % of the time, at a median of 1.2 to 1.8; of 30 healthy hours with load changes 0.007 % of windows exceed it (at
// 1 and 2 Hz; at a row every 5 s the same hour is 720 rows, too few: one seed of three alarmed on 16 to 28 %).
import { assert } from '../../core/errors.ts'
import { Moments, regress, regressOnOthers } from './moments.ts'
import { movingMean, type Rows, runLengths, type Standard, standardise, standardOf } from './rows.ts'
import { whitening } from './whiten.ts'

export const VAR_DEFAULTS = { order: 5, mean: 10 } as const

const FOLDS = 5
// In units of a channel's variance per row. Results did not move between 1e-4 and 1e-2.
const RIDGE = 1e-3
// For the relation shown to people: stiffer, so that near-copies share the weight instead of cancelling each other.
const RELATION_RIDGE = 1e-2
// The limit is never above 3 x the 99 % quantile of the held-out scores (measured: 1.0 to 2.0 x): a baseline with one wild
// spike in it must not make the model blind.
const LIMIT_OVER_Q99_MAX = 3

export interface VarShape {
  channels: number
  order: number
  mean: number
}

export interface VarModel extends VarShape, Standard {
  /** [(channels * order + 1) x channels]: row (l-1) * channels + j is the weight of z[t-l][j]; the last the intercept. */
  weights: Float64Array
  /** [channels x channels], already divided by the limit. */
  whiten: Float64Array
  /** [channels x channels]: weight of channel j in the prediction of channel i from the others, in z. */
  relation: Float64Array
}

export interface VarFit {
  model: VarModel
  /** Held-out scores in time order, 1.0 = the setpoint. */
  heldOut: Float64Array
}

/** Regression weights per channel: what the number of rows is held against. */
export function parametersOf(shape: VarShape): number {
  return shape.channels * shape.order + 1
}

/** How many rows have `order` (a target) and `order + mean - 1` (a window) rows before them without a break. */
export function usableRows(data: Rows, shape: VarShape): { targets: number; windows: number } {
  const runs = runLengths(data.breaks, data.rows)
  let targets = 0
  let windows = 0
  for (const run of runs) {
    if (run > shape.order) targets++
    if (run >= shape.order + shape.mean) windows++
  }
  return { targets, windows }
}

/** The caller has checked that there are enough rows (`usableRows`), and that all values are finite in float32. */
export function fitVar(data: Rows, shape: VarShape): VarFit {
  const { channels, order, mean } = shape
  const standard = standardOf(data)
  const z = standardise(data, standard)
  const zBar = movingMean(z, data.rows, channels, mean)
  const runs = runLengths(data.breaks, data.rows)
  const targets = foldMoments(z, runs, shape, order + 1)
  const windows = foldMoments(zBar, runs, shape, order + mean)

  const fold = (without: number): Pick<VarModel, 'weights' | 'whiten'> => {
    const weights = regress(Moments.total(targets, without), channels, RIDGE)
    const covariance = innovationCovariance(Moments.total(windows, without), weights, channels)
    return { weights, whiten: whitening(covariance, standard.constant) }
  }
  const heldOut = heldOutScores(
    zBar,
    runs,
    shape,
    targets.map((_, k) => fold(k)),
  )
  assert(heldOut.length > 0, 'a baseline that was found large enough has held-out windows')
  const limit = limitOf(heldOut)
  const { weights, whiten } = fold(-1)
  const relation = regressOnOthers(Moments.total(windows), channels, RELATION_RIDGE)
  return {
    model: { ...shape, ...standard, weights, whiten: whiten.map(value => value / limit), relation },
    heldOut: heldOut.map(score => score / limit),
  }
}

/** Scores of every window that ends in the rows of `data` without a break inside, in time order. */
export function scoreRows(model: VarModel, data: Rows): Float64Array {
  const z = standardise(data, model)
  const zBar = movingMean(z, data.rows, model.channels, model.mean)
  const runs = runLengths(data.breaks, data.rows)
  const scores: number[] = []
  const scratch = scratchFor(model)
  for (let t = 0; t < data.rows; t++) {
    if (runs[t]! >= model.order + model.mean) scores.push(scoreAt(zBar, t, model, model, scratch))
  }
  return Float64Array.from(scores)
}

const foldOf = (row: number, rows: number): number => Math.floor((row * FOLDS) / rows)

/** Moments of [z[t], z[t-1] … z[t-order], 1] per fifth of the rows, over rows with `runMin` rows in a run. */
function foldMoments(z: Float64Array, runs: Uint32Array, shape: VarShape, runMin: number): Moments[] {
  const size = shape.channels * (shape.order + 1) + 1
  const folds = Array.from({ length: FOLDS }, () => new Moments(size))
  const vector = new Float64Array(size)
  for (let t = 0; t < runs.length; t++) {
    if (runs[t]! < runMin) continue
    fillLagged(vector, z, t, shape)
    folds[foldOf(t, runs.length)]!.add(vector)
  }
  return folds
}

function fillLagged(out: Float64Array, z: Float64Array, t: number, shape: VarShape): void {
  let at = 0
  for (let lag = 0; lag <= shape.order; lag++) {
    const row = (t - lag) * shape.channels
    for (let c = 0; c < shape.channels; c++) out[at++] = z[row + c]!
  }
  out[at] = 1
}

/** Tᵀ H T / n with T = [I; -weights]: the covariance (about zero) of averaged innovations, without another pass. */
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

function heldOutScores(
  zBar: Float64Array,
  runs: Uint32Array,
  shape: VarShape,
  folds: readonly Pick<VarModel, 'weights' | 'whiten'>[],
): Float64Array {
  const rows = runs.length
  const scores: number[] = []
  const scratch = scratchFor(shape)
  for (let t = 0; t < rows; t++) {
    const fold = foldOf(t, rows)
    // Every innovation of the window belongs to rows the fold's fit has not seen.
    if (runs[t]! < shape.order + shape.mean || foldOf(t - shape.mean + 1, rows) !== fold) continue
    scores.push(scoreAt(zBar, t, shape, folds[fold]!, scratch))
  }
  return Float64Array.from(scores)
}

interface Scratch {
  lagged: Float64Array
  innovation: Float64Array
}

function scratchFor(shape: VarShape): Scratch {
  return {
    lagged: new Float64Array(shape.channels * (shape.order + 1) + 1),
    innovation: new Float64Array(shape.channels),
  }
}

function scoreAt(
  zBar: Float64Array,
  t: number,
  shape: VarShape,
  fit: Pick<VarModel, 'weights' | 'whiten'>,
  { lagged, innovation }: Scratch,
): number {
  const { channels } = shape
  fillLagged(lagged, zBar, t, shape)
  for (let i = 0; i < channels; i++) innovation[i] = lagged[i]!
  for (let row = channels; row < lagged.length; row++) {
    const value = lagged[row]!
    const at = (row - channels) * channels
    for (let i = 0; i < channels; i++) innovation[i]! -= fit.weights[at + i]! * value
  }
  let squares = 0
  for (let i = 0; i < channels; i++) {
    let sum = 0
    for (let j = 0; j < channels; j++) sum += fit.whiten[i * channels + j]! * innovation[j]!
    squares += sum * sum
  }
  return Math.sqrt(squares)
}

function limitOf(heldOut: Float64Array): number {
  const sorted = heldOut.toSorted()
  const largest = sorted[sorted.length - 1]!
  const cap = LIMIT_OVER_Q99_MAX * sorted[Math.floor(0.99 * (sorted.length - 1))]!
  // Only constant channels: nothing ever differs from its prediction, and any positive limit will do.
  return Math.min(largest, cap) || largest || 1
}
