// Captures of vibration through a backtest: read, fit bands on the first of them, score the rest.
import { DEFAULTS } from '../config/defaults.ts'
import { systemClock } from '../core/clock.ts'
import { AgentError } from '../core/errors.ts'
import type { FitResult, ModelFile } from '../models/contract.ts'
import { parseModelFile } from '../models/file/model-file.ts'
import { fitCapturesInWorker } from '../models/fit/fit-worker.ts'
import { type CaptureScores, type Captures, readCaptures, scoreCaptures } from './backtest-captures.ts'
import type { BacktestOptions } from './backtest-options.ts'
import type { Progress } from './backtest-progress.ts'
import type { Outcome } from './backtest-report.ts'
import { nothingLeft } from './backtest-run.ts'
import { delaysOf, startScorer } from './backtest-score.ts'
import { faultsText, type JudgedBaseline, judgeBaseline } from './backtest-sensors.ts'
import { readModelInput } from './files.ts'

const FIT_DEADLINE_MS = 10 * 60_000
/** A year of captures of a dead sensor would make a report of 40 MB. */
const FAULTS_MAX = 10_000

export class CapturesRun {
  readonly #options: BacktestOptions
  readonly #progress: Progress

  constructor(options: BacktestOptions, progress: Progress) {
    this.#options = options
    this.#progress = progress
  }

  /** Throws AgentError: the file cannot be read, the captures cannot be fitted, or are not what the model wants. */
  async one(path: string, name: string): Promise<Outcome> {
    const { rate, interval, unit, fitCaptures, startRow = 0, model: modelPath } = this.#options
    const captures = await readCaptures(path, { rateHz: rate ?? 0, intervalS: interval ?? 0, unit })
    try {
      const from = Math.max(startRow, fitCaptures?.to ?? 0)
      if (from >= captures.count)
        throw nothingLeft(`${path} has ${captures.count} captures`, '--fit-captures', fitCaptures, this.#options)
      const fitted = modelPath === undefined ? await this.#fit(captures) : undefined
      const model = fitted ? parseModelFile(fitted.result.bytes, 'file', path) : readModelInput(modelPath!)
      const mine = captures.select(fitted?.baseline.channels ?? channelsOf(captures, model))
      const host = await startScorer(model)
      try {
        const progress = (capture: number): void => this.#progress.at(capture, captures.count)
        const scores = await scoreCaptures(host, model, mine, from, progress, fitted?.baseline.usual)
        return outcomeOf(name, captures, model, fitted, from, interval ?? 0, scores)
      } finally {
        await host.stop(0)
      }
    } finally {
      await captures.close()
    }
  }

  async #fit(captures: Captures): Promise<Fitted> {
    const { fitCaptures, onDelay, offDelay } = this.#options
    const { from, to } = fitCaptures!
    const baseline = judgeBaseline(await captures.read(from, Math.min(to, captures.count)), captures.fullScale, from)
    const { data } = baseline
    const run = { deadlineMs: FIT_DEADLINE_MS, clock: systemClock() }
    const options = { name: 'backtest', release: 1 }
    const fit = async (): Promise<FitResult> => {
      if (onDelay === undefined && offDelay === undefined) return fitCapturesInWorker(data, options, run)
      // Only one of them given: the other is that of the family, in captures of this interval.
      const own = await fitCapturesInWorker({ ...data, captures: data.captures.slice() }, options, run)
      const { onDelayMs, offDelayMs } = own.manifest.alarm
      const { deadband } = DEFAULTS.alarm
      const alarm = { onDelayMs: onDelay ?? onDelayMs, offDelayMs: offDelay ?? offDelayMs, deadband }
      return fitCapturesInWorker(data, { ...options, alarm }, run)
    }
    try {
      return { result: await fit(), baseline }
    } catch (error) {
      if (!(error instanceof AgentError) || baseline.warnings.length === 0) throw error
      throw new AgentError(error.code, `${error.message} Before that: ${baseline.warnings.join(' ')}`, { cause: error })
    }
  }
}

interface Fitted {
  result: FitResult
  baseline: JudgedBaseline
}

/** A model that was fitted without some channel of such a file names those it wants; others take them in order. */
function channelsOf({ channels }: Captures, { manifest }: ModelFile): number[] {
  const named = manifest.channels.map(({ id }) => channels.findIndex(channel => channel.id === id))
  return named.includes(-1) ? [...channels.keys()] : named
}

function outcomeOf(
  name: string,
  { timesUs }: Captures,
  model: ModelFile,
  fitted: Fitted | undefined,
  firstRow: number,
  intervalS: number,
  captureScores: CaptureScores,
): Outcome {
  const { manifest, sha256 } = model
  const { onDelayMs: onMs, offDelayMs: offMs } = manifest.alarm
  const { result, baseline } = fitted ?? {}
  const { scores, alarms, messages, sensorFaults, leftOut } = captureScores
  const all = [...(baseline?.faults ?? []), ...sensorFaults]
  return {
    scored: { name, firstRow, timesUs: timesUs.subarray(firstRow), scores, alarms, labels: undefined },
    model: {
      name: manifest.name,
      family: manifest.family,
      familyReason: manifest.familyReason ?? (result ? 'captures of vibration' : 'the model was given'),
      sha256,
      fittedRows: manifest.fitted?.rows,
      channels: manifest.channels.map(({ id }) => id),
    },
    delays: delaysOf(model, 1e6 * intervalS, { onMs, offMs }),
    sufficiency: result?.sufficiency,
    rebaselines: [],
    leftOut: leftOut.slice(0, FAULTS_MAX),
    warnings: [
      ...(baseline?.warnings ?? []),
      ...(result?.warnings ?? []),
      ...doubtWarnings(captureScores, firstRow),
      ...(all.length > FAULTS_MAX ? [`of ${all.length} sensor faults the first ${FAULTS_MAX} stand in the JSON.`] : []),
    ],
    sensorFaults: all.slice(0, FAULTS_MAX),
    alarms: messages,
  }
}

/** What became of captures with sensor faults, in three groups at most. */
function doubtWarnings({ doubts, sensorFaults, scores }: CaptureScores, firstRow: number): string[] {
  const rows = [...doubts.keys()]
  const named = (among: readonly number[]): string => {
    const wanted = new Set(among)
    return faultsText(sensorFaults.filter(({ row }) => wanted.has(row)))
  }
  const unscored = rows.filter(row => !doubts.get(row))
  const clipped = rows.filter(row => (doubts.get(row)?.clipped.length ?? 0) > 0)
  const fewer = rows.filter(row => doubts.get(row)?.clipped.length === 0)
  const beyond = clipped.filter(row => scores[row - firstRow]! >= 1).length
  return [
    ...(fewer.length > 0
      ? [`${fewer.length} captures are scored without the axes whose sensors have a fault: ${named(fewer)}.`]
      : []),
    ...(clipped.length > 0
      ? [
          `${clipped.length} captures clip, and their scores are at least what they say: ${beyond} beyond the setpoint count for the alarm, ${clipped.length - beyond} below it are no evidence of health: ${named(clipped)}.`,
        ]
      : []),
    ...(unscored.length > 0
      ? [`${unscored.length} captures have a sensor fault and keep the score before them: ${named(unscored)}.`]
      : []),
  ]
}
