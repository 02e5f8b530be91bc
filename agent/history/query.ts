// Chunks of one table in time order: those in LevelDB merged with those on their way there and the buffer being filled.
import type { Counters } from '../core/counters.ts'
import { AgentError, messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { BACK_US, type Codecs, headerOf, openChunk, SPANS_US } from './chunk.ts'
import { afterTable, chunkKey, inTier, type Tier, timeBound } from './keys.ts'
import type { Store } from './store.ts'
import type { WriteBehind } from './write-behind.ts'

export interface Unsealed {
  rows: number
  firstUs: number
  encode(codecs: Codecs, key: Uint8Array): Buffer
}

interface Keyed {
  key: Buffer
  value: Uint8Array
}

type Stored = AsyncIterable<[Uint8Array, Uint8Array]> & { close(): Promise<void> }

interface Picture {
  waiting: readonly Keyed[]
  /** Undefined while the store fails. */
  stored: Stored | undefined
}

const READ_AHEAD_BYTES = 262_144

export class ChunkReader {
  readonly #store: Store
  readonly #writer: WriteBehind
  readonly #logger: Logger
  readonly #corrupt: { n: number }
  readonly #codecs: Codecs

  constructor(store: Store, writer: WriteBehind, codecs: Codecs, logger: Logger, counters: Counters) {
    this.#codecs = codecs
    this.#store = store
    this.#writer = writer
    this.#logger = logger
    this.#corrupt = counters.get('history.corrupt_chunks')
  }

  /**
   * Chunks of the table, and of its black box, that may hold rows of [fromUs, toUs): of the moment at which the first is asked
   * for. One whose CRC fails is counted and left out. Rejects with HISTORY_IO when the store cannot be read: what came before
   * that is right, but not all.
   */
  async *chunks(prefix: Buffer, fromUs: number, toUs: number, unsealed?: Unsealed): AsyncGenerator<Buffer> {
    // What the black box keeps is older than all that is left of its class.
    const kept = this.#picture(inTier(prefix, 'black-box'), 'black-box', fromUs, toUs)
    const live = this.#picture(prefix, 'raw', fromUs, toUs, unsealed)
    try {
      yield* this.#read(kept, fromUs, toUs)
      yield* this.#read(live, fromUs, toUs)
    } finally {
      await live.stored?.close()
      await kept.stored?.close()
    }
  }

  /** Likewise, of rows summed up. */
  async *summedChunks(
    prefix: Buffer,
    tier: 'minutes' | 'hours',
    fromUs: number,
    toUs: number,
    unsealed?: Unsealed,
  ): AsyncGenerator<Buffer> {
    const picture = this.#picture(inTier(prefix, tier), tier, fromUs, toUs, unsealed)
    try {
      yield* this.#read(picture, fromUs, toUs)
    } finally {
      await picture.stored?.close()
    }
  }

  /** Of memory and of LevelDB, whose iterator keeps to the moment it was made. */
  #picture(prefix: Buffer, tier: Tier, fromUs: number, toUs: number, unsealed?: Unsealed): Picture {
    const waiting = this.#inMemory(prefix, unsealed)
    const until = timeBound(prefix, toUs + BACK_US)
    const options = {
      gte: timeBound(prefix, fromUs - SPANS_US[tier]),
      lt: toUs + BACK_US < Number.POSITIVE_INFINITY ? until : afterTable(prefix),
    }
    const stored = this.#store.db?.iterator({ ...options, highWaterMarkBytes: READ_AHEAD_BYTES })
    return { waiting, stored }
  }

  async *#read({ waiting, stored }: Picture, fromUs: number, toUs: number): AsyncGenerator<Buffer> {
    const known = new Set(waiting.map(({ key }) => key.toString('latin1')))
    let next = 0
    try {
      if (stored) {
        for await (const [bytes, value] of stored) {
          const key = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
          while (next < waiting.length && waiting[next]!.key.compare(key) < 0)
            yield* this.#open(waiting[next++]!, fromUs, toUs)
          // Stored between its batch and the moment JavaScript heard of it.
          if (!known.has(key.toString('latin1'))) yield* this.#open({ key, value }, fromUs, toUs)
        }
      }
    } catch (error) {
      this.#readFailed(error)
    }
    while (next < waiting.length) yield* this.#open(waiting[next++]!, fromUs, toUs)
    if (stored) return
    const text = `only what is in memory was read: ${this.#store.failing ?? 'the history is closed'}`
    throw new AgentError('HISTORY_IO', text)
  }

  #inMemory(prefix: Buffer, unsealed: Unsealed | undefined): Keyed[] {
    const found: Keyed[] = []
    for (const chunk of this.#writer.chunks()) if (chunk.prefix.equals(prefix)) found.push(chunk)
    if (unsealed && unsealed.rows > 0) {
      const key = chunkKey(prefix, unsealed.firstUs, this.#store.nextSeq)
      found.push({ key, value: unsealed.encode(this.#codecs, key) })
    }
    return found.sort((a, b) => a.key.compare(b.key))
  }

  *#open({ key, value }: Keyed, fromUs: number, toUs: number): Generator<Buffer> {
    const chunk = openChunk(key, value)
    if (!chunk) {
      this.#corrupt.n++
      this.#logger.error('a chunk of history is damaged and left out', { key: key.toString('hex') })
      return
    }
    const { minUs, maxUs } = headerOf(chunk)
    if (maxUs >= fromUs && minUs < toUs) yield chunk
  }

  /** LevelDB passes over a block it cannot decode and says so at the end: that is a damaged chunk, not a failed query. */
  #readFailed(error: unknown): void {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    if ((cause as NodeJS.ErrnoException).code === 'LEVEL_CORRUPTION') {
      this.#corrupt.n++
      this.#logger.error('a block of history is damaged and left out', { cause: messageOf(cause) })
      return
    }
    const text = `reading the history failed (${messageOf(cause)}): check the disk, then ask again`
    throw new AgentError('HISTORY_IO', text, { cause: error })
  }
}
