// LevelDB behind the agent: samples, scores, features and waveforms in chunks of many rows. Losing the last seconds of it
// in a crash is allowed (it is not the truth about alarms); silently wrong values are not.

/** One chunk as read back. Arrays are the caller's. */
export interface HistoryRows {
  timesUs: Float64Array
  /** Column names, e.g. channel ids, or `score`, `contribution:flow`. */
  columns: readonly string[]
  /** [rows x columns] row-major. */
  values: Float64Array
}

/** `features` are those of the model; `vibration` is what the gateway itself measures of every capture, whatever the model. */
export type RowClass = 'samples' | 'scores' | 'features' | 'vibration'
export type HistoryClass = RowClass | 'waveforms'
/**
 * What space is kept by: the classes as they came, rows summed up by the minute and the hour, and what stood around an alarm
 * (black box), which outlives its class.
 */
export type StorageClass = HistoryClass | 'minutes' | 'hours' | 'black-box'

export interface HistoryQuery {
  asset: string
  class: HistoryClass
  /** Inclusive. */
  fromUs: number
  /** Exclusive. */
  toUs: number
  /** Column names to return; absent = all. For waveforms: the channel id, required. */
  columns?: readonly string[]
}

/** What is asked of a time too long to look at row by row. */
export interface SummaryQuery {
  asset: string
  class: RowClass
  /** Inclusive; moved back to where a bucket begins. */
  fromUs: number
  /** Exclusive. */
  toUs: number
  columns?: readonly string[]
  /** At most so many buckets, all of one width: whole minutes or hours once they are longer than one. */
  points: number
}

/** Buckets that have rows, in time order. Arrays are [buckets x columns] row-major, NaN where the column had no value. */
export interface HistorySummary {
  bucketUs: number
  startsUs: Float64Array
  columns: readonly string[]
  /** Values that were numbers. */
  counts: Float64Array
  min: Float64Array
  max: Float64Array
  mean: Float64Array
  /** The newest. */
  last: Float64Array
}

export interface HistoryStats {
  bytes: Record<StorageClass, number>
  oldestUs: number | undefined
  chunks: number
  /** Chunks that failed their CRC since start; they were skipped and stated. */
  corruptChunks: number
  /** Rows that could not be written since start (disk full, I/O error). */
  lostRows: number
  /** Rows, and samples of waveforms, that retention removed since start: not those moved to the black box. */
  retiredRows: Record<StorageClass, number>
  failing: string | undefined
  /** Set when a damaged or vanished store was replaced by an empty one since start, or part of it was unreadable: what was lost. */
  lossAtOpen?: string | undefined
}

/** A text beside the black box, as long-lived as it. */
export interface HistoryNote {
  /** Printable ASCII, at most 64 characters; names sort by time: the first in order go first when there are too many. */
  name: string
  /** What its age is judged by. */
  timeUs: number
  /** Rises with each change. */
  version: number
  /** At most 128 KiB of UTF-8; JSON, say. */
  text: string
}

export interface HistoryNotes {
  /** In place of the one of that name. Synchronous, never throws; written behind. */
  keep(note: HistoryNote): void
  /** Of the one kept by that name, without reading it. */
  version(name: string): number | undefined
  /** Rejects with HISTORY_IO while the store fails. */
  get(name: string): Promise<HistoryNote | undefined>
  /** As `get`; those of the moment at which the first is asked for. */
  newestFirst(): AsyncIterable<HistoryNote>
  /** What was kept so far is on the disk. Rejects with HISTORY_IO. */
  settled(): Promise<void>
}

export interface WaveformChunk {
  startUs: number
  rateHz: number
  samples: Int16Array | Float32Array
  scale: number
  offset: number
}

export interface History {
  /**
   * Appends rows of one table. Copies; synchronous; never throws. A table's columns may change between calls: a new
   * chunk begins. Buffers per table are bounded; full ones are written behind.
   */
  append(
    asset: string,
    cls: RowClass,
    columns: readonly string[],
    rows: number,
    timesUs: Float64Array,
    values: Float64Array,
  ): void
  appendWaveform(asset: string, channel: string, chunk: WaveformChunk): void
  /**
   * Chunks in time order, never the whole range in memory; includes what is not yet on the disk. Without `columns`: exactly
   * what had been appended when the first chunk was asked for. Throws NOT_FOUND for a column that no chunk of the range has.
   */
  query(query: HistoryQuery): AsyncIterable<HistoryRows>
  /**
   * The same time in at most `points` buckets, from minutes and hours summed up while the rows came. Throws as `query` does.
   */
  summary(query: SummaryQuery): Promise<HistorySummary>
  /** Waveform pieces in time order, engineering conversion left to the caller. */
  waveforms(asset: string, channel: string, fromUs: number, toUs: number): AsyncIterable<WaveformChunk>
  /** What the asset has of that time, future rows included, goes to the black box when its class would let it go. */
  keepAround(asset: string, fromUs: number, toUs: number): void
  readonly notes: HistoryNotes
  /** Everything appended so far is on the disk (fdatasync): neither a kill nor a power cut takes it away. */
  flush(): Promise<void>
  /** Applies retention; called by the schedule. */
  enforceRetention(): Promise<void>
  stats(): HistoryStats
  close(): Promise<void>
}
