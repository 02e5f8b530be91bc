// LevelDB held open, and opened again after an I/O error: after one ENOSPC on its log LevelDB acknowledges writes that
// vanish at the next open (400 of 400, measured), so the first error closes it.
import type { Cancel, Clock } from '../core/clock.ts'
import type { Counters } from '../core/counters.ts'
import { AgentError, messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { ALL_CHUNKS, ALL_TALLIES, afterTable, firstSeq, prefixOf } from './keys.ts'
import { Losses } from './losses.ts'
import { NewestLog } from './newest-log.ts'
import { causeOf, type Database, type OpenLevel, openPlace, type PlaceReport } from './place.ts'
import { allSetAside } from './set-aside.ts'
import { Tally } from './tally.ts'
import { operationsOf, type Unit } from './unit.ts'

const REOPEN_FIRST_MS = 500
/** What a full disk costs after there is space again. */
const REOPEN_CAP_MS = 5_000

export interface StoreOptions {
  dir: string
  openLevel: OpenLevel
  onLoss?: (what: string) => void
  clock: Clock
  logger: Logger
  counters: Counters
  /** Called each time the store is usable: makes chunks of the pieces that an ended process, or a dropped chunk, left behind. */
  adopt: (db: Database) => Promise<readonly Unit[]>
  /** The store was renamed to that: what is in it has gone out of reach of this process. */
  onSetAside: (name: string) => void
  /** Called each time the store is usable again, before anything is written. */
  reopened: (report: PlaceReport) => void
}

export class Store {
  readonly #options: StoreOptions
  readonly losses: Losses
  readonly #newestLog: NewestLog
  #db: Database | undefined
  #tally = new Tally()
  #tables = new Map<string, Buffer>()
  #nextSeq = 1
  #failing: string | undefined
  /** The next opening begins a new store. */
  #damage: string | undefined
  /** A write failed; what LevelDB has of it may be half written. */
  #torn = false
  /** What an opening found that could not be made use of. */
  #found: PlaceReport | undefined
  #reopenMs = REOPEN_FIRST_MS
  #cancelReopen: Cancel | undefined
  #working: Promise<void> = Promise.resolve()
  #closed = false

  constructor(options: StoreOptions) {
    this.#options = options
    this.losses = new Losses(options)
    this.#newestLog = new NewestLog(options.dir)
  }

  /** The open database; undefined while it is failing. */
  get db(): Database | undefined {
    return this.#db
  }

  get tally(): Tally {
    return this.#tally
  }

  /** Prefixes of every table with chunks. */
  get tables(): Iterable<Buffer> {
    return this.#tables.values()
  }

  get failing(): string | undefined {
    return this.#failing
  }

  /** Rejects with HISTORY_LOCKED. When the disk refuses it keeps trying behind the caller's back. */
  async open(): Promise<PlaceReport> {
    try {
      return await this.#open()
    } catch (error) {
      if (error instanceof AgentError && error.code === 'HISTORY_LOCKED') throw error
      await this.fail(error)
      return { created: false, loss: undefined, setAside: undefined, droppedBytes: 0 }
    }
  }

  async #open(): Promise<PlaceReport> {
    const { dir, openLevel, onSetAside } = this.#options
    const { db, report: found } = await openPlace(dir, {
      open: openLevel,
      onSetAside,
      onRemoved: paths => {
        const what = 'it was removed before it could be carried over, to make room'
        for (const path of paths) this.losses.salvaged(path, what)
      },
      damage: this.#damage,
      torn: this.#torn,
    })
    this.#damage = undefined
    const report = this.#found ? both(this.#found, found) : found
    try {
      await this.#load(db)
      await this.#write(db, await this.#options.adopt(db))
    } catch (error) {
      await db.close().catch(() => {})
      // It opened, so the next opening will not find again what this one found.
      this.#found = report
      this.#torn = true
      throw error
    }
    this.#db = db
    this.#failing = undefined
    this.#found = undefined
    this.#torn = false
    this.#reopenMs = REOPEN_FIRST_MS
    this.losses.opened(report)
    return report
  }

  /** Reads the tallies, and finds the tables by jumping from one to the next. */
  async #load(db: Database): Promise<void> {
    const tally = new Tally()
    const tables = new Map<string, Buffer>()
    const last = (await allSetAside(this.#options.dir)).at(-1)
    this.#nextSeq = Math.max(this.#nextSeq, firstSeq(last?.n ?? 0))
    for await (const [key, value] of db.iterator(ALL_TALLIES)) {
      const seq = tally.load(key, value)
      if (seq === undefined) this.#options.counters.get('history.damaged_tallies').n++
      else this.#nextSeq = Math.max(this.#nextSeq, seq)
    }
    for (let from: Buffer = ALL_CHUNKS.gte; ; ) {
      const [key] = await db.keys({ gte: from, lt: ALL_CHUNKS.lt, limit: 1 }).all()
      if (!key) break
      const prefix = prefixOf(key)
      tables.set(prefix.toString('latin1'), prefix)
      from = afterTable(prefix)
    }
    this.#tally = tally
    this.#tables = tables
  }

  takeSeq(): number {
    return this.#nextSeq++
  }

  get nextSeq(): number {
    return this.#nextSeq
  }

  /** Puts the units on the disk (fdatasync), all or none. Rejects with LevelDB's error; the store must be failed then. */
  async write(units: readonly Unit[]): Promise<void> {
    if (this.#db) await this.#write(this.#db, units)
  }

  async #write(db: Database, units: readonly Unit[]): Promise<void> {
    const empty = units.every(
      ({ chunks, pieces, puts, dels }) => !(chunks.length + pieces.length + puts.length + dels.length),
    )
    if (empty) return
    const chunks = units.flatMap(unit => unit.chunks)
    const weighed = chunks.map(({ cls, firstUs, key, value, rows }) => {
      return { cls, firstUs, rows, bytes: key.length + value.length }
    })
    const { puts, commit } = this.#tally.plan(weighed, this.#nextSeq)
    const tallies = puts.map(({ key, value }) => ({ type: 'put' as const, key, value }))
    await db.batch([...operationsOf(units), ...tallies], { sync: true })
    await this.#newestLog.note()
    commit()
    for (const { prefix } of chunks) this.#tables.set(prefix.toString('latin1'), prefix)
  }

  /** Work that must not overlap other work on the store. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#working.then(work)
    this.#working = done.then(
      () => {},
      () => {},
    )
    return done
  }

  /** Sets the store aside at once and begins a new one. */
  damaged(what: string): Promise<void> {
    return this.exclusive(async () => {
      const db = this.#db
      if (!db) return
      this.#db = undefined
      await db.close().catch(() => {})
      this.#damage = what
      await this.#reopen()
    })
  }

  /**
   * Closes the store after an error and opens it again later, ever less often. Once a compaction has met a block that it cannot
   * read LevelDB takes no write any more, however often it is opened: then a new store begins.
   */
  async fail(error: unknown): Promise<void> {
    const { dir, clock, logger, counters } = this.#options
    const db = this.#db
    this.#db = undefined
    if (db) this.#torn = true
    const cause = causeOf(error)
    if (cause.code === 'LEVEL_CORRUPTION') this.#damage = cause.message
    const text =
      error instanceof AgentError
        ? error.message
        : `the history ${dir} cannot be written (${messageOf(error)}): check space and disk`
    this.#failing = `${text}; it goes on by itself`
    counters.get('history.store_failures').n++
    logger.error(this.#failing)
    await db?.close().catch(() => {})
    if (this.#closed) return
    this.#cancelReopen = clock.after(this.#reopenMs, () => void this.exclusive(() => this.#reopen()))
    this.#reopenMs = Math.min(REOPEN_CAP_MS, this.#reopenMs * 2)
  }

  async #reopen(): Promise<void> {
    if (this.#closed || this.#db) return
    let report: PlaceReport
    try {
      report = await this.#open()
    } catch (error) {
      await this.fail(error)
      return
    }
    this.#options.logger.info('the history is written again')
    this.#options.reopened(report)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#cancelReopen?.()
    await this.#working
    await this.#db?.close().catch(() => {})
    this.#db = undefined
  }
}

/** Of an opening that came to nothing, and of the next. */
function both(first: PlaceReport, then: PlaceReport): PlaceReport {
  return {
    created: first.created || then.created,
    loss: then.loss ?? first.loss,
    setAside: then.setAside ?? first.setAside,
    droppedBytes: first.droppedBytes + then.droppedBytes,
  }
}
