// The head of a recorded CSV file: what parts its cells, which line names the columns, and where the rows begin.
import { AgentError } from '../core/errors.ts'
import { calendarUs, clockUs } from './calendar-times.ts'
import { cellsOf, type Delimiter, linesOf } from './csv-cells.ts'
import { isMissing, type NumberStyle, numberStyleOf, readNumber, switchOf } from './csv-numbers.ts'
import { numberOf } from './numbers.ts'

const HEAD_LINES = 200
const DELIMITERS = [',', ';', '\t'] as const
/** Units, and whether values are means or samples. */
const UNIT_LINES_MAX = 3

export interface CsvHead {
  delimiter: Delimiter
  /** Trimmed, in file order; '' where the header has no name. */
  names: string[]
  /** The first rows, as cells. */
  rows: string[][]
  /** 1-based number of the header's line, and of the first line that is a row. */
  headerLine: number
  firstRowLine: number
  /** Rows have a cell more than the header, in front: what was an index. */
  shifted: boolean
  style: NumberStyle
  /** What was assumed, for people. */
  notes: string[]
}

/** Throws CSV_INVALID: not readable, empty, no header row, rows that do not fit it. */
export async function readHead(path: string): Promise<CsvHead> {
  const lines = await headLines(path)
  const separator = /^sep=(.)$/.exec(lines[0]?.text.trim() ?? '')?.[1]
  if (separator !== undefined) lines.shift()
  if (lines.length === 0) throw invalid(path, 1, 'the file is empty; a header row with column names was expected')
  const texts = lines.map(({ text }) => text)
  const delimiter = DELIMITERS.find(mark => mark === separator) ?? findDelimiter(texts)
  const table = texts.map(text => cellsOf(text, delimiter))
  const at = headerAt(table)
  const skipped = lines.slice(0, at).map(({ number }) => number)
  const header = table[at]!.map((name, i) => (i === 0 ? name.trim().replace(/^#\s*/, '') : name.trim()))
  const body = table.slice(at + 1)
  const { style, note } = numberStyleOf(body.flat(), delimiter)
  const units = unitLines(body, style)
  const rows = body.slice(units)
  const { names, shifted } = widthsFit(path, lines[at]!.number, header, rows)
  const notes = [
    ...(skipped.length > 0 ? [`${linesText(skipped)}: skipped, the header is line ${lines[at]!.number}`] : []),
    ...body
      .slice(0, units)
      .map(
        (cells, i) => `line ${lines[at + 1 + i]!.number} (${cells.join(' ').trim()}) holds no values: skipped as units`,
      ),
    ...(shifted ? ['rows have one cell more than the header: the first is taken for an index'] : []),
    ...(note === undefined ? [] : [note]),
  ]
  const firstRowLine = lines[at + 1 + units]?.number ?? Number.POSITIVE_INFINITY
  return { delimiter, names, rows, headerLine: lines[at]!.number, firstRowLine, shifted, style, notes }
}

async function headLines(path: string): Promise<{ number: number; text: string }[]> {
  const head: { number: number; text: string }[] = []
  for await (const lines of linesOf(path)) {
    for (const line of lines) if (line.text.trim() !== '') head.push(line)
    if (head.length > HEAD_LINES) break
  }
  return head.slice(0, HEAD_LINES + 1)
}

/** The one by which the rows agree best on how many cells they have, as many as the header where that is so; of equals the one of most cells. */
export function findDelimiter(lines: readonly string[]): Delimiter {
  let best: { delimiter: Delimiter; worth: number; cells: number } = { delimiter: ',', worth: 0, cells: 1 }
  for (const delimiter of DELIMITERS) {
    const counts = lines.map(line => cellsOf(line, delimiter).length)
    const cells = usual(counts.slice(1)) ?? counts[0]!
    if (Math.max(cells, counts[0]!) < 2) continue
    const agree = counts.length > 1 ? counts.slice(1).filter(count => count === cells).length / (counts.length - 1) : 1
    const worth = agree * (counts[0] === cells ? 1 : 0.5)
    if (worth > best.worth || (worth === best.worth && cells > best.cells)) best = { delimiter, worth, cells }
  }
  return best.delimiter
}

/** The first line, but where it is a remark or a title: then the first that names as many columns as the rows have cells. */
function headerAt(table: readonly string[][]): number {
  const cells = usual(table.slice(1).map(row => row.length)) ?? 1
  const isHeader = (i: number): boolean => !isRemark(table, i) && !isTitle(table[i]!)
  if (cells < 2 || table[0]!.length > cells || (table[0]!.length === cells && isHeader(0))) return 0
  const at = table.findIndex((row, i) => row.length === cells && isHeader(i))
  const above = table.slice(0, Math.max(0, at))
  const isNamed = at > 0 && table[at]!.every(cell => !isValue(cell))
  return isNamed && above.every(row => row.length < cells || !row.some(isValue)) ? at : 0
}

/** `# units: bar`, while `# time,flow` above numbers is a header. */
function isRemark(table: readonly string[][], at: number): boolean {
  const [row, next] = [table[at]!, table[at + 1]]
  if (!row[0]!.trim().startsWith('#')) return false
  return next !== undefined && (next.length !== row.length || !next.some(isValue))
}

/** `Report of March;;;`, as spreadsheets fill it up. */
function isTitle(row: readonly string[]): boolean {
  return row.length > 2 && row.filter(cell => cell.trim() !== '').length < 2
}

function isValue(cell: string): boolean {
  const text = cell.trim()
  return !Number.isNaN(numberOf(text)) || !Number.isNaN(calendarUs(text, 'day-first')) || !Number.isNaN(clockUs(text))
}

/** Lines of words above columns that hold numbers or switches from then on. */
function unitLines(rows: readonly string[][], style: NumberStyle): number {
  const isNumber = (cell: string): boolean => !Number.isNaN(readNumber(cell, style)) || !Number.isNaN(switchOf(cell))
  for (let count = Math.min(UNIT_LINES_MAX, rows.length - 1); count > 0; count--) {
    const below = rows.slice(count)
    const isNumeric = (at: number): boolean => {
      const cells = below.flatMap(row => (isMissing(row[at] ?? '') ? [] : [row[at]!]))
      return cells.length > 0 && cells.filter(isNumber).length > cells.length / 2
    }
    const areUnits = rows.slice(0, count).every(row => {
      const words = row.filter((cell, at) => !isMissing(cell) && !isValue(cell) && isNumeric(at) && !isNumber(cell))
      return words.length > 0 && !row.some(isValue)
    })
    if (areUnits) return count
  }
  return 0
}

/** Names for the cells of the rows. Throws CSV_INVALID where most rows have another number of them. */
function widthsFit(
  path: string,
  line: number,
  header: readonly string[],
  rows: readonly string[][],
): { names: string[]; shifted: boolean } {
  const cells = usual(rows.map(row => row.length)) ?? header.length
  const most = 2 * rows.filter(row => row.length === cells).length > rows.length
  const surplus = cells - header.length
  if (!most || surplus <= 0) return { names: [...header], shifted: false }
  const trailing = rows.every(row => row.slice(header.length).every(cell => cell.trim() === ''))
  if (trailing) return { names: [...header, ...new Array<string>(surplus).fill('')], shifted: false }
  if (surplus === 1 && isIndex(rows)) return { names: ['', ...header], shifted: true }
  const named = `the header names ${header.length} column${header.length > 1 ? 's' : ''}`
  throw invalid(
    path,
    line,
    `${named}, and most rows have ${cells} cells; where commas are decimals or part thousands, part the cells with ;`,
  )
}

/** Words, or numbers each of which is above the one before: what is left of 0,5 where commas part cells is neither. */
function isIndex(rows: readonly string[][]): boolean {
  const first = rows.map(row => numberOf(row[0]!))
  return first.every((value, i) => i === 0 || !(value <= first[i - 1]!))
}

/** The most frequent. */
function usual(counts: readonly number[]): number | undefined {
  const times = new Map<number, number>()
  for (const count of counts) times.set(count, (times.get(count) ?? 0) + 1)
  return [...times].sort((a, b) => b[1] - a[1] || b[0] - a[0])[0]?.[0]
}

function linesText(numbers: readonly number[]): string {
  return numbers.length === 1 ? `line ${numbers[0]}` : `lines ${numbers[0]} to ${numbers.at(-1)}`
}

export function invalid(path: string, line: number, what: string): AgentError {
  return new AgentError('CSV_INVALID', `${path}, line ${line}: ${what}`)
}
