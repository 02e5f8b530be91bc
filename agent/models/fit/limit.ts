// The setpoint of one part of a model: from scores of rows that its fit had not seen, with the doubt that their number leaves.

/** Share of healthy windows that must lie below the limit ... */
const COVERED = 0.99
/** ... with this one-sided confidence: 95 %, as a quantile of the normal distribution. */
const CONFIDENCE = 1.645
/**
 * Wilks: the fewest independent windows whose largest is a 95 % bound on the 99 % quantile. Below it the largest is the limit.
 * Also what it takes to know the level of a mean of norms: with 400 rows such means drove the false alarms of a rig to 22 to 39 %.
 */
export const WINDOWS_FOR_BOUND = 299
// Half the relative standard error of a standard deviation from n windows, at the same confidence: x 1.12 with 25 windows, x 1.01
// with 1,600. Without it a rig with 400 baseline rows had F1 0.871 at 18.5 % false alarms, with it 0.878 at 11.6, with the whole of it
// 0.866 at 8.8.
const WIDEN = 0.5
// The limit is never above 3 x the 99 % quantile of the held-out scores (measured: 1.0 to 2.0 x): a baseline with one wild spike in
// it, whose windows are more than the tolerance leaves out, must not make the model blind.
const LIMIT_OVER_Q99_MAX = 3

/**
 * A tolerance limit: that order statistic of `heldOut` (raw scores, NaN where there is none) that covers COVERED of healthy
 * windows with CONFIDENCE, a little widened. `rowsPerWindow`: scores of neighbouring rows share rows; so many rows apart they are independent.
 *
 * One rule for 400 rows and for 24,000: few windows give their largest, and wild rows beyond the quantile do not
 * stretch the limit of a long baseline. Always > 0.
 */
export function limitOf(heldOut: Float64Array, rowsPerWindow: number): number {
  const sorted = heldOut.filter(score => !Number.isNaN(score)).sort()
  const windows = Math.max(1, sorted.length / rowsPerWindow)
  const bound = COVERED + CONFIDENCE * Math.sqrt((COVERED * (1 - COVERED)) / windows)
  const quantile = windows < WINDOWS_FOR_BOUND ? 1 : Math.min(1, bound)
  const at = Math.min(sorted.length, Math.ceil(quantile * sorted.length)) - 1
  const largest = sorted[at] ?? 0
  const cap = LIMIT_OVER_Q99_MAX * (sorted[Math.floor(COVERED * (sorted.length - 1))] ?? 0)
  const limit = (Math.min(largest, cap) || largest) * (1 + (WIDEN * CONFIDENCE) / Math.sqrt(2 * windows))
  // Only constant channels: nothing ever differs from its prediction, and any positive limit will do.
  return limit || 1
}
