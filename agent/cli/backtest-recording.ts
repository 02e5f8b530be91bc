// A recorded CSV file as a backtest sees it: every row, in order, with the times made to rise.
import { AgentError } from '../core/errors.ts'
import { openCsvTable } from '../decode/csv-table.ts'
import { slugOf } from './learn-rows.ts'

export interface Recording {
  path: string
  rows: number
  /** [rows] µs since 1970, strictly rising. */
  timesUs: Float64Array
  /** [rows x channels], NaN where a cell is empty. */
  values: Float64Array
  channels: { id: string; column: string }[]
  /** [rows] 0/1; undefined where the file has no such column. */
  labels: Uint8Array | undefined
  /** Median time between rows. */
  everyUs: number
  /** Times that did not rise and were set 1 µs after the one before. */
  unordered: number
}

export interface RecordingOptions {
  ignore: readonly string[]
  /** Column of labels, never a channel. */
  label: string | undefined
}

// 20 million values are 160 MB; a day of 10 Hz on 20 channels is 17 million.
const VALUES_MAX = 40_000_000

/** Throws AgentError CSV_INVALID (unreadable file), USAGE (no such label column, too large). */
export async function readRecording(path: string, { ignore, label }: RecordingOptions): Promise<Recording> {
  const table = await openCsvTable(path, { ignore: [...ignore] })
  const labelAt = label === undefined ? -1 : table.columns.indexOf(label)
  const labelNamed = label !== undefined && table.header.includes(label)
  if (label !== undefined && labelAt < 0 && !labelNamed) {
    throw new AgentError('USAGE', `${path} has no column ${label} for labels; it has ${table.header.join(', ')}`)
  }
  const picked = table.columns.flatMap((column, at) => (at === labelAt ? [] : [{ column, at }]))
  const values: number[] = []
  const times: number[] = []
  const labels: number[] = []
  let unordered = 0
  for await (const block of table.rows()) {
    for (let r = 0; r < block.rows; r++) {
      const before = times.at(-1) ?? Number.NEGATIVE_INFINITY
      const timeUs = block.timesUs[r]!
      if (timeUs <= before) unordered++
      times.push(timeUs > before ? timeUs : before + 1)
      const from = r * table.columns.length
      for (const { at } of picked) values.push(block.values[from + at]!)
      if (labelAt >= 0) labels.push(block.values[from + labelAt]! > 0 ? 1 : 0)
    }
    if (values.length > VALUES_MAX)
      throw new AgentError('USAGE', `${path} holds more than ${VALUES_MAX} values; backtest a part of it`)
  }
  return {
    path,
    rows: times.length,
    timesUs: Float64Array.from(times),
    values: Float64Array.from(values),
    channels: uniqueIds(picked.map(({ column }) => column)),
    labels: labelAt >= 0 ? Uint8Array.from(labels) : undefined,
    everyUs: medianStep(times),
    unordered,
  }
}

/** Ids as the configuration wants them; two columns with the same slug are told apart by a number. */
function uniqueIds(columns: readonly string[]): Recording['channels'] {
  const taken = new Set<string>()
  return columns.map(column => {
    const slug = slugOf(column)
    let id = slug
    for (let n = 2; taken.has(id); n++) id = `${slug}-${n}`
    taken.add(id)
    return { id, column }
  })
}

function medianStep(times: readonly number[]): number {
  const steps = times.slice(1).map((time, i) => time - times[i]!)
  return steps.sort((a, b) => a - b)[Math.floor(steps.length / 2)] ?? 1e6
}
