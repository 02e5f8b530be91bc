// What this process holds in memory of what is in the store, or was when it was set aside.

import type { Logger } from '../core/logger.ts'
import { adoptLeftBehind } from './adopt.ts'
import type { Codecs } from './chunk.ts'
import { type Marks, NOTHING } from './marks.ts'
import type { Database } from './place.ts'
import type { InMemory } from './set-aside.ts'
import type { Tables } from './tables.ts'
import type { Unit } from './unit.ts'
import type { WriteBehind } from './write-behind.ts'

export interface HeldOptions {
  codecs: Codecs
  takeSeq: () => number
  corrupt: { n: number }
  logger: Logger
  tables: Tables
  writer: WriteBehind
  marks: Marks
}

export class Held {
  readonly #options: HeldOptions
  /** This process has written to the store: until then nothing in it is in memory, however many rows have come. */
  #begun = false

  constructor(options: HeldOptions) {
    this.#options = options
  }

  #keys(): InMemory {
    if (!this.#begun) return NOTHING
    const { tables, writer } = this.#options
    const { pieces, open } = tables.keysInMemory()
    for (const key of writer.replacedKeys()) pieces.add(key.toString('latin1'))
    return { pieces: [...pieces], open: [...open] }
  }

  /** Pieces of an ended process, or of a chunk that was dropped: not those that this one still fills or has on its way. */
  adopt(db: Database): Promise<readonly Unit[]> {
    const { pieces, open } = this.#keys()
    return adoptLeftBehind(db, { ...this.#options, mine: new Set(pieces), myOpen: new Set(open) })
  }

  /** The store was renamed. */
  setAside(name: string): void {
    this.#options.marks.setAside(name, this.#keys())
    this.#forgetPieces()
  }

  /** The store is usable. All that is held goes into one that was begun, before anything else and as one (write-behind.ts). */
  opened(created: boolean): void {
    const { tables, writer } = this.#options
    this.#begun = true
    if (created) {
      // Its directory may be gone without having been set aside.
      this.#forgetPieces()
      tables.saveAnew()
      writer.holdTogether()
    }
    writer.drain()
  }

  #forgetPieces(): void {
    this.#options.tables.forgetPieces()
    this.#options.writer.forgetPieces()
  }
}
