// bytes -> SampleBlock / WaveformBlock. Decoders are synchronous and bounded, resynchronise after garbage, never throw
// on input, and count what they skip. A decoder is made once per source with the channels bound to it.

import type { AssetConfig } from '../config/contract.ts'
import type { Counters } from '../core/counters.ts'
import type { SampleSink } from '../core/types.ts'

/** A byte stream: serial ports, sockets. */
export interface StreamDecoder {
  /** Any slice of the stream; frames may straddle calls. Calls the sink before it returns. */
  push(chunk: Uint8Array, receivedUs: number): void
  /** The line was interrupted: forget a half frame; the next frame counts as after a gap. */
  reset(): void
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
