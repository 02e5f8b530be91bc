import { Command } from 'commander'
import { isoFromUs } from '../core/types.ts'
import type { Manifest } from '../models/contract.ts'
import type { Point } from '../models/file/contract-points.ts'
import { parseModelFile, sha256Hex } from '../models/file/model-file.ts'
import { readInput } from './files.ts'
import { type Verdict, verifyModel } from './models-verify.ts'
import { type Wrapped, wrapModel } from './models-wrap.ts'
import { action, EXIT, paint, print, printJson } from './shared.ts'

const EXIT_CODES =
  '\nExit codes: 0 the file keeps the contract, 2 wrong usage, 3 the manifest is wrong, 5 the file does not keep the contract or cannot be read'

interface Options {
  manifest: string
  out: string
  windows?: string
  json?: boolean
}

export function modelsCommand(): Command {
  const models = new Command('models').description('check, wrap and show model files, also from elsewhere')
  models
    .command('verify')
    .description('hold any ONNX file against the model contract, point by point')
    .argument('<file>', 'ONNX file')
    .option('--json', 'machine-readable')
    .addHelpText('after', EXIT_CODES)
    .action(action((file: string, options: Options) => verify(file, options)))
  models
    .command('wrap')
    .description('put a manifest and a self-test into a copy of an ONNX file')
    .argument('<file>', 'ONNX file; it is not changed')
    .requiredOption('--manifest <yaml>', 'what the model is: name, release, family, channels, …; see docs/models.md')
    .requiredOption('--out <file>', 'model file to write')
    .option('--windows <file>', 'recording (CSV, a column per channel) or windows (.npy) to make the self-test of')
    .option('--json', 'machine-readable')
    .addHelpText('after', EXIT_CODES)
    .action(action((file: string, options: Options) => wrap(file, options)))
  models
    .command('show')
    .description('what a model file says about itself')
    .argument('<file>', 'model file')
    .option('--json', 'the whole manifest')
    .addHelpText('after', EXIT_CODES)
    .action(action(async (file: string, options: Options) => show(file, options)))
  return models
}

async function verify(file: string, options: Options): Promise<number> {
  const bytes = readInput(file)
  const verdict = await verifyModel(bytes, file)
  if (options.json) printJson({ file, sha256: sha256Hex(bytes), ...verdict })
  else printVerdict(file, verdict)
  return verdict.ok ? EXIT.ok : EXIT.refused
}

const MARKS = { pass: 'ok', fail: 'FAIL', absent: '-', 'not-tried': '?' } as const
const COLOURS = { pass: 'green', fail: 'red', absent: 'dim', 'not-tried': 'yellow' } as const

function printVerdict(file: string, { ok, points }: Verdict): void {
  for (const { point, status, found, todo } of points) {
    print(`${paint(MARKS[status].padEnd(4), COLOURS[status])}  ${point.padEnd(13)}  ${found}`)
    if (todo !== undefined) print(`${''.padEnd(21)}${paint(`would do: ${todo}`, 'bold')}`)
  }
  const count = (status: Point['status']): number => points.filter(point => point.status === status).length
  const open = count('not-tried') > 0 ? `, ${count('not-tried')} could not be tried` : ''
  print(ok ? `${file} keeps the model contract` : `${file}: ${count('fail')} of ${points.length} points fail${open}`)
}

async function wrap(file: string, { manifest, out, windows, json }: Options): Promise<number> {
  const wrapped = await wrapModel({ file, manifest, out, ...(windows === undefined ? {} : { windows }) })
  if (json) printJson(wrapJson(out, wrapped))
  else printWrapped(out, wrapped)
  return EXIT.ok
}

function wrapJson(out: string, { model, warnings }: Wrapped): unknown {
  const { selfTest, ...manifest } = model.manifest
  const { scores, tolerance } = selfTest
  return { out, bytes: model.bytes.length, sha256: model.sha256, manifest, selfTest: { scores, tolerance }, warnings }
}

function printWrapped(out: string, { model, warnings }: Wrapped): void {
  const { manifest } = model
  const { scores } = manifest.selfTest
  const line = (label: string, text: string): void => print(`${label.padEnd(10)}${text}`)
  line('model', `${manifest.name} release ${manifest.release}, family ${manifest.family}`)
  line('window', `${manifest.channels.length} channels x ${manifest.samples} rows`)
  line(
    'self-test',
    `${scores.length} windows, scores ${Math.min(...scores)} to ${Math.max(...scores)}, passed on the CPU`,
  )
  for (const warning of warnings) line(paint('warning', 'yellow').padEnd(10), warning)
  line('written', `${out}, ${(model.bytes.length / 1000).toFixed(1)} kB, sha256 ${model.sha256.slice(0, 12)}…`)
}

function show(file: string, options: Options): number {
  const { manifest, sha256, bytes } = parseModelFile(readInput(file), 'file', file)
  if (options.json) printJson(manifest)
  else printManifest(manifest, sha256, bytes.length)
  return EXIT.ok
}

function printManifest(manifest: Manifest, sha256: string, bytes: number): void {
  const line = (label: string, text: string): void => print(`${label.padEnd(15)}${text}`)
  const { alarm, fitted, selfTest } = manifest
  line('model', `${manifest.name} release ${manifest.release}`)
  line('family', manifest.family)
  line('for', manifest.assetClass ?? 'any asset whose channels match')
  line('channels', manifest.channels.map(({ id, unit }) => (unit ? `${id} [${unit}]` : id)).join(', '))
  const every = manifest.everyMs === undefined ? '' : `, a row every ${manifest.everyMs / 1000} s`
  line('window', `${manifest.samples} rows, a new one every ${manifest.hop}${every}`)
  line(
    'alarm',
    `on-delay ${alarm.onDelayMs / 1000} s, off-delay ${alarm.offDelayMs / 1000} s, deadband ${alarm.deadband}`,
  )
  line('contributions', manifest.contributions.join(', ') || 'none')
  line('features', manifest.features.map(({ name, unit }) => (unit ? `${name} [${unit}]` : name)).join(', ') || 'none')
  if (fitted) {
    const outliers = fitted.outliers === undefined ? '' : `, ${fitted.outliers} outliers left out`
    const span = fitted.toUs > fitted.fromUs ? `, ${isoFromUs(fitted.fromUs)} to ${isoFromUs(fitted.toUs)}` : ''
    line('fitted', `${fitted.rows} rows of ${fitted.source}${span}${outliers}`)
  }
  const quantiles = Object.entries(manifest.quantiles).map(([q, score]) => `${q}: ${score}`)
  line('quantiles', quantiles.join(', ') || 'not given')
  const alarming = selfTest.scores.filter(score => score >= 1).length
  line('self-test', `${selfTest.scores.length} windows, ${alarming} of them alarm, tolerance ${selfTest.tolerance}`)
  line('file', `${(bytes / 1000).toFixed(1)} kB, sha256 ${sha256}`)
}
