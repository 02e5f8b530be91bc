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
import { adoptLeftBehind } from './adopt.ts'
import { BlackBox } from './black-box.ts'
import { Codecs, piecesOf } from './chunk.ts'
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
import { chunkKey, storageClassOf, tablePrefix } from './keys.ts'
import { type Database, type OpenLevel, openLevel, type PlaceReport } from './place.ts'
import { ChunkReader } from './query.ts'
import { Retainer, type Retention } from './retention.ts'
import { RowReader } from './row-reader.ts'
import { Salvage } from './salvage.ts'
import { Store } from './store.ts'
import { Table } from './table.ts'
import { type Unit, UnitBuilder } from './unit.ts'
import { WaveformBuffer } from './waveform-buffer.ts'
import { WriteBehind } from './write-behind.ts'

/** What a crash may cost. */
const AGE_MAX_MS = 5_000
const SWEEP_MS = 1_000
/** 50 assets of 4 classes are 200; a flood of names must not take the memory. */
const TABLES_MAX = 4_096
/** Rows held in memory until they fill a chunk; beyond, the largest tables become chunks early. */
const HELD_BYTES_MAX = 32 << 20
/** Rows of an asset that went silent; a chunk spans an hour at most. */
const HELD_MAX_MS = 2 * 3_600_000

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
}

/**
 * Opens or begins the history. Rejects with HISTORY_LOCKED when another process has it. A disk that refuses is no reason to
 * reject: rows wait, bounded, until it works. `report` says when stored history was lost.
 */
export async function openHistory(options: HistoryOptions): Promise<OpenedHistory> {
  const history = new LevelHistory(options)
  return { history, report: await history.open() }
}

class LevelHistory implements History {
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #store: Store
  readonly #writer: WriteBehind
  readonly #blackBox: BlackBox
  readonly #chunks: ChunkReader
  readonly #reader: RowReader
  readonly #retainer: Retainer
  readonly #salvage: Salvage
  #salvaged: Promise<void> | undefined
  readonly #corrupt: { n: number }
  readonly #lost: { n: number }
  readonly #codecs = new Codecs()
  readonly #tables: Record<RowClass, Map<string, Table>>
  readonly #waveforms = new Map<string, Map<string, WaveformBuffer>>()
  #names = 0
  readonly #cancels: Cancel[] = []
  #closed = false

  constructor(options: HistoryOptions) {
    const { clock, logger, counters } = options
    this.#clock = clock
    this.#logger = logger
    this.#corrupt = counters.get('history.corrupt_chunks')
    this.#lost = counters.get('history.lost_rows')
    this.#tables = { samples: new Map(), scores: new Map(), features: new Map(), vibration: new Map() }
    this.#blackBox = new BlackBox(logger)
    this.#store = new Store({
      ...options,
      openLevel: options.openLevel ?? openLevel,
      adopt: db => this.#adopt(db),
      reopened: () => this.#writer.drain(),
    })
    this.#salvage = new Salvage({ ...options, openLevel: options.openLevel ?? openLevel }, this.#store)
    this.#retainer = new Retainer(this.#store, this.#blackBox, options.retention, clock, logger)
    this.#writer = new WriteBehind(this.#store, counters, async () => {
      if (this.#retainer.overgrown) await this.#retainer.enforce()
    })
    const chunks = new ChunkReader(this.#store, this.#writer, this.#codecs, logger, counters)
    this.#chunks = chunks
    this.#reader = new RowReader(chunks, this.#codecs, (asset, cls) => this.#tables[cls].get(asset))
  }

  async open(): Promise<PlaceReport> {
    const report = await this.#store.open()
    this.#salvaged = this.#salvage.run(report.setAside).then(what => {
      if (what) this.#store.noteSalvage(what)
    })
    this.#cancels.push(
      this.#clock.every(AGE_MAX_MS, () => this.#saveTables()),
      this.#clock.every(SWEEP_MS, () => this.#sealWaveforms(AGE_MAX_MS)),
    )
    return report
  }

  /** Pieces of an ended process, or of a chunk that was dropped: not those that this one still fills or has on its way. */
  async #adopt(db: Database): Promise<readonly Unit[]> {
    await this.#blackBox.load(db)
    const mine = new Set<string>()
    const myOpen = new Set<string>()
    for (const key of this.#writer.replacedKeys()) mine.add(key.toString('latin1'))
    for (const table of this.#everyTable()) {
      myOpen.add(table.openKey.toString('latin1'))
      for (const { buffer } of [{ buffer: table.raw }, ...table.summed]) {
        for (const { key } of buffer.pieces) mine.add(key.toString('latin1'))
      }
    }
    const takeSeq = (): number => this.#store.takeSeq()
    return adoptLeftBehind(db, {
      codecs: this.#codecs,
      takeSeq,
      mine,
      myOpen,
      corrupt: this.#corrupt,
      logger: this.#logger,
    })
  }

  append(
    asset: string,
    cls: RowClass,
    columns: readonly string[],
    rows: number,
    timesUs: Float64Array,
    values: Float64Array,
  ): void {
    const table = this.#closed ? undefined : (this.#tables[cls].get(asset) ?? this.#addTable(asset, cls))
    if (!table) {
      this.#lost.n += rows
      return
    }
    table.setColumns(columns)
    const width = columns.length
    for (let row = 0; row < rows; row++) {
      const timeUs = timesUs[row]!
      if (Number.isFinite(timeUs)) table.push(timeUs, values, row * width)
      else this.#lost.n++
    }
    this.#writer.push(table.takeFull())
  }

  #addTable(asset: string, cls: RowClass): Table | undefined {
    if (++this.#names > TABLES_MAX) return undefined
    const table = new Table(cls, asset, this.#codecs, () => this.#store.takeSeq())
    this.#tables[cls].set(asset, table)
    return table
  }

  *#everyTable(): Generator<Table> {
    for (const tables of Object.values(this.#tables)) yield* tables.values()
  }

  /** Puts on its way what is in memory only, and keeps what stays there within bounds. */
  #saveTables(): void {
    const nowMs = this.#clock.monotonicMs()
    let held = 0
    for (const table of this.#everyTable()) {
      table.sealHeld(nowMs, HELD_MAX_MS)
      held += table.bytes
    }
    if (held > HELD_BYTES_MAX) this.#sealLargest(held - HELD_BYTES_MAX)
    for (const table of this.#everyTable()) this.#writer.push(table.takeUnsaved())
  }

  #sealLargest(excessBytes: number): void {
    let left = excessBytes
    for (const table of [...this.#everyTable()].sort((a, b) => b.bytes - a.bytes)) {
      if (left <= 0) return
      left -= table.bytes
      table.sealNow()
      left += table.bytes
    }
  }

  appendWaveform(asset: string, channel: string, chunk: WaveformChunk): void {
    const { startUs, rateHz, samples } = chunk
    const usable = !this.#closed && Number.isFinite(startUs) && rateHz > 0 && rateHz < Number.POSITIVE_INFINITY
    const buffer = usable ? (this.#waveforms.get(asset)?.get(channel) ?? this.#addWaveform(asset, channel)) : undefined
    if (!buffer) {
      this.#lost.n += samples.length
      return
    }
    for (let from = 0; from < samples.length; ) {
      const count = buffer.room(chunk, from)
      if (count === 0) {
        this.#seal(buffer)
        continue
      }
      if (buffer.rows === 0) buffer.sinceMs = this.#clock.monotonicMs()
      buffer.push(chunk, from, count)
      from += count
    }
  }

  #addWaveform(asset: string, channel: string): WaveformBuffer | undefined {
    if (++this.#names > TABLES_MAX) return undefined
    const buffer = new WaveformBuffer(tablePrefix('waveforms', asset, channel))
    const channels = this.#waveforms.get(asset) ?? new Map<string, WaveformBuffer>()
    this.#waveforms.set(asset, channels.set(channel, buffer))
    return buffer
  }

  #seal(buffer: WaveformBuffer): void {
    if (buffer.rows === 0) return
    const { prefix, firstUs, rows } = buffer
    const unit = new UnitBuilder(this.#codecs, () => this.#store.takeSeq())
    const key = chunkKey(prefix, firstUs, this.#store.takeSeq())
    unit.add({ cls: 'waveforms', prefix, key, value: buffer.encode(this.#codecs, key), firstUs, rows, pieces: [] })
    buffer.clear()
    this.#writer.push(unit.build())
  }

  #sealWaveforms(ageMs: number): void {
    const beforeMs = this.#clock.monotonicMs() - ageMs
    for (const channels of this.#waveforms.values()) {
      for (const buffer of channels.values()) if (buffer.rows > 0 && buffer.sinceMs <= beforeMs) this.#seal(buffer)
    }
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

  async *waveforms(asset: string, channel: string, fromUs: number, toUs: number): AsyncGenerator<WaveformChunk> {
    const unsealed = this.#waveforms.get(asset)?.get(channel)
    const prefix = tablePrefix('waveforms', asset, channel)
    for await (const chunk of this.#chunks.chunks(prefix, fromUs, toUs, unsealed)) {
      yield* piecesOf(this.#codecs, chunk, fromUs, toUs)
    }
  }

  keepAround(asset: string, fromUs: number, toUs: number): void {
    if (!this.#closed) this.#writer.push(this.#blackBox.keep(asset, fromUs, toUs))
  }

  async flush(): Promise<void> {
    this.#saveTables()
    this.#sealWaveforms(0)
    await this.#writer.settled()
  }

  enforceRetention(): Promise<void> {
    return this.#store.exclusive(() => this.#retainer.enforce())
  }

  stats(): HistoryStats {
    const { tally, failing, setAside } = this.#store
    return {
      bytes: this.#bytesStored(),
      oldestUs: tally.extremes().oldestUs,
      chunks: tally.chunks,
      corruptChunks: this.#corrupt.n,
      lostRows: this.#lost.n,
      failing,
      lossAtOpen: setAside,
    }
  }

  /** Chunks, and the pieces of those to be. */
  #bytesStored(): Record<StorageClass, number> {
    const bytes = { ...this.#store.tally.bytes }
    for (const table of this.#everyTable()) {
      for (const { buffer } of [{ buffer: table.raw }, ...table.summed]) {
        const cls = storageClassOf(buffer.prefix)
        if (cls) for (const piece of buffer.pieces) if (piece.stored) bytes[cls] += piece.bytes
      }
    }
    return bytes
  }

  async close(): Promise<void> {
    if (this.#closed) return
    for (const cancel of this.#cancels) cancel()
    this.#salvage.stop()
    await this.#salvaged
    this.#saveTables()
    this.#sealWaveforms(0)
    this.#closed = true
    const before = this.#lost.n
    await this.#writer.settled().catch(() => this.#writer.abandon())
    if (this.#lost.n > before) this.#logger.error('history rows were lost at the end', { rows: this.#lost.n - before })
    await this.#store.close()
  }
}

/** Engineering values with a time for each sample. */
function rowsOfPiece(piece: WaveformChunk, channel: string): HistoryRows {
  const { startUs, rateHz, samples, scale, offset } = piece
  return {
    timesUs: Float64Array.from(samples, (_, i) => startUs + (i * 1e6) / rateHz),
    columns: [channel],
    values: Float64Array.from(samples, raw => raw * scale + offset),
  }
}
