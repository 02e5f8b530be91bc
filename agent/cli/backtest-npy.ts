// Captures of vibration through a backtest: read, fit bands on the first of them, score the rest.
import { DEFAULTS } from '../config/defaults.ts'
import { systemClock } from '../core/clock.ts'
import { AgentError } from '../core/errors.ts'
import type { FitResult, ModelFile } from '../models/contract.ts'
import { parseModelFile } from '../models/file/model-file.ts'
import { fitCapturesInWorker } from '../models/fit/fit-worker.ts'
import { type Captures, readCaptures, scoreCaptures } from './backtest-captures.ts'
import type { BacktestOptions } from './backtest-options.ts'
import type { Progress } from './backtest-progress.ts'
import type { Outcome } from './backtest-report.ts'
import { type BacktestScores, startScorer } from './backtest-score.ts'
import { readModelInput } from './files.ts'

const FIT_DEADLINE_MS = 10 * 60_000

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
        throw new AgentError('USAGE', `${path} has ${captures.count} captures, none of them after ${from - 1}`)
      const result = modelPath === undefined ? await this.#fit(captures) : undefined
      const model = result ? parseModelFile(result.bytes, 'file', path) : readModelInput(modelPath!)
      const host = await startScorer(model)
      try {
        const progress = (capture: number): void => this.#progress.at(capture, captures.count)
        return outcomeOf(
          name,
          captures,
          model,
          result,
          from,
          await scoreCaptures(host, model, captures, from, progress),
        )
      } finally {
        await host.stop(0)
      }
    } finally {
      await captures.close()
    }
  }

  async #fit(captures: Captures): Promise<FitResult> {
    const { fitCaptures, onDelay, offDelay } = this.#options
    const { from, to } = fitCaptures!
    const data = await captures.read(from, Math.min(to, captures.count))
    const run = { deadlineMs: FIT_DEADLINE_MS, clock: systemClock() }
    const options = { name: 'backtest', release: 1 }
    if (onDelay === undefined && offDelay === undefined) return fitCapturesInWorker(data, options, run)
    // Only one of them given: the other is that of the family, in captures of this interval.
    const own = await fitCapturesInWorker({ ...data, captures: data.captures.slice() }, options, run)
    const { onDelayMs, offDelayMs } = own.manifest.alarm
    const { deadband } = DEFAULTS.alarm
    const alarm = { onDelayMs: onDelay ?? onDelayMs, offDelayMs: offDelay ?? offDelayMs, deadband }
    return fitCapturesInWorker(data, { ...options, alarm }, run)
  }
}

function outcomeOf(
  name: string,
  { timesUs }: Captures,
  { manifest, sha256 }: ModelFile,
  result: FitResult | undefined,
  firstRow: number,
  { scores, alarms, scored, messages }: BacktestScores,
): Outcome {
  const unscored = scores.length - scored
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
    sufficiency: result?.sufficiency,
    rebaselines: [],
    leftOut: [],
    warnings: [
      ...(result?.warnings ?? []),
      ...(unscored > 0 ? [`${unscored} captures hold no numbers and keep the score before them`] : []),
    ],
    alarms: messages,
  }
}
