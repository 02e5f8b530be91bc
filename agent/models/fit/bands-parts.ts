// Which captures make which baseline: of one speed, without those of a machine that stood, and enough of them.
import type { CaptureData, SpeedRange } from '../contract.ts'
import type { BandLevels } from '../families/bands.ts'
import { levelsOf } from '../families/bands-shape.ts'
import { rangeText, speedBins } from '../families/bands-speeds.ts'
import { medianOf } from './bands-manifest.ts'

/** Of one nobody knows how the next may differ. */
export const CAPTURES_MIN = 2
/** Of a half that is to say something about the other, or of one of several bins of speed. */
export const CAPTURES_FAIR = 10
// A capture of a machine that stood, or of a hammer: 3 dB off, and six times as far as captures usually are.
const OUTLIER_SPREADS = 6
const OUTLIER_DB = 3
/** More than this share is no outlier but another way to run. A bearing's first minutes made up a tenth of an hour's baseline. */
const OUTLIER_SHARE_MAX = 0.2

/** In one warning. */
const SPEEDS_NAMED = 6

/** Captures that make one baseline. */
export interface BaselinePart {
  /** Indices, rising. */
  kept: number[]
  /** Their speeds, where those are known. */
  range?: SpeedRange
}

/** At least one part, rising with the speed, or none and a warning that says why. */
export function baselineParts(
  { speed, count }: CaptureData,
  levels: BandLevels,
): { parts: BaselinePart[]; warnings: string[] } {
  const every = Array.from({ length: count }, (_, k) => k)
  if (!speed) return partsOf([{ captures: every }], levels, CAPTURES_MIN)
  const bins = speedBins(speed.perMin).map(({ captures, fromPerMin, toPerMin }) => ({
    captures,
    range: { fromPerMin, toPerMin },
  }))
  const { parts, warnings } = partsOf(bins, levels, bins.length > 1 ? CAPTURES_FAIR : CAPTURES_MIN)
  const unknown = count - bins.reduce((sum, { captures }) => sum + captures.length, 0)
  const text = `${unknown} of ${count} captures left out: ${speed.channel} is not known, or moved by more than 2 %.`
  return { parts, warnings: unknown > 0 ? [text, ...warnings] : warnings }
}

function partsOf(
  groups: readonly { captures: readonly number[]; range?: SpeedRange }[],
  levels: BandLevels,
  least: number,
): { parts: BaselinePart[]; warnings: string[] } {
  const parts: BaselinePart[] = []
  const warnings: string[] = []
  const few: string[] = []
  for (const { captures, range } of groups) {
    const kept = withoutOutliers(levels, captures)
    const left = captures.length - kept.length
    const at = atText(range)
    if (left > 0)
      warnings.push(`${left} of ${captures.length} captures${at} left out: their level is not that of the others.`)
    if (kept.length >= least) parts.push({ kept, ...(range ? { range } : {}) })
    else few.push(range ? `${rangeText(range)} (${kept.length})` : `${kept.length}`)
  }
  if (few.length > 0) {
    const more = few.length > SPEEDS_NAMED ? ` and ${few.length - SPEEDS_NAMED} more speeds` : ''
    const where = few.slice(0, SPEEDS_NAMED).join(', ')
    warnings.push(`too few captures for a baseline, it takes ${least}: ${where}${more}. Such captures are not scored.`)
  }
  return { parts, warnings }
}

/** ` at 985–995/min`; empty where there is but one baseline. */
export function atText(range: SpeedRange | undefined): string {
  return range ? ` at ${rangeText(range)}` : ''
}

/** Those whose level in every channel is that of the others. */
function withoutOutliers(levels: BandLevels, captures: readonly number[]): number[] {
  const far = new Set<number>()
  for (let c = 0; c < levels.shape.channels; c++) {
    const power = captures.map(k => 10 * Math.log10(channelPower(levels, k, c) + Number.MIN_VALUE))
    const median = medianOf(power)
    const spread = 1.4826 * medianOf(power.map(value => Math.abs(value - median)))
    const most = Math.max(OUTLIER_SPREADS * spread, OUTLIER_DB)
    captures.forEach((k, i) => {
      if (Math.abs(power[i]! - median) > most) far.add(k)
    })
  }
  return far.size > OUTLIER_SHARE_MAX * captures.length ? [...captures] : captures.filter(k => !far.has(k))
}

function channelPower({ shape, energies, perCapture }: BandLevels, capture: number, channel: number): number {
  const width = levelsOf(shape)
  let sum = 0
  for (let w = 0; w < perCapture; w++) {
    const at = ((capture * perCapture + w) * shape.channels + channel) * width
    for (let band = 0; band < shape.bands; band++) sum += energies[at + band]!
  }
  return sum / perCapture
}
