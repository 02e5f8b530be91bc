// Family `aakr`: auto-associative kernel regression (memory.ts). Two ways, by what there is to remember:
//
//   rows      the last row against 300 points that stand for all healthy rows. For machines with many channels: it knows which
//             combinations of values occur, whatever came before, so it has no trouble with operating modes.
//   windows   the last 36 rows, and the last 12, of one channel (or a few) against 250 windows that stand for the history. For slow or
//             seasonal channels, where the shape of the last hours is what there is to know.
//
// On four servers of 38 channels the rows beside `var` raised VUS-PR from .575 to .613; with fewer rows than it takes to know the
// level of a norm (limit.ts) they alarm on a third of healthy rows, so there `var` goes alone. On 29 recordings of one channel
// (NAB) windows of 36 and 12 rows scored 65, vector autoregression 22 to 46.
import { limitOf, WINDOWS_FOR_BOUND } from '../fit/limit.ts'
import { addMemory } from './aakr-graph.ts'
import type { Baseline, Family, FitSettings, FittedFamily, Part } from './family.ts'
import { FOLDS, foldOf, raiseTo, runsInFolds } from './folds.ts'
import { drawApart, evenly, kMeans } from './kmeans.ts'
import { bandwidth, type Memory, Recall, recallRows, windowInto } from './memory.ts'

const POINTS_MAX = 300
/** A point that stands for fewer rows than this repeats them. */
const ROWS_PER_POINT = 10
/** Residuals of a point remembered too well: a scale below this share of a standard deviation is rounding. */
const SCALE_MIN = 1e-3
const SCALE_ROWS_MAX = 1_000
/** Held-out rows scored, evenly spread: neighbours say the same, and 24,000 x 38 took 1 s. */
const HELD_OUT_MAX = 5_000
const WINDOWS_MAX = 250
/**
 * That these are made of, evenly spread: a year of 5 min has 100,000, and neighbours say the same. Each refit clusters them six times
 * for each length: with 10,000 it took 2 to 5 s, with 4,000 about 1, and NAB stayed at 63.9.
 */
const WINDOWS_KNOWN_MAX = 4_000
/** Numbers in one memory: with many channels it holds fewer points, so that a model file stays below 1 MB. */
const FLOATS_MAX = 60_000
/** Rows of the windows, longest first. 24 to 48 gave the same within the noise. */
const WINDOW_ROWS = [36, 12] as const
/** A window's expected distance is at least this in standard deviations per row: recordings without noise would have none. */
const WINDOW_LIMIT_MIN = 1e-3
/** Windows of each fifth, held out, below which a length is left out. */
const HELD_OUT_MIN = 2
const ROWS_MIN = 60

const runOf = (length: number): number => FOLDS * (length + HELD_OUT_MIN - 1)
const SHORTEST = WINDOW_ROWS[WINDOW_ROWS.length - 1]!

/** The last row against points that stand for all rows. */
export const AAKR_ROWS: Family = {
  name: 'aakr',
  delayRows: { on: 5, off: 30 },
  keeps: 'baseline',
  screens: true,
  rowsNeeded: () => ROWS_MIN,
  lacks: ({ rows }) =>
    rows >= ROWS_MIN ? undefined : `${rows} rows are there; it takes ${ROWS_MIN} to remember. Learn longer.`,
  fit: baseline => fitRows(baseline),
}

/** Windows of a few channels. Its scores average over 12 rows and more, so its on-delay is short. */
export const AAKR_WINDOWS: Family = {
  name: 'aakr',
  delayRows: { on: 2, off: 60 },
  keeps: 'all',
  screens: false,
  rowsNeeded: () => Math.max(ROWS_MIN, runOf(SHORTEST)),
  lacks(baseline) {
    if (lengthsFor(baseline).length > 0) return undefined
    return (
      `${baseline.rows} rows are there, too few of them in a row; it takes ${HELD_OUT_MIN} windows of ${SHORTEST} rows ` +
      `without a gap in every fifth of them, ${runOf(SHORTEST)} rows at least. Learn longer.`
    )
  },
  fit: baseline => fitWindows(baseline),
}

/** From so many on the memory of rows may stand beside another family: its level is that of a norm. */
export function rowsToJoin({ order, mean }: FitSettings): number {
  return WINDOWS_FOR_BOUND * (order + mean)
}

export interface AakrFit extends FittedFamily {
  /** Of each part, in their order. */
  memories: { memory: Memory; limit: number }[]
}

export function fitRows(baseline: Baseline): AakrFit {
  const memories = Array.from({ length: FOLDS }, (_, fold) => new Recall(memoryOfRows(baseline, fold)))
  const every = Math.ceil(baseline.rows / HELD_OUT_MAX)
  const held = recallRows(baseline, 1, row => (row % every === 0 ? memories[foldOf(row, baseline.rows)] : undefined))
  const limit = limitOf(held, 1)
  const memory = memoryOfRows(baseline, -1)
  return {
    parts: [part(memory, limit)],
    heldOut: held.map(score => score / limit),
    memories: [{ memory, limit }],
    warnings: [],
  }
}

function memoryOfRows({ z, rows, channels }: Baseline, without: number): Memory {
  const kept = without < 0 ? z : outsideFold(z, rows, channels, without)
  const keptRows = kept.length / channels
  const count = Math.max(
    1,
    Math.min(POINTS_MAX, Math.floor(keptRows / ROWS_PER_POINT), Math.floor(FLOATS_MAX / channels)),
  )
  const vectors = kMeans(kept, keptRows, channels, count)
  const memory = { channels, rows: 1, count, vectors, h2: bandwidth(vectors, count) }
  return { ...memory, inverse: scalesOf({ ...memory, inverse: new Float64Array(channels).fill(1) }, kept, keptRows) }
}

function outsideFold(z: Float64Array, rows: number, channels: number, fold: number): Float64Array {
  let from = 0
  while (from < rows && foldOf(from, rows) < fold) from++
  let to = from
  while (to < rows && foldOf(to, rows) === fold) to++
  const kept = new Float64Array((rows - (to - from)) * channels)
  kept.set(z.subarray(0, from * channels))
  kept.set(z.subarray(to * channels), from * channels)
  return kept
}

/** 1 / rms of each channel's residual over rows that the memory was made of. */
function scalesOf(memory: Memory, z: Float64Array, rows: number): Float64Array {
  const { channels } = memory
  const count = Math.min(rows, SCALE_ROWS_MAX)
  const sample = evenly(z, rows, channels, count)
  const recall = new Recall(memory)
  const squares = new Float64Array(channels)
  for (let k = 0; k < count; k++) {
    recall.norm(sample.subarray(k * channels, (k + 1) * channels))
    for (let c = 0; c < channels; c++) squares[c]! += recall.residual[c]! ** 2
  }
  return squares.map(sum => 1 / Math.max(Math.sqrt(sum / count), SCALE_MIN))
}

export function fitWindows(baseline: Baseline): AakrFit {
  const heldOut = new Float64Array(baseline.rows).fill(Number.NaN)
  const memories = lengthsFor(baseline).map(length => {
    const inFold = runsInFolds(baseline.runs)
    const recalls = Array.from({ length: FOLDS }, (_, fold) => {
      const ends = endsOf(baseline, length).filter(end => {
        const rows = baseline.rows
        return foldOf(end, rows) !== fold && foldOf(end - length + 1, rows) !== fold
      })
      return ends.length > 0 ? new Recall(memoryOfWindows(baseline, length, ends)) : undefined
    })
    const every = Math.ceil(baseline.rows / HELD_OUT_MAX)
    const held = recallRows(baseline, length, row =>
      row % every === 0 && inFold[row]! >= length ? recalls[foldOf(row, baseline.rows)] : undefined,
    )
    // Scores `every` rows apart share length / every rows: by the whole length 22,000 rows counted for too few windows to have a quantile.
    const limit = Math.max(
      limitOf(held, Math.max(1, length / every)),
      WINDOW_LIMIT_MIN * Math.sqrt(length * baseline.channels),
    )
    raiseTo(heldOut, held, limit)
    return { memory: memoryOfWindows(baseline, length, endsOf(baseline, length)), limit }
  })
  return { parts: memories.map(({ memory, limit }) => part(memory, limit)), heldOut, memories, warnings: [] }
}

/** Lengths of which every fifth of the baseline holds windows of its own. */
function lengthsFor(baseline: Baseline): number[] {
  const inFold = runsInFolds(baseline.runs)
  return WINDOW_ROWS.filter(length => {
    const perFold = new Uint32Array(FOLDS)
    for (let r = 0; r < baseline.rows; r++) if (inFold[r]! >= length) perFold[foldOf(r, baseline.rows)]!++
    return perFold.every(windows => windows >= HELD_OUT_MIN)
  })
}

/** Last rows of windows without a break inside. */
function endsOf({ runs }: Baseline, length: number): number[] {
  const ends: number[] = []
  for (let r = 0; r < runs.length; r++) if (runs[r]! >= length) ends.push(r)
  return ends
}

/** Means of like windows: every k-th window instead met the same hours of each day, and a day that repeats itself alarmed at the others. */
function memoryOfWindows(baseline: Baseline, rows: number, ends: readonly number[]): Memory {
  const { channels } = baseline
  const size = channels * rows
  const count = Math.min(ends.length, WINDOWS_MAX, Math.max(2, Math.floor(FLOATS_MAX / size)))
  const known = Math.min(ends.length, WINDOWS_KNOWN_MAX)
  const windows = new Float64Array(known * size)
  for (let k = 0; k < known; k++) {
    windowInto(windows, baseline, ends[Math.floor((k * ends.length) / known)]!, rows, k * size)
  }
  const vectors = kMeans(windows, known, size, count, drawApart)
  const inverse = new Float64Array(channels).fill(1)
  return { channels, rows, count, vectors, h2: bandwidth(vectors, count), inverse }
}

function part(memory: Memory, limit: number): Part {
  const recall = new Recall(memory)
  return {
    name: memory.rows === 1 ? 'memory' : `memory of ${memory.rows} rows`,
    samples: memory.rows,
    scoreRows: stretch => recallRows(stretch, memory.rows, () => recall).map(norm => norm / limit),
    addTo: (graph, z, samples) => addMemory(graph, z, samples, memory, limit),
  }
}
