// Why no row of a line of separated values is taken: what its header should name, and what the stream has instead.
import { cellNumber, type Delimiter } from './csv-cells.ts'

/** A banner, a cut line, a prompt may come before the header; after so many lines none is under way. */
const LINES_UNTIL_SAID = 10
const NAMES_SHOWN_MAX = 8
const TEXT_SHOWN_MAX = 32

/** Looks at the lines before the header; says once what is wrong when it does not come. */
export class HeaderWatch {
  readonly #names: readonly string[]
  readonly #delimiter: Delimiter
  /** The newest line without a number in it: a header, as far as one can tell. */
  #header: readonly string[] | undefined
  #lines = 0
  #problem: string | undefined

  constructor(names: readonly string[], delimiter: Delimiter) {
    this.#names = names
    this.#delimiter = delimiter
  }

  /** Undefined while there may be a header to come, and once it came. */
  get problem(): string | undefined {
    return this.#problem
  }

  /** A line that is not the header. */
  missed(cells: readonly string[]): void {
    if (this.#problem !== undefined) return
    this.#lines++
    const numbers = cells.some(cell => !Number.isNaN(cellNumber(cell, this.#delimiter)))
    if (!numbers && cells.some(cell => cell !== '')) this.#header = cells
    // Rows that follow a header belong to it.
    if (this.#lines >= LINES_UNTIL_SAID || (numbers && this.#header)) this.#problem = this.#text(cells)
  }

  found(): void {
    this.#problem = undefined
    this.#header = undefined
    this.#lines = 0
  }

  #text(cells: readonly string[]): string {
    const header = this.#header
    const absent = header ? this.#names.filter(name => !header.includes(name)) : this.#names
    const has = header
      ? `its header has ${listed(header)}`
      : `it sent no header, and its lines have ${cells.length} column${cells.length === 1 ? '' : 's'}: ${listed(cells)}`
    return `no row is taken: the stream has no column ${listed(absent)}; ${has}; check column of the channels (a name, or a position from 0) and delimiter`
  }
}

/** What comes over a line may be anything: bounded, and without the control characters that a terminal would obey. */
function listed(texts: readonly string[]): string {
  const shown = texts.slice(0, NAMES_SHOWN_MAX).map(text => {
    const printable = text.slice(0, TEXT_SHOWN_MAX).replaceAll(/[\p{C}\p{Z}]+/gu, ' ')
    return text.length > TEXT_SHOWN_MAX ? `${printable}…` : printable
  })
  return texts.length > NAMES_SHOWN_MAX
    ? `${shown.join(', ')} and ${texts.length - NAMES_SHOWN_MAX} more`
    : shown.join(', ')
}
