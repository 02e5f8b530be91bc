// Waveforms of all channels: what came of each since its last chunk, and what is stored.
import type { Clock } from '../core/clock.ts'
import { type Codecs, piecesOf } from './chunk.ts'
import type { HistoryRows, WaveformChunk } from './contract.ts'
import { chunkKey, tablePrefix } from './keys.ts'
import type { ChunkReader } from './query.ts'
import { UnitBuilder } from './unit.ts'
import { WaveformBuffer } from './waveform-buffer.ts'
import type { WriteBehind } from './write-behind.ts'

/** A flood of names must not take the memory. */
const CHANNELS_MAX = 4_096

export interface WaveformsOptions {
  codecs: Codecs
  takeSeq: () => number
  writer: WriteBehind
  reader: ChunkReader
  clock: Clock
  /** Counter of samples that cannot be kept. */
  lost: { n: number }
}

export class Waveforms {
  readonly #options: WaveformsOptions
  readonly #buffers = new Map<string, Map<string, WaveformBuffer>>()
  #names = 0

  constructor(options: WaveformsOptions) {
    this.#options = options
  }

  append(asset: string, channel: string, chunk: WaveformChunk): void {
    const { clock, lost } = this.#options
    const { startUs, rateHz, samples } = chunk
    const usable = Number.isFinite(startUs) && rateHz > 0 && rateHz < Number.POSITIVE_INFINITY
    const buffer = usable ? (this.#buffers.get(asset)?.get(channel) ?? this.#add(asset, channel)) : undefined
    if (!buffer) {
      lost.n += samples.length
      return
    }
    for (let from = 0; from < samples.length; ) {
      const count = buffer.room(chunk, from)
      if (count === 0) {
        this.#seal(buffer)
        continue
      }
      if (buffer.rows === 0) buffer.sinceMs = clock.monotonicMs()
      buffer.push(chunk, from, count)
      from += count
    }
  }

  #add(asset: string, channel: string): WaveformBuffer | undefined {
    if (++this.#names > CHANNELS_MAX) return undefined
    const buffer = new WaveformBuffer(tablePrefix('waveforms', asset, channel))
    const channels = this.#buffers.get(asset) ?? new Map<string, WaveformBuffer>()
    this.#buffers.set(asset, channels.set(channel, buffer))
    return buffer
  }

  #seal(buffer: WaveformBuffer): void {
    if (buffer.rows === 0) return
    const { codecs, takeSeq, writer } = this.#options
    const { prefix, firstUs, rows } = buffer
    const unit = new UnitBuilder(codecs, takeSeq)
    const key = chunkKey(prefix, firstUs, takeSeq())
    unit.add({ cls: 'waveforms', prefix, key, value: buffer.encode(codecs, key), firstUs, rows, pieces: [] })
    buffer.clear()
    writer.push(unit.build())
  }

  /** What is older becomes chunks. */
  sealOlderThan(ageMs: number): void {
    const beforeMs = this.#options.clock.monotonicMs() - ageMs
    for (const channels of this.#buffers.values()) {
      for (const buffer of channels.values()) if (buffer.rows > 0 && buffer.sinceMs <= beforeMs) this.#seal(buffer)
    }
  }

  /** See History.waveforms. */
  async *pieces(asset: string, channel: string, fromUs: number, toUs: number): AsyncGenerator<WaveformChunk> {
    const { reader, codecs } = this.#options
    const unsealed = this.#buffers.get(asset)?.get(channel)
    const prefix = tablePrefix('waveforms', asset, channel)
    for await (const chunk of reader.chunks(prefix, fromUs, toUs, unsealed))
      yield* piecesOf(codecs, chunk, fromUs, toUs)
  }
}

/** Engineering values with a time for each sample. */
export function rowsOfPiece(piece: WaveformChunk, channel: string): HistoryRows {
  const { startUs, rateHz, samples, scale, offset } = piece
  return {
    timesUs: Float64Array.from(samples, (_, i) => startUs + (i * 1e6) / rateHz),
    columns: [channel],
    values: Float64Array.from(samples, raw => raw * scale + offset),
  }
}
