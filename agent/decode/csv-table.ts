// Recorded CSV files, streamed: for replay, `learn --csv` and backtests. Delimiter, time column and channels are found in
// the head of the file.
import { AgentError, messageOf } from '../core/errors.ts'
import type { CsvBlock, CsvTable } from './contract.ts'
import { cellNumber, cellsOf, type Delimiter, findDelimiter, linesOf, type NumberedLine } from './csv-cells.ts'
import { numberOf } from './numbers.ts'
import { epochUs, timeUsOf } from './times.ts'

const BLOCK_ROWS = 4096
const HEAD_LINES = 200
const TIME_NAME =
  /^(date[-_ ]?time|time[-_ ]?stamp|time|date|ts|t|zeit|datum|zeitstempel|(unix|epoch)([-_ ]?time)?)([-_ ]?(utc|s|ms|us|µs))?$/i
/** Words for "nothing wrong here" in a column of flags; every other word means that something is. */
const NO_WORD = /^(false|f|no|n|none|off|normal|healthy|good|ok|okay|benign|nominal)$/i

export interface CsvOptions {
  ignore?: readonly string[]
  /** Overrides what would be found. */
  timeColumn?: string
  /**
   * Every line is a row, whatever is wrong with it: cells that are not there are NaN, and so is a time that cannot be read.
   * A name that occurs twice gets a number, and a column without a value in the head of the file counts as numbers.
   */
  whole?: boolean
  /** A column to read as yes or no, words included: 1, 0, or NaN where empty. It is the last of `columns`. */
  flags?: string
}

/**
 * A column to ignore that is not there is no error. Throws CSV_INVALID: no header, no numeric column, and, unless `whole`,
 * a name twice.
 */
export async function openCsvTable(path: string, options: CsvOptions = {}): Promise<CsvTable> {
  const head = await headOf(path)
  const first = head[0]
  if (!first) throw invalid(path, 1, 'the file is empty; a header row with column names was expected')
  const delimiter = findDelimiter(first.text)
  const given = cellsOf(first.text, delimiter).map(name => name.trim())
  const names = options.whole ? distinct(given) : given
  checkNames(path, names, options.timeColumn)
  const rows = head.slice(1).map(line => cellsOf(line.text, delimiter))
  const ignore = new Set(options.ignore ?? [])
  const timeAt = options.timeColumn === undefined ? findTime(names, rows, ignore) : names.indexOf(options.timeColumn)
  const flagsAt = options.flags === undefined ? -1 : names.indexOf(options.flags)
  const whole = options.whole === true
  const channelAt = names.flatMap((name, at) =>
    at !== timeAt && at !== flagsAt && name !== '' && !ignore.has(name) && isNumeric(rows, at, delimiter, whole)
      ? [at]
      : [],
  )
  if (channelAt.length === 0) {
    throw invalid(path, 1, `no column of numbers found; the header names ${names.join(', ')}`)
  }
  const timeOf = timeReader(rows, timeAt)
  return new StreamedCsv({ path, delimiter, names, timeAt, channelAt, flagsAt, whole, timeOf })
}

/** `flow`, `flow`, `flow` -> `flow`, `flow.1`, `flow.2`, as data frames name them. */
function distinct(names: readonly string[]): string[] {
  const taken = new Set<string>()
  return names.map(name => {
    let free = name
    for (let n = 1; name !== '' && taken.has(free); n++) free = `${name}.${n}`
    taken.add(free)
    return free
  })
}

interface CsvPlan {
  path: string
  delimiter: Delimiter
  names: readonly string[]
  timeAt: number
  channelAt: readonly number[]
  /** -1: none. */
  flagsAt: number
  whole: boolean
  timeOf: (cell: string) => number
}

class StreamedCsv implements CsvTable {
  readonly header: readonly string[]
  readonly columns: readonly string[]
  readonly timeColumn: string | undefined
  readonly skipped: readonly string[]
  badCells = 0
  badRows = 0
  readonly #plan: CsvPlan

  constructor(plan: CsvPlan) {
    this.#plan = plan
    this.header = plan.names
    const read = plan.flagsAt < 0 ? plan.channelAt : [...plan.channelAt, plan.flagsAt]
    this.columns = read.map(at => plan.names[at]!)
    this.timeColumn = plan.names[plan.timeAt]
    this.skipped = plan.names.filter((_, at) => at !== plan.timeAt && !read.includes(at))
  }

  async *rows(): AsyncIterable<CsvBlock> {
    const width = this.columns.length
    const fresh = (): CsvBlock => ({
      rows: 0,
      timesUs: new Float64Array(BLOCK_ROWS),
      values: new Float64Array(BLOCK_ROWS * width),
    })
    let block = fresh()
    let total = 0
    let inHeader = true
    for await (const lines of linesOf(this.#plan.path)) {
      for (const line of lines) {
        if (line.text.trim() === '') continue
        const isRow = !inHeader && this.#row(line, block, total)
        inHeader = false
        if (!isRow) continue
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
  #row(line: NumberedLine, block: CsvBlock, total: number): boolean {
    const { path, delimiter, names, timeAt, channelAt, flagsAt, whole, timeOf } = this.#plan
    const cells = cellsOf(line.text, delimiter)
    if (cells.length !== names.length && whole) this.badRows++
    else if (cells.length !== names.length) {
      // The last line of a recording that was cut off is not an error of the file.
      if (line.ended) throw invalid(path, line.number, `${cells.length} cells where the header has ${names.length}`)
      this.badRows++
      return false
    }
    const timeUs = timeAt === -1 ? total * 1e6 : timeOf(cells[timeAt] ?? '')
    if (Number.isNaN(timeUs)) {
      this.badRows++
      if (!whole) return false
    }
    const offset = block.rows * this.columns.length
    for (let i = 0; i < channelAt.length; i++) {
      const cell = cells[channelAt[i]!] ?? ''
      const value = cellNumber(cell, delimiter)
      block.values[offset + i] = value
      if (Number.isNaN(value) && !isMissing(cell)) this.badCells++
    }
    if (flagsAt >= 0) block.values[offset + channelAt.length] = flagOf(cells[flagsAt] ?? '', delimiter)
    block.timesUs[block.rows++] = timeUs
    return true
  }
}

async function headOf(path: string): Promise<NumberedLine[]> {
  const head: NumberedLine[] = []
  try {
    for await (const lines of linesOf(path)) {
      for (const line of lines) if (line.text.trim() !== '') head.push(line)
      if (head.length > HEAD_LINES) break
    }
  } catch (error) {
    if (error instanceof AgentError) throw error
    throw new AgentError('CSV_INVALID', `${path}: cannot be read: ${messageOf(error)}`, { cause: error })
  }
  return head.slice(0, HEAD_LINES + 1)
}

function checkNames(path: string, names: readonly string[], timeColumn: string | undefined): void {
  const twice = names.find((name, at) => name !== '' && names.indexOf(name) !== at)
  if (twice !== undefined) throw invalid(path, 1, `column "${twice}" occurs twice; names must differ`)
  if (names.every(name => name === '' || !Number.isNaN(numberOf(name)) || isIso(name)) && !countsColumns(names)) {
    throw invalid(path, 1, 'a header row with column names was expected, found numbers')
  }
  if (timeColumn !== undefined && !names.includes(timeColumn))
    throw invalid(path, 1, `no column "${timeColumn}"; the header names ${names.join(', ')}`)
}

function isIso(cell: string): boolean {
  return cell.charCodeAt(4) === 0x2d && !Number.isNaN(timeUsOf(cell))
}

/** `0,1,2` or `1,2,3`: a data frame without column names, with or without its unnamed index in front. */
function countsColumns(names: readonly string[]): boolean {
  const named = names[0] === '' ? names.slice(1) : names
  return named.length > 0 && [0, 1].some(first => named.every((name, i) => name === String(first + i)))
}

/**
 * A column that is called like one and holds times, else the first that holds ISO times, else the first that holds seconds or
 * more since 1970; -1 when there is none. Numbers are times only where they rise: `t` may be a temperature.
 */
function findTime(names: readonly string[], rows: readonly string[][], ignore: ReadonlySet<string>): number {
  const cellsAt = (at: number): string[] => rows.map(cells => cells[at]?.trim() ?? '').filter(cell => cell !== '')
  const holds = (at: number, isTime: (cell: string) => boolean): boolean => {
    const cells = cellsAt(at)
    return cells.length > 0 && cells.filter(isTime).length > cells.length / 2
  }
  const find = (isTime: (name: string, at: number) => boolean): number =>
    names.findIndex((name, at) => !ignore.has(name) && isTime(name, at))
  const named = find(
    (name, at) =>
      TIME_NAME.test(name) && (holds(at, isIso) || (holds(at, cell => numberOf(cell) >= 0) && rises(cellsAt(at)))),
  )
  if (named !== -1) return named
  const iso = find((_, at) => holds(at, isIso))
  return iso !== -1 ? iso : find((_, at) => holds(at, isEpoch) && rises(cellsAt(at)))
}

/** A plain number that is a time from 2000 to 2100 in s, ms, µs or ns. */
function isEpoch(cell: string): boolean {
  const timeUs = epochUs(numberOf(cell))
  return timeUs > 946_684_800e6 && timeUs < 4_102_444_800e6
}

/** Nine of ten steps up or none, and some up: a clock that was set back once is a clock. */
function rises(cells: readonly string[]): boolean {
  let [up, down] = [0, 0]
  for (let i = 1; i < cells.length; i++) {
    const step = numberOf(cells[i]!) - numberOf(cells[i - 1]!)
    if (step > 0) up++
    if (step < 0) down++
  }
  return (up > 0 || cells.length < 2) && down <= 0.1 * (cells.length - 1)
}

/** Numbers below 1e8 (March 1973 as an epoch) at the start of the file are seconds since the recording began. */
function timeReader(rows: readonly string[][], timeAt: number): (cell: string) => number {
  const firstNumber = rows.map(cells => numberOf(cells[timeAt] ?? '')).find(value => !Number.isNaN(value))
  if (firstNumber === undefined) return cell => timeUsOf(cell.trim())
  if (firstNumber < 1e8) return cell => Math.round(numberOf(cell) * 1e6)
  return cell => epochUs(numberOf(cell))
}

function isNumeric(rows: readonly string[][], at: number, delimiter: Delimiter, ifEmpty: boolean): boolean {
  const cells = rows.map(row => row[at] ?? '').filter(cell => !isMissing(cell))
  if (cells.length === 0) return ifEmpty
  const numbers = cells.filter(cell => !Number.isNaN(cellNumber(cell, delimiter)))
  return numbers.length > 0 && numbers.length >= cells.length / 2
}

function flagOf(cell: string, delimiter: Delimiter): number {
  if (isMissing(cell)) return Number.NaN
  const value = cellNumber(cell, delimiter)
  if (!Number.isNaN(value)) return value > 0 ? 1 : 0
  return NO_WORD.test(cell.trim()) ? 0 : 1
}

function isMissing(cell: string): boolean {
  const text = cell.trim().toLowerCase()
  return text === '' || text === 'nan' || text === 'null' || text === 'na' || text === 'n/a'
}

function invalid(path: string, line: number, what: string): AgentError {
  return new AgentError('CSV_INVALID', `${path}, line ${line}: ${what}`)
}
