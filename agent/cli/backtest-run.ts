// Recordings of rows through a backtest: read, fit, score, one after the other.
import { AgentError } from '../core/errors.ts'
import type { ModelFile } from '../models/contract.ts'
import { Baselines } from './backtest-baselines.ts'
import { type BaselineRows, baselineRows, type Fitted, fitBaseline, withoutChannels } from './backtest-fit.ts'
import { GoneChannels, goneWarnings } from './backtest-gone.ts'
import type { AlarmDelays, BacktestOptions } from './backtest-options.ts'
import type { Progress } from './backtest-progress.ts'
import { Rebaseliner } from './backtest-rebaseline.ts'
import { type Recording, readRecording, withoutColumn } from './backtest-recording.ts'
import type { Outcome } from './backtest-report.ts'
import { type ModelRows, modelRows } from './backtest-rows.ts'
import { type BacktestScores, delaysOf, type ScoreOptions, scoreRecording, startScorer } from './backtest-score.ts'
import { readModelInput } from './files.ts'
import type { RowRange } from './options.ts'

/** Rows that a value may be used again where no baseline says how often values come. */
const HOLD_ROWS_DEFAULT = 10
/** The longest on-delay of a family. */
const BEYOND_ROWS_TOLD = 15

export class RowsRun {
  readonly #options: BacktestOptions
  readonly #progress: Progress
  /** Of --model or --fit; else every recording has its own. */
  readonly #shared: Fitted | undefined

  private constructor(options: BacktestOptions, progress: Progress, shared: Fitted | undefined) {
    this.#options = options
    this.#progress = progress
    this.#shared = shared
  }

  /** Throws AgentError: the model cannot be read, the baseline cannot be read or fitted. */
  static async start(options: BacktestOptions, progress: Progress): Promise<RowsRun> {
    const { model, fit } = options
    if (model !== undefined) {
      const given = readModelInput(model)
      const shared = { model: given, baseline: undefined, result: undefined, options: undefined, warnings: [] }
      return new RowsRun(options, progress, shared)
    }
    if (fit === undefined) return new RowsRun(options, progress, undefined)
    progress.begin(`baseline ${fit}`)
    const recording = await readRecording(fit, { ignore: options.ignore ?? [], label: undefined })
    const baseline = baselineRows(withoutColumn(recording, options.label), { from: 0, to: recording.rows })
    const warnings = recording.warnings.map(warning => `baseline: ${warning}`)
    const shared = await fitBaseline(baseline, familyOf(options))
    return new RowsRun(options, progress, { ...shared, warnings: [...warnings, ...shared.warnings] })
  }

  async one(path: string, name: string): Promise<Outcome> {
    const { ignore = [], label, fitRows, startRow = 0 } = this.#options
    const recording = await readRecording(path, { ignore, label, ...(fitRows ? { judgedRows: fitRows.to } : {}) })
    const fromRow = Math.max(startRow, fitRows?.to ?? 0)
    if (fromRow >= recording.rows)
      throw nothingLeft(`${path} has ${recording.rows} rows`, '--fit-rows', fitRows, this.#options)
    const fitted = await this.#fittedFor(recording)
    const rows = rowsFor(fitted, recording)
    const { onDelay, offDelay } = this.#options
    const delays = delaysOf(fitted.model, recording.everyUs, { onMs: onDelay, offMs: offDelay })
    const options = { fromRow, delays, ...this.#successors(fitted, recording, rows, delays) }
    const progress = (row: number): void => this.#progress.at(row, recording.rows)
    const host = await startScorer(fitted.model)
    try {
      const scores = await scoreRecording(host, fitted.model, recording, rows, { ...options, progress })
      return outcomeOf(name, recording, fitted, rows, fromRow, delays, scores)
    } finally {
      await host.stop(0)
    }
  }

  /** The model for it: without the channels that it lacks, where the baseline is another recording. */
  async #fittedFor(recording: Recording): Promise<Fitted> {
    const shared = this.#shared
    if (!shared) return fitBaseline(baselineRows(recording, this.#options.fitRows!), familyOf(this.#options))
    const { baseline, model } = shared
    const missing = missingOf(model, recording)
    if (!baseline || missing.length === 0) return shared
    const fitted = await fitBaseline(withoutChannels(baseline, missing), familyOf(this.#options))
    return { ...fitted, warnings: [`fitted without ${missing.join(', ')}, which it lacks`, ...fitted.warnings] }
  }

  /** What makes other models on the way. Nothing for a model that was given: whoever made it decides. */
  #successors(
    fitted: Fitted,
    { breaks }: Recording,
    rows: ModelRows,
    { onRows }: AlarmDelays,
  ): Pick<ScoreOptions, 'rebaseliner' | 'gone'> {
    const { baseline, options, model } = fitted
    if (!baseline || !options) return { rebaseliner: undefined, gone: undefined }
    const ownBaseline = this.#shared === undefined
    const baselines = new Baselines({ fitted: { ...fitted, baseline, options }, rows, breaks, ownBaseline })
    const { keeps } = model.manifest
    const parts = { baselines, baseline, onDelayRows: onRows, ownBaseline }
    return {
      rebaseliner: this.#options.rebaseline && keeps ? new Rebaseliner({ ...parts, keeps }) : undefined,
      gone: new GoneChannels(model, rows, baselines),
    }
  }
}

/** Where the baseline, or --start-row, takes all there is. `has`: the file, and how much it has. */
export function nothingLeft(
  has: string,
  option: string,
  range: RowRange | undefined,
  { startRow = 0 }: BacktestOptions,
): AgentError {
  if (!range || startRow > range.to)
    return new AgentError('USAGE', `${has}, none of them from --start-row ${startRow} on`)
  const to = Number.isFinite(range.to) ? range.to : ''
  return new AgentError('USAGE', `${has}: a baseline of ${option} ${range.from}:${to} leaves none to score; name fewer`)
}

function familyOf({ family }: BacktestOptions): 'auto' | 'var' | 'aakr' | 'autoencoder' {
  return family === 'bands' ? 'auto' : family
}

/** Ids of the model's channels that it lacks. Throws AgentError USAGE when they are most of them: it is of something else. */
function missingOf({ manifest: { channels } }: ModelFile, recording: Recording): string[] {
  const missing = channels.map(({ id }) => id).filter(id => !recording.channels.some(channel => channel.id === id))
  if (2 * missing.length <= channels.length) return missing
  const has = recording.channels.map(({ id }) => id).join(', ')
  throw new AgentError(
    'USAGE',
    `the model wants ${missing.join(', ')}; ${recording.path} has ${has}: columns have to be called as in the baseline`,
  )
}

function rowsFor({ model, baseline }: Fitted, recording: Recording): ModelRows {
  const { channels } = model.manifest
  const centres = centresOf(model, baseline)
  const missing = missingOf(model, recording)
  return modelRows(
    recording,
    channels.map(({ id }, c) => ({
      id,
      holdRows: baseline?.holdRows.get(id) ?? HOLD_ROWS_DEFAULT,
      // As live, rows without a channel that had values are not scored; one that never comes would leave nothing to score.
      centre: missing.includes(id) ? centres[c] : undefined,
    })),
  )
}

/** Where each channel lies when nothing is wrong: mean of the baseline, else what the manifest tells of it. */
function centresOf({ manifest }: ModelFile, baseline: BaselineRows | undefined): number[] {
  const { channels, samples, reference, selfTest } = manifest
  if (!baseline && reference) return reference.centre
  const width = channels.length
  const source = baseline
    ? baseline.data.values
    : new Float32Array(Uint8Array.from(Buffer.from(selfTest.windows, 'base64')).buffer)
  // Self-test windows are [count, channels, samples].
  const channelOf = (i: number): number => (baseline ? i % width : Math.floor(i / samples) % width)
  const sums = new Float64Array(width)
  for (let i = 0; i < source.length; i++) sums[channelOf(i)]! += source[i]!
  return Array.from(sums, sum => sum / (source.length / width))
}

/** Of a baseline that is another recording, or a model that was given. */
function unusedText({ channels }: Recording, { manifest }: ModelFile): string[] {
  const unused = channels.filter(({ id }) => !manifest.channels.some(channel => channel.id === id))
  return unused.length > 0
    ? [`${unused.map(({ column }) => column).join(', ')}: not in the baseline, not looked at`]
    : []
}

/** A model carries the delays of the agent it was learnt for: minutes of 1 Hz rows outlast whole recordings. */
function delayText(scores: Float64Array, alarms: Uint8Array, { onRows }: AlarmDelays): string[] {
  let longest = 0
  let run = 0
  scores.forEach((score, i) => {
    run = score >= 1 && alarms[i] === 0 ? run + 1 : 0
    if (run > longest) longest = run
  })
  if (alarms.includes(1) || longest < BEYOND_ROWS_TOLD) return []
  return [
    `the score exceeds the setpoint for ${longest} rows in a row, and no alarm: the on-delay is ${onRows} rows; --on-delay tries another`,
  ]
}

function outcomeOf(
  name: string,
  recording: Recording,
  { model, result, warnings }: Fitted,
  rows: ModelRows,
  firstRow: number,
  delays: AlarmDelays,
  { scores, alarms, scored, messages, rebaselines = [], leftOut = [] }: BacktestScores,
): Outcome {
  const { manifest, sha256 } = model
  const unscored = scores.length - scored
  return {
    scored: {
      name,
      firstRow,
      timesUs: recording.timesUs.subarray(firstRow),
      scores,
      alarms,
      labels: recording.labels?.subarray(firstRow),
      rebaselines: rebaselines.filter(({ accepted }) => accepted).map(({ row }) => row - firstRow),
    },
    model: {
      name: manifest.name,
      family: manifest.family,
      familyReason: manifest.familyReason ?? (result ? 'as asked for' : 'the model was given'),
      sha256,
      fittedRows: manifest.fitted?.rows,
      channels: manifest.channels.map(({ id }) => id),
    },
    delays,
    sufficiency: result?.sufficiency,
    rebaselines,
    leftOut,
    warnings: [
      ...recording.warnings,
      ...warnings,
      ...unusedText(recording, model),
      ...goneWarnings(rows, leftOut),
      ...(unscored > 0 ? [`${unscored} rows end no complete window and keep the score before them`] : []),
      ...delayText(scores, alarms, delays),
    ],
    alarms: messages,
  }
}
