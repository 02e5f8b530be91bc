// One baseline per speed: 1 x moves with it, and so does nearly everything else in the spectrum.
import type { SpeedRange } from '../contract.ts'

/** Widest bin, as the ratio of its ends: within 10 % an order stays in its 200 Hz band up to 2 kHz. */
const BIN_RATIO_MAX = 1.1

export interface SpeedBin extends SpeedRange {
  /** Indices of its captures, rising. */
  captures: number[]
}

/**
 * Bins of neighbouring speeds, none wider than 10 %, cut at the widest gaps: two speeds of a two-speed motor are two bins, a speed that
 * wanders over a range is a row of them. Speeds of 0 and below, and what is no number, belong to none.
 */
export function speedBins(perMin: ArrayLike<number>): SpeedBin[] {
  const order = Array.from({ length: perMin.length }, (_, k) => k)
    .filter(k => perMin[k]! > 0 && Number.isFinite(perMin[k]!))
    .sort((a, b) => perMin[a]! - perMin[b]!)
  return cutApart(order, perMin).map(captures => ({
    fromPerMin: perMin[captures[0]!]!,
    toPerMin: perMin[captures[captures.length - 1]!]!,
    captures: captures.sort((a, b) => a - b),
  }))
}

function cutApart(order: readonly number[], perMin: ArrayLike<number>): number[][] {
  const pending = order.length > 0 ? [[...order]] : []
  const done: number[][] = []
  for (let part = pending.pop(); part; part = pending.pop()) {
    if (perMin[part[part.length - 1]!]! <= BIN_RATIO_MAX * perMin[part[0]!]!) {
      done.push(part)
      continue
    }
    let cut = 1
    const ratio = (i: number): number => perMin[part![i]!]! / perMin[part![i - 1]!]!
    for (let i = 2; i < part.length; i++) if (ratio(i) > ratio(cut)) cut = i
    pending.push(part.slice(cut), part.slice(0, cut))
  }
  return done
}

/**
 * For which speeds baselines speak, `bins` rising: bin k for edges[2k] <= speed < edges[2k + 1], 5 % beyond its own captures or half
 * the way (as a ratio) to its neighbour. float32, as the graph compares them.
 */
export function speedEdges(bins: readonly SpeedRange[]): Float32Array {
  const margin = Math.sqrt(BIN_RATIO_MAX)
  return Float32Array.from({ length: 2 * bins.length }, (_, i) => {
    const bin = bins[i >> 1]!
    const below = bins[(i >> 1) - 1]
    const above = bins[(i >> 1) + 1]
    if (i % 2 === 0) {
      const low = bin.fromPerMin / margin
      return below ? Math.max(low, Math.sqrt(below.toPerMin * bin.fromPerMin)) : low
    }
    const high = bin.toPerMin * margin
    return above ? Math.min(high, Math.sqrt(bin.toPerMin * above.fromPerMin)) : high
  })
}

/** Which of the bins speaks for captures at `perMin`; -1: none of them knows it. */
export function binAt(bins: readonly SpeedRange[], perMin: number): number {
  const speed = Math.fround(perMin)
  const passed = speedEdges(bins).filter(edge => speed >= edge).length
  return passed % 2 === 1 ? (passed - 1) / 2 : -1
}

/** `1830/min lies between the baselines at 1480/min and 2950/min`; of a speed that binAt knows no bin for. */
export function outsideText(bins: readonly SpeedRange[], perMin: number): string {
  const below = bins.filter(({ toPerMin }) => toPerMin < perMin).at(-1)
  const above = bins.find(({ fromPerMin }) => fromPerMin > perMin)
  const speed = `${Math.round(perMin)}/min lies`
  if (below && above) return `${speed} between the baselines at ${rangeText(below)} and ${rangeText(above)}`
  if (above) return `${speed} below the ${bins.length > 1 ? 'lowest ' : ''}baseline, at ${rangeText(above)}`
  return `${speed} above the ${bins.length > 1 ? 'highest ' : ''}baseline${below ? `, at ${rangeText(below)}` : ''}`
}

/** `985–995/min`, `1480/min`. */
export function rangeText({ fromPerMin, toPerMin }: SpeedRange): string {
  const [from, to] = [Math.round(fromPerMin), Math.round(toPerMin)]
  return from === to ? `${from}/min` : `${from}–${to}/min`
}
