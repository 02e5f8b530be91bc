// wearwatch backtest: what the agent would have scored and alarmed on recorded data, and how good that was.
import { stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { Command, Option } from 'commander'
import { AgentError } from '../core/errors.ts'
import { makeDir } from '../core/folders.ts'
import { openCsvTable } from '../decode/csv-table.ts'
import { CapturesRun } from './backtest-npy.ts'
import type { BacktestOptions } from './backtest-options.ts'
import { plotSvg } from './backtest-plot.ts'
import { Progress } from './backtest-progress.ts'
import { csvText, jsonText, metricsOf, type Outcome, printMetrics } from './backtest-report.ts'
import { RowsRun } from './backtest-run.ts'
import { unwritable } from './files.ts'
import { parseDelay, parseList, parsePositive, parseRange, parseRow } from './options.ts'
import { action, EXIT, paint } from './shared.ts'

const FAMILIES = ['auto', 'var', 'bands', 'aakr', 'autoencoder'] as const

interface Failure {
  name: string
  error: AgentError
}

export function backtestCommand(): Command {
  const repeat = (value: string, before: string[]): string[] => [...before, value]
  return new Command('backtest')
    .description('what the agent would have scored and alarmed on recorded data, and how good that was')
    .option('--csv <file>', 'recording with a header row; repeat for several', repeat, [])
    .option('--npy <file>', 'captures of vibration [captures, channels, samples]; repeat for several', repeat, [])
    .option('--rate <hz>', 'of the captures: samples per second', parsePositive)
    .option('--interval <seconds>', 'from one capture to the next', parsePositive)
    .addOption(new Option('--unit <unit>', 'of the captures').choices(['g', 'm/s2']).default('g'))
    .option('--fit-captures <a:b>', 'captures a to b-1 of each file are its baseline, counted from 0', parseRange)
    .option(
      '--ignore <columns>',
      'columns to leave out, separated by commas; may be repeated',
      (text, before: string[] = []) => [...before, ...parseList(text)],
    )
    .option('--label <column>', 'column that says where something is wrong; for the metrics only')
    .option('--fit-rows <a:b>', 'rows a to b-1 of each recording are its baseline, counted from 0', parseRange)
    .option('--fit <file>', 'baseline from a recording of its own')
    .addOption(new Option('--family <family>', 'of the model to fit').choices(FAMILIES).default('auto'))
    .option('--model <file>', 'score with this model file instead of fitting one')
    .option('--start-row <n>', 'first row to score', parseRow)
    .option('--no-rebaseline', 'keep the first model; else process models are fitted anew on healthy rows, as live')
    .option('--on-delay <duration>', "instead of the model's own, such as 10min", parseDelay)
    .option('--off-delay <duration>', "instead of the model's own", parseDelay)
    .requiredOption('--out <file>', 'row,time,score,setpoint,alarm as CSV; a folder with several recordings')
    .option('--json <file>', 'metrics, models, warnings and alarms as JSON')
    .option('--plot <file>', 'score, setpoint, alarms, labels and re-baselinings as SVG')
    .action(action(backtest))
}

async function backtest(options: BacktestOptions): Promise<number> {
  checkOptions(options)
  await checkPlaces(options)
  const { csv, npy } = options
  const files = npy.length > 0 ? npy : csv
  const names = namesOf(files)
  const several = files.length > 1
  if (several) await write(options.out, () => makeDir(options.out))
  const progress = new Progress()
  await checkLabel(options)
  const run = npy.length > 0 ? new CapturesRun(options, progress) : await RowsRun.start(options, progress)
  const outcomes: Outcome[] = []
  const failed: Failure[] = []
  for (const [i, path] of files.entries()) {
    progress.begin(`${i + 1}/${files.length} ${names[i]}`)
    const outcome = await run.one(path, names[i]!).catch((error: unknown) => {
      // One bad file of thirty costs that file, and the exit code.
      if (!(error instanceof AgentError) || !several) throw error
      failed.push({ name: names[i]!, error })
      progress.line(`${paint('error', 'red')} ${names[i]}: ${error.message}`)
    })
    if (!outcome) continue
    outcomes.push(outcome)
    for (const warning of outcome.warnings)
      progress.line(`${paint('warning', 'yellow')} ${outcome.scored.name}: ${warning}`)
    const out = several ? join(options.out, `${names[i]}.csv`) : options.out
    await write(out, () => writeFile(out, csvText(outcome.scored)))
  }
  progress.end()
  if (outcomes.length === 0 && failed[0]) throw failed[0].error
  await report(options, outcomes, failed)
  if (failed[0])
    throw new AgentError(failed[0].error.code, `${failed.length} of ${names.length} recordings failed, see above`)
  return EXIT.ok
}

async function report(
  { json, plot }: BacktestOptions,
  outcomes: readonly Outcome[],
  failed: readonly Failure[],
): Promise<void> {
  const recordings = outcomes.map(outcome => outcome.scored)
  const metrics = metricsOf(recordings)
  const failures = failed.map(({ name, error }) => ({ name, code: error.code, message: error.message }))
  if (json) await write(json, () => writeFile(json, jsonText(outcomes, metrics, failures)))
  if (plot) await write(plot, () => writeFile(plot, plotSvg(recordings)))
  printMetrics(recordings, metrics)
}

function checkOptions(options: BacktestOptions): void {
  checkOutputs(options)
  const { csv, npy, fitRows, fit, model, family, label, ignore, fitCaptures, rate, interval } = options
  const usage = (message: string): AgentError => new AgentError('USAGE', message)
  const one = (...given: unknown[]): boolean => given.filter(Boolean).length === 1
  if (!one(csv.length, npy.length)) throw usage('name recordings with --csv FILE, or captures with --npy FILE')
  if (npy.length > 0) {
    if (fitRows || fit || label)
      throw usage('--fit-rows, --fit and --label are for --csv; captures take --fit-captures A:B')
    if (rate === undefined || interval === undefined) throw usage('captures need --rate HZ and --interval SECONDS')
    if (!one(fitCaptures, model)) throw usage('say what to score with: one of --fit-captures A:B and --model FILE')
    if (family !== 'auto' && family !== 'bands') throw usage(`captures are fitted with bands, not with ${family}`)
    return
  }
  if (fitCaptures) throw usage('--fit-captures is for --npy; recordings take --fit-rows A:B')
  // A model that is given is used as it is; the rows of a baseline are left out of what is scored all the same.
  if (model ? fitRows && fit : !one(fitRows, fit))
    throw usage('say what to score with: one of --fit-rows A:B, --fit FILE and --model FILE')
  if (family === 'bands')
    throw usage(
      'bands are fitted on captures of vibration: give them with --npy FILE; rows take auto, var, aakr or autoencoder',
    )
  if (label !== undefined && ignore?.includes(label)) throw usage(`${label} is both --label and --ignore; keep one`)
}

/** A recording must not be lost to a slip of the hand. */
function checkOutputs({ csv, npy, fit, model, out, json, plot }: BacktestOptions): void {
  const inputs = [...csv, ...npy, fit, model].flatMap(path => (path === undefined ? [] : [resolve(path)]))
  const outputs = [out, json, plot].flatMap(path => (path === undefined ? [] : [resolve(path)]))
  const both = outputs.find((path, i) => inputs.includes(path) || outputs.indexOf(path) !== i)
  if (both !== undefined)
    throw new AgentError('USAGE', `${both} is named twice, to be written and for something else; name another place`)
}

/** An hour of scoring is not to end in a folder that is not there. */
async function checkPlaces({ csv, npy, out, json, plot }: BacktestOptions): Promise<void> {
  const several = csv.length + npy.length > 1
  for (const path of [several ? undefined : out, json, plot]) {
    if (path === undefined) continue
    const here = await stat(path).catch(() => undefined)
    const above = await stat(dirname(resolve(path))).catch(() => undefined)
    if (here?.isDirectory()) {
      const why = path === out ? 'is a folder, and with one recording --out is a file' : 'is a folder'
      throw new AgentError('FILE_UNWRITABLE', `cannot write ${path}: it ${why}; name a file`)
    }
    if (!above?.isDirectory())
      throw new AgentError(
        'FILE_UNWRITABLE',
        `cannot write ${path}: there is no folder ${dirname(path)}; make it, or name another place`,
      )
  }
}

/** A mistyped name would make the labels a channel, and the scores too good to be true. Some files may be without. */
async function checkLabel({ csv, label }: BacktestOptions): Promise<void> {
  if (label === undefined) return
  let header: readonly string[] = []
  for (const path of csv) {
    header = (await openCsvTable(path, { whole: true })).header
    if (header.includes(label)) return
  }
  const where = csv.length > 1 ? 'no recording has a' : `${csv[0]} has no`
  throw new AgentError('USAGE', `${where} column ${label} for labels; it has ${header.join(', ')}`)
}

/** File names without extension; with their folder where two would be the same. */
function namesOf(paths: readonly string[]): string[] {
  const plain = paths.map(path => basename(path).replace(/\.(csv|npy)$/i, ''))
  const whole = paths.map(path => resolve(path))
  const twice = whole.find((path, i) => whole.indexOf(path) !== i)
  if (twice !== undefined) throw new AgentError('USAGE', `${twice} is named twice`)
  if (new Set(plain).size === plain.length) return plain
  const foldered = plain.map((name, i) => `${basename(dirname(whole[i]!))}-${name}`)
  if (new Set(foldered).size === plain.length) return foldered
  return plain.map((name, i) => `${i + 1}-${name}`)
}

async function write(path: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work()
  } catch (error) {
    throw unwritable(path, error)
  }
}
