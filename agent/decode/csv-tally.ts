// What was odd about the cells and rows of a recorded CSV file, counted while it is read, and where it began.

interface Oddity {
  count: number
  line: number
  cells: number
}

const TEXT_SHOWN_MAX = 24

export class CsvTally {
  badCells = 0
  badRows = 0
  #firstBad: { line: number; column: string; cell: string } | undefined
  readonly #short: Oddity = { count: 0, line: 0, cells: 0 }
  readonly #long: Oddity = { count: 0, line: 0, cells: 0 }

  badCell(line: number, column: string, cell: string): void {
    this.badCells++
    this.#firstBad ??= { line, column, cell }
  }

  /** `surplus`: cells more than names, negative for fewer. */
  ragged(line: number, cells: number, surplus: number): void {
    this.badRows++
    const oddity = surplus < 0 ? this.#short : this.#long
    if (oddity.count++ === 0) Object.assign(oddity, { line, cells })
  }

  /** For people; `names`: how many cells a row should have. */
  notes(names: number): string[] {
    const first = ({ line, cells }: Oddity): string => `the first is line ${line} with ${cells} of ${names}`
    const rows = (count: number): string => (count === 1 ? '1 row has' : `${count} rows have`)
    const notes: string[] = []
    if (this.#short.count > 0)
      notes.push(`${rows(this.#short.count)} too few cells, what is not there counts as missing; ${first(this.#short)}`)
    if (this.#long.count > 0)
      notes.push(`${rows(this.#long.count)} too many cells, those beyond the header are not read; ${first(this.#long)}`)
    if (this.#firstBad) {
      const { line, column, cell } = this.#firstBad
      const shown = cell
        .trim()
        .slice(0, TEXT_SHOWN_MAX)
        .replaceAll(/\p{C}+/gu, ' ')
      const hold = this.badCells === 1 ? '1 cell holds' : `${this.badCells} cells hold`
      notes.push(
        `${hold} no number and count${this.badCells === 1 ? 's' : ''} as missing; the first is "${shown}" in ${column}, line ${line}`,
      )
    }
    return notes
  }
}
