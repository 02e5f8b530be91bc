// wearwatch learn: fits a model file to a recorded healthy stretch, the same way the agent does it for itself.
import { basename } from 'node:path'
import { Command, Option } from 'commander'
import { DEFAULTS } from '../config/defaults.ts'
import { durationText } from '../config/quantities.ts'
import { systemClock } from '../core/clock.ts'
import { isoFromUs } from '../core/types.ts'
import type { FitOptions, FitResult, ModelFile } from '../models/contract.ts'
import { parseModelFile } from '../models/file/model-file.ts'
import { fitInWorker } from '../models/fit/fit-worker.ts'
import { type LearnRows, readLearnRows, slugOf } from './learn-rows.ts'
import { withHost } from './model-run.ts'
import { parseChannel, parseCount, parseList, parseRange, parseUnit, type RowRange } from './options.ts'
import { action, EXIT, paint, print, printJson } from './shared.ts'
import { writeBeside } from './write-beside.ts'

const FAMILIES = ['auto', 'var', 'aakr', 'autoencoder'] as const
const FIT_DEADLINE_MS = 10 * 60_000

interface Options {
  csv: string
  out: string
  ignore?: string[]
  rows?: RowRange
  channel?: Map<string, string>
  unit?: Map<string, string>
  order: number
  mean: number
  name?: string
  release: number
  class?: string
  family: (typeof FAMILIES)[number]
  json?: boolean
}

export function learnCommand(): Command {
  return new Command('learn')
    .description('fit a model file to recorded healthy rows')
    .requiredOption('--csv <file>', 'recording with a header row; the time column is found by itself')
    .requiredOption('--out <file>', 'model file to write')
    .option('--rows <a:b>', 'only rows a to b-1, counted from 0; either may be left out', parseRange)
    .option('--ignore <columns>', 'columns to leave out, separated by commas', parseList)
    .option('--channel <id=column>', 'take this column as channel id; repeat; none = all columns', parseChannel)
    .option('--unit <id=unit>', 'unit of a channel as in the configuration; repeat', parseUnit)
    .addOption(
      new Option('--family <family>', 'of the model; bands learn on the gateway only')
        .choices(FAMILIES)
        .default('auto'),
    )
    .option('--order <n>', 'rows looked back on', parseCount, DEFAULTS.model.order)
    .option('--mean <n>', 'rows averaged', parseCount, DEFAULTS.model.mean)
    .option('--name <slug>', 'name of the model; default: the name of the file written')
    .option('--release <n>', 'release number', parseCount, 1)
    .option('--class <type>', 'asset type the model is for')
    .option('--json', 'machine-readable')
    .action(action(learn))
}

async function learn(options: Options): Promise<number> {
  const rows = await readLearnRows(options.csv, {
    ignore: options.ignore ?? [],
    from: options.rows?.from ?? 0,
    to: options.rows?.to ?? Number.POSITIVE_INFINITY,
    channels: options.channel ?? new Map(),
    units: options.unit ?? new Map(),
  })
  const fitOptions = fitOptionsOf(options, rows)
  const fitted = await fitInWorker(rows.data, fitOptions, { deadlineMs: FIT_DEADLINE_MS, clock: systemClock() })
  const model = parseModelFile(fitted.bytes, 'file', options.out)
  await writeBeside(options.out, fitted.bytes)
  const selfTest = await selfTestOf(model)
  if (options.json) printJson(jsonOf(options, rows, fitted, model, selfTest))
  else show(options, rows, fitted, model, selfTest, fitted.manifest.familyReason ?? '')
  return selfTest.ok ? EXIT.ok : EXIT.refused
}

function fitOptionsOf(options: Options, rows: LearnRows): FitOptions {
  const { onDelayMs, offDelayMs, deadband } = DEFAULTS.alarm
  return {
    name: options.name ?? slugOf(basename(options.out).replace(/\.onnx$/i, '')),
    release: options.release,
    ...(options.class === undefined ? {} : { assetClass: options.class }),
    family: options.family,
    order: options.order,
    mean: options.mean,
    hop: 1,
    ...(rows.everyMs === undefined ? {} : { everyMs: rows.everyMs }),
    alarm: { onDelayMs, offDelayMs, deadband },
  }
}

function setpointText(family: string): string {
  if (family === 'levels') return 'where a further row lies with 99 %, as far as so few rows can tell'
  return 'above 99 % of held-out rows, above all where they are few: each fifth of the baseline scored by a fit on the other four'
}

/** A gateway goes by its configuration; a backtest of the same rows judges in rows, and finds other alarms. */
function delaysText({ manifest, delayRows }: FitResult, everyMs: number | undefined): string {
  const { onDelayMs, offDelayMs } = manifest.alarm
  const carried = `on ${durationText(onDelayMs)}, off ${durationText(offDelayMs)}: the defaults of the configuration, where a gateway takes its own`
  if (!delayRows) return carried
  const { on, off } = delayRows
  const times = everyMs === undefined ? '' : ` (${durationText(on * everyMs)} and ${durationText(off * everyMs)})`
  return `${carried}; backtest --fit takes those of the family instead, ${on} and ${off} rows${times}`
}

type SelfTestOutcome = { ok: true; windowUs: number } | { ok: false; reason: string }

/** Loads the written model in a scorer child on the CPU, as a gateway would before it takes it. */
async function selfTestOf(model: ModelFile): Promise<SelfTestOutcome> {
  const { accepted, refused } = await withHost(host => host.load([{ key: model.manifest.name, model }]))
  if (accepted[0]) return { ok: true, windowUs: accepted[0].windowUs }
  return { ok: false, reason: refused[0]?.message ?? 'the scorer did not answer' }
}

function jsonOf(
  options: Options,
  rows: LearnRows,
  fitted: FitResult,
  model: ModelFile,
  selfTest: SelfTestOutcome,
): unknown {
  const { selfTest: _, ...manifest } = fitted.manifest
  const { incomplete, gaps, skipped } = rows
  return {
    out: options.out,
    bytes: fitted.bytes.length,
    sha256: model.sha256,
    manifest,
    incompleteRows: incomplete,
    gaps,
    skippedColumns: skipped,
    warnings: fitted.warnings,
    sufficiency: fitted.sufficiency,
    familyDelays: fitted.delayRows,
    selfTest,
  }
}

function show(
  options: Options,
  rows: LearnRows,
  fitted: FitResult,
  model: ModelFile,
  selfTest: SelfTestOutcome,
  reason: string,
): void {
  const { manifest } = fitted
  const line = (label: string, text: string): void => print(`${label.padEnd(10)}${text}`)
  const { fromUs = 0, toUs = 0 } = manifest.fitted ?? {}
  const span = rows.everyMs === undefined ? '' : ` · ${isoFromUs(fromUs)} to ${isoFromUs(toUs)}`
  const breaks = [rows.incomplete && `${rows.incomplete} incomplete`, rows.gaps && `${rows.gaps} gaps`].filter(Boolean)
  line('rows', `${manifest.fitted?.rows}${span}${breaks.length > 0 ? ` (${breaks.join(', ')})` : ''}`)
  line('channels', manifest.channels.map(({ id, unit }) => (unit ? `${id} [${unit}]` : id)).join(', '))
  if (rows.skipped.length > 0) line('left out', rows.skipped.join(', '))
  line('family', `${manifest.family}, windows of ${manifest.samples} row${manifest.samples > 1 ? 's' : ''}: ${reason}`)
  line('setpoint', setpointText(manifest.family))
  const quantile = (q: string): string => (manifest.quantiles[q] ?? 0).toFixed(2)
  line('scores', `half of them below ${quantile('0.5')}, 99 % below ${quantile('0.99')} of the setpoint`)
  line('delays', delaysText(fitted, rows.everyMs))
  for (const warning of fitted.warnings) line(paint('warning', 'yellow').padEnd(10), warning)
  line(
    'self-test',
    selfTest.ok
      ? `passed on the CPU, ${selfTest.windowUs.toFixed(0)} µs per window`
      : paint(`FAILED: ${selfTest.reason}`, 'red'),
  )
  line('written', `${options.out}, ${(fitted.bytes.length / 1000).toFixed(1)} kB, sha256 ${model.sha256.slice(0, 12)}…`)
}
