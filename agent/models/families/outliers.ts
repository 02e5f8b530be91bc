// Wild samples in a baseline: a reading of 20 standard deviations for a row or two says something about the cable, nothing
// about the machine. It must not be learnt, because it pulls the regression and widens the setpoint for good.
import type { Rows } from './rows.ts'

/** Rows on either side whose median a value is held against; what lasts longer than as many rows is no outlier. */
const REACH = 7
// In units of the 95 % quantile of the distances from that median, 1.96 standard deviations where noise is normal. The
// farthest value of 20 healthy runs of 400 rows lay at 1.0 to 4.0 in each channel.
const FAR = 5
// Outliers are few, and set apart: a channel that also has values between FAR / 2 and FAR, a tenth as many as beyond, or that
// is out there more often than this, is like that. Leaving such rows out of four server recordings, whose load comes in bursts,
// made one of the four models alarm on 70 % of the healthy rows.
const SHARE_MAX = 0.03
const BETWEEN_SHARE_MAX = 0.1

export interface Outliers {
  /** [rows] 1 where some channel is wild. */
  rows: Uint8Array
  count: number
  /** [channels] rows in which that one is wild. */
  perChannel: number[]
}

export function noOutliers({ rows, channels }: Rows): Outliers {
  return { rows: new Uint8Array(rows), count: 0, perChannel: new Array<number>(channels).fill(0) }
}

/** Finds them channel by channel. A channel whose value mostly stays the same has no noise to judge by: never wild. */
export function findOutliers({ values, rows, channels }: Rows): Outliers {
  const found: Outliers = { rows: new Uint8Array(rows), count: 0, perChannel: [] }
  const distances = new Float64Array(rows)
  for (let c = 0; c < channels; c++) {
    distancesFromMedian(values, rows, channels, c, distances)
    const far = FAR * distances.toSorted()[Math.floor(0.95 * (rows - 1))]!
    let between = 0
    let beyond = 0
    for (const distance of distances) {
      if (distance > far) beyond++
      else if (distance > far / 2) between++
    }
    const set = far > 0 && beyond <= SHARE_MAX * rows && between <= BETWEEN_SHARE_MAX * beyond
    found.perChannel.push(set ? beyond : 0)
    if (set) for (let r = 0; r < rows; r++) if (distances[r]! > far) found.rows[r] = 1
  }
  for (const wild of found.rows) found.count += wild
  return found
}

/** The rows that are not wild; what follows one that is does not follow what came before it. */
export function withoutOutliers<T extends Rows>(data: T, outliers: Outliers): T {
  if (outliers.count === 0) return data
  const { channels } = data
  const rows = data.rows - outliers.count
  const values = new Float64Array(rows * channels)
  const breaks = new Uint8Array(rows)
  let broken = true
  for (let r = 0, to = 0; r < data.rows; r++) {
    broken ||= data.breaks[r] === 1
    if (outliers.rows[r] === 1) {
      broken = true
      continue
    }
    values.set(data.values.subarray(r * channels, (r + 1) * channels), to * channels)
    breaks[to++] = broken ? 1 : 0
    broken = false
  }
  return { ...data, values, rows, breaks }
}

/** |x[r] - median of x[r - REACH … r + REACH]| of one channel. Breaks do not matter: the level before is as good a witness. */
function distancesFromMedian(
  values: Float64Array,
  rows: number,
  channels: number,
  channel: number,
  out: Float64Array,
): void {
  const at = (r: number): number => values[r * channels + channel]!
  // The rows around r in order of size: each step one comes in and one goes out, a fifth of the work of sorting them anew.
  const sorted = new Float64Array(2 * REACH + 2)
  let count = 0
  const insert = (value: number): void => {
    let k = count++
    for (; k > 0 && sorted[k - 1]! > value; k--) sorted[k] = sorted[k - 1]!
    sorted[k] = value
  }
  const remove = (value: number): void => {
    let k = 0
    while (sorted[k]! !== value) k++
    sorted.copyWithin(k, k + 1, count--)
  }
  for (let r = 0; r < Math.min(REACH, rows); r++) insert(at(r))
  for (let r = 0; r < rows; r++) {
    if (r + REACH < rows) insert(at(r + REACH))
    if (r - REACH - 1 >= 0) remove(at(r - REACH - 1))
    out[r] = Math.abs(at(r) - sorted[count >> 1]!)
  }
}
