// Many rows of one table as bytes: times, then one column after the other. Lossless to the bit.
//
//   times     0 and the first f64, steps between them as integers (whole µs, so constant at a steady rate), or 1 and a column
//   columns   each: its bytes varint, so that a reader of one channel passes over the others; then column.ts
import { ByteReader, ByteWriter } from './byte-writer.ts'
import { Column } from './column.ts'
import { Integers } from './integers.ts'

const STEPS = 0
const COLUMN = 1

export class RowsCodec {
  readonly #writer = new ByteWriter()
  readonly #columnWriter = new ByteWriter()
  readonly #column: Column
  readonly #integers: Integers
  readonly #steps: Float64Array

  /** Holds scratch for chunks of up to `rowsMax` rows: some 60 bytes a row. */
  constructor(rowsMax: number) {
    this.#column = new Column(rowsMax)
    this.#integers = new Integers(rowsMax)
    this.#steps = new Float64Array(rowsMax)
  }

  /** Columns [rows or longer], at least one row. What it returns is good until the next call. */
  encode(timesUs: Float64Array, columns: readonly Float64Array[], rows: number): Buffer {
    const writer = this.#writer
    writer.clear()
    this.#writeTimes(timesUs, rows)
    for (const column of columns) {
      this.#columnWriter.clear()
      this.#column.write(column, rows, this.#columnWriter)
      writer.varint(this.#columnWriter.length)
      writer.bytes(this.#columnWriter.view())
    }
    return writer.view()
  }

  #writeTimes(timesUs: Float64Array, rows: number): void {
    const writer = this.#writer
    const steps = this.#steps
    let exact = Number.isSafeInteger(timesUs[0]!)
    for (let row = 1; row < rows && exact; row++) {
      steps[row - 1] = timesUs[row]! - timesUs[row - 1]!
      exact = Number.isSafeInteger(timesUs[row]!)
    }
    const start = writer.length
    if (exact) {
      writer.u8(STEPS)
      writer.f64(timesUs[0]!)
      if (rows === 1 || this.#integers.write(steps, rows - 1, writer)) return
      writer.length = start
    }
    writer.u8(COLUMN)
    this.#column.write(timesUs, rows, writer)
  }

  /**
   * Times [rows], and for each entry of `wanted` (the place of a column among those written, -1 for none of them) its values
   * [rows]; NaN for none. Throws a RangeError when these are not the bytes of such rows.
   */
  decode(bytes: Buffer, rows: number, wanted: readonly number[]): { timesUs: Float64Array; columns: Float64Array[] } {
    const from = new ByteReader(bytes)
    const timesUs = this.#readTimes(from, rows)
    const columns = wanted.map(() => new Float64Array(rows).fill(Number.NaN))
    const last = Math.max(-1, ...wanted)
    for (let place = 0; place <= last; place++) {
      const end = from.varint() + from.at
      const to = wanted.indexOf(place)
      if (to >= 0) this.#column.read(from, rows, columns[to]!)
      from.at = end
    }
    return { timesUs, columns }
  }

  #readTimes(from: ByteReader, rows: number): Float64Array {
    const timesUs = new Float64Array(rows)
    if (from.u8() === COLUMN) {
      this.#column.read(from, rows, timesUs)
      return timesUs
    }
    let time = from.f64()
    timesUs[0] = time
    if (rows === 1) return timesUs
    this.#integers.read(from, rows - 1, this.#steps)
    for (let row = 1; row < rows; row++) {
      time += this.#steps[row - 1]!
      timesUs[row] = time
    }
    return timesUs
  }
}
