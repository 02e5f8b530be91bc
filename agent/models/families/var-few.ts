// Vector autoregression of a few dozen rows: the smallest there is, with a wider setpoint. For want of more: of 40 made-up machines
// of four channels, 1 in 10 had 9 % of its later rows beyond with 25 rows and 1 % with 40; a channel 15 % up was beyond for 80 % of
// the time in the median. Remembered rows (aakr) had 54 % with 60.
import type { Baseline, Family, FitSettings } from './family.ts'
import { runsInFolds } from './folds.ts'
import { fitShort, VAR } from './var.ts'

const SHAPE: FitSettings = { order: 1, mean: 2 }
const ROWS_MIN = 24
const ROWS_PER_PARAMETER_MIN = 2
/** Held-out windows: their largest is the limit. */
const WINDOWS_MIN = 10
const WIDEN = 0.5
/** Rows per weight below which a held-out score is so much above that of the whole fit that the limit is wide by itself. */
const WIDE_ROWS_PER_PARAMETER = 2.5

export const VAR_FEW: Family = {
  name: 'var',
  delayRows: VAR.delayRows,
  screens: false,
  makeshift: true,
  rowsNeeded: channels => Math.max(ROWS_MIN, ROWS_PER_PARAMETER_MIN * (channels + 1)) + SHAPE.order,
  lacks(baseline) {
    const needed = VAR_FEW.rowsNeeded(baseline.channels, SHAPE)
    const targets = baseline.runs.reduce((sum, run) => sum + (run > SHAPE.order ? 1 : 0), 0)
    const enough = targets + SHAPE.order >= needed && heldOutWindows(baseline) >= WINDOWS_MIN
    return enough ? undefined : `${baseline.rows} rows are there; it takes ${needed} that follow one another.`
  },
  fit(baseline) {
    const perParameter = baseline.rows / (baseline.channels + 1)
    const widen = 1 + WIDEN * Math.max(0, 1 - WIDE_ROWS_PER_PARAMETER / perParameter)
    const { parts, heldOut } = fitShort(baseline, SHAPE, widen)
    return { parts, heldOut, warnings: [] }
  },
}

function heldOutWindows({ runs }: Baseline): number {
  const inFold = runsInFolds(runs)
  return runs.reduce((sum, run, r) => sum + (run >= SHAPE.order + SHAPE.mean && inFold[r]! >= SHAPE.mean ? 1 : 0), 0)
}
