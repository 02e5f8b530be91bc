// The tables of rows of all assets: what came of each since its last chunk.
import type { Clock } from '../core/clock.ts'
import type { Codecs } from './chunk.ts'
import type { RowClass, StorageClass } from './contract.ts'
import { storageClassOf } from './keys.ts'
import { Table } from './table.ts'
import type { WriteBehind } from './write-behind.ts'

/** 50 assets of 4 classes are 200; a flood of names must not take the memory. */
const TABLES_MAX = 4_096
/** Rows held in memory until they fill a chunk; beyond, the largest tables become chunks early. */
const HELD_BYTES_MAX = 32 << 20
/** Rows of an asset that went silent; a chunk spans an hour at most. */
const HELD_MAX_MS = 2 * 3_600_000

export interface TablesOptions {
  codecs: Codecs
  takeSeq: () => number
  writer: WriteBehind
  clock: Clock
  /** Counter of rows that cannot be kept. */
  lost: { n: number }
}

export class Tables {
  readonly #options: TablesOptions
  readonly #tables: Record<RowClass, Map<string, Table>>
  #names = 0

  constructor(options: TablesOptions) {
    this.#options = options
    this.#tables = { samples: new Map(), scores: new Map(), features: new Map(), vibration: new Map() }
  }

  get(asset: string, cls: RowClass): Table | undefined {
    return this.#tables[cls].get(asset)
  }

  /** See History.append. */
  append(
    asset: string,
    cls: RowClass,
    columns: readonly string[],
    rows: number,
    timesUs: Float64Array,
    values: Float64Array,
  ): void {
    const { lost, writer } = this.#options
    const table = this.#tables[cls].get(asset) ?? this.#add(asset, cls)
    if (!table) {
      lost.n += rows
      return
    }
    table.setColumns(columns)
    const width = columns.length
    for (let row = 0; row < rows; row++) {
      const timeUs = timesUs[row]!
      if (Number.isFinite(timeUs)) table.push(timeUs, values, row * width)
      else lost.n++
    }
    writer.push(table.takeFull())
  }

  #add(asset: string, cls: RowClass): Table | undefined {
    if (++this.#names > TABLES_MAX) return undefined
    const table = new Table(cls, asset, this.#options.codecs, this.#options.takeSeq)
    this.#tables[cls].set(asset, table)
    return table
  }

  *#every(): Generator<Table> {
    for (const tables of Object.values(this.#tables)) yield* tables.values()
  }

  /** Puts on its way what is in memory only, and keeps what stays there within bounds. */
  save(): void {
    const { clock, writer } = this.#options
    const nowMs = clock.monotonicMs()
    let held = 0
    for (const table of this.#every()) {
      table.sealHeld(nowMs, HELD_MAX_MS)
      held += table.bytes
    }
    if (held > HELD_BYTES_MAX) this.#sealLargest(held - HELD_BYTES_MAX)
    for (const table of this.#every()) writer.push(table.takeUnsaved())
  }

  /** Puts on its way all that is in memory, for a store that was begun; none of it is a piece on the disk (forgetPieces). */
  saveAnew(): void {
    for (const table of this.#every()) this.#options.writer.push(table.takeAnew())
  }

  #sealLargest(excessBytes: number): void {
    let left = excessBytes
    for (const table of [...this.#every()].sort((a, b) => b.bytes - a.bytes)) {
      if (left <= 0) return
      left -= table.bytes
      table.sealNow()
      left += table.bytes
    }
  }

  /** Keys in the store, as latin1, of pieces and open buckets whose rows are in memory. */
  keysInMemory(): { pieces: Set<string>; open: Set<string> } {
    const pieces = new Set<string>()
    const open = new Set<string>()
    for (const table of this.#every()) {
      open.add(table.openKey.toString('latin1'))
      for (const buffer of table.buffers) for (const { key } of buffer.pieces) pieces.add(key.toString('latin1'))
    }
    return { pieces, open }
  }

  /** None of them is in the store any more: their rows are saved again. */
  forgetPieces(): void {
    for (const table of this.#every()) for (const buffer of table.buffers) buffer.forgetAll()
  }

  /** Adds what the pieces of chunks to be take in the store. */
  weighPieces(bytes: Record<StorageClass, number>): void {
    for (const table of this.#every()) {
      for (const buffer of table.buffers) {
        const cls = storageClassOf(buffer.prefix)
        if (cls) for (const piece of buffer.pieces) if (piece.stored) bytes[cls] += piece.bytes
      }
    }
  }
}
