// Baselines of a backtest: which rows and channels of a recording a model is fitted on, and the fit itself.
import { DEFAULTS } from '../config/defaults.ts'
import { systemClock } from '../core/clock.ts'
import { AgentError } from '../core/errors.ts'
import type { FitData, FitOptions, FitResult, ModelFile } from '../models/contract.ts'
import { parseModelFile } from '../models/file/model-file.ts'
import { fitInWorker } from '../models/fit/fit-worker.ts'
import type { Recording } from './backtest-recording.ts'
import { holdRowsOf, modelRows } from './backtest-rows.ts'
import type { RowRange } from './options.ts'

const FIT_DEADLINE_MS = 10 * 60_000
/** Of the rows of a baseline: a channel with fewer values than this takes the rows of the others with it. */
const FILLED_MIN = 0.5
/** Of the rows of a baseline: with fewer that are usable, it is said. */
const USABLE_SHARE = 0.9
/** Lags and rows of the mean to try instead when there are too few rows, or too many channels, for those of the live agent. */
const SMALLER = [
  { order: 3, mean: 10 },
  { order: 2, mean: 5 },
  { order: 1, mean: 5 },
  { order: 1, mean: 2 },
] as const

export interface BaselineRows {
  data: FitData
  /** [rows of data] row of the recording. */
  rowOf: Int32Array
  everyUs: number
  /** Rows of the recording that were meant, and the channel in use that lacks a value in most of them. */
  asked: number
  sparsest: { column: string; missing: number } | undefined
  /** By channel id: how long a value may be used again, rows. */
  holdRows: Map<string, number>
  warnings: string[]
}

export interface Fitted {
  model: ModelFile
  /** Undefined for a model that was given. */
  baseline: BaselineRows | undefined
  result: FitResult | undefined
  options: FitOptions | undefined
  warnings: string[]
}

/** Rows [from, to) without those where a channel in use has no value. */
export function baselineRows(recording: Recording, range: RowRange): BaselineRows {
  const { channels, timesUs, breaks, path, everyUs } = recording
  const to = Math.min(range.to, recording.rows)
  const holds = holdRowsOf(recording, range.from, to)
  const bridged = modelRows(
    recording,
    channels.map(({ id }, c) => ({ id, holdRows: holds[c]!, centre: undefined })),
  ).values
  const width = channels.length
  const filled = channels.map((_, c) => {
    let count = 0
    for (let row = range.from; row < to; row++) if (!Number.isNaN(bridged[row * width + c]!)) count++
    return count / Math.max(1, to - range.from)
  })
  const used = channels.flatMap((_, c) => (filled[c]! >= FILLED_MIN ? [c] : []))
  const rows: number[] = []
  for (let row = range.from; row < to; row++)
    if (used.every(c => !Number.isNaN(bridged[row * width + c]!))) rows.push(row)
  const values = new Float64Array(rows.length * used.length)
  rows.forEach((row, r) => {
    used.forEach((c, i) => {
      values[r * used.length + i] = bridged[row * width + c]!
    })
  })
  const left = channels.filter((_, c) => filled[c]! < FILLED_MIN).map(({ column }) => column)
  const asked = Math.max(0, to - range.from)
  const sparsest = sparsestOf(channels, filled, used, asked)
  const fewer = sparsest && rows.length < USABLE_SHARE * asked
  return {
    data: {
      values,
      rows: rows.length,
      channels: used.map(c => ({ id: channels[c]!.id, unit: '1' })),
      breaks: Uint8Array.from(rows, (row, r) => (r === 0 || rows[r - 1] !== row - 1 || breaks[row] === 1 ? 1 : 0)),
      fromUs: timesUs[range.from] ?? 0,
      toUs: timesUs[to - 1] ?? 0,
      source: path,
    },
    rowOf: Int32Array.from(rows),
    everyUs,
    holdRows: new Map(used.map(c => [channels[c]!.id, holds[c]!])),
    asked,
    sparsest,
    warnings: [
      ...(left.length > 0 ? [`${left.join(', ')}: hardly any values in the baseline, left out`] : []),
      ...(fewer
        ? [
            `${rows.length} of ${asked} rows of the baseline have a value in every channel: ${sparsest.column} has none in ${sparsest.missing}`,
          ]
        : []),
    ],
  }
}

function sparsestOf(
  channels: Recording['channels'],
  filled: readonly number[],
  used: readonly number[],
  asked: number,
): BaselineRows['sparsest'] {
  const least = used.toSorted((a, b) => filled[a]! - filled[b]!)[0]
  if (least === undefined || filled[least] === 1) return undefined
  return { column: channels[least]!.column, missing: Math.round((1 - filled[least]!) * asked) }
}

export function withoutChannels(baseline: BaselineRows, ids: readonly string[]): BaselineRows {
  const { data } = baseline
  const kept = data.channels.flatMap(({ id }, c) => (ids.includes(id) ? [] : [c]))
  const width = data.channels.length
  const values = new Float64Array(data.rows * kept.length)
  for (let row = 0, to = 0; row < data.rows; row++) for (const c of kept) values[to++] = data.values[row * width + c]!
  return { ...baseline, data: { ...data, values, channels: kept.map(c => data.channels[c]!) } }
}

/**
 * As the live agent fits; where that takes more rows than there are, smaller models are tried, then whatever can be fitted, with a
 * warning: a person who asks what 20 rows can do gets an answer.
 *
 * Throws AgentError FIT_INSUFFICIENT when nothing can be fitted: it says what was tried, and why the rows are so few.
 */
export async function fitBaseline(baseline: BaselineRows, family: FitOptions['family']): Promise<Fitted> {
  if (baseline.data.channels.length === 0) throw emptyBaseline(baseline)
  const wanted: FitOptions = {
    name: 'backtest',
    release: 1,
    ...DEFAULTS.model,
    family,
    everyMs: baseline.everyUs / 1000,
  }
  const smaller = family === 'auto' ? [] : SMALLER.map(shape => ({ ...wanted, ...shape }))
  const attempts: FitOptions[] = [
    wanted,
    ...smaller,
    ...(family === 'auto' ? [] : [{ ...wanted, family: 'auto' as const }]),
  ]
  const refusals: AgentError[] = []
  for (const options of attempts) {
    try {
      const result = await fit(baseline.data, options)
      const model = parseModelFile(result.bytes, 'file', baseline.data.source)
      const why = refusals.length > 0 ? [insteadText(wanted, options, result.manifest.family, baseline)] : []
      return { model, baseline, result, options, warnings: [...baseline.warnings, ...why, ...result.warnings] }
    } catch (error) {
      if (!(error instanceof AgentError) || error.code !== 'FIT_INSUFFICIENT') throw error
      refusals.push(error)
    }
  }
  const tried = attempts.length > 1 ? ` Tried: ${attempts.map(shapeText).join('; ')}.` : ''
  throw new AgentError('FIT_INSUFFICIENT', `${refusals.at(-1)!.message}${tried}${fewText(baseline)}`)
}

function emptyBaseline({ data, asked }: BaselineRows): AgentError {
  if (asked === 0) return new AgentError('USAGE', `${data.source} has no rows to take a baseline from`)
  const none = `no column of ${data.source} has values in half of the ${asked} rows of its baseline`
  return new AgentError('FIT_INSUFFICIENT', `${none}; name other rows, or look at what the file holds there`)
}

function insteadText(wanted: FitOptions, used: FitOptions, family: string, { data }: BaselineRows): string {
  const fitted = used.family === 'auto' ? `a model of family ${family}` : shapeText(used)
  return `${data.rows} rows of ${data.channels.length} channels are too few for ${shapeText(wanted)}: fitted ${fitted} instead`
}

function shapeText({ family, order, mean }: FitOptions): string {
  if (family === 'auto') return 'the smallest model of any family'
  return family === 'var' ? `var that looks back on ${order} rows and averages ${mean}` : family
}

/** What a person can do about it: there are no other rows, or cells are missing. */
function fewText({ data, asked, sparsest }: BaselineRows): string {
  const more = ' Name more rows for the baseline.'
  if (data.rows === asked || sparsest === undefined) return more
  return (
    ` Of ${asked} rows of the baseline ${data.rows} have a value in every channel; ${sparsest.column} has none in ${sparsest.missing} ` +
    `of them: leave it out with --ignore, or name more rows.`
  )
}

/** Copies of the arrays go to the worker: a baseline may be looked at again. */
export function fit(data: FitData, options: FitOptions): Promise<FitResult> {
  const copy = { ...data, values: data.values.slice(), breaks: data.breaks.slice() }
  return fitInWorker(copy, options, { deadlineMs: FIT_DEADLINE_MS, clock: systemClock() })
}
