// Frames out of the chunks of a stream: the host's side of the pipe.
import { FROM_CHILD_BYTES_MAX, HEADER_BYTES, payloadBytesOf, viewOf } from './protocol.ts'

/** Called with each frame; `payload` is borrowed for the call. */
export type FrameSink = (type: number, id: number, payload: Uint8Array) => void

export class FrameReader {
  readonly #sink: FrameSink
  #buffer = new Uint8Array(64 * 1024)
  #length = 0

  constructor(sink: FrameSink) {
    this.#sink = sink
  }

  /** Throws SCORER_PROTOCOL at the first byte that cannot belong to a frame. */
  push(chunk: Uint8Array): void {
    this.#append(chunk)
    let start = 0
    while (this.#length - start >= HEADER_BYTES) {
      const header = viewOf(this.#buffer.subarray(start, start + HEADER_BYTES))
      const end = start + HEADER_BYTES + payloadBytesOf(header, FROM_CHILD_BYTES_MAX)
      if (end > this.#length) break
      const payload = this.#buffer.subarray(start + HEADER_BYTES, end)
      start = end
      this.#sink(header.getUint32(4, true), header.getUint32(8, true), payload)
    }
    this.#buffer.copyWithin(0, start, this.#length)
    this.#length -= start
  }

  /** Doubling keeps the work linear; the frame limit bounds it. */
  #append(chunk: Uint8Array): void {
    const needed = this.#length + chunk.length
    if (needed > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(needed, this.#buffer.length * 2))
      grown.set(this.#buffer.subarray(0, this.#length))
      this.#buffer = grown
    }
    this.#buffer.set(chunk, this.#length)
    this.#length = needed
  }
}
