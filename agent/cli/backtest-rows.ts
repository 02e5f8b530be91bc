// A recording as the model sees it: its channels in its order, short dropouts bridged as the live agent bridges them.
import { DEFAULTS } from '../config/defaults.ts'
import type { Recording } from './backtest-recording.ts'

export interface ModelRows {
  rows: number
  /** [rows x channels of the model], NaN where there is no value to use. */
  values: Float64Array
  /** Channels without values for longer than one may be held, and from which row on; `held`: at the centre, so rows are scored. */
  gone: { id: string; fromRow: number; held: boolean }[]
}

/** A channel of the model as the rows are to be made. */
export interface WantedChannel {
  id: string
  /** Rows that a value may be used again after it came. */
  holdRows: number
  /** Centre of the baseline, for a channel that the recording does not have; undefined where such rows are not scored. */
  centre: number | undefined
}

/** A channel measured every minute in a file of seconds is no channel with dropouts. */
const HOLD_STEPS = 2
const HOLD_ROWS_MAX = 2_000

/**
 * Causal. Per channel: a missing value is the last one while that is young enough, then there is none. A channel that the
 * recording does not have at all is held at its centre, where one is given.
 */
export function modelRows(recording: Recording, wanted: readonly WantedChannel[]): ModelRows {
  const { rows } = recording
  const width = wanted.length
  const values = new Float64Array(rows * width)
  const gone: ModelRows['gone'] = []
  wanted.forEach(({ id, holdRows, centre }, to) => {
    const from = recording.channels.findIndex(channel => channel.id === id)
    if (from < 0) {
      for (let row = 0; row < rows; row++) values[row * width + to] = centre ?? Number.NaN
      gone.push({ id, fromRow: 0, held: centre !== undefined })
      return
    }
    const fromRow = bridge(recording, from, values, to, holdRows)
    if (fromRow >= 0) gone.push({ id, fromRow, held: false })
  })
  return { rows, values, gone }
}

/** Returns the first row at which the channel is gone; -1 where it never is. */
function bridge(
  { values: source, rows, channels }: Recording,
  from: number,
  values: Float64Array,
  to: number,
  holdRows: number,
): number {
  const width = values.length / rows
  let goneFrom = -1
  let last = Number.NaN
  let age = 0
  for (let row = 0; row < rows; row++) {
    const value = source[row * channels.length + from]!
    if (Number.isNaN(value)) age++
    else [last, age] = [value, 0]
    values[row * width + to] = age <= holdRows ? last : Number.NaN
    if (age > holdRows && goneFrom < 0) goneFrom = row
  }
  return goneFrom
}

/** How long a value of each channel may be used again: as the live agent's maximum age, longer where values come seldom. */
export function holdRowsOf({ values, channels }: Recording, from: number, to: number): number[] {
  const width = channels.length
  return channels.map((_, c) => {
    const steps: number[] = []
    let last = -1
    for (let row = from; row < to; row++) {
      if (Number.isNaN(values[row * width + c]!)) continue
      if (last >= 0) steps.push(row - last)
      last = row
    }
    const usual = steps.sort((a, b) => a - b)[Math.floor(0.9 * steps.length)] ?? 1
    return Math.min(HOLD_ROWS_MAX, Math.max(DEFAULTS.maxAgeFactor, HOLD_STEPS * usual))
  })
}
