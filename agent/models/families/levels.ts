// Family `levels`: what a handful of rows can say, for want of more. Each channel is held against its own mean and standard
// deviation; how channels move together, or one row follows from another, 20 rows do not tell.
//
//   score = largest of |z_c| / limit,  z_c = (x_c - mean_c) / deviation_c of the last row
//
// The limit is where a further row of all channels lies with 99 % probability, if rows are normal (Student's t): with n rows as
// good as independent, t(n - 1) sqrt(n / (n - 1)) sqrt(1 + 1 / n) deviations. Rows that resemble their neighbours count
// for fewer: n (1 - r) / (1 + r), r the correlation of neighbours of the slowest channel. Wide, and honest: of 40 made-up machines of four channels
// whose load wanders over 20 rows, eight rows gave limits of 8 true standard deviations in the median; 1 in 10 had 2 % of its
// later rows beyond. With each channel's own r 1 in 10 had 46 %.
import type { GraphBuilder } from '../file/graph.ts'
import type { Baseline, Family, FittedFamily, Part, PartNodes } from './family.ts'
import { tQuantile } from './student.ts'
import { lastRows } from './var-graph.ts'

export const LEVELS_ROWS_MIN = 8
/** Of further rows beyond the limit of any channel. */
const BEYOND = 0.01
/** Fewer say nothing about a deviation. */
const INDEPENDENT_MIN = 3

export const LEVELS: Family = {
  name: 'levels',
  delayRows: { on: 5, off: 30 },
  screens: false,
  makeshift: true,
  rowsNeeded: () => LEVELS_ROWS_MIN,
  lacks: ({ rows }) =>
    rows >= LEVELS_ROWS_MIN
      ? undefined
      : `${rows} rows are there; it takes ${LEVELS_ROWS_MIN} at the least, for the mean and deviation of each channel, and 25 or more for how they move.`,
  fit: fitLevels,
}

export interface LevelsFit extends FittedFamily {
  /** Standard deviations of the baseline at which a channel reaches the setpoint. */
  limit: number
}

export function fitLevels(baseline: Baseline): LevelsFit {
  const moving = Array.from({ length: baseline.channels }, (_, c) => independentRows(baseline, c))
  // What moves one slowly moves the others beneath their noise.
  const rows = Math.min(...moving)
  const tail = BEYOND / (2 * baseline.channels)
  const limit = tQuantile(1 - tail, rows - 1) * Math.sqrt(rows / (rows - 1)) * Math.sqrt(1 + 1 / rows)
  return { parts: [levelsPart(limit)], heldOut: withoutItself(baseline, limit), limit, warnings: [] }
}

function independentRows({ z, rows, channels, runs }: Baseline, channel: number): number {
  let [products, squares] = [0, 0]
  for (let r = 0; r < rows; r++) {
    const here = z[r * channels + channel]!
    squares += here * here
    if (runs[r]! > 1) products += here * z[(r - 1) * channels + channel]!
  }
  // Short stretches show less of it than there is, by about (1 + 4 r) / n (Kendall).
  const seen = squares > 0 ? products / squares : 0
  const correlation = Math.min(1, Math.max(0, (rows * seen + 1) / (rows - 4)))
  return Math.max(INDEPENDENT_MIN, (rows * (1 - correlation)) / (1 + correlation))
}

/** [rows] the score of each row by mean and deviation of the others. */
function withoutItself({ z, rows, channels, constant }: Baseline, limit: number): Float64Array {
  const scores = new Float64Array(rows)
  for (let c = 0; c < channels; c++) {
    if (constant[c]) continue
    for (let r = 0; r < rows; r++) {
      // z has mean 0 and mean square 1 over all rows.
      const here = z[r * channels + c]!
      const mean = -here / (rows - 1)
      const variance = (rows - here * here) / (rows - 1) - mean * mean
      const score = Math.abs(here - mean) / Math.sqrt(Math.max(variance, Number.EPSILON)) / limit
      scores[r] = Math.max(scores[r]!, score)
    }
  }
  return scores
}

function levelsPart(limit: number): Part {
  return {
    name: 'levels',
    samples: 1,
    scoreRows: ({ z, rows, channels }) =>
      Float64Array.from({ length: rows }, (_, r) => {
        let largest = 0
        for (let c = 0; c < channels; c++) largest = Math.max(largest, Math.abs(z[r * channels + c]!))
        return largest / limit
      }),
    addTo: (graph, z, samples) => addLevels(graph, z, samples, limit),
  }
}

/** Blame is by the squares: the largest decides, and has most of it. */
function addLevels(graph: GraphBuilder, z: string, samples: number, limit: number): PartNodes {
  const last = samples === 1 ? z : lastRows(graph, z, samples - 1, samples)
  const row = graph.node('Flatten', [last], { axis: 1 })
  const shares = graph.node('Mul', [graph.node('Abs', [row]), graph.constant('level_inverse', [1], [1 / limit])])
  return {
    score: graph.node('ReduceMax', [shares], { axes: [1], keepdims: 0 }),
    blame: graph.node('Mul', [shares, shares]),
  }
}
