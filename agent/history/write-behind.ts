// Chunks on their way to LevelDB: bounded in bytes, oldest dropped first, visible to queries until they are stored.
import type { Counters } from '../core/counters.ts'
import { AgentError } from '../core/errors.ts'
import type { HistoryClass } from './contract.ts'
import type { Store } from './store.ts'

/** Three seconds of 5 million waveform samples/s. */
const WAITING_BYTES_MAX = 32 << 20
const BATCH_BYTES_MAX = 2 << 20

export interface WaitingChunk {
  cls: HistoryClass
  prefix: Buffer
  key: Buffer
  value: Buffer
  firstUs: number
  rows: number
}

export class WriteBehind {
  readonly #store: Store
  readonly #lost: { n: number }
  readonly #stored: () => Promise<void>
  /** By key, in order of arrival. */
  readonly #waiting = new Map<string, WaitingChunk>()
  #bytes = 0
  /** Chunks of the batch being written: they are not dropped. */
  #inFlight = 0
  #draining: Promise<void> | undefined

  /** `stored` runs after each batch, before the next. */
  constructor(store: Store, counters: Counters, stored: () => Promise<void>) {
    this.#store = store
    this.#lost = counters.get('history.lost_rows')
    this.#stored = stored
  }

  get waiting(): Iterable<WaitingChunk> {
    return this.#waiting.values()
  }

  has(key: Uint8Array): boolean {
    return this.#waiting.has(Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1'))
  }

  push(chunk: WaitingChunk): void {
    this.#waiting.set(chunk.key.toString('latin1'), chunk)
    this.#bytes += chunk.value.length
    if (this.#bytes > WAITING_BYTES_MAX) this.#dropOldest()
    this.drain()
  }

  #dropOldest(): void {
    let skip = this.#inFlight
    for (const [id, chunk] of this.#waiting) {
      if (skip-- > 0) continue
      if (this.#bytes <= WAITING_BYTES_MAX) return
      this.#waiting.delete(id)
      this.#bytes -= chunk.value.length
      this.#lost.n += chunk.rows
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
    const { db, tally } = this.#store
    if (!db) return
    const chunks: WaitingChunk[] = []
    let bytes = 0
    for (const chunk of this.#waiting.values()) {
      if (chunks.length > 0 && bytes + chunk.value.length > BATCH_BYTES_MAX) break
      chunks.push(chunk)
      bytes += chunk.value.length
    }
    const weighed = chunks.map(({ cls, firstUs, key, value }) => ({ cls, firstUs, bytes: key.length + value.length }))
    const { puts, commit } = tally.plan(weighed, this.#store.nextSeq)
    this.#inFlight = chunks.length
    try {
      await db.batch([...chunks, ...puts].map(({ key, value }) => ({ type: 'put', key, value })))
    } catch (error) {
      await this.#store.fail(error)
      return
    } finally {
      this.#inFlight = 0
    }
    commit()
    for (const chunk of chunks) {
      this.#waiting.delete(chunk.key.toString('latin1'))
      this.#bytes -= chunk.value.length
      this.#store.addTable(chunk.prefix)
    }
    await this.#stored()
  }

  /** Resolves when what waits now is stored or dropped; rejects with HISTORY_IO when the store fails before that. */
  async settled(): Promise<void> {
    const last = [...this.#waiting.keys()].at(-1)
    while (last !== undefined && this.#waiting.has(last)) {
      if (!this.#draining) {
        const text = `${this.#waiting.size} chunks of history are not on the disk: ${this.#store.failing ?? 'the store is closed'}`
        throw new AgentError('HISTORY_IO', text)
      }
      await this.#draining
    }
  }

  /** What will never be written, at the end. */
  abandon(): void {
    for (const chunk of this.#waiting.values()) this.#lost.n += chunk.rows
    this.#waiting.clear()
    this.#bytes = 0
  }
}
