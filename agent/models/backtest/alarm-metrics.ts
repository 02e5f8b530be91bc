// What an alarm was worth against labels: row by row, per labelled event, and in the figure that counts on a factory floor,
// false episodes per asset and month.
import { rangesOf } from './vus.ts'

const MONTH_US = (365.25 / 12) * 86_400e6

export interface AlarmMetrics {
  truePositives: number
  falsePositives: number
  falseNegatives: number
  trueNegatives: number
  /** Ratios; NaN where the divisor is 0. */
  precision: number
  recall: number
  f1: number
  /** False alarm rate FP / (FP + TN) and missed alarm rate FN / (FN + TP), in per cent. */
  farPercent: number
  marPercent: number
  /** One entry per labelled range, in order. */
  events: EventMetrics[]
  /** Alarms that stood, and those of them that touch no labelled row. */
  episodes: number
  falseEpisodes: number
  falseEpisodesPerMonth: number
}

export interface EventMetrics {
  fromRow: number
  /** Inclusive. */
  toRow: number
  /** From the first labelled row to the first row in alarm; absent = missed. */
  delayRows?: number
  delayS?: number
}

/** Counts that can be added up over recordings. */
export interface AlarmTally {
  truePositives: number
  falsePositives: number
  falseNegatives: number
  trueNegatives: number
  events: EventMetrics[]
  episodes: number
  falseEpisodes: number
  /** Time that the recording covers. */
  spanUs: number
}

/** `labels`, `alarms` [n] 0/1; `timesUs` [n]; `firstRow` is the number of the first of them in its recording. */
export function tallyAlarms(
  labels: Uint8Array,
  alarms: Uint8Array,
  timesUs: Float64Array,
  firstRow: number,
): AlarmTally {
  const counts = [0, 0, 0, 0]
  for (let row = 0; row < labels.length; row++) counts[labels[row]! * 2 + alarms[row]!]!++
  const episodes = rangesOf(alarms)
  const events = rangesOf(labels).map(({ from, to }) => {
    const at = alarms.subarray(from, to + 1).indexOf(1)
    const range = { fromRow: firstRow + from, toRow: firstRow + to }
    return at < 0 ? range : { ...range, delayRows: at, delayS: (timesUs[from + at]! - timesUs[from]!) / 1e6 }
  })
  return {
    trueNegatives: counts[0]!,
    falsePositives: counts[1]!,
    falseNegatives: counts[2]!,
    truePositives: counts[3]!,
    events,
    episodes: episodes.length,
    falseEpisodes: episodes.filter(({ from, to }) => !labels.subarray(from, to + 1).includes(1)).length,
    spanUs: labels.length > 0 ? timesUs[labels.length - 1]! - timesUs[0]! : 0,
  }
}

/** Sums over recordings first, ratios then. */
export function alarmMetrics(tallies: readonly AlarmTally[]): AlarmMetrics {
  const sum = (of: (tally: AlarmTally) => number): number => tallies.reduce((total, tally) => total + of(tally), 0)
  const truePositives = sum(tally => tally.truePositives)
  const falsePositives = sum(tally => tally.falsePositives)
  const falseNegatives = sum(tally => tally.falseNegatives)
  const trueNegatives = sum(tally => tally.trueNegatives)
  const falseEpisodes = sum(tally => tally.falseEpisodes)
  return {
    truePositives,
    falsePositives,
    falseNegatives,
    trueNegatives,
    precision: truePositives / (truePositives + falsePositives),
    recall: truePositives / (truePositives + falseNegatives),
    f1: (2 * truePositives) / (2 * truePositives + falsePositives + falseNegatives),
    farPercent: (100 * falsePositives) / (falsePositives + trueNegatives),
    marPercent: (100 * falseNegatives) / (falseNegatives + truePositives),
    events: tallies.flatMap(tally => tally.events),
    episodes: sum(tally => tally.episodes),
    falseEpisodes,
    falseEpisodesPerMonth: falseEpisodes / (sum(tally => tally.spanUs) / MONTH_US),
  }
}
