// Does a baseline show operating modes: levels that the machine stays at and jumps between, with hardly anything in between? A load
// that wanders is no mode, however far it goes.
import type { Baseline } from './family.ts'
import { FOLDS, foldOf } from './folds.ts'
import { kMeans } from './kmeans.ts'

/** Rows along the line between two modes, 0 at one and 1 at the other: those in the middle are on their way. */
const MIDDLE = { from: 0.3, to: 0.7 }
/** A wandering load has a fifth of its rows there. */
const MIDDLE_SHARE_MAX = 0.05
/** A mode is where the machine spends a tenth of its time at least ... */
const SHARE_MIN = 0.1
/** ... for so many rows at a time, or it is a pulse that the innovations follow ... */
const STAY_ROWS_MIN = 20
/** ... in most fifths of the baseline: one long visit is a change of level, not a mode. */
const FOLDS_MIN = 4

export interface Modes {
  /** Of the rows, the rarer of the two groups that lie farthest apart. */
  share: number
  /** Times that the machine went from one to the other. */
  changes: number
}

/** Undefined where there are none. Two groups tell: of more modes, some lie on either side. */
export function modesOf(baseline: Baseline): Modes | undefined {
  const { z, rows, channels } = baseline
  if (rows < 2 * FOLDS * STAY_ROWS_MIN) return undefined
  const centres = kMeans(z, rows, channels, 2)
  const axis = new Float64Array(channels)
  let length = 0
  let offset = 0
  for (let c = 0; c < channels; c++) {
    axis[c] = centres[channels + c]! - centres[c]!
    length += axis[c]! ** 2
    offset += centres[c]! * axis[c]!
  }
  if (length === 0) return undefined
  let middle = 0
  let second = 0
  let changes = 0
  let before = -1
  const visited = [new Set<number>(), new Set<number>()]
  for (let r = 0; r < rows; r++) {
    let along = -offset
    for (let c = 0; c < channels; c++) along += z[r * channels + c]! * axis[c]!
    along /= length
    if (along > MIDDLE.from && along < MIDDLE.to) {
      middle++
      continue
    }
    const side = along >= MIDDLE.to ? 1 : 0
    second += side
    if (before >= 0 && side !== before) changes++
    before = side
    visited[side]!.add(foldOf(r, rows))
  }
  const share = Math.min(second, rows - middle - second) / rows
  const found =
    middle <= MIDDLE_SHARE_MAX * rows &&
    share >= SHARE_MIN &&
    (changes + 1) * STAY_ROWS_MIN <= rows &&
    visited.every(folds => folds.size >= FOLDS_MIN)
  return found ? { share, changes } : undefined
}
