// Lines and cells of recorded CSV files (RFC 4180 with any of three delimiters).
import { createReadStream } from 'node:fs'
import { AgentError } from '../core/errors.ts'

export type Delimiter = ',' | ';' | '\t'

export const LINE_BYTES_MAX = 1024 * 1024

export interface NumberedLine {
  /** 1-based number of the line it begins on. */
  number: number
  text: string
  /** False for a last line without a line end: it may have been cut. */
  ended: boolean
}

/**
 * Lines of a file in arrays as they are read, without line ends and BOM; a quoted line end belongs to its cell. Throws
 * CSV_INVALID for a line over 1 MiB (a binary file), and what the file system throws.
 */
export async function* linesOf(path: string): AsyncGenerator<NumberedLine[]> {
  let rest = ''
  let open = ''
  let number = 1
  let openNumber = 1
  const take = (piece: string, ended: boolean, into: NumberedLine[]): void => {
    const text = open === '' ? piece : `${open}\n${piece}`
    if (open === '') openNumber = number
    number++
    // An odd number of quotes so far: a cell is still open.
    if (ended && hasOpenQuote(text)) open = text
    else {
      open = ''
      into.push({ number: openNumber, text, ended })
    }
  }
  const stream = createReadStream(path, { encoding: 'utf8', highWaterMark: 256 * 1024 })
  for await (const chunk of stream) {
    const pieces = (rest + chunk).split('\n')
    rest = pieces.pop() ?? ''
    if (number === 1 && pieces.length > 0) pieces[0] = withoutBom(pieces[0]!)
    const lines: NumberedLine[] = []
    for (const piece of pieces) take(piece.endsWith('\r') ? piece.slice(0, -1) : piece, true, lines)
    if (rest.length > LINE_BYTES_MAX || open.length > LINE_BYTES_MAX) throw overlong(path, openNumber)
    yield lines
  }
  const last: NumberedLine[] = []
  if (number === 1) rest = withoutBom(rest)
  if (rest !== '' || open !== '') take(rest, false, last)
  yield last
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

/** The delimiter that splits the header into most cells. */
export function findDelimiter(header: string): Delimiter {
  const candidates: Delimiter[] = [',', ';', '\t']
  const counts = candidates.map(delimiter => cellsOf(header, delimiter).length)
  return candidates[counts.indexOf(Math.max(...counts))] ?? ','
}

function hasOpenQuote(text: string): boolean {
  let quotes = 0
  for (let at = text.indexOf('"'); at !== -1; at = text.indexOf('"', at + 1)) quotes++
  return quotes % 2 === 1
}

function withoutBom(text: string): string {
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text
}

function overlong(path: string, number: number): AgentError {
  return new AgentError(
    'CSV_INVALID',
    `${path}, line ${number}: longer than ${LINE_BYTES_MAX} characters; is a quote left open, or is this no CSV file?`,
  )
}
