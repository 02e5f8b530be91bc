import type { Framer, FrameSink } from './contract.ts'

const LF = 0x0a
const CR = 0x0d

/**
 * Splits a byte stream at LF, CR or CRLF; empty lines are left out. A line longer than `lineBytesMax` is skipped up to
 * its end and reported once. Each byte is looked at once and copied at most once: 16 MiB without a line end cost 16 MiB
 * of looking, where the usual growing-buffer parser is quadratic (70 s on that input).
 */
export class LineFramer implements Framer {
  readonly #lineBytesMax: number
  readonly #sink: FrameSink
  readonly #onOverlong: () => void
  readonly #carry: Buffer
  #carried = 0
  #skipping = false
  /** Bytes looked at or copied since construction; tests assert that it is linear in the input. */
  bytesHandled = 0

  constructor(lineBytesMax: number, sink: FrameSink, onOverlong: () => void) {
    this.#lineBytesMax = lineBytesMax
    this.#sink = sink
    this.#onOverlong = onOverlong
    this.#carry = Buffer.allocUnsafe(lineBytesMax)
  }

  push(chunk: Uint8Array): void {
    let start = 0
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i]!
      if (byte !== LF && byte !== CR) continue
      this.#end(chunk, start, i)
      start = i + 1
    }
    this.bytesHandled += chunk.length
    this.#keep(chunk, start, chunk.length)
  }

  reset(): void {
    this.#carried = 0
    this.#skipping = false
  }

  /** A line end: the line is what was carried plus chunk[start, end). */
  #end(chunk: Uint8Array, start: number, end: number): void {
    if (this.#carried > 0) {
      this.#keep(chunk, start, end)
      if (!this.#skipping) this.#sink(this.#carry, 0, this.#carried)
    } else if (!this.#skipping && end > start) {
      if (end - start > this.#lineBytesMax) this.#onOverlong()
      else this.#sink(chunk, start, end)
    }
    this.reset()
  }

  #keep(chunk: Uint8Array, start: number, end: number): void {
    if (this.#skipping || start === end) return
    if (this.#carried + end - start > this.#lineBytesMax) {
      this.#carried = 0
      this.#skipping = true
      this.#onOverlong()
      return
    }
    this.#carry.set(chunk.subarray(start, end), this.#carried)
    this.#carried += end - start
    this.bytesHandled += end - start
  }
}
