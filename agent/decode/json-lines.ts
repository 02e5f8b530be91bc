// Serial lines of one JSON object each -> rows.
import type { Counter } from '../core/counters.ts'
import type { DecoderContext, StreamDecoder } from './contract.ts'
import { boundScalars, groupChannels, type JsonGroup, JsonRowReader, rowBuffers } from './json-rows.ts'
import { LineFramer } from './line-framer.ts'

const OPENING_BRACE = 0x7b

export function createJsonLinesDecoder(context: DecoderContext, lineBytesMax: number): StreamDecoder {
  return new JsonLinesDecoder(context, lineBytesMax)
}

class JsonLinesDecoder implements StreamDecoder {
  readonly #groups: readonly JsonGroup[]
  readonly #rows: JsonRowReader
  readonly #framer: LineFramer
  readonly #badJson: Counter
  #receivedUs = 0

  constructor(context: DecoderContext, lineBytesMax: number) {
    this.#groups = groupChannels(boundScalars(context), rowBuffers(context))
    this.#rows = new JsonRowReader(context)
    this.#badJson = context.counters.get(`decode.${context.sourceId}.bad_json`)
    const overlong = context.counters.get(`decode.${context.sourceId}.oversize`)
    this.#framer = new LineFramer(
      lineBytesMax,
      (bytes, start, end) => this.#line(bytes, start, end),
      () => overlong.n++,
    )
  }

  push(chunk: Uint8Array, receivedUs: number): void {
    this.#receivedUs = receivedUs
    this.#framer.push(chunk)
  }

  reset(): void {
    this.#framer.reset()
  }

  #line(bytes: Uint8Array, start: number, end: number): void {
    // The tail of a line that was cut by opening the port in its middle has lost its opening brace, so it cannot be
    // taken for a whole line: a bare number, which could be a cut one, is refused here.
    if (bytes[start] !== OPENING_BRACE) {
      this.#badJson.n++
      return
    }
    this.#rows.read(
      Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8'),
      this.#groups,
      this.#receivedUs,
    )
  }
}
