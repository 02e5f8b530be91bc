// Which columns of numbers of a recording are channels: not the labels, and none that only counts.
import type { CsvBlock } from '../decode/contract.ts'

const ROWS_MIN = 10
/** Of whole numbers that rise from each row to the next: chance does not do that to a measurement for so long. */
const RISING_ROWS_MIN = 30
/** Rises without a fall among them: noise would have brought one. */
const RISES_MIN = 12
/** Of a step: what rounding to printed digits leaves of it ... */
const STEP_ROUNDING = 1e-3
/** ... and of the values that it is the difference of: a reading of 1e9 that trembles by 0.1 counts nothing. */
const VALUE_ROUNDING = 4 * Number.EPSILON

/**
 * Judged by the first rows, the baseline as a rule: what comes later is not known yet. Where every column counts, all are
 * channels. `labelAt`: -1 for none.
 */
export function pickChannels(
  block: CsvBlock | undefined,
  columns: readonly string[],
  labelAt: number,
  judgedRows: number,
): { picked: number[]; notes: string[] } {
  const channels = columns.flatMap((_, at) => (at === labelAt ? [] : [at]))
  const rows = Math.min(block?.rows ?? 0, judgedRows)
  if (!block || rows < ROWS_MIN) return { picked: channels, notes: [] }
  const kinds = channels.map(at => countingOf(block, at, columns.length, rows))
  const leftOut = kinds.map(kind => kind === 'rows' || kind === 'up')
  if (leftOut.every(Boolean)) return { picked: channels, notes: [] }
  const named = (wanted: Counting): string =>
    channels.flatMap((at, i) => (kinds[i] === wanted ? [columns[at]] : [])).join(', ')
  const [rowsCounted, counted, climbing] = [named('rows'), named('up'), named('climbs')]
  return {
    picked: channels.filter((_, i) => !leftOut[i]),
    notes: [
      ...(rowsCounted ? [`${rowsCounted} only counts rows and is left out`] : []),
      ...(counted
        ? [`${counted} counts up from every row to the next and is left out: it would leave its baseline for good`]
        : []),
      ...(climbing ? [`${climbing} never falls in the baseline: where that is a counter, name it in --ignore`] : []),
    ],
  }
}

type Counting = 'rows' | 'up' | 'climbs'

/**
 * `rows`: the same step from row to row, an index or a second clock. `up`: whole numbers, each above the one before. `climbs`: rises now and
 * then, and never falls; a total, but a machine that warms up does so, too.
 */
function countingOf(block: CsvBlock, at: number, width: number, rows: number): Counting | undefined {
  const value = (row: number): number => block.values[row * width + at]!
  const first = value(1) - value(0)
  let even = Math.abs(first) > 0
  let up = rows >= RISING_ROWS_MIN && Number.isInteger(value(0))
  let rises = 0
  for (let row = 1; row < rows; row++) {
    const step = value(row) - value(row - 1)
    even &&= Math.abs(step - first) <= STEP_ROUNDING * Math.abs(first) + VALUE_ROUNDING * Math.abs(value(row))
    up &&= step > 0 && Number.isInteger(value(row))
    if (step > 0) rises++
    if (step < 0) rises = Number.NEGATIVE_INFINITY
  }
  if (even) return 'rows'
  return up ? 'up' : rises >= RISES_MIN ? 'climbs' : undefined
}
