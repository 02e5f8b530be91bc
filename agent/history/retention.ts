// How long history is kept: by age and by bytes, per class, whole minutes at a time.
import type { Clock } from '../core/clock.ts'
import type { Counters } from '../core/counters.ts'
import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { BlackBox } from './black-box.ts'
import type { StorageClass } from './contract.ts'
import { isRaw, STORAGE_CLASSES, storageClassOf, timeBound } from './keys.ts'
import type { Notes } from './notes.ts'
import type { Store } from './store.ts'

export interface Retention {
  ageMs: number
  bytes: number
}

export interface RetainerOptions {
  store: Store
  blackBox: BlackBox
  notes: Notes
  limits: Record<StorageClass, Retention>
  clock: Clock
  logger: Logger
  counters: Counters
}

/** Of the size of the black box, notes may take as much again. */
const NOTES_PART = 1 / 16
/** A step of the wall clock beyond this puts judging by age off: a clock that is years ahead must not empty the history. */
const STEP_US = 86_400e6
const DISTRUST_MS = 86_400_000
/** A class beyond its bytes is cut between two scheduled runs, to this share of them: not again with every chunk. */
const CUT_TO = 0.97
/** Deleted space comes back when LevelDB compacts, which a stream of new keys alone never makes it do for old ones. Two tables. */
const COMPACT_BYTES = 4 << 20

export class Retainer {
  readonly #store: Store
  readonly #blackBox: BlackBox
  readonly #notes: Notes
  readonly #limits: Record<StorageClass, Retention>
  readonly #clock: Clock
  readonly #logger: Logger
  /** Rows and samples whose time was over, in all and by class since start. */
  readonly #retired: { n: number }
  readonly retiredRows = Object.fromEntries(STORAGE_CLASSES.map(cls => [cls, 0])) as Record<StorageClass, number>
  #lastOffsetUs: number | undefined
  #trustedFromMs = 0
  #deletedBytes = 0

  constructor({ store, blackBox, notes, limits, clock, logger, counters }: RetainerOptions) {
    this.#store = store
    this.#blackBox = blackBox
    this.#notes = notes
    this.#limits = limits
    this.#clock = clock
    this.#logger = logger
    this.#retired = counters.get('history.retired_rows')
  }

  get overgrown(): boolean {
    return STORAGE_CLASSES.some(cls => this.#store.tally.bytes[cls] > this.#limits[cls].bytes)
  }

  /** Deletes what must go. Runs inside the store's exclusive turn; an error of the disk fails the store, not the caller. */
  async enforce(): Promise<void> {
    const trusted = this.#trustClock()
    for (const cls of STORAGE_CLASSES) {
      const { ageMs, bytes } = this.#limits[cls]
      const cutoffUs = this.#store.tally.cutoffUs(
        cls,
        this.#clock.nowUs(),
        trusted ? ageMs : undefined,
        bytes * (this.#store.tally.bytes[cls] > bytes ? CUT_TO : 1),
      )
      if (cutoffUs === undefined || !this.#store.db) continue
      try {
        await this.#delete(cls, cutoffUs)
      } catch (error) {
        await this.#store.fail(error)
      }
    }
    await this.#forget(trusted)
  }

  /** Times to keep whose rows have left every class, and notes as old as the black box becomes, or too many. */
  async #forget(trusted: boolean): Promise<void> {
    const { ageMs, bytes } = this.#limits['black-box']
    const longestMs = Math.max(...STORAGE_CLASSES.filter(isRawClass).map(cls => this.#limits[cls].ageMs))
    const nowUs = this.#clock.nowUs()
    const times = trusted ? this.#blackBox.forgetBefore(nowUs - longestMs * 1000) : []
    const notes = this.#notes.takeBeyond(bytes * NOTES_PART, trusted ? nowUs - ageMs * 1000 : undefined)
    const dels = [...times, ...notes]
    if (dels.length === 0) return
    try {
      await this.#store.write([{ chunks: [], pieces: [], puts: [], dels, bytes: 0 }])
    } catch (error) {
      await this.#store.fail(error)
    }
  }

  async #delete(cls: StorageClass, cutoffUs: number): Promise<void> {
    const { db, tally } = this.#store
    if (!db) return
    const before = tally.bytes[cls]
    let copied = 0
    const tables = [...this.#store.tables].filter(prefix => storageClassOf(prefix) === cls)
    // Copied first, deleted then, the tallies last: a crash in between does the same once more.
    for (const prefix of tables.filter(isRaw)) {
      for await (const unit of this.#blackBox.copies(db, prefix, cutoffUs)) {
        await this.#store.write([unit])
        copied += unit.chunks.reduce((sum, { rows }) => sum + rows, 0)
      }
    }
    for (const prefix of tables) await db.clear({ gte: prefix, lt: timeBound(prefix, cutoffUs) })
    const { keys, rows } = tally.drop(cls, cutoffUs)
    await db.batch(keys.map(key => ({ type: 'del', key })))
    if (cls !== 'minutes' && cls !== 'hours') this.#retired.n += rows - copied
    this.retiredRows[cls] += rows - copied
    this.#deletedBytes += before - tally.bytes[cls]
    if (this.#deletedBytes < COMPACT_BYTES) return
    this.#deletedBytes = 0
    for (const prefix of tables) {
      await db.compactRange(prefix, timeBound(prefix, cutoffUs)).catch((error: unknown) => {
        this.#logger.debug('compacting the history failed', { cause: messageOf(error) })
      })
    }
  }

  /** False for a day after the wall clock moved against the monotonic one, or against what is stored, by more than a day. */
  #trustClock(): boolean {
    const nowMs = this.#clock.monotonicMs()
    const offsetUs = this.#clock.nowUs() - nowMs * 1000
    const expectedUs = this.#lastOffsetUs ?? this.#offsetFromStored(offsetUs, nowMs)
    this.#lastOffsetUs = offsetUs
    if (Math.abs(offsetUs - expectedUs) > STEP_US) {
      this.#trustedFromMs = nowMs + DISTRUST_MS
      this.#logger.warn('the clock moved by more than a day: history is not judged by its age for 24 h')
    }
    return nowMs >= this.#trustedFromMs
  }

  /** At the first run: the newest chunk says what time it was. */
  #offsetFromStored(offsetUs: number, nowMs: number): number {
    const { newestUs } = this.#store.tally.extremes()
    return newestUs === undefined ? offsetUs : newestUs - nowMs * 1000
  }
}

function isRawClass(cls: StorageClass): boolean {
  return cls !== 'minutes' && cls !== 'hours' && cls !== 'black-box'
}
