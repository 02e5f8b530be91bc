// A recorded CSV file -> the rows a baseline is fitted on.
import { AgentError } from '../core/errors.ts'
import { openCsvTable } from '../decode/csv-table.ts'
import type { FitData } from '../models/contract.ts'

export interface LearnRowsOptions {
  ignore: readonly string[]
  /** Half-open, counted from 0 over the file's rows. */
  from: number
  to: number
  /** Channel id -> column name, in the order of the model's channels; empty = every column under its own name as a slug. */
  channels: ReadonlyMap<string, string>
  /** Channel id -> unit. */
  units: ReadonlyMap<string, string>
}

export interface LearnRows {
  data: FitData
  /** Median time between rows; undefined where the file has no times. */
  everyMs: number | undefined
  /** Rows left out because a channel had no value, and gaps in time; both end a window. */
  incomplete: number
  gaps: number
  /** Columns not used. */
  skipped: string[]
}

// 20 million values are 160 MB; a day of 10 Hz on 20 channels is 17 million.
const VALUES_MAX = 20_000_000
/** A step this many times the usual one is a gap. Recorders often skip a beat; that is none. */
const GAP_STEPS = 10

/** Throws AgentError CSV_INVALID (unreadable file), USAGE (columns that are not there, too large). */
export async function readLearnRows(path: string, options: LearnRowsOptions): Promise<LearnRows> {
  const table = await openCsvTable(path, { ignore: [...options.ignore] })
  const picked = pickColumns(path, table.columns, options)
  const width = picked.length
  const values: number[] = []
  const timesUs: number[] = []
  const breaks: number[] = []
  let incomplete = 0
  let row = 0
  let broken = true
  for await (const block of table.rows()) {
    for (let r = 0; r < block.rows && row < options.to; r++, row++) {
      if (row < options.from) continue
      const cells = picked.map(column => block.values[r * table.columns.length + column.at]!)
      if (cells.some(Number.isNaN)) {
        incomplete++
        broken = true
        continue
      }
      if (values.length + width > VALUES_MAX) throw tooLarge(path, width)
      values.push(...cells)
      timesUs.push(block.timesUs[r]!)
      breaks.push(broken ? 1 : 0)
      broken = false
    }
    if (row >= options.to) break
  }
  if (options.from > 0 && row <= options.from) {
    throw new AgentError(
      'USAGE',
      `--rows begins at row ${options.from}, but ${path} has ${row} rows; name a part of 0:${row}.`,
    )
  }
  const stepUs = table.timeColumn === undefined ? undefined : medianStep(timesUs)
  const gaps = stepUs === undefined ? 0 : markGaps(timesUs, breaks, stepUs)
  return {
    data: {
      values: Float64Array.from(values),
      rows: timesUs.length,
      channels: picked.map(({ id }) => ({ id, unit: options.units.get(id) ?? '' })),
      breaks: Uint8Array.from(breaks),
      fromUs: timesUs[0] ?? 0,
      toUs: timesUs.at(-1) ?? 0,
      source: path,
    },
    everyMs: stepUs === undefined ? undefined : stepUs / 1000,
    incomplete,
    gaps,
    skipped: [...table.skipped, ...table.columns.filter((_, at) => !picked.some(column => column.at === at))],
  }
}

function pickColumns(
  path: string,
  columns: readonly string[],
  { channels, units }: LearnRowsOptions,
): { id: string; at: number }[] {
  const wanted = channels.size > 0 ? [...channels] : columns.map(name => [slugOf(name), name] as const)
  const picked = wanted.map(([id, column]) => ({ id, column, at: columns.indexOf(column) }))
  const missing = picked.filter(({ at }) => at < 0).map(({ column }) => column)
  if (missing.length > 0) {
    throw new AgentError('USAGE', `${path} has no column ${missing.join(', ')}; it has ${columns.join(', ')}.`)
  }
  const ids = picked.map(({ id }) => id)
  const twice = ids.find((id, i) => ids.indexOf(id) !== i)
  if (twice !== undefined) {
    throw new AgentError(
      'USAGE',
      `two columns of ${path} would both be channel ${twice}; name them with --channel ID=COLUMN.`,
    )
  }
  const unknown = [...units.keys()].filter(id => !ids.includes(id))
  if (unknown.length > 0) {
    throw new AgentError('USAGE', `--unit names ${unknown.join(', ')}, but the channels are ${ids.join(', ')}.`)
  }
  return picked
}

/** `Volume Flow RateRMS` -> `volume-flow-raterms`: ids as the configuration wants them. */
export function slugOf(name: string): string {
  const slug = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
  return slug || 'channel'
}

function medianStep(timesUs: readonly number[]): number | undefined {
  const steps = timesUs.slice(1).map((time, i) => time - timesUs[i]!)
  const step = steps.sort((a, b) => a - b)[Math.floor(steps.length / 2)]
  return step !== undefined && step > 0 ? step : undefined
}

/** Marks rows that come after a gap, or before the row they stand behind. */
function markGaps(timesUs: readonly number[], breaks: number[], stepUs: number): number {
  let gaps = 0
  for (let r = 1; r < timesUs.length; r++) {
    const step = timesUs[r]! - timesUs[r - 1]!
    if (breaks[r] === 1 || (step > 0 && step <= GAP_STEPS * stepUs)) continue
    breaks[r] = 1
    gaps++
  }
  return gaps
}

function tooLarge(path: string, channels: number): AgentError {
  return new AgentError(
    'USAGE',
    `${path} holds more than ${Math.floor(VALUES_MAX / channels)} rows of ${channels} channels, which is beyond what one ` +
      'baseline takes; choose a part with --rows A:B.',
  )
}
