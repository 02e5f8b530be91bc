// Whether the health indicator rises, and when it will be at its setpoint. Silent unless the rise is beyond doubt: a made-up
// date costs more trust than none.
//
//   scores by the hour ─► 24 bins of 3, 10 and 30 days (medians) ─► Mann-Kendall, corrected for autocorrelation
//        ─► the shortest span that rises ─► Theil-Sen slope and its interval ─► time to setpoint and its interval
//
// Mann (1945), Kendall (1975); variance with autocorrelation: Hamed & Rao, J. Hydrol. 204 (1998) 182; slope and its interval:
// Sen, JASA 63 (1968) 1379. The shortest span counts, for what began yesterday is what decides about tomorrow.

const DAY_US = 86_400e6
const SPANS_DAYS = [3, 10, 30] as const
const BINS = 24
/** Bins that must have scores: a machine that hardly runs says little. */
const BINS_MIN = 14
/** One-sided, of all three spans together. */
const ALPHA_Z = 3.09
/** 95 % of a straight rise in normal noise; of rises that bend, 85 to 90 % were measured. */
const INTERVAL_Z = 1.96
/** Bins on either side whose mean step is the rise. */
const NEARBY = 12
/** Neighbours more alike than that are a walk, of which nothing is foretold. */
const R_MAX = 0.95
/** A later end than that is none. */
const OPEN_US = 365 * DAY_US
/** A line is not trusted further than twice as far as it was seen. */
const REACH_SPANS = 2

export interface Trend {
  /** The rise is seen from here on, µs. */
  sinceUs: number
  /** Of the indicator, per day, with its interval. */
  perDay: number
  perDayRange: [low: number, high: number]
  /** The indicator now, on the line. */
  level: number
  /** When the line reaches the setpoint: µs. `latestUs` is undefined where the lower end of the slope does not within a year. */
  reach: { atUs: number; earliestUs: number; latestUs: number | undefined }
}

export interface TrendOptions {
  setpoint: number
  /** Nothing is said of a date further away. */
  horizonUs: number
}

/**
 * @param timesUs of the values, rising
 * @param values of the indicator where more is worse; NaN where there is none
 * @returns undefined without a rise beyond doubt, at or above the setpoint (the alarm speaks then), or beyond the horizon
 */
export function trendOf(
  timesUs: Float64Array,
  values: Float64Array,
  nowUs: number,
  options: TrendOptions,
): Trend | undefined {
  for (const days of SPANS_DAYS) {
    const spanUs = days * DAY_US
    const bins = binned(timesUs, values, nowUs - spanUs, nowUs)
    const rise = bins && riseOf(bins, memoryOf(timesUs, values, nowUs, spanUs / BINS))
    if (!rise || rise.level >= options.setpoint) continue
    const reach = reachOf(rise, nowUs, options.setpoint)
    const farUs = Math.min(options.horizonUs, REACH_SPANS * spanUs)
    if (reach.atUs - nowUs > farUs) continue
    const perDayRange: [number, number] = [rise.low * DAY_US, rise.high * DAY_US]
    return { sinceUs: nowUs - spanUs, perDay: rise.slope * DAY_US, perDayRange, level: rise.level, reach }
  }
  return undefined
}

interface Bins {
  /** µs before now, so that sums stay exact. */
  times: number[]
  values: number[]
}

/** Medians of up to BINS pieces; undefined where too few have values, or none of the first or last third. */
function binned(timesUs: Float64Array, values: Float64Array, fromUs: number, toUs: number): Bins | undefined {
  const widthUs = (toUs - fromUs) / BINS
  const piles: number[][] = Array.from({ length: BINS }, () => [])
  for (let i = 0; i < timesUs.length; i++) {
    const bin = Math.floor((timesUs[i]! - fromUs) / widthUs)
    if (bin >= 0 && bin < BINS && Number.isFinite(values[i]!)) piles[bin]!.push(values[i]!)
  }
  const filled = piles.flatMap((pile, bin) => (pile.length > 0 ? [bin] : []))
  const both = filled.some(bin => bin < BINS / 3) && filled.some(bin => bin >= (2 * BINS) / 3)
  if (filled.length < BINS_MIN || !both) return undefined
  return {
    times: filled.map(bin => (bin + 0.5 - BINS) * widthUs),
    values: filled.map(bin => median(piles[bin]!)),
  }
}

interface Rise {
  /** Per µs. */
  slope: number
  low: number
  high: number
  level: number
  levelError: number
}

/** A rise that quickened within its span is that of its later half: the whole would promise too late a date. */
function riseOf(bins: Bins, memory: number): Rise | undefined {
  const whole = fit(bins, memory)
  if (whole.z < ALPHA_Z || whole.slope <= 0) return undefined
  const half = bins.times.length >> 1
  const later = fit({ times: bins.times.slice(half), values: bins.values.slice(half) }, memory)
  return later.slope > whole.high ? { ...later, low: Math.min(later.low, whole.slope) } : whole
}

/** Mann-Kendall and Theil-Sen. `memory`: how many times wider than of independent values sums spread, at least. */
function fit({ times, values }: Bins, memory: number): Rise & { z: number } {
  const n = times.length
  let s = 0
  const slopes: number[] = []
  for (let i = 0; i < n; i++) {
    for (let j = i + 1; j < n; j++) {
      s += Math.sign(values[j]! - values[i]!)
      slopes.push((values[j]! - values[i]!) / (times[j]! - times[i]!))
    }
  }
  slopes.sort((a, b) => a - b)
  const slope = median(slopes)
  const residuals = values.map((value, i) => value - slope * times[i]!)
  const wider = Math.max(memory, correction(residuals))
  const sigma = Math.sqrt(((n * (n - 1) * (2 * n + 5)) / 18) * wider)
  // Sen: ranks of the slopes at half the interval's width of S on either side of the middle.
  const half = (INTERVAL_Z * sigma) / 2
  const at = (rank: number): number => slopes[Math.max(0, Math.min(slopes.length - 1, Math.round(rank)))]!
  const level = median(residuals)
  const spread = median(residuals.map(r => Math.abs(r - level))) * 1.4826
  const levelError = INTERVAL_Z * spread * Math.sqrt(wider / n)
  const [low, high] = [at(slopes.length / 2 - half), at(slopes.length / 2 + half)]
  return { slope, low, high, level, levelError, z: (s - 1) / sigma }
}

/**
 * Factor by which sums of neighbouring bins spread wider than of independent ones, (1 + r) / (1 - r) with the correlation r of
 * neighbours. All of the time there is tells more of r than the 24 bins alone. Taken from differences less their mean nearby, so that
 * the rise itself counts for nothing: their square is 2v(1 - r) at a distance of one bin and 2v(1 - r^2) at two.
 */
function memoryOf(timesUs: Float64Array, values: Float64Array, nowUs: number, widthUs: number): number {
  const means = meansOf(timesUs, values, nowUs, widthUs)
  const near = spreadOfSteps(means, 1)
  const far = spreadOfSteps(means, 2)
  if (!(near > 0) || !(far > 0)) return 1
  const r = Math.max(0, Math.min(R_MAX, far / near - 1))
  return (1 + r) / (1 - r)
}

/** By bin, oldest first; NaN where there are none. */
function meansOf(timesUs: Float64Array, values: Float64Array, nowUs: number, widthUs: number): number[] {
  const oldest = Math.floor(((timesUs[0] ?? nowUs) - nowUs) / widthUs)
  const sums = new Array<number>(-oldest).fill(0)
  const counts = new Array<number>(-oldest).fill(0)
  for (let i = 0; i < timesUs.length; i++) {
    const bin = Math.floor((timesUs[i]! - nowUs) / widthUs) - oldest
    if (bin >= sums.length || !Number.isFinite(values[i]!)) continue
    sums[bin]! += values[i]!
    counts[bin]!++
  }
  return sums.map((sum, bin) => sum / counts[bin]!)
}

/** Median square of the steps over `distance` bins, less the mean step nearby; NaN of few. */
function spreadOfSteps(means: readonly number[], distance: number): number {
  const steps = means.slice(distance).map((mean, i) => mean - means[i]!)
  const squares: number[] = []
  for (const [i, step] of steps.entries()) {
    const nearby = steps.slice(Math.max(0, i - NEARBY), i + NEARBY + 1).filter(Number.isFinite)
    if (!Number.isFinite(step) || nearby.length < 3) continue
    squares.push((step - nearby.reduce((a, b) => a + b, 0) / nearby.length) ** 2)
  }
  return squares.length < 5 ? Number.NaN : median(squares)
}

/** Hamed & Rao: how much wider S spreads because neighbours are alike; at least 1, since unlike ones prove nothing here. */
function correction(residuals: readonly number[]): number {
  const n = residuals.length
  const ranks = ranksOf(residuals)
  const mean = (n - 1) / 2
  const variance = ranks.reduce((sum, rank) => sum + (rank - mean) ** 2, 0)
  let sum = 0
  for (let lag = 1; lag <= n / 3; lag++) {
    let covariance = 0
    for (let i = 0; i + lag < n; i++) covariance += (ranks[i]! - mean) * (ranks[i + lag]! - mean)
    const r = covariance / variance
    // Lags that chance alone explains are left out.
    if (Math.abs(r) > INTERVAL_Z / Math.sqrt(n)) sum += (n - lag) * (n - lag - 1) * (n - lag - 2) * r
  }
  return Math.max(1, 1 + (2 / (n * (n - 1) * (n - 2))) * sum)
}

function ranksOf(values: readonly number[]): number[] {
  const order = values.map((_, i) => i).sort((a, b) => values[a]! - values[b]!)
  const ranks = new Array<number>(values.length)
  for (const [rank, i] of order.entries()) ranks[i] = rank
  return ranks
}

function reachOf({ slope, low, high, level, levelError }: Rise, nowUs: number, setpoint: number): Trend['reach'] {
  const atUs = nowUs + (setpoint - level) / slope
  const earliestUs = nowUs + Math.max(0, setpoint - level - levelError) / high
  const latestUs = nowUs + (setpoint - level + levelError) / low
  return { atUs, earliestUs, latestUs: low > 0 && latestUs - nowUs < OPEN_US ? latestUs : undefined }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
