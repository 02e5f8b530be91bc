// What goes to LevelDB in one batch or not at all: chunks with the pieces they replace, pieces, open buckets.
import type { Codecs } from './chunk.ts'
import type { StorageClass } from './contract.ts'
import { storageClassOf } from './keys.ts'
import type { Piece, RowBuffer } from './row-buffer.ts'

export interface UnitChunk {
  cls: StorageClass
  prefix: Buffer
  key: Buffer
  value: Buffer
  firstUs: number
  rows: number
  pieces: readonly Piece[]
}

export interface Unit {
  chunks: readonly UnitChunk[]
  pieces: readonly { piece: Piece; buffer: RowBuffer }[]
  puts: readonly { key: Buffer; value: Buffer }[]
  /** Keys to remove besides those of the chunks' pieces. */
  dels: readonly Buffer[]
  bytes: number
}

export class UnitBuilder {
  readonly #codecs: Codecs
  readonly #takeSeq: () => number
  readonly #chunks: UnitChunk[] = []
  readonly #pieces: { piece: Piece; buffer: RowBuffer }[] = []
  #puts: { key: Buffer; value: Buffer }[] = []
  #dels: Buffer[] = []

  constructor(codecs: Codecs, takeSeq: () => number) {
    this.#codecs = codecs
    this.#takeSeq = takeSeq
  }

  get hasChunks(): boolean {
    return this.#chunks.length > 0
  }

  /** All that the buffer holds, if anything. */
  chunk(buffer: RowBuffer): void {
    if (buffer.rows === 0) return
    const taken = buffer.takeChunk(this.#codecs, this.#takeSeq())
    this.add({ cls: storageClassOf(buffer.prefix)!, prefix: buffer.prefix, ...taken })
  }

  add(chunk: UnitChunk): void {
    this.#chunks.push(chunk)
  }

  /** What the buffer holds beyond its pieces, if anything. */
  piece(buffer: RowBuffer): void {
    if (buffer.unsaved === 0) return
    const piece = buffer.takePiece(this.#codecs, this.#takeSeq())
    if (piece) this.#pieces.push({ piece, buffer })
  }

  /** The last word about a key holds. */
  put(key: Buffer, value: Buffer): void {
    this.#forget(key)
    this.#puts.push({ key, value })
  }

  del(key: Buffer): void {
    this.#forget(key)
    this.#dels.push(key)
  }

  #forget(key: Buffer): void {
    this.#puts = this.#puts.filter(put => !put.key.equals(key))
    this.#dels = this.#dels.filter(del => !del.equals(key))
  }

  /** Undefined when there is nothing in it. */
  build(): Unit | undefined {
    const [chunks, pieces, puts, dels] = [this.#chunks, this.#pieces, this.#puts, this.#dels]
    if (chunks.length + pieces.length + puts.length + dels.length === 0) return undefined
    const values = [...chunks, ...puts, ...pieces.map(({ piece }) => piece)]
    return { chunks, pieces, puts, dels, bytes: values.reduce((sum, { value }) => sum + value.length, 0) }
  }
}

export type Operation = { type: 'put'; key: Uint8Array; value: Uint8Array } | { type: 'del'; key: Uint8Array }

/**
 * One unit after the other: a key that one removes and a later one puts there is there. Of each the deletions come last: a piece
 * saved and replaced by the same unit must be gone.
 */
export function operationsOf(units: readonly Unit[]): Operation[] {
  return units.flatMap(({ chunks, pieces, puts, dels }) => {
    const put = [...chunks, ...pieces.map(({ piece }) => piece), ...puts]
    const gone = [...dels, ...chunks.flatMap(chunk => chunk.pieces.map(({ key }) => key))]
    return [
      ...put.map(({ key, value }) => ({ type: 'put' as const, key, value })),
      ...gone.map(key => ({ type: 'del' as const, key })),
    ]
  })
}
