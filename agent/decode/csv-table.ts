// Recorded CSV files, streamed: for replay, `learn --csv` and backtests. What is in which column is found in the head of the
// file (csv-head.ts, csv-times.ts), so that the same rows read the same whatever follows them.
import { AgentError, messageOf } from '../core/errors.ts'
import type { DayOrder } from './calendar-times.ts'
import type { CsvBlock, CsvTable } from './contract.ts'
import { cellsOf, linesOf, type NumberedLine } from './csv-cells.ts'
import { type CsvHead, invalid, readHead } from './csv-head.ts'
import { checkNames, distinctNames, kindOfColumn } from './csv-names.ts'
import { isMissing, readNumber, switchOf } from './csv-numbers.ts'
import { CsvTally } from './csv-tally.ts'
import { DayOrderWatch, findTime, type TimeColumn, timeReader } from './csv-times.ts'

const BLOCK_ROWS = 4096
/** Words for "nothing wrong here" in a column of flags; every other word means that something is. */
const NO_WORD = /^(false|f|no|n|none|off|normal|healthy|good|ok|okay|benign|nominal)$/i

export interface CsvOptions {
  ignore?: readonly string[]
  /** Overrides what would be found. */
  timeColumn?: string
  /**
   * Every line is a row, whatever is wrong with it: cells that are not there are NaN, and so is a time that cannot be read.
   * A name that occurs twice gets a number, one that is empty its position, and a column without a value in the head of the file
   * counts as numbers.
   */
  whole?: boolean
  /** A column to read as yes or no, words included: 1, 0, or NaN where empty. It is the last of `columns`. */
  flags?: string
}

/**
 * A column to ignore that is not there is no error. Throws CSV_INVALID: no text, no header, no numeric column, and, unless
 * `whole`, a name twice.
 */
export async function openCsvTable(path: string, options: CsvOptions = {}): Promise<CsvTable> {
  const head = await readHead(path).catch((error: unknown) => {
    if (error instanceof AgentError) throw error
    throw new AgentError('CSV_INVALID', `${path}: cannot be read: ${messageOf(error)}`, { cause: error })
  })
  const whole = options.whole === true
  const { names, notes } = whole ? distinctNames(head) : { names: head.names, notes: [] }
  checkNames(path, head.headerLine, names, options.timeColumn)
  const ignore = ignored(names, options.ignore ?? [])
  const number = (cell: string): number => readNumber(cell, head.style)
  const time = findTime({ names, rows: head.rows, ignore, number, wanted: options.timeColumn })
  const flagsAt = options.flags === undefined ? -1 : names.indexOf(options.flags)
  const channels = names.flatMap((name, at) => {
    if ([time.at, time.clockAt, flagsAt].includes(at) || name === '' || ignore.has(name)) return []
    const kind = kindOfColumn(head, at, whole)
    return kind === undefined ? [] : [{ at, read: kind === 'switch' ? switchOf : number }]
  })
  if (channels.length === 0) {
    const named = names.filter(name => name !== '').join(', ')
    throw invalid(path, head.headerLine, `no column of numbers found; the header names ${named}`)
  }
  const dates = await orderOfDates(path, head, time)
  const given = [...head.notes, ...notes, ...(dates.note === undefined ? [] : [dates.note])]
  return new StreamedCsv({
    path,
    head,
    names,
    time,
    order: dates.order,
    channels,
    flagsAt,
    whole,
    notes: given,
    number,
  })
}

/** Names as the header has them; one that is written in other capitals there is meant as well. */
function ignored(names: readonly string[], given: readonly string[]): Set<string> {
  const meant = given.flatMap(name =>
    names.includes(name) ? [name] : names.filter(other => other.toLowerCase() === name.toLowerCase()),
  )
  return new Set(meant)
}

/** Looks on through the file where its head leaves open which number is the day. */
async function orderOfDates(
  path: string,
  head: CsvHead,
  time: TimeColumn,
): Promise<{ order: DayOrder; note?: string }> {
  const watch = new DayOrderWatch()
  if (time.at < 0 || (time.kind !== 'stamp' && time.kind !== 'date')) return { order: watch.order }
  for (const cells of head.rows) watch.take(cells[time.at]?.trim() ?? '')
  if (!watch.settled) {
    for await (const lines of linesOf(path)) {
      for (const line of lines) {
        if (line.number >= head.firstRowLine) watch.take(cellsOf(line.text, head.delimiter)[time.at]?.trim() ?? '')
      }
      if (watch.settled) break
    }
  }
  const { order, note } = watch
  return note === undefined ? { order } : { order, note }
}

interface CsvPlan {
  path: string
  head: CsvHead
  names: readonly string[]
  time: TimeColumn
  order: DayOrder
  channels: readonly { at: number; read: (cell: string) => number }[]
  /** -1: none. */
  flagsAt: number
  whole: boolean
  notes: readonly string[]
  number: (cell: string) => number
}

class StreamedCsv implements CsvTable {
  readonly header: readonly string[]
  readonly columns: readonly string[]
  readonly timeColumn: string | undefined
  readonly skipped: readonly string[]
  readonly #plan: CsvPlan
  readonly #tally = new CsvTally()

  constructor(plan: CsvPlan) {
    this.#plan = plan
    const { names, time, channels, flagsAt } = plan
    this.header = names
    const read = [...channels.map(({ at }) => at), ...(flagsAt < 0 ? [] : [flagsAt])]
    this.columns = read.map(at => names[at]!)
    this.timeColumn = names[time.at]
    this.skipped = names.filter((_, at) => at !== time.at && at !== time.clockAt && !read.includes(at))
  }

  get badCells(): number {
    return this.#tally.badCells
  }

  get badRows(): number {
    return this.#tally.badRows
  }

  get notes(): readonly string[] {
    return [...this.#plan.notes, ...this.#tally.notes(this.#plan.names.length)]
  }

  async *rows(): AsyncIterable<CsvBlock> {
    const { path, head, time, order, number } = this.#plan
    const width = this.columns.length
    const timeOf = timeReader(time, head.rows, order, number)
    const fresh = (): CsvBlock => ({
      rows: 0,
      timesUs: new Float64Array(BLOCK_ROWS),
      values: new Float64Array(BLOCK_ROWS * width),
    })
    let block = fresh()
    let total = 0
    for await (const lines of linesOf(path)) {
      for (const line of lines) {
        if (line.number < head.firstRowLine || line.text.trim() === '') continue
        const cells = cellsOf(line.text, head.delimiter)
        if (!this.#row(line, cells, time.at < 0 ? total * 1e6 : timeOf(cells), block)) continue
        total++
        if (block.rows < BLOCK_ROWS) continue
        yield block
        block = fresh()
      }
    }
    if (block.rows === 0) return
    const { rows } = block
    yield { rows, timesUs: block.timesUs.subarray(0, rows), values: block.values.subarray(0, rows * width) }
  }

  /** False when the row was left out. */
  #row(line: NumberedLine, cells: readonly string[], timeUs: number, block: CsvBlock): boolean {
    const { path, names, channels, flagsAt, whole, number } = this.#plan
    const surplus = cells.length - names.length
    if (surplus < 0 || (surplus > 0 && cells.slice(names.length).some(cell => cell.trim() !== ''))) {
      // The last line of a recording that was cut off is not an error of the file.
      if (!whole && line.ended)
        throw invalid(path, line.number, `${cells.length} cells where the header has ${names.length}`)
      this.#tally.ragged(line.number, cells.length, surplus)
      if (!whole) return false
    }
    if (Number.isNaN(timeUs)) {
      this.#tally.badRows++
      if (!whole) return false
    }
    const offset = block.rows * this.columns.length
    for (let i = 0; i < channels.length; i++) {
      const { at, read } = channels[i]!
      const cell = cells[at] ?? ''
      const value = read(cell)
      block.values[offset + i] = value
      if (Number.isNaN(value) && !isMissing(cell)) this.#tally.badCell(line.number, names[at]!, cell)
    }
    if (flagsAt >= 0) block.values[offset + channels.length] = flagOf(cells[flagsAt] ?? '', number)
    block.timesUs[block.rows++] = timeUs
    return true
  }
}

function flagOf(cell: string, number: (cell: string) => number): number {
  if (isMissing(cell)) return Number.NaN
  const value = number(cell)
  if (!Number.isNaN(value)) return value > 0 ? 1 : 0
  return NO_WORD.test(cell.trim()) ? 0 : 1
}
