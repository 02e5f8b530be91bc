// Rows of one table that have come since its last chunk. Appending copies numbers and allocates nothing, except when the buffer
// grows towards its full size. Rows are saved in pieces long before the chunk is full, so that a crash costs seconds.
import { BACK_US, type Codecs, encodeRows, ROWS_MAX, SPANS_US } from './chunk.ts'
import type { HistoryClass } from './contract.ts'
import { chunkKey, pieceKey, type Tier } from './keys.ts'

const ROWS_FIRST = 32
/** Rows summed up come slowly and are wide: 64 kB are 200 minutes or hours of 8 channels. */
const SUMMED_ROWS_MAX = 512
const SUMMED_BYTES_MAX = 64 << 10
/** Wide tables get fewer rows: a chunk is encoded, read and sent as a whole. */
const CHUNK_BYTES_MAX = 2 << 20

/** Rows of a chunk to be, saved under a key of their own until it is stored. */
export interface Piece {
  key: Buffer
  /** Empty once it is on the disk. */
  value: Buffer
  bytes: number
  rows: number
  stored: boolean
}

export class RowBuffer {
  readonly cls: HistoryClass
  readonly prefix: Buffer
  columns: readonly string[] = []
  rows = 0
  firstUs = 0
  readonly #spanUs: number
  readonly #mostRows: number
  readonly #mostBytes: number
  #given: readonly string[] | undefined
  #rowsMax = ROWS_FIRST
  #capacity = 0
  #times: Float64Array = new Float64Array(0)
  #values: Float64Array[] = []
  /** Rows that are in #pieces. */
  #saved = 0
  #pieces: Piece[] = []

  constructor(cls: HistoryClass, tier: Tier, prefix: Buffer) {
    this.cls = cls
    this.prefix = prefix
    this.#spanUs = SPANS_US[tier]
    this.#mostRows = tier === 'raw' ? ROWS_MAX : SUMMED_ROWS_MAX
    this.#mostBytes = tier === 'raw' ? CHUNK_BYTES_MAX : SUMMED_BYTES_MAX
  }

  /** True when these columns need another chunk than the rows held. The same array is recognised without a look inside. */
  differs(columns: readonly string[]): boolean {
    if (columns === this.#given) return false
    if (columns.length === this.columns.length && columns.every((name, i) => name === this.columns[i])) {
      this.#given = columns
      return false
    }
    return true
  }

  /** Only while empty. */
  setColumns(columns: readonly string[]): void {
    this.#given = columns
    this.columns = [...columns]
    const rowBytes = 8 * (columns.length + 1)
    this.#rowsMax = Math.max(1, Math.min(this.#mostRows, Math.floor(this.#mostBytes / rowBytes)))
    this.#resize(Math.min(ROWS_FIRST, this.#rowsMax))
  }

  #resize(capacity: number): void {
    const longer = (held: Float64Array | undefined): Float64Array => {
      const array = new Float64Array(capacity)
      if (held) array.set(held.subarray(0, this.rows))
      return array
    }
    this.#capacity = capacity
    this.#times = longer(this.#times)
    this.#values = this.columns.map((_, column) => longer(this.#values[column]))
  }

  /** Saved rows of the chunk to be. */
  get pieces(): readonly Piece[] {
    return this.#pieces
  }

  /** Memory it holds. */
  get bytes(): number {
    return this.#capacity * 8 * (this.columns.length + 1)
  }

  get unsaved(): number {
    return this.rows - this.#saved
  }

  /** False when the row belongs into a new chunk: this one is full, or the time is too far from its first. */
  accepts(timeUs: number): boolean {
    if (this.rows === 0) return true
    return this.rows < this.#rowsMax && timeUs >= this.firstUs - BACK_US && timeUs < this.firstUs + this.#spanUs
  }

  /** The row [columns] that begins at `at` in `values`. */
  push(timeUs: number, values: Float64Array, at: number): void {
    if (this.rows === 0) this.firstUs = timeUs
    if (this.rows === this.#capacity) this.#resize(Math.min(this.#rowsMax, Math.max(ROWS_FIRST, this.#capacity * 2)))
    const row = this.rows++
    this.#times[row] = timeUs
    for (let column = 0; column < this.#values.length; column++) this.#values[column]![row] = values[at + column]!
  }

  encode(codecs: Codecs, key: Uint8Array): Buffer {
    const { columns: names, rows } = this
    return encodeRows(codecs, key, this.cls, { names, rows, timesUs: this.#times, columns: this.#values })
  }

  /** The rows since the last piece as a piece; undefined when there are none. */
  takePiece(codecs: Codecs, seq: number): Piece | undefined {
    const from = this.#saved
    const rows = this.rows - from
    if (rows === 0) return undefined
    const timesUs = this.#times.subarray(from, this.rows)
    const columns = this.#values.map(column => column.subarray(from, this.rows))
    const key = pieceKey(this.prefix, timesUs[0]!, seq)
    const value = encodeRows(codecs, key, this.cls, { names: this.columns, rows, timesUs, columns })
    const piece = { key, value, bytes: key.length + value.length, rows, stored: false }
    this.#pieces.push(piece)
    this.#saved = this.rows
    return piece
  }

  /** A piece that was never written: its rows are saved again with the next one. */
  forget(piece: Piece): void {
    const at = this.#pieces.indexOf(piece)
    if (at < 0) return
    // Pieces are in the order of the rows; all from this one on are taken back. Those stored are removed with the chunk.
    const before = this.#pieces.slice(0, at).reduce((sum, { rows }) => sum + rows, 0)
    this.#saved = Math.min(this.#saved, before)
    this.#pieces = this.#pieces.filter(one => one !== piece)
  }

  /** All rows are to be saved again. */
  forgetAll(): void {
    this.#saved = 0
    this.#pieces = []
  }

  /** All rows as one chunk and the pieces it replaces; the buffer is empty then. Not for an empty one. */
  takeChunk(
    codecs: Codecs,
    seq: number,
  ): { key: Buffer; value: Buffer; firstUs: number; rows: number; pieces: Piece[] } {
    const key = chunkKey(this.prefix, this.firstUs, seq)
    const taken = { key, value: this.encode(codecs, key), firstUs: this.firstUs, rows: this.rows, pieces: this.#pieces }
    this.rows = 0
    this.#saved = 0
    this.#pieces = []
    return taken
  }

  /** Gives back the memory of an empty buffer. */
  shrink(): void {
    if (this.rows === 0) this.#resize(Math.min(ROWS_FIRST, this.#rowsMax))
  }
}
