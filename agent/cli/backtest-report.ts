// What a backtest found: OUT.csv for other programs, metrics for people and for JSON.
import { isoFromUs } from '../core/types.ts'
import { type AlarmMetrics, type AlarmTally, alarmMetrics, tallyAlarms } from '../models/backtest/alarm-metrics.ts'
import { type CurveMetrics, curveMetrics } from '../models/backtest/curves.ts'
import { vusPr } from '../models/backtest/vus.ts'
import type { Sufficiency } from '../models/contract.ts'
import type { LeftOut } from './backtest-gone.ts'
import type { AlarmDelays } from './backtest-options.ts'
import type { Rebaselining } from './backtest-rebaseline.ts'
import type { SensorFaultAt } from './backtest-sensors.ts'
import { print, table } from './shared.ts'

/** As the SMD protocol has it: the widest shoulder of a labelled range, in rows. */
export const VUS_WINDOW_ROWS = 100

/** One recording after its baseline. */
export interface Scored {
  name: string
  firstRow: number
  timesUs: Float64Array
  scores: Float64Array
  alarms: Uint8Array
  labels: Uint8Array | undefined
  /** Rows, counted from firstRow, from which another model scored. */
  rebaselines?: readonly number[]
}

/** One recording's outcome, as it stands in the JSON. */
export interface Outcome {
  scored: Scored
  model: {
    name: string
    family: string
    familyReason: string
    sha256: string
    fittedRows: number | undefined
    channels: string[]
  }
  /** In rows, or captures. */
  delays: AlarmDelays
  /** Undefined for a model that was given. */
  sufficiency: Sufficiency | undefined
  /** Every time one was due, taken or not. */
  rebaselines: readonly Rebaselining[]
  /** Every time that another set of channels was left out, or all were there again. */
  leftOut: readonly LeftOut[]
  warnings: string[]
  /** Captures alone: those of the baseline and of what was scored; a capture with one is neither fitted nor scored. */
  sensorFaults?: readonly SensorFaultAt[]
  alarms: { row: number; text: string }[]
}

export interface Metrics {
  alarm: AlarmMetrics
  /** Means over the recordings that have labels: scores of different models are not one scale. */
  curves: (Omit<CurveMetrics, 'bestF1Threshold'> & { vusPr: number }) | undefined
}

export function csvText({ firstRow, timesUs, scores, alarms }: Scored): string {
  const lines = ['row,time,score,setpoint,alarm']
  for (let i = 0; i < scores.length; i++) {
    lines.push(`${firstRow + i},${isoFromUs(timesUs[i]!)},${Number(scores[i]!.toPrecision(7))},1,${alarms[i]}`)
  }
  return `${lines.join('\n')}\n`
}

export function metricsOf(recordings: readonly Scored[]): Metrics {
  const labelled = recordings.filter(({ labels }) => labels?.includes(1))
  const curves = labelled.map(({ labels, scores }) => ({
    ...curveMetrics(labels!, scores),
    vusPr: vusPr(labels!, scores, VUS_WINDOW_ROWS),
  }))
  const mean = (key: 'aucRoc' | 'aucPr' | 'bestF1' | 'vusPr'): number =>
    curves.reduce((sum, curve) => sum + curve[key], 0) / curves.length
  return {
    alarm: alarmMetrics(recordings.map(tallyOf)),
    curves:
      curves.length === 0
        ? undefined
        : { aucRoc: mean('aucRoc'), aucPr: mean('aucPr'), bestF1: mean('bestF1'), vusPr: mean('vusPr') },
  }
}

function tallyOf({ labels, alarms, timesUs, firstRow }: Scored): AlarmTally {
  return tallyAlarms(labels ?? new Uint8Array(alarms.length), alarms, timesUs, firstRow)
}

/** Schema `wearwatch.backtest/1`, docs/backtest.md; ratios without a divisor are null. */
export function jsonText(
  outcomes: readonly Outcome[],
  metrics: Metrics,
  failed: readonly { name: string; code: string; message: string }[],
): string {
  const recordings = outcomes.map(({ scored, ...outcome }) => {
    const { alarm, curves } = metricsOf([scored])
    const inAlarm = scored.alarms.reduce((sum, on) => sum + on, 0)
    return {
      name: scored.name,
      firstRow: scored.firstRow,
      rows: scored.scores.length,
      rowsInAlarm: inAlarm,
      rowsBeyondSetpoint: scored.scores.reduce((sum, score) => sum + (score >= 1 ? 1 : 0), 0),
      episodes: alarm.episodes,
      ...outcome,
      ...(scored.labels ? { alarm, curves } : {}),
    }
  })
  return `${JSON.stringify({ schema: 'wearwatch.backtest/1', recordings, failed, ...metrics }, null, 2)}\n`
}

/** Without labels only what needs none: how often and how long it was in alarm. */
export function printMetrics(recordings: readonly Scored[], metrics: Metrics): void {
  const rows = recordings.map(recording => {
    const { episodes, events, falseEpisodes, farPercent, f1 } = alarmMetrics([tallyOf(recording)])
    const inAlarm = recording.alarms.reduce((sum, alarm) => sum + alarm, 0)
    const share = `${((100 * inAlarm) / Math.max(1, recording.alarms.length)).toFixed(1)} %`
    const found = events.filter(event => event.delayRows !== undefined)
    const delays = found.map(event => event.delayS!).sort((a, b) => a - b)
    const delay = delays.length > 0 ? `${delays[Math.floor(delays.length / 2)]!.toFixed(0)} s` : '-'
    const plain = [recording.name, String(recording.scores.length), share, String(episodes)]
    if (!recording.labels) return plain
    return [
      ...plain,
      `${found.length}/${events.length}`,
      delay,
      String(falseEpisodes),
      ratio(f1),
      `${farPercent.toFixed(1)} %`,
    ]
  })
  const head = ['RECORDING', 'ROWS', 'IN ALARM', 'ALARMS']
  const withLabels = recordings.some(({ labels }) => labels)
  print(table(withLabels ? [...head, 'EVENTS', 'DELAY', 'FALSE', 'F1', 'FAR'] : head, rows))
  if (!withLabels) return
  const { alarm, curves } = metrics
  print()
  print(
    `alarm    F1 ${ratio(alarm.f1)}  precision ${ratio(alarm.precision)}  recall ${ratio(alarm.recall)}  FAR ${alarm.farPercent.toFixed(1)} %  MAR ${alarm.marPercent.toFixed(1)} %`,
  )
  print(
    `episodes ${alarm.falseEpisodes} false of ${alarm.episodes}, ${alarm.falseEpisodesPerMonth.toFixed(1)} false per asset and month`,
  )
  if (curves)
    print(
      `score    AUC-ROC ${ratio(curves.aucRoc)}  AUC-PR ${ratio(curves.aucPr)}  best F1 ${ratio(curves.bestF1)}  VUS-PR ${ratio(curves.vusPr)}`,
    )
}

function ratio(value: number): string {
  return Number.isNaN(value) ? '-' : value.toFixed(3)
}
