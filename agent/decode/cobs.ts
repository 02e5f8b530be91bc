// Consistent Overhead Byte Stuffing (Cheshire & Baker 1999): frames without 0x00, so that 0x00 can only end one.
import type { Framer, FrameSink } from './contract.ts'

const DELIMITER = 0

/** Bytes that `length` bytes take at most once stuffed, delimiters not counted. */
export function cobsBytesMax(length: number): number {
  return length + Math.floor(length / 254) + 1
}

/** Stuffs `source` into `target` from `at` on; returns the end. `target` needs cobsBytesMax(source.length). */
export function cobsEncode(source: Uint8Array, target: Uint8Array, at: number): number {
  let codeAt = at
  let out = at + 1
  let code = 1
  for (let i = 0; i < source.length; i++) {
    const byte = source[i]!
    if (byte !== 0) {
      target[out++] = byte
      code++
    }
    if (byte === 0 || (code === 0xff && i + 1 < source.length)) {
      target[codeAt] = code
      codeAt = out++
      code = 1
    }
  }
  target[codeAt] = code
  return out
}

/** Unstuffs source[start, end) into `target` from `at` on; returns the end, or -1 when it is not COBS. */
export function cobsDecode(source: Uint8Array, start: number, end: number, target: Uint8Array, at: number): number {
  let i = start
  let out = at
  while (i < end) {
    const code = source[i++]!
    const runEnd = i + code - 1
    if (code === 0 || runEnd > end) return -1
    while (i < runEnd) target[out++] = source[i++]!
    if (code !== 0xff && i < end) target[out++] = 0
  }
  return out
}

export interface CobsFramerOptions {
  /** Unstuffed frames longer than this are skipped. */
  frameBytesMax: number
  /** Where in the scratch buffer frames are laid, so that values inside them are aligned. */
  at: number
  sink: FrameSink
  /** Something between two delimiters was no frame. */
  onSkip: (why: 'oversize' | 'not-cobs') => void
}

/**
 * Splits a byte stream at 0x00. Every delimiter is a fresh start, so garbage costs at most the frame it touches, and none
 * when frames begin with a delimiter too. Each byte is looked at once, carried at most once, unstuffed at most once.
 */
export class CobsFramer implements Framer {
  readonly #options: CobsFramerOptions
  readonly #encodedMax: number
  readonly #carry: Uint8Array
  readonly #frame: Uint8Array
  #carried = 0
  #skipping = false
  /** Bytes looked at, carried and unstuffed since construction; tests assert that it is linear in the input. */
  bytesHandled = 0

  constructor(options: CobsFramerOptions) {
    this.#options = options
    this.#encodedMax = cobsBytesMax(options.frameBytesMax)
    this.#carry = new Uint8Array(this.#encodedMax)
    this.#frame = new Uint8Array(options.at + this.#encodedMax)
  }

  /** Frames are passed to the sink in this buffer. */
  get frame(): Uint8Array {
    return this.#frame
  }

  push(chunk: Uint8Array): void {
    this.bytesHandled += chunk.length
    let start = 0
    while (start < chunk.length) {
      const end = chunk.indexOf(DELIMITER, start)
      if (end === -1) {
        this.#keep(chunk, start, chunk.length)
        return
      }
      this.#end(chunk, start, end)
      start = end + 1
    }
  }

  reset(): void {
    this.#carried = 0
    this.#skipping = false
  }

  #end(chunk: Uint8Array, start: number, end: number): void {
    if (this.#carried > 0) {
      this.#keep(chunk, start, end)
      if (!this.#skipping) this.#unstuff(this.#carry, 0, this.#carried)
    } else if (!this.#skipping && end > start) {
      if (end - start > this.#encodedMax) this.#options.onSkip('oversize')
      else this.#unstuff(chunk, start, end)
    }
    this.reset()
  }

  #unstuff(bytes: Uint8Array, start: number, end: number): void {
    const { at, frameBytesMax, onSkip, sink } = this.#options
    this.bytesHandled += end - start
    const frameEnd = cobsDecode(bytes, start, end, this.#frame, at)
    if (frameEnd === -1) onSkip('not-cobs')
    else if (frameEnd - at > frameBytesMax) onSkip('oversize')
    else sink(this.#frame, at, frameEnd)
  }

  #keep(chunk: Uint8Array, start: number, end: number): void {
    if (this.#skipping || start === end) return
    if (this.#carried + end - start > this.#encodedMax) {
      this.#carried = 0
      this.#skipping = true
      this.#options.onSkip('oversize')
      return
    }
    this.#carry.set(chunk.subarray(start, end), this.#carried)
    this.#carried += end - start
    this.bytesHandled += end - start
  }
}
