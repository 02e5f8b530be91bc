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

export interface HistoryStats {
  bytes: Record<HistoryClass, number>
  oldestUs: number | undefined
  chunks: number
  /** Chunks that failed their CRC since start; they were skipped and stated. */
  corruptChunks: number
  /** Rows that could not be written since start (disk full, I/O error). */
  lostRows: number
  failing: string | undefined
  /** Set when a damaged or vanished store was replaced by an empty one since start, or part of it was unreadable: what was lost. */
  lossAtOpen?: string | undefined
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
  /** Waveform pieces in time order, engineering conversion left to the caller. */
  waveforms(asset: string, channel: string, fromUs: number, toUs: number): AsyncIterable<WaveformChunk>
  /** Everything appended so far is on the disk. */
  flush(): Promise<void>
  /** Applies retention; called by the schedule. */
  enforceRetention(): Promise<void>
  stats(): HistoryStats
  close(): Promise<void>
}
