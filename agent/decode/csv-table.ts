// Recorded CSV files, streamed: for replay, `learn --csv` and backtests. Delimiter, time column and channels are found in
// the head of the file.
import { AgentError, messageOf } from '../core/errors.ts'
import type { CsvBlock, CsvTable } from './contract.ts'
import { cellNumber, cellsOf, type Delimiter, findDelimiter, linesOf, type NumberedLine } from './csv-cells.ts'
import { numberOf } from './numbers.ts'
import { epochUs, timeUsOf } from './times.ts'

const BLOCK_ROWS = 4096
const HEAD_LINES = 200
const TIME_NAME = /^(date[-_ ]?time|time[-_ ]?stamp|time|date|ts|t|zeit|datum|zeitstempel)([-_ ]?(utc|s|ms|us|µs))?$/i

/**
 * `timeColumn` overrides what would be found; a column to ignore that is not there is no error. Throws CSV_INVALID: no
 * header, no numeric column, a name twice.
 */
export async function openCsvTable(
  path: string,
  options: { ignore?: readonly string[]; timeColumn?: string } = {},
): Promise<CsvTable> {
  const head = await headOf(path)
  const first = head[0]
  if (!first) throw invalid(path, 1, 'the file is empty; a header row with column names was expected')
  const delimiter = findDelimiter(first.text)
  const names = cellsOf(first.text, delimiter).map(name => name.trim())
  checkNames(path, names, options.timeColumn)
  const rows = head.slice(1).map(line => cellsOf(line.text, delimiter))
  const ignore = new Set(options.ignore ?? [])
  const timeAt = options.timeColumn === undefined ? findTime(names, rows, ignore) : names.indexOf(options.timeColumn)
  const channelAt = names.flatMap((name, at) =>
    at !== timeAt && name !== '' && !ignore.has(name) && isNumeric(rows, at, delimiter) ? [at] : [],
  )
  if (channelAt.length === 0) {
    throw invalid(path, 1, `no column of numbers found; the header names ${names.join(', ')}`)
  }
  return new StreamedCsv({ path, delimiter, names, timeAt, channelAt, timeOf: timeReader(rows, timeAt) })
}

interface CsvPlan {
  path: string
  delimiter: Delimiter
  names: readonly string[]
  timeAt: number
  channelAt: readonly number[]
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
    this.columns = plan.channelAt.map(at => plan.names[at]!)
    this.timeColumn = plan.names[plan.timeAt]
    this.skipped = plan.names.filter((_, at) => at !== plan.timeAt && !plan.channelAt.includes(at))
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
    const { path, delimiter, names, timeAt, channelAt, timeOf } = this.#plan
    const cells = cellsOf(line.text, delimiter)
    if (cells.length !== names.length) {
      // The last line of a recording that was cut off is not an error of the file.
      if (line.ended) throw invalid(path, line.number, `${cells.length} cells where the header has ${names.length}`)
      this.badRows++
      return false
    }
    const timeUs = timeAt === -1 ? total * 1e6 : timeOf(cells[timeAt]!)
    if (Number.isNaN(timeUs)) {
      this.badRows++
      return false
    }
    const offset = block.rows * channelAt.length
    for (let i = 0; i < channelAt.length; i++) {
      const value = cellNumber(cells[channelAt[i]!]!, delimiter)
      block.values[offset + i] = value
      if (Number.isNaN(value) && !isMissing(cells[channelAt[i]!]!)) this.badCells++
    }
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
  if (names.every(name => name === '' || !Number.isNaN(numberOf(name)))) {
    throw invalid(path, 1, 'a header row with column names was expected, found numbers')
  }
  if (timeColumn !== undefined && !names.includes(timeColumn))
    throw invalid(path, 1, `no column "${timeColumn}"; the header names ${names.join(', ')}`)
}

/** A column that is called like one and holds times, else the first that holds ISO times; -1 when there is none. */
function findTime(names: readonly string[], rows: readonly string[][], ignore: ReadonlySet<string>): number {
  const cellsAt = (at: number): string[] => rows.map(cells => cells[at]?.trim() ?? '').filter(cell => cell !== '')
  const holds = (at: number, isTime: (cell: string) => boolean): boolean => {
    const cells = cellsAt(at)
    return cells.length > 0 && cells.filter(isTime).length > cells.length / 2
  }
  const isIso = (cell: string): boolean => cell.charCodeAt(4) === 0x2d && !Number.isNaN(timeUsOf(cell))
  const isTime = (cell: string): boolean => isIso(cell) || numberOf(cell) >= 0
  const named = names.findIndex((name, at) => !ignore.has(name) && TIME_NAME.test(name) && holds(at, isTime))
  return named !== -1 ? named : names.findIndex((name, at) => !ignore.has(name) && holds(at, isIso))
}

/** Numbers below 1e8 (March 1973 as an epoch) at the start of the file are seconds since the recording began. */
function timeReader(rows: readonly string[][], timeAt: number): (cell: string) => number {
  const firstNumber = rows.map(cells => numberOf(cells[timeAt] ?? '')).find(value => !Number.isNaN(value))
  if (firstNumber === undefined) return cell => timeUsOf(cell.trim())
  if (firstNumber < 1e8) return cell => Math.round(numberOf(cell) * 1e6)
  return cell => epochUs(numberOf(cell))
}

function isNumeric(rows: readonly string[][], at: number, delimiter: Delimiter): boolean {
  const cells = rows.map(row => row[at] ?? '').filter(cell => !isMissing(cell))
  const numbers = cells.filter(cell => !Number.isNaN(cellNumber(cell, delimiter)))
  return numbers.length > 0 && numbers.length >= cells.length / 2
}

function isMissing(cell: string): boolean {
  const text = cell.trim().toLowerCase()
  return text === '' || text === 'nan' || text === 'null' || text === 'na' || text === 'n/a'
}

function invalid(path: string, line: number, what: string): AgentError {
  return new AgentError('CSV_INVALID', `${path}, line ${line}: ${what}`)
}
