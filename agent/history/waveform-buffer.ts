// Samples of one waveform channel that have come since its last chunk.
import { BACK_US, type Codecs, encodeWaveform, SAMPLES_MAX, SPANS_US } from './chunk.ts'
import type { WaveformChunk } from './contract.ts'

const SPAN_US = SPANS_US.raw
const SAMPLES_FIRST = 4096
/** Pieces of one waveform chunk: each costs 16 bytes, and captures of a second make five in five seconds. */
const PIECES_MAX = 512

/** Samples of one channel that share type, rate and scaling, in pieces that are each contiguous. */
export class WaveformBuffer {
  readonly cls = 'waveforms'
  readonly prefix: Buffer
  /** Samples held. */
  rows = 0
  firstUs = 0
  sinceMs = 0
  #rateHz = 0
  #scale = 1
  #offset = 0
  #samplesMax = SAMPLES_MAX
  #samples: Int16Array | Float32Array = new Int16Array(0)
  #pieces = 0
  readonly #pieceTable = new Float64Array(PIECES_MAX * 2)

  constructor(prefix: Buffer) {
    this.prefix = prefix
  }

  /** How many of the block's samples from `from` on fit; 0 = they need a new chunk. */
  room(block: WaveformChunk, from: number): number {
    const left = block.samples.length - from
    if (this.rows === 0) return Math.min(left, this.#longest(block))
    if (block.rateHz !== this.#rateHz || block.scale !== this.#scale || block.offset !== this.#offset) return 0
    if (block.samples instanceof Int16Array !== this.#samples instanceof Int16Array) return 0
    const startUs = block.startUs + (from * 1e6) / block.rateHz
    if (startUs < this.firstUs - BACK_US || startUs >= this.firstUs + SPAN_US) return 0
    if (this.#pieces === PIECES_MAX && !this.#continues(startUs)) return 0
    const untilSpan = Math.ceil(((this.firstUs + SPAN_US - startUs) * this.#rateHz) / 1e6)
    return Math.max(0, Math.min(left, this.#samplesMax - this.rows, untilSpan))
  }

  /** A slow channel fills its time before its space. */
  #longest(block: WaveformChunk): number {
    return Math.max(1, Math.min(SAMPLES_MAX, Math.floor((block.rateHz * SPAN_US) / 1e6)))
  }

  /** Within half a sample of where the last piece ends. */
  #continues(startUs: number): boolean {
    const last = (this.#pieces - 1) * 2
    const endUs = this.#pieceTable[last]! + (this.#pieceTable[last + 1]! * 1e6) / this.#rateHz
    return Math.abs(startUs - endUs) * this.#rateHz <= 0.5e6
  }

  push(block: WaveformChunk, from: number, count: number): void {
    const startUs = block.startUs + (from * 1e6) / block.rateHz
    if (this.rows === 0) this.#begin(block, startUs)
    if (this.#pieces > 0 && this.#continues(startUs)) this.#pieceTable[this.#pieces * 2 - 1]! += count
    else {
      this.#pieceTable[this.#pieces * 2] = startUs
      this.#pieceTable[this.#pieces * 2 + 1] = count
      this.#pieces++
    }
    if (this.rows + count > this.#samples.length) this.#grow(this.rows + count)
    if (from === 0 && count === block.samples.length) this.#samples.set(block.samples, this.rows)
    else this.#samples.set(block.samples.subarray(from, from + count), this.rows)
    this.rows += count
  }

  #begin(block: WaveformChunk, startUs: number): void {
    this.firstUs = startUs
    this.#rateHz = block.rateHz
    this.#scale = block.scale
    this.#offset = block.offset
    this.#samplesMax = this.#longest(block)
    this.#pieces = 0
    const int16 = block.samples instanceof Int16Array
    if (int16 !== this.#samples instanceof Int16Array) this.#samples = int16 ? new Int16Array(0) : new Float32Array(0)
  }

  #grow(count: number): void {
    const size = Math.min(SAMPLES_MAX, Math.max(SAMPLES_FIRST, 2 ** Math.ceil(Math.log2(count))))
    const samples = this.#samples instanceof Int16Array ? new Int16Array(size) : new Float32Array(size)
    samples.set(this.#samples.subarray(0, this.rows))
    this.#samples = samples
  }

  encode(codecs: Codecs, key: Uint8Array): Buffer {
    return encodeWaveform(codecs, key, {
      rateHz: this.#rateHz,
      scale: this.#scale,
      offset: this.#offset,
      samples: this.#samples,
      count: this.rows,
      pieces: this.#pieces,
      pieceTable: this.#pieceTable,
    })
  }

  clear(): void {
    this.rows = 0
    this.#pieces = 0
  }
}
