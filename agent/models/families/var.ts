// Family `var`: vector autoregression. Each channel is predicted from the last `order` rows of all channels; what is left
// (the innovation e) is judged, in one of two ways, by how much history there is to know what is normal.
//
//   z  = (x - centre) * inverse
//   e  = z[t] - intercept - sum_l A_l z[t-l]
//
//   few rows:   |W mean(e)| / limit       mean over the last `mean` rows, as a vector
//   many rows:  |W e| / limit, mean(|W e|) / limit over `mean` rows, and over 3 x `mean`; the largest of them is the score
//
// W whitens (ZCA-cor): component i stays with channel i. From 299 independent windows on (limit.ts) the level of a mean of
// norms is known well enough; four servers with a day-long baseline had VUS-PR .473 by the mean vector, .575 by the three. With the
// mean vector kept beside them it was .590 against .618 in all. With 400 rows only the mean vector holds: 20 runs of a water
// circulation rig gave F1 .878 at 11.6 % false alarms, with norms 22 to 39 % false alarms.
//
// Adding the deviation from what the other channels predict to the vector lost 0.04 of F1 and tripled the false alarms: slow
// common drift breaks such relations first. A fault that breaks them for good stays visible without, because innovations
// of noisy channels keep the shift (I - sum A) delta.
import { limitOf, WINDOWS_FOR_BOUND } from '../fit/limit.ts'
import type { Baseline, Family, FitSettings, FittedFamily, Part, Stretch } from './family.ts'
import { raiseTo, runsInFolds } from './folds.ts'
import { fitVar, heldOutNorms, normsOf, type VarModel } from './var-fit.ts'
import { addMeanPart, NormNodes } from './var-graph.ts'

// A regression needs more rows than weights: twice as many at the least (0.857 on 400 rows x 41 weights, measured),
// and every fifth of them has to hold windows of its own.
const ROWS_PER_PARAMETER_MIN = 2
const ROWS_PER_PARAMETER_GOOD = 5
const WINDOWS_MIN = 60
// 1,000 sums squared in ten tables are 80 MB; beyond that a fit is no longer a matter of seconds.
const VECTOR_MAX = 1_000

/** Regression weights per channel: what the number of rows is held against. */
function parametersOf(channels: number, order: number): number {
  return channels * order + 1
}

// As long as one wild row stays in what is looked at: the order and the shorter mean, 5 + 10 rows. On 20 runs of a rig F1 and false alarms
// were .878 at 11.6 % with 5 rows, .869 at 9.5 with 12, .865 at 9.3 with 15, .860 at 8.3 with 20; of 90 healthy minutes of it 1.8, 0, 0 and
// 0 % were in alarm. An off-delay of 10 to 30 rows changed little, 45 and more cost false alarms.
const DELAY_ROWS = { on: 15, off: 30 }

export const VAR: Family = {
  name: 'var',
  delayRows: DELAY_ROWS,
  keeps: 'baseline',
  screens: true,
  rowsNeeded: (channels, { order, mean }) =>
    Math.max(WINDOWS_MIN, 10 * (order + mean), ROWS_PER_PARAMETER_MIN * parametersOf(channels, order)),
  lacks(baseline, settings) {
    const { channels } = baseline
    const { order, mean } = settings
    if (channels * (order + 1) > VECTOR_MAX) {
      return (
        `${channels} channels with order ${order} are too many; lower the order or split the asset ` +
        `(channels x (order + 1) must not exceed ${VECTOR_MAX}).`
      )
    }
    const { targets, windows } = usableRows(baseline, settings)
    const needed = VAR.rowsNeeded(channels, settings)
    if (targets >= needed && windows >= WINDOWS_MIN) return undefined
    return (
      `${baseline.rows} rows are there, of which ${targets} follow ${order} others without a gap and ${windows} end a ` +
      `window of ${order + mean}; it takes ${needed} and ${WINDOWS_MIN}. Learn longer, or lower the order.`
    )
  },
  fit(baseline, settings) {
    const { parts, heldOut } = (isLong(baseline.rows, settings) ? fitLong : fitShort)(baseline, settings)
    return { parts, heldOut, warnings: warningsOf(baseline, settings) }
  },
}

/** How many rows have `order` (a target) and `order + mean - 1` (a window) rows before them without a break. */
function usableRows({ runs }: Baseline, { order, mean }: FitSettings): { targets: number; windows: number } {
  let targets = 0
  let windows = 0
  for (const run of runs) {
    if (run > order) targets++
    if (run >= order + mean) windows++
  }
  return { targets, windows }
}

function warningsOf(baseline: Baseline, settings: FitSettings): string[] {
  const { targets } = usableRows(baseline, settings)
  const parameters = parametersOf(baseline.channels, settings.order)
  const good = ROWS_PER_PARAMETER_GOOD * parameters
  if (targets >= good) return []
  return [`${targets} usable rows for ${parameters} weights per channel; ${good} or more would be better.`]
}

/** Whether the level of a mean of norms over `mean` rows can be known. */
export function isLong(rows: number, { order, mean }: FitSettings): boolean {
  return rows >= WINDOWS_FOR_BOUND * (order + mean)
}

export interface VarFit extends Omit<FittedFamily, 'warnings'> {
  model: VarModel
  /** Of each part, in their order. */
  limits: number[]
}

/** The mean innovation vector. `widen` multiplies the limit. */
export function fitShort(baseline: Baseline, { order, mean }: FitSettings, widen = 1): VarFit {
  const shape = { channels: baseline.channels, order, mean }
  const fits = fitVar(baseline, shape)
  const held = wholly(heldOutNorms(baseline, fits), baseline, mean)
  const limit = widen * limitOf(held, order + mean)
  const heldOut = held.map(score => score / limit)
  return { parts: [meanPart(fits.whole, limit)], heldOut, model: fits.whole, limits: [limit] }
}

/** Norms of the innovations of single rows, and their means over `mean` and, with enough rows, 3 x `mean` rows. */
export function fitLong(baseline: Baseline, settings: FitSettings): VarFit {
  const { order, mean } = settings
  const fits = fitVar(baseline, { channels: baseline.channels, order, mean: 1 })
  const norms = heldOutNorms(baseline, fits)
  const lengths = [1, mean, 3 * mean].filter((rows, i) => i === 0 || isLong(baseline.rows, { order, mean: rows }))
  const shared = new RowNorms(fits.whole, Math.max(...lengths))
  const heldOut = new Float64Array(baseline.rows).fill(Number.NaN)
  const limits = lengths.map(rows => {
    const held = wholly(meanOf(norms, baseline.runs, order, rows), baseline, rows)
    const limit = limitOf(held, order + rows)
    raiseTo(heldOut, held, limit)
    return limit
  })
  const parts = lengths.map((rows, i) => normPart(shared, rows, limits[i]!))
  return { parts, heldOut, model: fits.whole, limits }
}

/** Mean of each norm and the `rows - 1` before it; NaN where the run is shorter. */
function meanOf(norms: Float64Array, runs: Uint32Array, order: number, rows: number): Float64Array {
  return norms.map((_, r) => {
    if (runs[r]! < order + rows) return Number.NaN
    let sum = 0
    for (let k = 0; k < rows; k++) sum += norms[r - k]!
    return sum / rows
  })
}

/** The norms of single rows, which several parts average: computed once per stretch, and once per graph. */
class RowNorms {
  readonly model: VarModel
  readonly nodes: NormNodes
  readonly #norms = new WeakMap<Stretch, Float64Array>()

  /** `rows`: of the longest mean. */
  constructor(model: VarModel, rows: number) {
    this.model = model
    this.nodes = new NormNodes(model, rows)
  }

  of(stretch: Stretch): Float64Array {
    const norms = this.#norms.get(stretch) ?? normsOf(stretch, this.model, () => this.model)
    this.#norms.set(stretch, norms)
    return norms
  }
}

/** mean(|W e|) / limit. */
function normPart(shared: RowNorms, rows: number, limit: number): Part {
  const { order } = shared.model
  return {
    name: rows === 1 ? 'innovation' : `innovation norm mean ${rows}`,
    samples: order + rows,
    scoreRows: stretch => meanOf(shared.of(stretch), stretch.runs, order, rows).map(mean => mean / limit),
    addTo: (graph, z, samples) => shared.nodes.addPart(graph, z, samples, rows, limit),
  }
}

/** Only windows whose `rows` innovations all belong to rows that the fit has not seen; NaN for the others. */
function wholly(scores: Float64Array, { runs }: Baseline, rows: number): Float64Array {
  const inFold = runsInFolds(runs)
  return scores.map((score, r) => (inFold[r]! < rows ? Number.NaN : score))
}

/** |W mean(e)| / limit. */
function meanPart(model: VarModel, limit: number): Part {
  return {
    name: `innovation mean ${model.mean}`,
    samples: model.order + model.mean,
    scoreRows: stretch => normsOf(stretch, model, () => model).map(norm => norm / limit),
    addTo: (graph, z, samples) => addMeanPart(graph, z, samples, model, limit),
  }
}
