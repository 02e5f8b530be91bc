// History over LevelDB.
//
//   append ─► Table ─(full)──────────────► chunks ─┐
//               ├────(every 5 s, flush)──► pieces ─┼─► WriteBehind ─► Store (LevelDB)
//   waveform ─► WaveformBuffer ─(full, 5 s old)────┘
//               └──── query merges what is in memory, on its way and stored ────┘

import type { Cancel, Clock } from '../core/clock.ts'
import type { Counters } from '../core/counters.ts'
import { AgentError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { BlackBox } from './black-box.ts'
import { Codecs } from './chunk.ts'
import type {
  History,
  HistoryQuery,
  HistoryRows,
  HistoryStats,
  HistorySummary,
  RowClass,
  StorageClass,
  SummaryQuery,
  WaveformChunk,
} from './contract.ts'
import { Held } from './held.ts'
import { Marks } from './marks.ts'
import { Notes } from './notes.ts'
import { type OpenLevel, openLevel, type PlaceReport } from './place.ts'
import { ChunkReader } from './query.ts'
import { Retainer, type Retention } from './retention.ts'
import { RowReader } from './row-reader.ts'
import { Salvage } from './salvage.ts'
import { Scrub } from './scrub.ts'
import { Store } from './store.ts'
import { Tables } from './tables.ts'
import { rowsOfPiece, Waveforms } from './waveforms.ts'
import { WriteBehind } from './write-behind.ts'

/** What a crash may cost. */
const AGE_MAX_MS = 5_000
const SWEEP_MS = 1_000
/** Disks rot in weeks, and what a compaction reads before it was found is written anew as if it were whole. */
const SCRUB_MS = 24 * 3_600_000
export interface HistoryOptions {
  /** The LevelDB directory. Beside it: `<dir>.initialised`, and `<dir>.damaged-N` after a loss. Made when missing. */
  dir: string
  retention: Record<StorageClass, Retention>
  clock: Clock
  logger: Logger
  counters: Counters
  /** Told each time stored history was found lost or damaged, or some of it came back: in words, to be put on record. */
  onLoss?: (what: string) => void
  /** For tests. */
  openLevel?: OpenLevel
}

export interface OpenedHistory {
  history: History
  report: PlaceReport
  /** Resolves when what lay there has been read through once for damage, and what was damaged was set aside. */
  checked: Promise<void>
}

/**
 * Opens or begins the history. Rejects with HISTORY_LOCKED when another process has it. A disk that refuses is no reason to
 * reject: rows wait, bounded, until it works. `report` says when stored history was lost.
 */
export async function openHistory(options: HistoryOptions): Promise<OpenedHistory> {
  const history = new LevelHistory(options)
  const report = await history.open()
  return { history, report, checked: history.check() }
}

class LevelHistory implements History {
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #store: Store
  readonly #writer: WriteBehind
  readonly #blackBox: BlackBox
  readonly notes: Notes
  readonly #reader: RowReader
  readonly #retainer: Retainer
  readonly #salvage: Salvage
  readonly #marks: Marks
  readonly #scrub: Scrub
  #salvaged: Promise<void> = Promise.resolve()
  #checking: Promise<void> | undefined
  readonly #corrupt: { n: number }
  readonly #lost: { n: number }
  readonly #making = { codecs: new Codecs(), takeSeq: (): number => this.#store.takeSeq() }
  readonly #tables: Tables
  readonly #waveforms: Waveforms
  readonly #held: Held
  readonly #cancels: Cancel[] = []
  #closed = false

  constructor(options: HistoryOptions) {
    const { clock, logger, counters } = options
    this.#clock = clock
    this.#logger = logger
    this.#corrupt = counters.get('history.corrupt_chunks')
    this.#lost = counters.get('history.lost_rows')
    this.#blackBox = new BlackBox(logger)
    this.#marks = new Marks(logger)
    this.notes = new Notes({
      logger,
      push: unit => this.#closed || this.#writer.push(unit),
      settled: () => this.#writer.settled(),
      db: () => this.#store.db,
    })
    this.#store = new Store({
      ...options,
      openLevel: options.openLevel ?? openLevel,
      adopt: async db => {
        await this.#blackBox.load(db)
        await this.#marks.load(db)
        await this.notes.load(db)
        return this.#held.adopt(db)
      },
      onSetAside: name => this.#held.setAside(name),
      reopened: report => this.#opened(report),
    })
    this.#scrub = new Scrub(options)
    const beside = { store: this.#store, marks: this.#marks, notes: this.notes }
    const again = (): void => this.#carryOver()
    this.#salvage = new Salvage({ ...options, ...beside, again, openLevel: options.openLevel ?? openLevel })
    this.#retainer = new Retainer({ ...options, ...beside, blackBox: this.#blackBox, limits: options.retention })
    const stored = async (marked: boolean): Promise<void> => {
      if (marked) this.#carryOver()
      if (this.#retainer.overgrown) await this.#retainer.enforce()
    }
    this.#writer = new WriteBehind({ ...beside, counters, stored })
    const { codecs, takeSeq } = this.#making
    const reader = new ChunkReader(this.#store, this.#writer, codecs, logger, counters)
    const parts = { codecs, takeSeq, writer: this.#writer, clock, lost: this.#lost }
    this.#tables = new Tables(parts)
    this.#held = new Held({ ...parts, ...beside, tables: this.#tables, corrupt: this.#corrupt, logger })
    this.#waveforms = new Waveforms({ ...parts, reader })
    this.#reader = new RowReader(reader, codecs, (asset, cls) => this.#tables.get(asset, cls))
  }

  async open(): Promise<PlaceReport> {
    const report = await this.#store.open()
    if (this.#store.db) this.#opened(report)
    this.#cancels.push(
      this.#clock.every(SCRUB_MS, () => void this.check()),
      this.#clock.every(AGE_MAX_MS, () => this.#tables.save()),
      this.#clock.every(SWEEP_MS, () => this.#waveforms.sealOlderThan(AGE_MAX_MS)),
    )
    return report
  }

  #carryOver(): void {
    this.#salvaged = this.#salvaged.then(() => this.#salvage.run())
  }

  #opened(report: PlaceReport): void {
    this.#held.opened(report.created)
    this.#carryOver()
  }

  /** Reads the store through for damage; one at a time. */
  check(): Promise<void> {
    this.#checking ??= this.#check().finally(() => {
      this.#checking = undefined
    })
    return this.#checking
  }

  async #check(): Promise<void> {
    const damage = await this.#scrub.run()
    if (this.#closed) return
    if (damage !== undefined) await this.#store.damaged(damage)
    else this.#carryOver()
  }

  append(
    asset: string,
    cls: RowClass,
    columns: readonly string[],
    rows: number,
    timesUs: Float64Array,
    values: Float64Array,
  ): void {
    if (this.#closed) this.#lost.n += rows
    else this.#tables.append(asset, cls, columns, rows, timesUs, values)
  }

  appendWaveform(asset: string, channel: string, chunk: WaveformChunk): void {
    if (this.#closed) this.#lost.n += chunk.samples.length
    else this.#waveforms.append(asset, channel, chunk)
  }

  async *query(query: HistoryQuery): AsyncGenerator<HistoryRows> {
    const { asset, class: cls, fromUs, toUs, columns } = query
    if (cls !== 'waveforms') {
      yield* this.#reader.rows({ ...query, class: cls })
      return
    }
    if (!columns) throw new AgentError('USAGE', `a query for waveforms of ${asset} needs the channel in "columns"`)
    for (const channel of columns) {
      for await (const piece of this.waveforms(asset, channel, fromUs, toUs)) yield rowsOfPiece(piece, channel)
    }
  }

  summary(query: SummaryQuery): Promise<HistorySummary> {
    return this.#reader.summary(query)
  }

  waveforms(asset: string, channel: string, fromUs: number, toUs: number): AsyncIterable<WaveformChunk> {
    return this.#waveforms.pieces(asset, channel, fromUs, toUs)
  }

  keepAround(asset: string, fromUs: number, toUs: number): void {
    if (!this.#closed) this.#writer.push(this.#blackBox.keep(asset, fromUs, toUs))
  }

  async flush(): Promise<void> {
    this.#tables.save()
    this.#waveforms.sealOlderThan(0)
    await this.#writer.settled()
  }

  enforceRetention(): Promise<void> {
    return this.#store.exclusive(() => this.#retainer.enforce())
  }

  stats(): HistoryStats {
    const { tally, failing, losses } = this.#store
    const bytes = { ...tally.bytes }
    this.#tables.weighPieces(bytes)
    return {
      bytes,
      oldestUs: tally.extremes().oldestUs,
      chunks: tally.chunks,
      corruptChunks: this.#corrupt.n,
      lostRows: this.#lost.n,
      retiredRows: { ...this.#retainer.retiredRows },
      failing,
      lossAtOpen: losses.said,
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    for (const cancel of this.#cancels) cancel()
    this.#scrub.stop()
    await this.#checking
    this.#salvage.stop()
    await this.#salvaged
    this.#tables.save()
    this.#waveforms.sealOlderThan(0)
    this.#closed = true
    const before = this.#lost.n
    await this.#writer.settled().catch(() => this.#writer.abandon())
    if (this.#lost.n > before) this.#logger.error('history rows were lost at the end', { rows: this.#lost.n - before })
    await this.#store.close()
  }
}
