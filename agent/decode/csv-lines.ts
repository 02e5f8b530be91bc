// Serial lines of separated values -> rows. Columns by 0-based index, or by name once a header line has passed.
import type { Counter } from '../core/counters.ts'
import type { DecoderContext, StreamDecoder } from './contract.ts'
import { cellNumber, type Delimiter } from './csv-cells.ts'
import { HeaderWatch } from './csv-header.ts'
import { boundScalars, rowBuffers } from './json-rows.ts'
import { LineFramer } from './line-framer.ts'
import type { RowBuffer } from './row-buffer.ts'
import { timeUsOf } from './times.ts'

interface CsvField {
  channel: number
  column: string | number
  /** Position in the line, -1 until a header names it. */
  at: number
  scale: number
  offset: number
}

interface CsvGroup {
  buffer: RowBuffer
  fields: CsvField[]
  timeColumn: string | number | undefined
  timeAt: number
}

export interface CsvLinesOptions {
  delimiter: Delimiter
  lineBytesMax: number
}

/** A channel without `column` is looked for under its id in the header. */
export function createCsvLinesDecoder(context: DecoderContext, options: CsvLinesOptions): StreamDecoder {
  return new CsvLinesDecoder(context, options)
}

class CsvLinesDecoder implements StreamDecoder {
  readonly #groups: readonly CsvGroup[]
  readonly #names: readonly string[]
  readonly #delimiter: Delimiter
  readonly #framer: LineFramer
  readonly #badLines: Counter
  readonly #badValues: Counter
  readonly #badTimes: Counter
  readonly #noHeader: Counter
  readonly #watch: HeaderWatch
  #cellsMin: number
  #named: boolean
  #first = true
  #receivedUs = 0

  constructor(context: DecoderContext, options: CsvLinesOptions) {
    const counter = (what: string): Counter => context.counters.get(`decode.${context.sourceId}.${what}`)
    this.#groups = groupFields(context)
    this.#names = [...new Set(this.#groups.flatMap(columnsOf).filter(column => typeof column === 'string'))]
    this.#named = this.#names.length === 0
    this.#cellsMin = this.#cellsNeeded()
    this.#delimiter = options.delimiter
    this.#watch = new HeaderWatch(this.#names, options.delimiter)
    this.#badLines = counter('bad_lines')
    this.#badValues = counter('bad_values')
    this.#badTimes = counter('bad_times')
    this.#noHeader = counter('no_header')
    const overlong = counter('oversize')
    this.#framer = new LineFramer(
      options.lineBytesMax,
      (bytes, start, end) => this.#line(bytes, start, end),
      () => overlong.n++,
    )
  }

  get problem(): string | undefined {
    return this.#watch.problem
  }

  push(chunk: Uint8Array, receivedUs: number): void {
    this.#receivedUs = receivedUs
    this.#framer.push(chunk)
    for (const group of this.#groups) group.buffer.flush()
  }

  reset(): void {
    this.#framer.reset()
    this.#first = true
  }

  #line(bytes: Uint8Array, start: number, end: number): void {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8')
    const cells = text.split(this.#delimiter)
    const first = this.#first
    this.#first = false
    if (this.#names.length > 0 && this.#takeHeader(cells)) return
    if (!this.#named) {
      this.#noHeader.n++
      this.#watch.missed(cells.map(unquoted))
      return
    }
    // The port may have been opened in the middle of a line: "12.5" is then what is left of "112.5", and nothing tells.
    if (first) return
    if (cells.length < this.#cellsMin) {
      this.#badLines.n++
      return
    }
    for (const group of this.#groups) this.#row(cells, group)
  }

  #row(cells: readonly string[], group: CsvGroup): void {
    const offset = group.buffer.begin()
    const { values } = group.buffer
    let good = 0
    for (const field of group.fields) {
      const reading = cellNumber(unquoted(cells[field.at]!), this.#delimiter)
      if (Number.isNaN(reading)) {
        this.#badValues.n++
        continue
      }
      values[offset + field.channel] = reading * field.scale + field.offset
      good++
    }
    if (good === 0) {
      this.#badLines.n++
      return
    }
    let timeUs = this.#receivedUs
    if (group.timeColumn !== undefined) {
      const stated = timeUsOf(unquoted(cells[group.timeAt]!))
      if (Number.isNaN(stated)) this.#badTimes.n++
      else timeUs = stated
    }
    group.buffer.commit(timeUs)
  }

  /** True when the line names all columns that are wanted by name. A device may send it again after a restart. */
  #takeHeader(cells: readonly string[]): boolean {
    if (!cells.some(cell => unquoted(cell) === this.#names[0])) return false
    const header = cells.map(unquoted)
    if (!this.#names.every(name => header.includes(name))) return false
    const place = (column: string | number): number => (typeof column === 'number' ? column : header.indexOf(column))
    for (const group of this.#groups) {
      for (const field of group.fields) field.at = place(field.column)
      if (group.timeColumn !== undefined) group.timeAt = place(group.timeColumn)
    }
    this.#named = true
    this.#watch.found()
    // A line with fewer cells than the header was cut, and its last number may be cut too.
    this.#cellsMin = Math.max(header.length, this.#cellsNeeded())
    return true
  }

  #cellsNeeded(): number {
    return 1 + Math.max(...this.#groups.flatMap(group => [group.timeAt, ...group.fields.map(field => field.at)]), 0)
  }
}

function groupFields(context: DecoderContext): CsvGroup[] {
  const buffers = rowBuffers(context)
  const groups = new Map<number, CsvGroup>()
  const place = (column: string | number | undefined): number => (typeof column === 'number' ? column : -1)
  for (const { asset, channel, config } of boundScalars(context)) {
    const { timeColumn, column = config.id } = config.binding
    let group = groups.get(asset)
    if (!group) {
      group = { buffer: buffers.get(asset)!, fields: [], timeColumn, timeAt: place(timeColumn) }
      groups.set(asset, group)
    }
    // One line is one moment: the first column that any channel names is the time of all.
    if (group.timeColumn === undefined) {
      group.timeColumn = timeColumn
      group.timeAt = place(timeColumn)
    }
    group.fields.push({ channel, column, at: place(column), scale: config.scale, offset: config.offset })
  }
  return [...groups.values()]
}

function columnsOf(group: CsvGroup): (string | number)[] {
  const columns = group.fields.map(field => field.column)
  return group.timeColumn === undefined ? columns : [group.timeColumn, ...columns]
}

function unquoted(cell: string): string {
  const text = cell.trim()
  return text.length >= 2 && text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1) : text
}
