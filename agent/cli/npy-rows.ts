// A NumPy file of rows that come one by one; how many is known at the end. Format: numpy.lib.format, version 2.0.
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { unwritable } from './files.ts'

const MAGIC = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 2, 0])
/** Room for the number of rows. */
const COUNT_DIGITS = 16
const ALIGNED_TO = 64
const BLOCK_BYTES = 1 << 18

export interface NpyShape {
  /** As numpy writes it: `'<f8'` with its quotes, or a list of fields. */
  descr: string
  /** Values of a row in an array of two dimensions. */
  width?: number
  /** Said when a write fails. */
  advice: string
}

export class NpyRows {
  readonly #path: string
  readonly #file: FileHandle
  readonly #shape: NpyShape
  readonly #block = Buffer.alloc(BLOCK_BYTES)
  #used = 0
  rows = 0

  private constructor(path: string, file: FileHandle, shape: NpyShape) {
    this.#path = path
    this.#file = file
    this.#shape = shape
  }

  /** Begins `path`.new; `finish` gives it its name. Throws FILE_UNWRITABLE. */
  static async create(path: string, shape: NpyShape): Promise<NpyRows> {
    try {
      const file = await open(`${path}.new`, 'w')
      await file.write(header(shape, 0))
      return new NpyRows(path, file, shape)
    } catch (error) {
      throw unwritable(path, error, shape.advice)
    }
  }

  /** A row of at most `bytes`, which `write` puts into the block at that offset; it returns where it ends. */
  async push(bytes: number, write: (block: Buffer, at: number) => number): Promise<void> {
    if (this.#used + bytes > BLOCK_BYTES) await this.#write()
    this.#used = write(this.#block, this.#used)
    this.rows++
  }

  async #write(): Promise<void> {
    try {
      await this.#file.writeFile(this.#block.subarray(0, this.#used))
      this.#used = 0
    } catch (error) {
      throw unwritable(this.#path, error, this.#shape.advice)
    }
  }

  /** Rows written. */
  async finish(): Promise<number> {
    await this.#write()
    try {
      const head = header(this.#shape, this.rows)
      await this.#file.write(head, 0, head.length, 0)
      await this.#file.close()
      await rename(`${this.#path}.new`, this.#path)
    } catch (error) {
      throw unwritable(this.#path, error, this.#shape.advice)
    }
    return this.rows
  }

  async abandon(): Promise<void> {
    await this.#file.close().catch(() => {})
    await rm(`${this.#path}.new`, { force: true }).catch(() => {})
  }
}

function header({ descr, width }: NpyShape, rows: number): Buffer {
  const count = String(rows).padStart(COUNT_DIGITS)
  const shape = width === undefined ? `(${count},)` : `(${count}, ${width})`
  // As numpy itself writes it: some readers look for these quotes.
  const text = `{'descr': ${descr}, 'fortran_order': False, 'shape': ${shape}, }`
  const bytes = Math.ceil((MAGIC.length + 4 + text.length + 1) / ALIGNED_TO) * ALIGNED_TO
  const head = Buffer.alloc(bytes, ' ')
  MAGIC.copy(head)
  head.writeUInt32LE(bytes - MAGIC.length - 4, MAGIC.length)
  head.write(text, MAGIC.length + 4, 'latin1')
  head[bytes - 1] = 0x0a
  return head
}
