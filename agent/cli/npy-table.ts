// A NumPy file of rows that come one by one: a structured array, so that numpy.load() gives `rows["time"]` and `rows["flow"]`.
// Format: numpy.lib.format, version 2.0.
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { unwritable } from './files.ts'

const MAGIC = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 2, 0])
/** Room for the number of rows, which is known at the end. */
const COUNT_DIGITS = 16
const ALIGNED_TO = 64
const BLOCK_BYTES = 1 << 18
const ADVICE = 'choose another --npy'

export class NpyTable {
  readonly #path: string
  readonly #file: FileHandle
  readonly #columns: readonly string[]
  readonly #block = Buffer.alloc(BLOCK_BYTES)
  #used = 0
  #rows = 0

  private constructor(path: string, file: FileHandle, columns: readonly string[]) {
    this.#path = path
    this.#file = file
    this.#columns = columns
  }

  /** Begins `path`.new; `finish` gives it its name. Throws FILE_UNWRITABLE. */
  static async create(path: string, columns: readonly string[]): Promise<NpyTable> {
    try {
      const file = await open(`${path}.new`, 'w')
      await file.write(header(columns, 0))
      return new NpyTable(path, file, columns)
    } catch (error) {
      throw unwritable(path, error, ADVICE)
    }
  }

  /** Time in µs since 1970, then the columns; null is NaN. */
  async push(row: readonly (number | null)[]): Promise<void> {
    if (this.#used + 8 * row.length > BLOCK_BYTES) await this.#write()
    this.#used = this.#block.writeBigInt64LE(BigInt(Math.round(row[0] ?? 0)), this.#used)
    for (let column = 1; column < row.length; column++)
      this.#used = this.#block.writeDoubleLE(row[column] ?? Number.NaN, this.#used)
    this.#rows++
  }

  async #write(): Promise<void> {
    try {
      await this.#file.writeFile(this.#block.subarray(0, this.#used))
      this.#used = 0
    } catch (error) {
      throw unwritable(this.#path, error, ADVICE)
    }
  }

  /** Rows written. */
  async finish(): Promise<number> {
    await this.#write()
    try {
      const head = header(this.#columns, this.#rows)
      await this.#file.write(head, 0, head.length, 0)
      await this.#file.close()
      await rename(`${this.#path}.new`, this.#path)
    } catch (error) {
      throw unwritable(this.#path, error, ADVICE)
    }
    return this.#rows
  }

  async abandon(): Promise<void> {
    await this.#file.close().catch(() => {})
    await rm(`${this.#path}.new`, { force: true }).catch(() => {})
  }
}

function header(columns: readonly string[], rows: number): Buffer {
  // A string of JSON with all but printable ASCII escaped is one of Python's, too.
  const name = (text: string): string =>
    JSON.stringify(text).replace(/[^ -~]/g, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
  const fields = [`("time", "<M8[us]")`, ...columns.map(column => `(${name(column)}, "<f8")`)]
  const count = String(rows).padStart(COUNT_DIGITS)
  const text = `{"descr": [${fields.join(', ')}], "fortran_order": False, "shape": (${count},), }`
  const bytes = Math.ceil((MAGIC.length + 4 + text.length + 1) / ALIGNED_TO) * ALIGNED_TO
  const head = Buffer.alloc(bytes, ' ')
  MAGIC.copy(head)
  head.writeUInt32LE(bytes - MAGIC.length - 4, MAGIC.length)
  head.write(text, MAGIC.length + 4, 'latin1')
  head[bytes - 1] = 0x0a
  return head
}
