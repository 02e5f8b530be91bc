// Which rows of a store that was set aside are in the new one already. A running process has some of them in memory still, writes
// them to the new store, and must not have them carried over too. A mark says so: it is put there in the batch that brings those
// rows, or after it. Without it (the process was killed before) all is carried over.
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { crc32 } from '../core/crc.ts'
import type { Logger } from '../core/logger.ts'
import { ALL_SAVED, nameOfSaved, savedKey } from './keys.ts'
import type { Database } from './place.ts'
import type { InMemory } from './set-aside.ts'

const CRC_BYTES = 4

export const NOTHING: InMemory = { pieces: [], open: [] }

export interface Mark {
  key: Buffer
  value: Buffer
}

/** By the names of the directories that stores were renamed to. */
export class Marks {
  readonly #logger: Logger
  /** To be put into the store that was begun. */
  readonly #waiting = new Map<string, Mark>()
  #saved = new Map<string, Mark>()

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** Those of a store that has just been opened. */
  async load(db: Database): Promise<void> {
    const found = new Map<string, Mark>()
    for await (const [key, value] of db.iterator(ALL_SAVED)) {
      const mark = { key: Buffer.from(key), value: Buffer.from(value) }
      if (isWhole(mark)) found.set(nameOfSaved(key), mark)
      else this.#logger.error('a mark of what was saved of a damaged history is unreadable', { name: nameOfSaved(key) })
    }
    this.#saved = found
  }

  /** The store was renamed; its marks are to be in the next one. */
  setAside(name: string, inMemory: InMemory): void {
    for (const [name, mark] of this.#saved) this.#waiting.set(name, mark)
    this.#saved.clear()
    // One of that name is of a store that somebody has removed since.
    this.#waiting.delete(name)
    if (inMemory.pieces.length + inMemory.open.length === 0) return
    const key = savedKey(name)
    const packed = deflateRawSync(JSON.stringify(inMemory))
    this.#waiting.set(name, { key, value: Buffer.concat([packed, checksum(packed, key)]) })
  }

  /** To be put once all is there that this process had in memory. */
  get waiting(): readonly Mark[] {
    return [...this.#waiting.values()]
  }

  /** True while rows of that store are neither in the new one nor to be carried over. */
  isWaiting(name: string): boolean {
    return this.#waiting.has(name)
  }

  /** These are in the store now. */
  stored(marks: readonly Mark[]): void {
    for (const mark of marks) {
      const name = nameOfSaved(mark.key)
      this.#saved.set(name, mark)
      if (this.#waiting.get(name) === mark) this.#waiting.delete(name)
    }
  }

  /** What is not to be carried over. */
  savedOf(name: string): InMemory {
    const mark = this.#saved.get(name)
    return mark ? JSON.parse(inflateRawSync(mark.value.subarray(0, -CRC_BYTES)).toString()) : NOTHING
  }

  /** Those in the store of which nothing is to be carried over any more. */
  doneWith(todo: ReadonlySet<string>): Mark[] {
    return [...this.#saved].filter(([name]) => !todo.has(name)).map(([, mark]) => mark)
  }

  /** They are no longer in the store. */
  forgotten(marks: readonly Mark[]): void {
    for (const { key } of marks) this.#saved.delete(nameOfSaved(key))
  }
}

export function isWhole({ key, value }: Mark): boolean {
  return value.subarray(-CRC_BYTES).equals(checksum(value.subarray(0, -CRC_BYTES), key))
}

function checksum(packed: Buffer, key: Uint8Array): Buffer {
  const bytes = Buffer.alloc(CRC_BYTES)
  bytes.writeUInt32LE(crc32(packed, crc32(key)))
  return bytes
}
