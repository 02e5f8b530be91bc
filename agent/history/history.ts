// History over LevelDB.
//
//   append ─► RowBuffer / WaveformBuffer ─(full, 5 s old, flush)─► chunk ─► WriteBehind ─► Store (LevelDB)
//                      └────────────────────────┴── query merges all three ──┴───────────────┘

import type { Cancel, Clock } from '../core/clock.ts'
import type { Counters } from '../core/counters.ts'
import { AgentError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { RowBuffer, WaveformBuffer } from './buffers.ts'
import { piecesOf, rowsOf, unknownColumns } from './chunk.ts'
import type { History, HistoryClass, HistoryQuery, HistoryRows, HistoryStats, WaveformChunk } from './contract.ts'
import { chunkKey, tablePrefix } from './keys.ts'
import { type OpenLevel, openLevel, type PlaceReport } from './place.ts'
import { ChunkReader } from './query.ts'
import { Retainer, type Retention } from './retention.ts'
import { Store } from './store.ts'
import { WriteBehind } from './write-behind.ts'

type RowClass = Exclude<HistoryClass, 'waveforms'>

/** What a crash may cost. */
const AGE_MAX_MS = 5_000
const SWEEP_MS = 1_000
/** 50 assets of 4 classes are 200; a flood of names must not take the memory. */
const TABLES_MAX = 4_096

export interface HistoryOptions {
  /** The LevelDB directory. Beside it: `<dir>.initialised`, and `<dir>.damaged-N` after a loss. Made when missing. */
  dir: string
  retention: Record<HistoryClass, Retention>
  clock: Clock
  logger: Logger
  counters: Counters
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
  readonly #reader: ChunkReader
  readonly #retainer: Retainer
  readonly #corrupt: { n: number }
  readonly #lost: { n: number }
  readonly #rows: Record<RowClass, Map<string, RowBuffer>>
  readonly #waveforms = new Map<string, Map<string, WaveformBuffer>>()
  #tables = 0
  #cancelSweep: Cancel | undefined
  #closed = false

  constructor(options: HistoryOptions) {
    const { clock, logger, counters } = options
    this.#clock = clock
    this.#logger = logger
    this.#corrupt = counters.get('history.corrupt_chunks')
    this.#lost = counters.get('history.lost_rows')
    this.#rows = { samples: new Map(), scores: new Map(), features: new Map(), vibration: new Map() }
    const reopened = (): void => this.#writer.drain()
    this.#store = new Store({ ...options, openLevel: options.openLevel ?? openLevel, reopened })
    this.#retainer = new Retainer(this.#store, options.retention, clock, logger)
    this.#writer = new WriteBehind(this.#store, counters, async () => {
      if (this.#retainer.overgrown) await this.#retainer.enforce()
    })
    this.#reader = new ChunkReader(this.#store, this.#writer, logger, counters)
  }

  async open(): Promise<PlaceReport> {
    const report = await this.#store.open()
    this.#cancelSweep = this.#clock.every(SWEEP_MS, () => this.#sealOlderThan(AGE_MAX_MS))
    return report
  }

  append(
    asset: string,
    cls: RowClass,
    columns: readonly string[],
    rows: number,
    timesUs: Float64Array,
    values: Float64Array,
  ): void {
    const buffer = this.#closed ? undefined : (this.#rows[cls].get(asset) ?? this.#addRows(asset, cls))
    if (!buffer) {
      this.#lost.n += rows
      return
    }
    if (buffer.differs(columns)) {
      this.#seal(buffer)
      buffer.setColumns(columns)
    }
    const width = columns.length
    for (let row = 0; row < rows; row++) {
      const timeUs = timesUs[row]!
      if (!Number.isFinite(timeUs)) {
        this.#lost.n++
        continue
      }
      if (!buffer.accepts(timeUs)) this.#seal(buffer)
      if (buffer.rows === 0) buffer.sinceMs = this.#clock.monotonicMs()
      buffer.push(timeUs, values, row * width)
    }
  }

  #addRows(asset: string, cls: RowClass): RowBuffer | undefined {
    if (++this.#tables > TABLES_MAX) return undefined
    const buffer = new RowBuffer(cls, tablePrefix(cls, asset, ''))
    this.#rows[cls].set(asset, buffer)
    return buffer
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
    if (++this.#tables > TABLES_MAX) return undefined
    const buffer = new WaveformBuffer(tablePrefix('waveforms', asset, channel))
    const channels = this.#waveforms.get(asset) ?? new Map<string, WaveformBuffer>()
    this.#waveforms.set(asset, channels.set(channel, buffer))
    return buffer
  }

  #seal(buffer: RowBuffer | WaveformBuffer): void {
    if (buffer.rows === 0) return
    const { cls, prefix, firstUs, rows } = buffer
    const key = chunkKey(prefix, firstUs, this.#store.takeSeq())
    const value = buffer.encode(key)
    buffer.clear()
    this.#writer.push({ cls, prefix, key, value, firstUs, rows })
  }

  *#buffers(): Generator<RowBuffer | WaveformBuffer> {
    for (const tables of Object.values(this.#rows)) yield* tables.values()
    for (const channels of this.#waveforms.values()) yield* channels.values()
  }

  #sealOlderThan(ageMs: number): void {
    const beforeMs = this.#clock.monotonicMs() - ageMs
    for (const buffer of this.#buffers()) if (buffer.rows > 0 && buffer.sinceMs <= beforeMs) this.#seal(buffer)
  }

  async *query(query: HistoryQuery): AsyncGenerator<HistoryRows> {
    const { asset, class: cls, fromUs, toUs, columns } = query
    if (cls === 'waveforms') {
      if (!columns) throw new AgentError('USAGE', `a query for waveforms of ${asset} needs the channel in "columns"`)
      for (const channel of columns) {
        for await (const piece of this.waveforms(asset, channel, fromUs, toUs)) yield rowsOfPiece(piece, channel)
      }
      return
    }
    const chunks = (): AsyncIterable<Buffer> =>
      this.#reader.chunks(tablePrefix(cls, asset, ''), fromUs, toUs, this.#rows[cls].get(asset))
    if (columns) {
      const { unknown, known } = await unknownColumns(chunks(), columns)
      const what = `no column ${unknown.join(', ')} among the ${cls} of ${asset} in that time`
      if (unknown.length > 0 && known.length > 0)
        throw new AgentError('NOT_FOUND', `${what}; there are ${known.join(', ')}`)
    }
    for await (const chunk of chunks()) {
      const rows = rowsOf(chunk, fromUs, toUs, columns)
      if (rows) yield rows
    }
  }

  async *waveforms(asset: string, channel: string, fromUs: number, toUs: number): AsyncGenerator<WaveformChunk> {
    const unsealed = this.#waveforms.get(asset)?.get(channel)
    const prefix = tablePrefix('waveforms', asset, channel)
    for await (const chunk of this.#reader.chunks(prefix, fromUs, toUs, unsealed)) yield* piecesOf(chunk, fromUs, toUs)
  }

  async flush(): Promise<void> {
    this.#sealOlderThan(0)
    await this.#writer.settled()
  }

  enforceRetention(): Promise<void> {
    return this.#store.exclusive(() => this.#retainer.enforce())
  }

  stats(): HistoryStats {
    const { tally, failing, setAside } = this.#store
    return {
      bytes: { ...tally.bytes },
      oldestUs: tally.extremes().oldestUs,
      chunks: tally.chunks,
      corruptChunks: this.#corrupt.n,
      lostRows: this.#lost.n,
      failing,
      lossAtOpen: setAside,
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#cancelSweep?.()
    this.#sealOlderThan(0)
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
