// All cursors of a journal: those on the disk hold segments back from the start, whether or not anyone asked for them yet.
import type { Counters } from '../core/counters.ts'
import type { Disk } from '../core/disk.ts'
import type { Logger } from '../core/logger.ts'
import { FileCursor } from './cursor.ts'

export interface CursorsOptions {
  dir: string
  disk: Disk
  /** The highest acknowledged number. */
  lastSeq: () => number
  logger: Logger
  counters: Counters
}

export class Cursors {
  readonly #options: CursorsOptions
  readonly #byName = new Map<string, Promise<FileCursor>>()
  readonly #open: FileCursor[] = []
  /** Those who know where to begin need no warning. */
  readonly #quietly = new Set<string>()

  constructor(options: CursorsOptions) {
    this.#options = options
  }

  async openAll(): Promise<void> {
    for (const name of await this.#options.disk.readdir(this.#options.dir)) {
      const cursor = /^cursor-([a-z0-9-]{1,40})\.wwc$/.exec(name)?.[1]
      if (cursor) await this.get(cursor)
    }
  }

  get(name: string): Promise<FileCursor> {
    const known = this.#byName.get(name)
    if (known) return known
    const opening = this.#openOne(name)
    this.#byName.set(name, opening)
    // A failed open is tried again by the next caller.
    opening.catch(() => this.#byName.delete(name))
    return opening
  }

  get names(): readonly string[] {
    return this.#open.map(cursor => cursor.name)
  }

  /** One without a file begins at `seq`. */
  async from(name: string, seq: number): Promise<{ cursor: FileCursor; began: boolean }> {
    this.#quietly.add(name)
    const cursor = await this.get(name)
    return { cursor, began: await cursor.begin(seq) }
  }

  async drop(name: string): Promise<void> {
    const cursor = await this.get(name)
    await cursor.remove()
    this.#byName.delete(name)
    this.#open.splice(this.#open.indexOf(cursor), 1)
  }

  async #openOne(name: string): Promise<FileCursor> {
    const { disk, dir, lastSeq, logger, counters } = this.#options
    const cursor = await new FileCursor(disk, dir, name, lastSeq).open()
    this.#open.push(cursor)
    if (cursor.absent && lastSeq() > 0 && !isMark(name) && !this.#quietly.has(name)) {
      counters.get('journal.missing_cursors').n++
      logger.warn('a cursor has no file: it begins at 0, and every record kept is delivered, again if it was before', {
        name,
      })
    }
    if (cursor.damaged && isMark(name)) {
      counters.get('journal.damaged_cursors').n++
      logger.warn('a damaged mark fell back: records may be delivered again', { name, seq: cursor.seq })
    } else if (cursor.damaged) {
      counters.get('journal.damaged_cursors').n++
      logger.warn('a damaged cursor fell back: records are delivered again', { name, seq: cursor.seq })
    }
    return cursor
  }

  /** All cursors are past it, marks aside; 0 when there is none. */
  get nearestSeq(): number {
    const holding = this.#open.filter(({ name }) => !isMark(name))
    return holding.length === 0 ? 0 : Math.min(...holding.map(cursor => cursor.seq))
  }

  get furthestSeq(): number {
    return Math.max(0, ...this.#open.map(cursor => cursor.seq))
  }

  async close(): Promise<void> {
    for (const cursor of this.#open) await cursor.close()
  }
}

/** Marks say where something began or how far it came ahead of a cursor; they hold no records back. */
function isMark(name: string): boolean {
  return name.endsWith('-mark')
}
