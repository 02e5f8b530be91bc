// A recorded CSV file as a backtest sees it: every line a row, in the order of the file, whatever the times say.
import { SLUG_CHARS_MAX } from '../config/schema-parts.ts'
import { AgentError } from '../core/errors.ts'
import type { CsvBlock, CsvTable } from '../decode/contract.ts'
import { openCsvTable } from '../decode/csv-table.ts'
import { pickChannels } from './backtest-columns.ts'
import { slugOf } from './learn-rows.ts'

export interface Recording {
  path: string
  rows: number
  /** [rows] µs since 1970 as the file has them; one that cannot be read continues the row before. */
  timesUs: Float64Array
  /** [rows] 1 where windows must not reach back past the row: a long silence, or another recording appended. */
  breaks: Uint8Array
  /** [rows x channels], NaN where a cell is empty. */
  values: Float64Array
  channels: { id: string; column: string }[]
  /** [rows] 0/1; undefined where the file has no such column. */
  labels: Uint8Array | undefined
  /** Usual time between rows. */
  everyUs: number
  /** What is odd about the file. */
  warnings: string[]
}

export interface RecordingOptions {
  ignore: readonly string[]
  /** Column of labels, never a channel. */
  label: string | undefined
  /** Rows from which the usual step between times and columns that only count are judged: what comes later is not known yet. */
  judgedRows?: number
}

// 40 million values are 320 MB, two days of 10 Hz on 20 channels 35 million; a backtest holds them up to four times over. Of rows
// there may be fewer than a Map takes entries (16.7 million).
const VALUES_MAX = 40_000_000
const ROWS_MAX = 10_000_000
/** A recorder that skips some beats made no gap; a weekend without rows is one, and windows do not reach across it. */
const GAP_STEPS = 100
const EVERY_US_DEFAULT = 1e6
/** Where the baseline is another file. */
const JUDGED_ROWS = 1_000

/** Throws AgentError CSV_INVALID (unreadable file), USAGE (too large). */
export async function readRecording(
  path: string,
  { ignore, label, judgedRows = JUDGED_ROWS }: RecordingOptions,
): Promise<Recording> {
  const table = await openCsvTable(path, { ignore, whole: true, ...(label === undefined ? {} : { flags: label }) })
  const blocks: CsvBlock[] = []
  let rows = 0
  for await (const block of table.rows()) {
    blocks.push(block)
    rows += block.rows
    if (rows * table.columns.length > VALUES_MAX || rows > ROWS_MAX) throw tooLarge(path, table.columns.length)
  }
  const labelAt = label !== undefined && table.columns.at(-1) === label ? table.columns.length - 1 : -1
  const { picked, notes } = pickChannels(blocks[0], table.columns, labelAt, judgedRows)
  const { timesUs, breaks, everyUs, warnings } = timesOf(blocks, rows, table.timeColumn, judgedRows)
  const cells = columnsOf(blocks, rows, table.columns.length, picked)
  return {
    path,
    rows,
    timesUs,
    breaks,
    values: cells,
    channels: uniqueIds(picked.map(at => table.columns[at]!)),
    labels: labelAt < 0 ? undefined : labelsOf(blocks, rows, table.columns.length, labelAt),
    everyUs,
    warnings: [...warnings, ...oddities(table, label, ignore), ...notes],
  }
}

/** Without one column, for a baseline that carries the labels of another file. */
export function withoutColumn(recording: Recording, column: string | undefined): Recording {
  const at = recording.channels.findIndex(channel => channel.column === column)
  if (at < 0) return recording
  const width = recording.channels.length
  return {
    ...recording,
    channels: recording.channels.filter((_, c) => c !== at),
    values: recording.values.filter((_, i) => i % width !== at),
  }
}

function columnsOf(blocks: readonly CsvBlock[], rows: number, width: number, picked: readonly number[]): Float64Array {
  const values = new Float64Array(rows * picked.length)
  let to = 0
  for (const block of blocks) {
    for (let row = 0; row < block.rows; row++) {
      for (const at of picked) values[to++] = block.values[row * width + at]!
    }
  }
  return values
}

function labelsOf(blocks: readonly CsvBlock[], rows: number, width: number, at: number): Uint8Array {
  return Uint8Array.from(columnsOf(blocks, rows, width, [at]), value => (value > 0 ? 1 : 0))
}

function timesOf(
  blocks: readonly CsvBlock[],
  rows: number,
  timeColumn: string | undefined,
  judgedRows: number,
): Pick<Recording, 'timesUs' | 'breaks' | 'everyUs' | 'warnings'> {
  const timesUs = new Float64Array(rows)
  let at = 0
  for (const block of blocks) {
    timesUs.set(block.timesUs.subarray(0, block.rows), at)
    at += block.rows
  }
  const everyUs = usualStep(timesUs.subarray(0, Math.max(2, judgedRows)))
  const breaks = new Uint8Array(rows)
  let [unread, unordered] = [0, 0]
  for (let row = 0; row < rows; row++) {
    if (Number.isNaN(timesUs[row]!)) {
      unread++
      timesUs[row] = row > 0 ? timesUs[row - 1]! + everyUs : 0
    }
    const step = row > 0 ? timesUs[row]! - timesUs[row - 1]! : everyUs
    if (step <= 0) unordered++
    if (row === 0 || Math.abs(step) > GAP_STEPS * everyUs) breaks[row] = 1
  }
  const warnings: string[] = []
  if (timeColumn === undefined) warnings.push('no time column found: rows are taken to be 1 s apart')
  if (unread > 0) warnings.push(`${unread} times could not be read: the rows are taken to follow the one before`)
  if (2 * unordered > rows)
    warnings.push(
      'times fall or stay from row to row: rows are taken in the order of the file; sort it by time where the newest comes first',
    )
  else if (unordered > 0) warnings.push(`${unordered} times do not rise: rows are taken in the order of the file`)
  return { timesUs, breaks, everyUs, warnings }
}

function oddities(table: CsvTable, label: string | undefined, ignore: readonly string[]): string[] {
  const meant = ignore.map(name => name.toLowerCase())
  const left = table.skipped.filter(name => name !== '' && name !== label && !meant.includes(name.toLowerCase()))
  return [
    ...(left.length > 0 ? [`${left.join(', ')}: no numbers, left out`] : []),
    ...table.notes,
    ...(label !== undefined && !table.header.includes(label) ? [`there is no column ${label} for labels`] : []),
  ]
}

/** Ids as the configuration wants them; two columns with the same slug are told apart by a number. */
function uniqueIds(columns: readonly string[]): Recording['channels'] {
  const taken = new Set<string>()
  return columns.map(column => {
    // Room for the number at the end.
    const slug = slugOf(column)
      .slice(0, SLUG_CHARS_MAX - 5)
      .replace(/-$/, '')
    let id = slug
    for (let n = 2; taken.has(id); n++) id = `${slug}-${n}`
    taken.add(id)
    return { id, column }
  })
}

/** Median, whichever way time runs; where half of the times repeat (only the date is recorded, say) the mean. */
function usualStep(timesUs: Float64Array): number {
  const known = timesUs.filter(time => !Number.isNaN(time))
  const steps = known.subarray(1).map((time, i) => time - known[i]!)
  const median = steps.sort()[Math.floor(steps.length / 2)] ?? EVERY_US_DEFAULT
  if (median !== 0) return Math.abs(median)
  const mean = Math.abs(((known.at(-1) ?? 0) - (known[0] ?? 0)) / Math.max(1, known.length - 1))
  return mean > 0 ? mean : EVERY_US_DEFAULT
}

function tooLarge(path: string, columns: number): AgentError {
  const most = Math.min(ROWS_MAX, Math.floor(VALUES_MAX / columns))
  return new AgentError(
    'USAGE',
    `${path} has more than ${most} rows of ${columns} columns, which is beyond what one backtest holds in memory; leave columns out ` +
      `with --ignore, or cut the file into parts of ${most} rows: head -n ${most + 1} FILE`,
  )
}
