// bytes -> SampleBlock / WaveformBlock. Decoders are synchronous and bounded, resynchronise after garbage, never throw
// on input, and count what they skip. A decoder is made once per source with the channels bound to it.

import type { AssetConfig, SerialSourceConfig } from '../config/contract.ts'
import type { Counters } from '../core/counters.ts'
import type { SampleSink } from '../core/types.ts'

/** A byte stream: serial ports, sockets. */
export interface StreamDecoder {
  /** Any slice of the stream; frames may straddle calls. Calls the sink before it returns. */
  push(chunk: Uint8Array, receivedUs: number): void
  /** The line was interrupted: forget a half frame; the next frame counts as after a gap. */
  reset(): void
  /** Why nothing of what comes can be taken, and what to do; undefined while all is well. */
  readonly problem?: string | undefined
}

/** Whole messages with a topic: MQTT. */
export interface MessageDecoder {
  message(topic: string, payload: Uint8Array, receivedUs: number): void
  /** Topic filters that the source must subscribe to, without duplicates. */
  readonly filters: readonly string[]
}

export interface DecoderContext {
  sourceId: string
  /** All assets; a decoder takes the channels whose binding names its source. */
  assets: readonly AssetConfig[]
  sink: SampleSink
  counters: Counters
}

/** Splits a byte stream into frames of at most `frameBytesMax`, in linear time, resynchronising after garbage. */
export interface Framer {
  push(chunk: Uint8Array): void
  reset(): void
}

/** `bytes.subarray(start, end)` is the frame; borrowed for the duration of the call. */
export type FrameSink = (bytes: Uint8Array, start: number, end: number) => void

export interface CsvBlock {
  rows: number
  /** [rows] µs since 1970. */
  timesUs: Float64Array
  /** [rows x columns], row-major; NaN where a cell is empty or no number. Arrays are the caller's. */
  values: Float64Array
}

/** A recorded CSV file, streamed. */
export interface CsvTable {
  /** All cells of the header row, in file order. */
  header: readonly string[]
  /** Channels, in file order. */
  columns: readonly string[]
  /** Undefined when the file has none: rows then are taken to be 1 s apart, from 1970 on. */
  timeColumn: string | undefined
  /** Columns that are neither: text, empty, ignored. */
  skipped: readonly string[]
  /** Cells that were not empty and no number; rows left out because their time could not be read. So far. */
  readonly badCells: number
  readonly badRows: number
  /** What a person should know: what was assumed of the file, and what was odd so far, with the first line of it. */
  readonly notes: readonly string[]
  /** Blocks of at most 4096 rows, from the start of the file at each call. Throws CSV_INVALID with the line. */
  rows(): AsyncIterable<CsvBlock>
}

export type NpyArray = Int16Array | Float32Array | Float64Array

/** A recorded .npy array, read piece by piece. */
export interface NpyFile {
  dtype: 'i2' | 'f4' | 'f8'
  captures: number
  channels: number
  samples: number
  /** Samples [from, from + count) of one channel of one capture; a fresh array. Throws NPY_INVALID. */
  read(capture: number, channel: number, from: number, count: number): Promise<NpyArray>
  close(): Promise<void>
}

/** What sources need of this room, handed to them by the composition root. */
export interface Decoders {
  message(context: DecoderContext): MessageDecoder
  /** By `config.frame`. */
  stream(config: SerialSourceConfig, context: DecoderContext): StreamDecoder
  /** Throws CSV_INVALID: unreadable, no header, no numeric column, name twice. `timeColumn` overrides what would be found. */
  openCsv(path: string, options?: { ignore?: readonly string[]; timeColumn?: string }): Promise<CsvTable>
  /** Throws NPY_INVALID. */
  openNpy(path: string): Promise<NpyFile>
}
