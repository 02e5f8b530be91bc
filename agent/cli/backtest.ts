// wearwatch backtest: what the agent would have scored and alarmed on recorded data, and how good that was.
import { writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { Command } from 'commander'
import { DEFAULTS } from '../config/defaults.ts'
import { systemClock } from '../core/clock.ts'
import { AgentError } from '../core/errors.ts'
import { makeDir } from '../core/folders.ts'
import type { FitData, FitOptions, ModelFile } from '../models/contract.ts'
import { fitInWorker } from '../models/fit-worker.ts'
import { MODEL_BYTES_MAX, parseModelFile } from '../models/model-file.ts'
import { plotSvg } from './backtest-plot.ts'
import { type Recording, readRecording } from './backtest-recording.ts'
import { csvText, metricsOf, printMetrics, type Scored } from './backtest-report.ts'
import { scoreRecording, startScorer } from './backtest-score.ts'
import { readInput, unwritable } from './files.ts'
import { parseCount, parseList, parseRange, type RowRange } from './options.ts'
import { action, EXIT, paint } from './shared.ts'

const FIT_DEADLINE_MS = 10 * 60_000
/** Of the rows of a baseline: a channel with fewer values than this takes the rows of the others with it. */
const FILLED_MIN = 0.5

interface Options {
  csv: string[]
  ignore?: string[]
  label?: string
  fitRows?: RowRange
  fit?: string
  model?: string
  startRow?: number
  out: string
  json?: string
  plot?: string
}

/** One recording's outcome, as it stands in the JSON. */
interface Outcome {
  scored: Scored
  model: { name: string; family: string; sha256: string; fittedRows: number | undefined }
  warnings: string[]
  alarms: { row: number; text: string }[]
}

export function backtestCommand(): Command {
  const repeat = (value: string, before: string[] = []): string[] => [...before, value]
  return new Command('backtest')
    .description('what the agent would have scored and alarmed on recorded data, and how good that was')
    .requiredOption('--csv <file>', 'recording with a header row; repeat for several', repeat)
    .option('--fit-rows <a:b>', 'rows a to b-1 of each recording are its baseline, counted from 0', parseRange)
    .option('--fit <file>', 'baseline from a recording of its own')
    .option('--model <file>', 'score with this model file instead of fitting one')
    .option('--ignore <columns>', 'columns to leave out, separated by commas', parseList)
    .option('--label <column>', 'column that is above 0 where something is wrong; for the metrics only')
    .option('--start-row <n>', 'first row to report', parseCount)
    .requiredOption('--out <file>', 'row,time,score,setpoint,alarm as CSV; a folder with several recordings')
    .option('--json <file>', 'metrics, warnings and alarms as JSON')
    .option('--plot <file>', 'score, setpoint, alarms and labels as SVG')
    .action(action(backtest))
}

async function backtest(options: Options): Promise<number> {
  checkOptions(options)
  const given = options.model === undefined ? undefined : readModel(options.model)
  const fitted = given ? { model: given, warnings: [] } : options.fit ? await fitFile(options.fit, options) : undefined
  const outcomes: Outcome[] = []
  const names = namesOf(options.csv)
  for (const [i, path] of options.csv.entries()) {
    progress(`${i + 1}/${options.csv.length} ${path}`)
    outcomes.push(await backtestOne(path, names[i]!, options, fitted))
  }
  progress('')
  const recordings = outcomes.map(outcome => outcome.scored)
  for (const { scored, warnings } of outcomes)
    for (const warning of warnings) process.stderr.write(`${paint('warning', 'yellow')} ${scored.name}: ${warning}\n`)
  const metrics = metricsOf(recordings)
  const several = options.csv.length > 1
  if (several) await write(options.out, () => makeDir(options.out))
  for (const recording of recordings) {
    const path = several ? join(options.out, `${recording.name}.csv`) : options.out
    await write(path, () => writeFile(path, csvText(recording)))
  }
  if (options.json) await write(options.json, () => writeFile(options.json!, jsonText(outcomes, metrics)))
  if (options.plot) await write(options.plot, () => writeFile(options.plot!, plotSvg(recordings)))
  printMetrics(recordings, metrics)
  return EXIT.ok
}

function readModel(path: string): ModelFile {
  return parseModelFile(readInput(path, MODEL_BYTES_MAX), 'file', path)
}

function checkOptions({ fitRows, fit, model }: Options): void {
  if ([fitRows, fit, model].filter(Boolean).length === 1) return
  throw new AgentError('USAGE', 'say what to score with: one of --fit-rows A:B, --fit FILE and --model FILE')
}

interface Fitted {
  model: ModelFile
  warnings: string[]
}

async function backtestOne(path: string, name: string, options: Options, shared: Fitted | undefined): Promise<Outcome> {
  const recording = await readRecording(path, { ignore: options.ignore ?? [], label: options.label })
  const { fitRows } = options
  const { model, warnings } = shared ?? (await fitRange(recording, fitRows!))
  const fromRow = Math.max(options.startRow ?? 0, shared ? 0 : fitRows!.to)
  if (fromRow >= recording.rows) {
    throw new AgentError('USAGE', `${path} has ${recording.rows} rows, none of them after row ${fromRow - 1}`)
  }
  const host = await startScorer(model)
  try {
    const { scores, alarms, messages, scored } = await scoreRecording(host, model, recording, fromRow)
    const unscored = scores.length - scored
    return {
      scored: {
        name,
        firstRow: fromRow,
        timesUs: recording.timesUs.subarray(fromRow),
        scores,
        alarms,
        labels: recording.labels?.subarray(fromRow),
      },
      model: {
        name: model.manifest.name,
        family: model.manifest.family,
        sha256: model.sha256,
        fittedRows: model.manifest.fitted?.rows,
      },
      warnings: [
        ...warnings,
        ...(recording.unordered > 0
          ? [`${recording.unordered} times did not rise and were set after the row before`]
          : []),
        ...(unscored > 0 ? [`${unscored} rows end no complete window and keep the score before them`] : []),
      ],
      alarms: messages,
    }
  } finally {
    await host.stop(0)
  }
}

async function fitFile(path: string, { ignore, label }: Options): Promise<Fitted> {
  const recording = await readRecording(path, { ignore: ignore ?? [], label: undefined })
  const at = recording.channels.findIndex(({ column }) => column === label)
  return fitRange(at < 0 ? recording : withoutChannel(recording, at), { from: 0, to: recording.rows })
}

/** A separate baseline may carry the label column too; it is no channel there either. */
function withoutChannel(recording: Recording, at: number): Recording {
  const width = recording.channels.length
  return {
    ...recording,
    channels: recording.channels.filter((_, column) => column !== at),
    values: recording.values.filter((_, i) => i % width !== at),
  }
}

async function fitRange(recording: Recording, range: RowRange): Promise<Fitted> {
  const { data, warnings } = fitDataOf(recording, range)
  const { onDelayMs, offDelayMs, deadband } = DEFAULTS.alarm
  const options: FitOptions = {
    name: 'backtest',
    release: 1,
    ...DEFAULTS.model,
    everyMs: recording.everyUs / 1000,
    alarm: { onDelayMs, offDelayMs, deadband },
  }
  const fitted = await fitInWorker(data, options, { deadlineMs: FIT_DEADLINE_MS, clock: systemClock() })
  return { model: parseModelFile(fitted.bytes, 'file', recording.path), warnings: [...warnings, ...fitted.warnings] }
}

function fitDataOf(recording: Recording, range: RowRange): { data: FitData; warnings: string[] } {
  const { channels, values, timesUs, path } = recording
  const to = Math.min(range.to, recording.rows)
  const width = channels.length
  const filled = channels.map((_, c) => {
    let count = 0
    for (let row = range.from; row < to; row++) if (!Number.isNaN(values[row * width + c]!)) count++
    return count / Math.max(1, to - range.from)
  })
  const used = channels.flatMap((_, c) => (filled[c]! >= FILLED_MIN ? [c] : []))
  const empty = channels.filter((_, c) => filled[c]! < FILLED_MIN)
  const rows: number[] = []
  for (let row = range.from; row < to; row++)
    if (used.every(c => !Number.isNaN(values[row * width + c]!))) rows.push(row)
  const data: FitData = {
    values: Float64Array.from(rows.flatMap(row => used.map(c => values[row * width + c]!))),
    rows: rows.length,
    channels: used.map(c => ({ id: channels[c]!.id, unit: '1' })),
    breaks: Uint8Array.from(rows, (row, i) => (i === 0 || rows[i - 1] !== row - 1 ? 1 : 0)),
    fromUs: timesUs[range.from] ?? 0,
    toUs: timesUs[to - 1] ?? 0,
    source: path,
  }
  const left = empty.map(({ column }) => column).join(', ')
  return { data, warnings: left ? [`${left}: hardly any values in the baseline, left out`] : [] }
}

/** File names without extension; with their folder where two would be the same. */
function namesOf(paths: readonly string[]): string[] {
  const plain = paths.map(path => basename(path).replace(/\.csv$/i, ''))
  const whole = paths.map(path => resolve(path))
  const twice = whole.find((path, i) => whole.indexOf(path) !== i)
  if (twice !== undefined) throw new AgentError('USAGE', `${twice} is named twice`)
  if (new Set(plain).size === plain.length) return plain
  return plain.map((name, i) => `${basename(dirname(resolve(paths[i]!)))}-${name}`)
}

function jsonText(outcomes: readonly Outcome[], metrics: ReturnType<typeof metricsOf>): string {
  const recordings = outcomes.map(({ scored, ...outcome }) => ({
    name: scored.name,
    firstRow: scored.firstRow,
    rows: scored.scores.length,
    ...outcome,
    ...(scored.labels ? metricsOf([scored]) : {}),
  }))
  return `${JSON.stringify({ recordings, ...metrics }, null, 2)}\n`
}

async function write(path: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work()
  } catch (error) {
    throw unwritable(path, error)
  }
}

/** One line that is written over, on a terminal only. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`)
}
