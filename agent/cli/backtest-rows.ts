// A recording as the model sees it: its channels in its order, short dropouts bridged as the live agent bridges them.
import { DEFAULTS } from '../config/defaults.ts'
import type { Recording } from './backtest-recording.ts'

export interface ModelRows {
  rows: number
  /** [rows x channels of the model], NaN where there is no value to use. */
  values: Float64Array
  /** [rows] 1 where a channel that is gone is held at its centre: scored, never learnt from. */
  substituted: Uint8Array
  /** Channel ids that are held somewhere, and from which row on. */
  gone: { id: string; fromRow: number }[]
}

/** A channel of the model as the rows are to be made. */
export interface WantedChannel {
  id: string
  /** Rows that a value may be used again after it came. */
  holdRows: number
  /** Centre of the baseline, for a channel that is gone; undefined where such rows are not scored. */
  centre: number | undefined
}

/** A channel measured every minute in a file of seconds is no channel with dropouts. */
const HOLD_STEPS = 2
const HOLD_ROWS_MAX = 2_000

/**
 * Causal. Per channel: a missing value is the last one while that is young enough; a channel that is gone for longer has none, or
 * is held at its centre where one is given, so that the others are still watched. One row is left without a value where either
 * begins: no window reaches over the jump.
 */
export function modelRows(recording: Recording, wanted: readonly WantedChannel[]): ModelRows {
  const { rows } = recording
  const width = wanted.length
  const values = new Float64Array(rows * width)
  const substituted = new Uint8Array(rows)
  const gone: ModelRows['gone'] = []
  wanted.forEach((channel, to) => {
    const from = recording.channels.findIndex(({ id }) => id === channel.id)
    const goneFrom =
      from < 0 ? fillGone(values, rows, width, to, channel) : bridge(recording, from, values, to, channel)
    for (const [start, end] of goneFrom) if (channel.centre !== undefined) substituted.fill(1, start, end)
    if (goneFrom[0]) gone.push({ id: channel.id, fromRow: goneFrom[0][0] })
  })
  return { rows, values, substituted, gone }
}

function fillGone(
  values: Float64Array,
  rows: number,
  width: number,
  to: number,
  { centre }: WantedChannel,
): [number, number][] {
  for (let row = 0; row < rows; row++) values[row * width + to] = centre ?? Number.NaN
  return [[0, rows]]
}

/** Returns [from, to) of the rows where the channel is gone. */
function bridge(
  { values: source, rows, channels }: Recording,
  from: number,
  values: Float64Array,
  to: number,
  { holdRows, centre }: WantedChannel,
): [number, number][] {
  const sourceWidth = channels.length
  const width = values.length / rows
  const goneRows: [number, number][] = []
  let last = Number.NaN
  let age = 0
  for (let row = 0; row < rows; row++) {
    const value = source[row * sourceWidth + from]!
    const at = row * width + to
    if (!Number.isNaN(value)) {
      if (age > holdRows) {
        const span = goneRows.at(-1)
        if (span) span[1] = row
      }
      values[at] = age > holdRows + 1 && centre !== undefined ? Number.NaN : value
      last = value
      age = 0
      continue
    }
    age++
    values[at] = age <= holdRows ? last : age === holdRows + 1 ? Number.NaN : (centre ?? Number.NaN)
    if (age === holdRows + 1) goneRows.push([row, rows])
  }
  return goneRows
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
