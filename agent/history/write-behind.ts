// Units on their way to LevelDB: bounded in bytes, oldest dropped first, their chunks visible to queries until they are stored.
import type { Counters } from '../core/counters.ts'
import { AgentError } from '../core/errors.ts'
import { isSummed } from './keys.ts'
import type { Marks } from './marks.ts'
import type { Store } from './store.ts'
import type { Unit, UnitChunk } from './unit.ts'

/** Three seconds of 5 million waveform samples/s. */
const WAITING_BYTES_MAX = 32 << 20
const BATCH_BYTES_MAX = 2 << 20
/** LevelDB holds a batch in memory once more. */
const TOGETHER_BYTES_MAX = WAITING_BYTES_MAX / 2

export interface WriteBehindOptions {
  store: Store
  counters: Counters
  /** Put as soon as all that was held together is there. */
  marks: Marks
  /** Runs after each batch, before the next. */
  stored: (marked: boolean) => Promise<void>
}

export class WriteBehind {
  readonly #store: Store
  readonly #lost: { n: number }
  readonly #marks: Marks
  readonly #stored: (marked: boolean) => Promise<void>
  /** By number, in order of arrival. */
  readonly #waiting = new Map<number, Unit>()
  #nextNumber = 1
  /** Units up to this number go into one batch. */
  #together = 0
  #bytes = 0
  /** Units of the batch being written: they are not dropped. */
  #inFlight = 0
  #draining: Promise<void> | undefined

  constructor({ store, counters, marks, stored }: WriteBehindOptions) {
    this.#store = store
    this.#lost = counters.get('history.lost_rows')
    this.#marks = marks
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
    // What can be written again later goes first; the sums of rows that go in the same batch cannot.
    const again = (unit: Unit, number: number): boolean => unit.chunks.length === 0 && number > this.#together
    if (this.#bytes > WAITING_BYTES_MAX) this.#dropOldest(again)
    if (this.#bytes > WAITING_BYTES_MAX) this.#dropOldest(() => true)
    this.drain()
  }

  #dropOldest(may: (unit: Unit, number: number) => boolean): void {
    let skip = this.#inFlight
    for (const [number, unit] of this.#waiting) {
      if (skip-- > 0) continue
      if (this.#bytes <= WAITING_BYTES_MAX) return
      if (!may(unit, number)) continue
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

  /**
   * All that waits now is what was in memory when a store was begun in place of another: it goes there in one batch with the
   * marks, so that a kill leaves all of it in the one store or in the other. Where it is too much for one, the marks come after
   * it: after a kill in between the other is carried over whole, and what had been written already is there twice.
   */
  holdTogether(): void {
    this.#together = this.#nextNumber - 1
  }

  drain(): void {
    if (this.#draining || !this.#store.db || this.#waiting.size + this.#marks.waiting.length === 0) return
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
    let marks = this.#marks.waiting
    let bytes = 0
    for (const [number, unit] of this.#waiting) {
      const together = number <= this.#together
      if (units.length > 0 && bytes + unit.bytes > (together ? TOGETHER_BYTES_MAX : BATCH_BYTES_MAX)) {
        if (together) marks = []
        break
      }
      units.push([number, unit])
      bytes += unit.bytes
    }
    this.#inFlight = units.length
    try {
      const marked = { chunks: [], pieces: [], puts: marks, dels: [], bytes: 0 }
      await this.#store.write([...units.map(([, unit]) => unit), marked])
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
    this.#marks.stored(marks)
    await this.#stored(marks.length > 0)
  }

  /** Resolves when what waits now is stored or dropped; rejects with HISTORY_IO when the store fails before that. */
  async settled(): Promise<void> {
    const last = [...this.#waiting.keys()].at(-1)
    // In order; rows that were to be pieces of a store that is set aside meanwhile come again, with all that is held together.
    const waits = (): boolean => (this.#waiting.keys().next().value ?? Infinity) <= Math.max(last ?? 0, this.#together)
    while (last !== undefined && waits()) {
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
