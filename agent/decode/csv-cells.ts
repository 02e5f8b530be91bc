// Lines and cells of recorded CSV files (RFC 4180 with any of three delimiters).
import { AgentError } from '../core/errors.ts'
import { textOf } from './csv-text.ts'
import { numberOf } from './numbers.ts'

export type Delimiter = ',' | ';' | '\t'

export const LINE_BYTES_MAX = 1024 * 1024
const BEFORE_CELL = ',;\t'

export interface NumberedLine {
  /** 1-based number of the line it begins on. */
  number: number
  text: string
  /** False for a last line without a line end: it may have been cut. */
  ended: boolean
}

/**
 * Lines of a file in arrays as they are read, without line ends and BOM; a quoted line end belongs to its cell. Throws
 * CSV_INVALID for what is no text and for a line over 1 MiB, and what the file system throws.
 */
export async function* linesOf(path: string): AsyncGenerator<NumberedLine[]> {
  const joiner = new LineJoiner(path)
  let rest = ''
  let lineEnd: string | undefined
  for await (const chunk of textOf(path)) {
    // Old Macs, and programs that still write for them, end lines with a carriage return alone.
    lineEnd ??= chunk.includes('\r') && !chunk.includes('\n') ? '\r' : '\n'
    const pieces = (rest + chunk).split(lineEnd)
    rest = pieces.pop() ?? ''
    const lines: NumberedLine[] = []
    for (const piece of pieces) joiner.take(piece.endsWith('\r') ? piece.slice(0, -1) : piece, true, lines)
    joiner.check(rest.length)
    yield lines
  }
  const last: NumberedLine[] = []
  if (rest !== '' || joiner.open) joiner.take(rest, false, last)
  yield last
}

/** Joins lines over a quoted line end. Every piece is looked at once, so an open quote costs no second look at the text. */
class LineJoiner {
  readonly #path: string
  #parts: string[] = []
  #length = 0
  #number = 0
  #firstNumber = 1

  constructor(path: string) {
    this.#path = path
  }

  get open(): boolean {
    return this.#parts.length > 0
  }

  take(piece: string, ended: boolean, into: NumberedLine[]): void {
    this.#number++
    const open = endsInQuotes(piece, this.open)
    if (!this.open) {
      this.#firstNumber = this.#number
      if (!open || !ended) {
        into.push({ number: this.#number, text: piece, ended })
        return
      }
    }
    this.check(piece.length)
    this.#parts.push(piece)
    this.#length += piece.length
    if (open && ended) return
    into.push({ number: this.#firstNumber, text: this.#parts.join('\n'), ended })
    this.#parts = []
    this.#length = 0
  }

  /** Throws CSV_INVALID when the line under way is too long with `more` characters. */
  check(more: number): void {
    if (this.#length + more <= LINE_BYTES_MAX) return
    const line = this.open ? this.#firstNumber : this.#number + 1
    throw new AgentError(
      'CSV_INVALID',
      `${this.#path}, line ${line}: longer than ${LINE_BYTES_MAX} characters; is a quote left open, or is this no CSV file?`,
    )
  }
}

/** Cells of one line; quotes around a cell are taken off and doubled ones inside it halved. */
export function cellsOf(line: string, delimiter: Delimiter): string[] {
  if (!line.includes('"')) return line.split(delimiter)
  const cells: string[] = []
  let at = 0
  while (at <= line.length) {
    if (line[at] !== '"') {
      const end = line.indexOf(delimiter, at)
      cells.push(end === -1 ? line.slice(at) : line.slice(at, end))
      if (end === -1) break
      at = end + 1
      continue
    }
    let close = line.indexOf('"', at + 1)
    while (close !== -1 && line[close + 1] === '"') close = line.indexOf('"', close + 2)
    if (close === -1) close = line.length
    cells.push(line.slice(at + 1, close).replaceAll('""', '"'))
    const end = line.indexOf(delimiter, close + 1)
    if (end === -1) break
    at = end + 1
  }
  return cells
}

/** Whether a quoted cell goes on after `text`. A quote opens one only at its beginning: 5" is a pipe, and no open end. */
function endsInQuotes(text: string, open: boolean): boolean {
  let inside = open
  for (let at = text.indexOf('"'); at !== -1; at = text.indexOf('"', at + 1)) {
    if (!inside) inside = at === 0 || BEFORE_CELL.includes(text[at - 1]!)
    else if (text[at + 1] === '"') at++
    else inside = false
  }
  return inside
}

/** The number in a cell; NaN where there is none. */
export function cellNumber(cell: string, delimiter: Delimiter): number {
  const value = numberOf(cell)
  // 1,5 is a number where commas do not part cells: spreadsheets and scales of half of Europe write it so.
  return Number.isNaN(value) && delimiter !== ',' && cell.includes(',') ? numberOf(cell.replace(',', '.')) : value
}
