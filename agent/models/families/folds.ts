// Held-out scoring: five contiguous fifths, each scored by a fit on the other four. Contiguous, because rows that lie side by
// side are nearly the same: a random fifth would have been seen.

export const FOLDS = 5

export const foldOf = (row: number, rows: number): number => Math.floor((row * FOLDS) / rows)

/** [rows] how many rows up to and including this one follow each other without a break and lie in the same fifth. */
export function runsInFolds(runs: Uint32Array): Uint32Array {
  const lengths = new Uint32Array(runs.length)
  for (let r = 0; r < runs.length; r++) {
    const follows = r > 0 && runs[r]! > 1 && foldOf(r, runs.length) === foldOf(r - 1, runs.length)
    lengths[r] = follows ? lengths[r - 1]! + 1 : 1
  }
  return lengths
}

/** Raises `to` to `scores / limit` where that is more, or where `to` has none (NaN). */
export function raiseTo(to: Float64Array, scores: Float64Array, limit: number): void {
  for (let r = 0; r < to.length; r++) {
    const score = scores[r]! / limit
    if (score > to[r]! || (Number.isNaN(to[r]!) && !Number.isNaN(score))) to[r] = score
  }
}
