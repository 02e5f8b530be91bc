// Samples of a waveform as bytes: int16 as they came from the converter, float32 by their bits. Lossless.
//
//   way u8: 0 the value above the lowest possible, 1 zigzag differences to the sample before; greatest varint, planes (planes.ts)
import { ByteReader, ByteWriter } from './byte-writer.ts'
import { Planes } from './planes.ts'

const OFFSET = 0
const DELTA = 1
const INT16_LOWEST = -32768
const UINT32_MAX = 2 ** 32 - 1

export class SamplesCodec {
  readonly #writer = new ByteWriter()
  readonly #planes: Planes
  readonly #offset: Uint32Array
  readonly #delta: Uint32Array

  constructor(samplesMax: number) {
    this.#planes = new Planes(samplesMax)
    this.#offset = new Uint32Array(samplesMax)
    this.#delta = new Uint32Array(samplesMax)
  }

  /** What it returns is good until the next call. */
  encode(samples: Int16Array | Float32Array): Buffer {
    this.#writer.clear()
    if (samples instanceof Int16Array) this.#writeInt16(samples)
    else this.#write(OFFSET, sortedBits(samples, this.#offset), samples.length, UINT32_MAX)
    return this.#writer.view()
  }

  #writeInt16(samples: Int16Array): void {
    const [offset, delta] = [this.#offset, this.#delta]
    let before = 0
    for (let i = 0; i < samples.length; i++) {
      const value = samples[i]!
      const step = value - before
      before = value
      offset[i] = value - INT16_LOWEST
      delta[i] = step < 0 ? -2 * step - 1 : 2 * step
    }
    const count = samples.length
    // Differences of int16 take 17 bits: of noise they are larger than the samples, of a slow sine much smaller.
    const deltaMax = max(delta, count)
    if (this.#planes.estimate(delta, count, deltaMax) < this.#planes.estimate(offset, count, 65_535)) {
      this.#write(DELTA, delta, count, deltaMax)
    } else this.#write(OFFSET, offset, count, 65_535)
  }

  #write(way: number, values: Uint32Array, count: number, greatest: number): void {
    this.#writer.u8(way)
    this.#writer.varint(greatest)
    this.#planes.write(values, count, greatest, this.#writer)
  }

  /** Throws a RangeError when these are not the bytes of so many samples. */
  decode(bytes: Buffer, count: number, int16: boolean): Int16Array | Float32Array {
    const from = new ByteReader(bytes)
    const way = from.u8()
    const values = this.#offset
    this.#planes.read(from, count, from.varint(), values)
    if (!int16) return fromSortedBits(values, count)
    const samples = new Int16Array(count)
    let value = 0
    for (let i = 0; i < count; i++) {
      const coded = values[i]!
      value = way === OFFSET ? coded + INT16_LOWEST : value + (coded & 1 ? -((coded >>> 1) + 1) : coded >>> 1)
      samples[i] = value
    }
    return samples
  }
}

/** Bits in the order of the numbers, so that close numbers have the same high bytes. */
function sortedBits(samples: Float32Array, into: Uint32Array): Uint32Array {
  const bits = new Uint32Array(samples.buffer, samples.byteOffset, samples.length)
  for (let i = 0; i < bits.length; i++) {
    const word = bits[i]!
    into[i] = word & 0x80000000 ? ~word : word | 0x80000000
  }
  return into
}

function fromSortedBits(values: Uint32Array, count: number): Float32Array {
  const bits = new Uint32Array(count)
  for (let i = 0; i < count; i++) {
    const order = values[i]!
    bits[i] = order & 0x80000000 ? order & 0x7fffffff : ~order
  }
  return new Float32Array(bits.buffer)
}

function max(values: Uint32Array, count: number): number {
  let greatest = 0
  for (let i = 0; i < count; i++) if (values[i]! > greatest) greatest = values[i]!
  return greatest
}
