// A NumPy file of rows with names: a structured array, so that numpy.load() gives `rows["time"]` and `rows["flow"]`.
import { NpyRows } from './npy-rows.ts'

export class NpyTable {
  readonly #rows: NpyRows

  private constructor(rows: NpyRows) {
    this.#rows = rows
  }

  /** Begins `path`.new; `finish` gives it its name. Throws FILE_UNWRITABLE. */
  static async create(path: string, columns: readonly string[]): Promise<NpyTable> {
    const fields = [`("time", "<M8[us]")`, ...columns.map(column => `(${name(column)}, "<f8")`)]
    return new NpyTable(await NpyRows.create(path, { descr: `[${fields.join(', ')}]`, advice: 'choose another --npy' }))
  }

  /** Time in µs since 1970, then the columns; null is NaN. */
  push(row: readonly (number | null)[]): Promise<void> {
    return this.#rows.push(8 * row.length, (block, from) => {
      let at = block.writeBigInt64LE(BigInt(Math.round(row[0] ?? 0)), from)
      for (let column = 1; column < row.length; column++) at = block.writeDoubleLE(row[column] ?? Number.NaN, at)
      return at
    })
  }

  /** Rows written. */
  finish(): Promise<number> {
    return this.#rows.finish()
  }

  abandon(): Promise<void> {
    return this.#rows.abandon()
  }
}

/** A string of JSON with all but printable ASCII escaped is one of Python's, too. */
function name(text: string): string {
  return JSON.stringify(text).replace(/[^ -~]/g, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
