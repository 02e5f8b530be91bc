// The running journal: one writer loop, groups that share a sync, segments that begin and go. Format: segment.ts.
import type { Cancel, Clock } from '../core/clock.ts'
import type { Counters } from '../core/counters.ts'
import { type Disk, errnoOf, realDisk } from '../core/disk.ts'
import { AgentError, messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { AppendQueue, type WaitingAppend } from './append-queue.ts'
import type { Cursor, Journal, JournalLoss, JournalRecord, JournalStatus, NewRecord } from './contract.ts'
import { Cursors } from './cursors.ts'
import { addLoss, recordsIn } from './losses.ts'
import { readRecords } from './read.ts'
import { recover } from './recovery.ts'
import { copyAside } from './segment-file.ts'
import { Turns } from './turns.ts'
import { SegmentWriter } from './writer.ts'

const BYTES_MIN = 65_536
const DAMAGED_COPIES_MAX = 4
/** While the disk refuses: tried again this often, doubling up to the cap. */
const PROBE_FIRST_MS = 250
const PROBE_CAP_MS = 5_000

export interface JournalOptions {
  /** Made when missing. One process at a time: the owner of the storage directory sees to that. */
  dir: string
  /** All segments together stay within it; at least 64 KiB. */
  bytesMax: number
  disk?: Disk
  clock: Clock
  logger: Logger
  counters: Counters
  /**
   * The fold of every record acknowledged so far, asked for when a segment begins (never inside `append`): it becomes the
   * segment's first record, so that older segments may go. Called after the acknowledgements before it were delivered.
   * A fold that already contains records still waiting sees those again behind the checkpoint.
   */
  checkpoint?: () => NewRecord
}

/** Recovers what `dir` holds and opens it. Rejects with JOURNAL_IO (unreadable directory), JOURNAL_CORRUPT (newer format). */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  return new FileJournal(options).open()
}

class FileJournal implements Journal {
  readonly #options: JournalOptions
  readonly #disk: Disk
  readonly #writer: SegmentWriter
  readonly #cursors: Cursors
  readonly #queue: AppendQueue
  readonly #listeners = new Set<(seq: number) => void>()
  readonly #losses: JournalLoss[] = []
  readonly #turns = new Turns()
  #running: Promise<void> | undefined
  #failing: AgentError | undefined
  #cancelProbe: Cancel | undefined
  #probeMs = PROBE_FIRST_MS
  #closed = false

  constructor(options: JournalOptions) {
    this.#options = options
    this.#disk = options.disk ?? realDisk
    this.#writer = new SegmentWriter({
      dir: options.dir,
      disk: this.#disk,
      bytesMax: Math.max(options.bytesMax, BYTES_MIN),
      checkpoint: options.checkpoint,
      deliveredSeq: () => this.#cursors.nearestSeq,
      dropped: loss => this.#noteLoss(loss),
      turns: this.#turns,
      logger: options.logger,
    })
    this.#queue = new AppendQueue(options.dir, this.#writer.groupBytesMax, this.#writer.recordBytesMax)
    const lastSeq = (): number => this.#writer.nextSeq - 1
    this.#cursors = new Cursors({ ...options, disk: this.#disk, lastSeq })
  }

  async open(): Promise<this> {
    const { dir } = this.#options
    try {
      await this.#disk.mkdir(dir)
      await this.#cursors.openAll()
    } catch (error) {
      if (error instanceof AgentError) throw error
      const advice = 'check that it is a directory, its owner and the disk'
      throw new AgentError('JOURNAL_IO', `cannot open the journal ${dir} (${messageOf(error)}): ${advice}`, {
        cause: error,
      })
    }
    const recovered = await recover(this.#disk, dir, this.#cursors.furthestSeq)
    for (const loss of recovered.losses) addLoss(this.#losses, loss)
    for (const loss of recovered.newLosses) this.#stateLoss(loss)
    for (const path of recovered.damaged) await this.#setAside(path)
    await this.#writer.open(recovered)
    return this
  }

  append(record: NewRecord): Promise<number> {
    if (this.#closed) return Promise.reject(new AgentError('JOURNAL_CLOSED', `journal ${this.#options.dir} is closed`))
    if (this.#failing) return Promise.reject(this.#failing)
    const appended = this.#queue.push(record)
    if (!this.#queue.empty) this.#running ??= this.#run()
    return appended
  }

  /** The writer loop: takes what gathered while the disk was busy, until nothing is left. */
  async #run(): Promise<void> {
    while (!this.#queue.empty) {
      // One turn of the loop first: appends made together form one group together, and whoever awaited an earlier
      // append has folded it before a new segment asks for the checkpoint.
      await new Promise(resolve => setImmediate(resolve))
      const group = this.#queue.take()
      try {
        const firstSeq = await this.#writer.write(group.map(entry => entry.record))
        for (const [i, entry] of group.entries()) entry.resolve(firstSeq + i)
        this.#tellListeners()
      } catch (error) {
        this.#fail(group, error)
      }
    }
    this.#running = undefined
  }

  #tellListeners(): void {
    for (const listener of this.#listeners) {
      try {
        listener(this.#writer.nextSeq - 1)
      } catch (error) {
        this.#options.logger.error('a listener of the journal threw', { error: messageOf(error) })
      }
    }
  }

  /** Refuses the group and all that wait, and keeps trying until the disk takes a new segment. */
  #fail(group: WaitingAppend[], cause: unknown): void {
    const { dir, logger, counters } = this.#options
    const errno = errnoOf(cause)
    const full = errno === 'ENOSPC' || errno === 'EDQUOT'
    const advice = full ? 'free space on it' : 'check the disk'
    const text = `journal ${dir} cannot be written (${messageOf(cause)}): ${advice}; it goes on by itself when that works again`
    this.#failing = new AgentError(full ? 'JOURNAL_FULL' : 'JOURNAL_IO', text, { cause })
    const refused = [...group, ...this.#queue.takeAll()]
    counters.get('journal.refused_appends').n += refused.length
    logger.error('journal refuses appends', { code: this.#failing.code, errno, cause: messageOf(cause) })
    for (const entry of refused) entry.reject(this.#failing)
    this.#probeMs = PROBE_FIRST_MS
    this.#probeLater()
  }

  #probeLater(): void {
    if (this.#closed) return
    this.#cancelProbe = this.#options.clock.after(this.#probeMs, () => {
      this.#running ??= this.#probe().finally(() => {
        this.#running = undefined
      })
    })
    this.#probeMs = Math.min(PROBE_CAP_MS, this.#probeMs * 2)
  }

  async #probe(): Promise<void> {
    try {
      await this.#writer.probe()
    } catch (error) {
      this.#options.logger.debug('journal still refuses appends', { cause: messageOf(error) })
      this.#probeLater()
      return
    }
    this.#failing = undefined
    this.#options.logger.info('journal accepts appends again', { nextSeq: this.#writer.nextSeq })
  }

  read(fromSeq: number, limit: number): Promise<JournalRecord[]> {
    const { segments, nextSeq } = this.#writer
    const range = { fromSeq, toSeq: nextSeq - 1, limit }
    const missing = (from: number, to: number, path: string): void => this.#missedWhileReading(from, to, path)
    return this.#turns.read(() => readRecords(this.#disk, segments, range, missing))
  }

  /** A range that recovery found readable, or already stated: stated once, and recorded by the next recovery. */
  #missedWhileReading(fromSeq: number, toSeq: number, path: string): void {
    const whole = this.#losses.filter(loss => loss.records === undefined)
    if (whole.some(loss => loss.fromSeq <= fromSeq && loss.toSeq >= toSeq)) return
    const loss: JournalLoss = {
      fromSeq,
      toSeq,
      reason: 'damage',
      detail: `unreadable records in ${path}, found while reading`,
    }
    this.#noteLoss(loss)
  }

  #noteLoss(loss: JournalLoss): void {
    addLoss(this.#losses, loss)
    this.#stateLoss(loss)
  }

  #stateLoss(loss: JournalLoss): void {
    this.#options.counters.get(`journal.lost_${loss.reason}`).n += recordsIn(loss)
    this.#options.logger.error('journal records are lost', { ...loss })
  }

  async #setAside(path: string): Promise<void> {
    const { dir, logger } = this.#options
    try {
      const copy = await copyAside(this.#disk, dir, path, DAMAGED_COPIES_MAX)
      if (copy) logger.warn('damaged journal segment copied aside for inspection', { copy })
    } catch (error) {
      logger.warn('damaged journal segment could not be copied aside', { path, cause: messageOf(error) })
    }
  }

  onAppend(listener: (seq: number) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async cursor(name: string): Promise<Cursor> {
    if (this.#closed) throw new AgentError('JOURNAL_CLOSED', `journal ${this.#options.dir} is closed`)
    return this.#cursors.get(name)
  }

  async cursorFrom(name: string, seq: number): Promise<{ cursor: Cursor; began: boolean }> {
    if (this.#closed) throw new AgentError('JOURNAL_CLOSED', `journal ${this.#options.dir} is closed`)
    return this.#cursors.from(name, seq)
  }

  cursorNames(): readonly string[] {
    return this.#cursors.names
  }

  async dropCursor(name: string): Promise<void> {
    if (this.#closed) throw new AgentError('JOURNAL_CLOSED', `journal ${this.#options.dir} is closed`)
    if (this.#cursors.names.includes(name)) await this.#cursors.drop(name)
  }

  status(): JournalStatus {
    const { segments, nextSeq } = this.#writer
    return {
      firstSeq: segments[0]?.base ?? nextSeq,
      nextSeq,
      bytes: segments.reduce((sum, segment) => sum + segment.bytes, 0),
      segments: segments.length,
      losses: [...this.#losses],
      failing: this.#failing?.message,
      checkpointSeq: this.#writer.checkpointSeq,
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#cancelProbe?.()
    await this.#running
    await this.#cursors.close()
    await this.#writer.close()
  }
}
