import type { SampleBlock } from '../../agent/core/types.ts'
import type { GatedBlock } from '../../agent/windows/contract.ts'

export const SECOND_US = 1_000_000

/** A block of rows; times in seconds since `fromUs`. */
export function block(
  rows: readonly (readonly number[])[],
  timesS: readonly number[],
  fromUs = 1_700_000_000 * SECOND_US,
): SampleBlock {
  return {
    asset: 0,
    rows: rows.length,
    columns: rows[0]?.length ?? 0,
    timesUs: Float64Array.from(timesS, s => fromUs + s * SECOND_US),
    values: Float64Array.from(rows.flat()),
  }
}

/** A copy that outlives the call. */
export function keep(borrowed: GatedBlock): GatedBlock {
  const { asset, rows, columns } = borrowed
  return {
    asset,
    rows,
    columns,
    timesUs: borrowed.timesUs.slice(0, rows),
    values: borrowed.values.slice(0, rows * columns),
    states: borrowed.states.slice(0, rows),
    breaks: borrowed.breaks.slice(0, rows),
    quality: borrowed.quality.slice(0, rows * columns),
    runningUs: borrowed.runningUs.slice(0, rows),
  }
}
