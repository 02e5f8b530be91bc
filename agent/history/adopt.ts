// Pieces and open buckets that no running process fills any more: a crash, a stop, or a chunk that was dropped while the disk
// refused left them behind. At each opening of the store they become chunks.
import type { Logger } from '../core/logger.ts'
import { type Codecs, openChunk, rowsOf } from './chunk.ts'
import type { HistoryRows, RowClass } from './contract.ts'
import { ALL_OPEN, ALL_PIECES, assetOfPrefix, inTier, isSummed, rowClassOf, tableOfOpen, tableOfPiece } from './keys.ts'
import type { Database } from './place.ts'
import type { RowBuffer } from './row-buffer.ts'
import { Table } from './table.ts'
import type { Unit } from './unit.ts'

export interface AdoptContext {
  codecs: Codecs
  takeSeq: () => number
  /** Keys, as latin1, of pieces whose rows are in memory. */
  mine: ReadonlySet<string>
  /** Likewise of the open buckets that this process has in memory: rows of these tables are summed up already. */
  myOpen: ReadonlySet<string>
  corrupt: { n: number }
  logger: Logger
}

/** The units that make chunks of what is left behind, one a table. Nothing is written. */
export async function adoptLeftBehind(db: Database, context: AdoptContext): Promise<readonly Unit[]> {
  const tables = new LeftBehind(context)
  // First what the rows are summed up on top of. Pieces are sorted by class: rows come before minutes and hours, which are
  // chunks of their own.
  for await (const [bytes, value] of db.iterator(ALL_OPEN)) tables.addOpen(Buffer.from(bytes), value)
  for await (const [bytes, value] of db.iterator(ALL_PIECES)) tables.addPiece(Buffer.from(bytes), value)
  return tables.units()
}

class LeftBehind {
  readonly #context: AdoptContext
  readonly #tables = new Map<string, { table: Table; live: boolean; gone: Buffer[] }>()

  constructor(context: AdoptContext) {
    this.#context = context
  }

  addOpen(key: Buffer, value: Uint8Array): void {
    if (this.#context.myOpen.has(key.toString('latin1'))) return
    const left = this.#of(tableOfOpen(key))
    const rows = this.#read(key, value)
    if (rows) left.table.restoreOpen(rows)
    left.gone.push(key)
  }

  addPiece(key: Buffer, value: Uint8Array): void {
    if (this.#context.mine.has(key.toString('latin1'))) return
    const prefix = tableOfPiece(key)
    const left = this.#of(prefix)
    const rows = this.#read(key, value)
    left.gone.push(key)
    if (!rows) return
    const summed = left.table.summed.find(({ buffer }) => buffer.prefix.equals(prefix))
    if (summed) this.#push(left.table, summed.buffer, rows)
    else if (left.live) this.#push(left.table, left.table.raw, rows)
    else {
      left.table.setColumns(rows.columns)
      for (const [row, timeUs] of rows.timesUs.entries())
        left.table.push(timeUs, rows.values, row * rows.columns.length)
    }
  }

  /** Into one buffer only. */
  #push(table: Table, buffer: RowBuffer, rows: HistoryRows): void {
    if (buffer.columns.length === 0 || buffer.differs(rows.columns)) {
      table.chunk(buffer)
      buffer.setColumns(rows.columns)
    }
    for (const [row, timeUs] of rows.timesUs.entries()) {
      if (!buffer.accepts(timeUs)) table.chunk(buffer)
      buffer.push(timeUs, rows.values, row * rows.columns.length)
    }
  }

  #read(key: Buffer, value: Uint8Array): HistoryRows | undefined {
    const chunk = openChunk(key, value)
    if (chunk) return rowsOf(this.#context.codecs, chunk, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY)
    this.#context.corrupt.n++
    this.#context.logger.error('a piece of history is damaged and left out', { key: key.toString('hex') })
    return undefined
  }

  #of(prefix: Buffer) {
    const raw = isSummed(prefix) ? inTier(prefix, 'raw') : prefix
    const id = raw.toString('latin1')
    const known = this.#tables.get(id)
    if (known) return known
    const { codecs, takeSeq, myOpen } = this.#context
    const table = new Table(rowClassOf(raw) as RowClass, assetOfPrefix(raw), codecs, takeSeq)
    const left = { table, live: myOpen.has(table.openKey.toString('latin1')), gone: [] }
    this.#tables.set(id, left)
    return left
  }

  units(): readonly Unit[] {
    return [...this.#tables.values()].flatMap(({ table, gone, live }) => {
      if (live) for (const buffer of table.buffers) table.chunk(buffer)
      else table.end()
      const unit = table.takeFull()
      return unit ? [{ ...unit, dels: [...unit.dels, ...gone] }] : gone.length > 0 ? [onlyGone(gone)] : []
    })
  }
}

function onlyGone(gone: readonly Buffer[]): Unit {
  return { chunks: [], pieces: [], puts: [], dels: gone, bytes: 0 }
}
