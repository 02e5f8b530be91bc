// Unsigned integers below 2^32 as planes of bytes: the lowest byte of all, then the next. A plane has statistics of its own (the
// high bytes hardly change, the low ones are noise), so each is compressed by itself: on recorded process data that takes a
// fifth less than one stream over all planes.
//
// One plane: method u8, then
//   0 stored    the bytes           1 constant   one byte          2 deflate    length varint, raw deflate (RFC 1951)
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib'
import type { ByteReader, ByteWriter } from './byte-writer.ts'

const STORED = 0
const CONSTANT = 1
const DEFLATE = 2
// Runs and Huffman codes, no search for longer matches: bytes of a plane repeat, sequences of them hardly do. Within 1 % of
// level 6 in size on recorded process data, at three times its speed.
// Runs need no window; memLevel 7 keeps 8,192 bytes under one Huffman table. A plane of 1,000 bytes takes half the time that way,
// for most of it went into memory that was never used.
const DEFLATE_OPTIONS = { level: 1, strategy: constants.Z_RLE, memLevel: 7, windowBits: 9 }
/** zlib's own 16 KiB are zeroed for each plane; an eighth more than what goes in takes all that does not fit anyway. */
const CHUNK_BYTES_MIN = 64
/** Huffman codes of fewer bytes cost more than they save. */
const DEFLATE_MIN_BYTES = 24
/** A plane that would keep more of its bytes is stored as it is. */
const PAYS = 0.95
/** What a plane will take is judged by every fourth stretch of 256 rows: enough to tell ways to store it apart. */
const STRETCH = 256
const STRETCHES_APART = 4 * STRETCH
/** n log2 n, of counts up to those of a chunk of rows. */
const N_LOG_N = Float64Array.from({ length: 4097 }, (_, n) => (n > 0 ? n * Math.log2(n) : 0))

/** Scratch for chunks of up to `rowsMax` rows; nothing else is allocated but what zlib returns. */
export class Planes {
  readonly #plane: Uint8Array
  readonly #counts = new Uint32Array(256)

  constructor(rowsMax: number) {
    this.#plane = new Uint8Array(rowsMax)
  }

  /** Bytes that `values` would take, by the entropy of each plane and what follows from the byte before it. */
  estimate(values: Uint32Array, rows: number, max: number): number {
    let bits = 0
    for (let shift = 0; shift < planeCount(max) * 8; shift += 8) bits += this.#planeBits(values, rows, shift)
    return bits / 8
  }

  #planeBits(values: Uint32Array, rows: number, shift: number): number {
    const counts = this.#counts.fill(0)
    let runs = 0
    let seen = 0
    let before = -1
    for (let from = 0; from < rows; from += STRETCHES_APART) {
      const to = Math.min(rows, from + STRETCH)
      seen += to - from
      for (let row = from; row < to; row++) {
        const byte = (values[row]! >>> shift) & 255
        counts[byte]!++
        if (byte !== before) runs++
        before = byte
      }
    }
    return bitsOf(counts, seen, runs, rows)
  }

  /** `values` [rows] all <= max. */
  write(values: Uint32Array, rows: number, max: number, into: ByteWriter): void {
    for (let shift = 0; shift < planeCount(max) * 8; shift += 8) this.#writePlane(values, rows, shift, into)
  }

  #writePlane(values: Uint32Array, rows: number, shift: number, into: ByteWriter): void {
    const [counts, bytes] = [this.#counts.fill(0), this.#plane]
    let runs = 0
    let before = -1
    for (let row = 0; row < rows; row++) {
      const byte = (values[row]! >>> shift) & 255
      bytes[row] = byte
      counts[byte]!++
      if (byte !== before) runs++
      before = byte
    }
    if (runs === 1) {
      into.u8(CONSTANT)
      into.u8(before)
      return
    }
    const plane = bytes.subarray(0, rows)
    // Of noise a twentieth is not worth the time.
    const pays = rows >= DEFLATE_MIN_BYTES && bitsOf(counts, rows, runs, rows) < PAYS * 8 * rows
    const packed = pays ? deflateRawSync(plane, { ...DEFLATE_OPTIONS, chunkSize: chunkBytes(rows) }) : undefined
    if (!packed || packed.length + 2 >= rows) {
      into.u8(STORED)
      into.bytes(plane)
      return
    }
    into.u8(DEFLATE)
    into.varint(packed.length)
    into.bytes(packed)
  }

  /** Into `values` [rows]. */
  read(from: ByteReader, rows: number, max: number, values: Uint32Array): void {
    values.fill(0, 0, rows)
    for (let shift = 0; shift < planeCount(max) * 8; shift += 8) {
      const method = from.u8()
      if (method === CONSTANT) {
        const byte = (from.u8() << shift) >>> 0
        if (byte > 0) for (let row = 0; row < rows; row++) values[row]! |= byte
        continue
      }
      const plane =
        method === STORED
          ? from.bytes(rows)
          : inflateRawSync(from.bytes(from.varint()), { maxOutputLength: rows, chunkSize: chunkBytes(rows) })
      for (let row = 0; row < rows; row++) values[row]! |= plane[row]! << shift
    }
  }
}

/** Bits that `rows` bytes take, of which `seen` were counted, in `runs` runs: by their entropy, or by their runs. */
function bitsOf(counts: Uint32Array, seen: number, runs: number, rows: number): number {
  let bits = nLogN(seen)
  let symbols = 0
  for (let byte = 0; byte < 256; byte++) {
    const count = counts[byte]!
    if (count === 0) continue
    symbols++
    bits -= nLogN(count)
  }
  // Long runs cost next to nothing; a Huffman table some bits for every symbol it names.
  return (Math.min(bits, runs * 12) * rows) / seen + symbols * 4
}

function nLogN(n: number): number {
  return n < N_LOG_N.length ? N_LOG_N[n]! : n * Math.log2(n)
}

function chunkBytes(bytes: number): number {
  return Math.max(CHUNK_BYTES_MIN, bytes + (bytes >> 3))
}

function planeCount(max: number): number {
  return max < 0x100 ? 1 : max < 0x10000 ? 2 : max < 0x1000000 ? 3 : 4
}
