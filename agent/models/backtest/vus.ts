// VUS-PR: the volume under the range-based precision-recall surface. Labelled ranges get soft shoulders of every width from
// 0 to `window`, so that an alarm a little early or late is not counted as wrong, and no width has to be chosen.
// Paparrizos et al., "Volume under the surface", PVLDB 15(11), 2022; thresholds, shoulders and existence factor as in the
// authors' reference implementation (RangeAUC_volume_opt of TSB-AD, 250 thresholds).

const THRESHOLDS = 250

interface Range {
  from: number
  /** Inclusive. */
  to: number
}

/** `labels` [n] 0/1, `scores` [n] finite, `window` rows. NaN when nothing is labelled. */
export function vusPr(labels: Uint8Array, scores: Float64Array, window: number): number {
  const ranges = rangesOf(labels)
  if (ranges.length === 0) return Number.NaN
  const rows = labels.length
  const positives = labels.reduce((sum, label) => sum + label, 0)
  const thresholds = thresholdsOf(scores)
  const predicted = countAtLeast(scores, thresholds)
  const widest = widened(ranges, window, rows)
  let volume = 0
  for (let width = 0; width <= window; width++) {
    const soft = softLabels(labels, ranges, width)
    volume += areaOf({
      soft,
      scores,
      positives,
      thresholds,
      predicted,
      widest,
      touched: widened(ranges, width, rows),
      ranges,
    })
  }
  return volume / (window + 1)
}

/** Runs of labelled rows. */
export function rangesOf(labels: Uint8Array): Range[] {
  const ranges: Range[] = []
  for (let i = 0; i < labels.length; i++) {
    if (!labels[i]) continue
    const from = i
    while (labels[i + 1]) i++
    ranges.push({ from, to: i })
  }
  return ranges
}

/** Scores at 250 equally spaced ranks, highest first. */
function thresholdsOf(scores: Float64Array): Float64Array {
  const sorted = Float64Array.from(scores).sort().reverse()
  const step = (scores.length - 1) / (THRESHOLDS - 1)
  return Float64Array.from(
    { length: THRESHOLDS },
    (_, k) => sorted[k === THRESHOLDS - 1 ? scores.length - 1 : Math.floor(k * step)]!,
  )
}

function countAtLeast(scores: Float64Array, thresholds: Float64Array): Float64Array {
  const sorted = Float64Array.from(scores).sort().reverse()
  let count = 0
  return thresholds.map(threshold => {
    while (count < sorted.length && sorted[count]! >= threshold) count++
    return count
  })
}

/** Ranges with their shoulders; those that touch are one. */
function widened(ranges: readonly Range[], width: number, rows: number): Range[] {
  const half = Math.floor(width / 2)
  const out: Range[] = []
  let from = Math.max(ranges[0]!.from - half, 0)
  for (let i = 0; i + 1 < ranges.length; i++) {
    if (ranges[i]!.to + half >= ranges[i + 1]!.from - half) continue
    out.push({ from, to: ranges[i]!.to + half })
    from = ranges[i + 1]!.from - half
  }
  out.push({ from, to: Math.min(ranges.at(-1)!.to + half, rows - 1) })
  return out
}

/** 1 inside, falling as a square root over half a width on both sides. */
function softLabels(labels: Uint8Array, ranges: readonly Range[], width: number): Float64Array {
  const soft = Float64Array.from(labels)
  const half = Math.floor(width / 2)
  for (const { from, to } of ranges) {
    for (let i = to + 1; i < Math.min(to + half + 1, soft.length); i++) soft[i]! += Math.sqrt(1 - (i - to) / width)
    for (let i = Math.max(from - half, 0); i < from; i++) soft[i]! += Math.sqrt(1 - (from - i) / width)
  }
  return soft.map(value => Math.min(1, value))
}

interface Surface {
  soft: Float64Array
  scores: Float64Array
  positives: number
  thresholds: Float64Array
  /** Rows at or above each threshold. */
  predicted: Float64Array
  widest: readonly Range[]
  touched: readonly Range[]
  ranges: readonly Range[]
}

/** Area under precision over range recall for one width. */
function areaOf({ soft, scores, positives, thresholds, predicted, widest, touched, ranges }: Surface): number {
  const inside = new Uint8Array(soft.length)
  for (const { from, to } of ranges) inside.fill(1, from, to + 1)
  let area = 0
  let recallBefore = 0
  for (let k = 0; k < thresholds.length; k++) {
    const threshold = thresholds[k]!
    let [hits, wanted, found] = [0, 0, 0]
    for (const { from, to } of widest) {
      for (let i = from; i <= to; i++) {
        if (scores[i]! >= threshold) {
          hits += soft[i]!
          wanted += soft[i]!
        } else wanted += inside[i]!
      }
    }
    for (const { from, to } of touched) if (anyAtLeast(scores, threshold, from, to)) found++
    const recall = Math.min(hits / ((positives + wanted) / 2), 1) * (found / touched.length)
    area += (recall - recallBefore) * (hits / predicted[k]!)
    recallBefore = recall
  }
  return area
}

function anyAtLeast(scores: Float64Array, threshold: number, from: number, to: number): boolean {
  for (let i = from; i <= to; i++) if (scores[i]! >= threshold) return true
  return false
}
