// Units on their way to LevelDB: bounded in bytes, oldest dropped first, their chunks visible to queries until they are stored.
import type { Counters } from '../core/counters.ts'
import { AgentError } from '../core/errors.ts'
import { isSummed } from './keys.ts'
import type { Store } from './store.ts'
import type { Unit, UnitChunk } from './unit.ts'

/** Three seconds of 5 million waveform samples/s. */
const WAITING_BYTES_MAX = 32 << 20
const BATCH_BYTES_MAX = 2 << 20

export class WriteBehind {
  readonly #store: Store
  readonly #lost: { n: number }
  readonly #stored: () => Promise<void>
  /** By number, in order of arrival. */
  readonly #waiting = new Map<number, Unit>()
  #nextNumber = 1
  #bytes = 0
  /** Units of the batch being written: they are not dropped. */
  #inFlight = 0
  #draining: Promise<void> | undefined

  /** `stored` runs after each batch, before the next. */
  constructor(store: Store, counters: Counters, stored: () => Promise<void>) {
    this.#store = store
    this.#lost = counters.get('history.lost_rows')
    this.#stored = stored
  }

  /** Chunks not yet stored. */
  *chunks(): Generator<UnitChunk> {
    for (const unit of this.#waiting.values()) yield* unit.chunks
  }

  /** Keys of pieces that chunks on their way will replace. */
  *replacedKeys(): Generator<Buffer> {
    for (const { pieces } of this.chunks()) for (const { key } of pieces) yield key
  }

  push(unit: Unit | undefined): void {
    if (!unit) return
    this.#waiting.set(this.#nextNumber++, unit)
    this.#bytes += unit.bytes
    // What can be written again later goes first.
    if (this.#bytes > WAITING_BYTES_MAX) this.#dropOldest(unit => unit.chunks.length === 0)
    if (this.#bytes > WAITING_BYTES_MAX) this.#dropOldest(() => true)
    this.drain()
  }

  #dropOldest(may: (unit: Unit) => boolean): void {
    let skip = this.#inFlight
    for (const [number, unit] of this.#waiting) {
      if (skip-- > 0) continue
      if (this.#bytes <= WAITING_BYTES_MAX) return
      if (!may(unit)) continue
      this.#waiting.delete(number)
      this.#bytes -= unit.bytes
      this.#drop(unit)
    }
  }

  /** Rows whose pieces are on the disk are found there when the store is opened again; the others are gone. */
  #drop(unit: Unit): void {
    for (const { prefix, rows, pieces } of unit.chunks) {
      if (isSummed(prefix)) continue
      this.#lost.n += rows - pieces.reduce((sum, piece) => sum + (piece.stored ? piece.rows : 0), 0)
    }
    for (const { piece, buffer } of unit.pieces) buffer.forget(piece)
  }

  /** The store is a new one: buffers save their rows again, chunks on their way replace no pieces. */
  forgetPieces(): void {
    for (const [number, unit] of this.#waiting) {
      const bytes = unit.pieces.reduce((sum, { piece }) => sum + piece.value.length, 0)
      this.#bytes -= bytes
      this.#waiting.set(number, { ...unit, pieces: [], bytes: unit.bytes - bytes })
      for (const { pieces } of unit.chunks) for (const piece of pieces) piece.stored = false
    }
  }

  drain(): void {
    if (this.#draining || this.#waiting.size === 0 || !this.#store.db) return
    this.#draining = this.#store
      .exclusive(() => this.#writeBatch())
      .finally(() => {
        this.#draining = undefined
        this.drain()
      })
  }

  async #writeBatch(): Promise<void> {
    if (!this.#store.db) return
    const units: [number, Unit][] = []
    let bytes = 0
    for (const [number, unit] of this.#waiting) {
      if (units.length > 0 && bytes + unit.bytes > BATCH_BYTES_MAX) break
      units.push([number, unit])
      bytes += unit.bytes
    }
    this.#inFlight = units.length
    try {
      await this.#store.write(units.map(([, unit]) => unit))
    } catch (error) {
      await this.#store.fail(error)
      return
    } finally {
      this.#inFlight = 0
    }
    for (const [number, unit] of units) {
      this.#waiting.delete(number)
      this.#bytes -= unit.bytes
      for (const { piece } of unit.pieces) {
        piece.stored = true
        piece.value = Buffer.alloc(0)
      }
    }
    await this.#stored()
  }

  /** Resolves when what waits now is stored or dropped; rejects with HISTORY_IO when the store fails before that. */
  async settled(): Promise<void> {
    const last = [...this.#waiting.keys()].at(-1)
    while (last !== undefined && this.#waiting.has(last)) {
      if (!this.#draining) {
        const text = `${this.#waiting.size} parts of the history are not on the disk: ${this.#store.failing ?? 'the store is closed'}`
        throw new AgentError('HISTORY_IO', text)
      }
      await this.#draining
    }
  }

  /** What will never be written, at the end. */
  abandon(): void {
    // A chunk that waits behind its own pieces has their rows, too.
    const inChunks = new Set([...this.chunks()].flatMap(({ pieces }) => pieces))
    for (const unit of this.#waiting.values()) {
      this.#drop(unit)
      for (const { piece, buffer } of unit.pieces) {
        if (!isSummed(buffer.prefix) && !inChunks.has(piece)) this.#lost.n += piece.rows
      }
    }
    this.#waiting.clear()
    this.#bytes = 0
  }
}
