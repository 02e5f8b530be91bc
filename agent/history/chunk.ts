// One chunk: many rows of one table, or many samples of one waveform channel, in one LevelDB value.
//
//   0 magic "WWHC"   4 version u8   5 class u8   6 sample type u8 (0 float64 rows, 1 int16, 2 float32)   7 zero u8
//   8 earliest f64  16 latest f64  24 rows u32  28 columns u32  32 bytes of names u32  36 pieces u32
//  40 rate f64      48 scale f64   56 offset f64                                   (waveforms; else 0)
//  64 CRC32 of 0..63 and of everything from 68 on, seeded with the CRC32 of the key: a value under a wrong key is damage
//  68 zero u32      72 names, JSON array of strings, padded with spaces to a multiple of 8
//     rows:         times and columns (codec/rows.ts)
//     waveform:     pieces of (start f64, samples f64), then the samples (codec/samples.ts)
//
// Little endian, as every machine this runs on. LevelDB does not verify its own checksums on read (264 of 600 flipped
// bits in its tables came back as wrong data), so this CRC is what stands between a bad block and a wrong value.
// Times inside a chunk lie within [first - BACK_US, first + SPAN_US): a query knows from the key alone what to look at.
import { crc32 } from '../core/crc.ts'
import { RowsCodec } from './codec/rows.ts'
import { SamplesCodec } from './codec/samples.ts'
import type { HistoryClass, HistoryRows, WaveformChunk } from './contract.ts'
import { classCode, firstUsOf, movedKey, type Tier } from './keys.ts'

const MAGIC = 0x43485757 // "WWHC"
const VERSION = 2
const HEADER_BYTES = 72
/** Rows this much older than the first of their chunk still go into it: sensors that batch are out of order by seconds. */
export const BACK_US = 60e6
/** A chunk spans less, by how its rows are kept: what a query reads in vain before its range. */
export const SPANS_US: Record<Tier, number> = {
  raw: 3600e6,
  minutes: 86_400e6,
  hours: 90 * 86_400e6,
  'black-box': 3600e6,
}

/** Rows of one chunk. Longer ones give a channel's codec nothing more: on recorded process data 4 % less than with half as many. */
export const ROWS_MAX = 4096
export const SAMPLES_MAX = 65_536

/** The codecs with their scratch, one of each for whoever writes or reads chunks: some 1.5 MB. */
export class Codecs {
  readonly rows = new RowsCodec(ROWS_MAX)
  readonly samples = new SamplesCodec(SAMPLES_MAX)
}

export interface RowsSource {
  names: readonly string[]
  rows: number
  /** [rows], may be longer. */
  timesUs: Float64Array
  /** One a name, [rows], may be longer. */
  columns: readonly Float64Array[]
}

export interface WaveformSource {
  rateHz: number
  scale: number
  offset: number
  samples: Int16Array | Float32Array
  /** Samples used. */
  count: number
  pieces: number
  /** (start µs, samples) of each piece. */
  pieceTable: Float64Array
}

export interface ChunkHeader {
  minUs: number
  maxUs: number
  rows: number
}

export function encodeRows(codecs: Codecs, key: Uint8Array, cls: HistoryClass, source: RowsSource): Buffer {
  const { names, rows, timesUs, columns } = source
  const head = nameBytes(names)
  const body = codecs.rows.encode(timesUs, columns, rows)
  const value = Buffer.alloc(HEADER_BYTES + head.length + body.length)
  head.copy(value, HEADER_BYTES)
  body.copy(value, HEADER_BYTES + head.length)
  let min = timesUs[0]!
  let max = min
  for (let row = 1; row < rows; row++) {
    const time = timesUs[row]!
    if (time < min) min = time
    else if (time > max) max = time
  }
  writeHeader(value, cls, 0, min, max, rows, columns.length, head.length)
  return seal(value, key)
}

export function encodeWaveform(codecs: Codecs, key: Uint8Array, source: WaveformSource): Buffer {
  const { samples, count, pieces, pieceTable, rateHz, scale, offset } = source
  const names = nameBytes([])
  const body = codecs.samples.encode(samples.subarray(0, count))
  const tableBytes = pieces * 16
  const value = Buffer.alloc(HEADER_BYTES + names.length + tableBytes + body.length)
  names.copy(value, HEADER_BYTES)
  const table = pieceTable.subarray(0, pieces * 2)
  value.set(new Uint8Array(table.buffer, table.byteOffset, tableBytes), HEADER_BYTES + names.length)
  body.copy(value, HEADER_BYTES + names.length + tableBytes)
  let min = Number.POSITIVE_INFINITY
  let max = Number.NEGATIVE_INFINITY
  for (let piece = 0; piece < pieces; piece++) {
    min = Math.min(min, table[piece * 2]!)
    max = Math.max(max, table[piece * 2]! + ((table[piece * 2 + 1]! - 1) * 1e6) / rateHz)
  }
  writeHeader(value, 'waveforms', samples instanceof Int16Array ? 1 : 2, min, max, count, 0, names.length)
  value.writeUInt32LE(pieces, 36)
  for (const [i, number] of [rateHz, scale, offset].entries()) value.writeDoubleLE(number, 40 + i * 8)
  return seal(value, key)
}

function nameBytes(columns: readonly string[]): Buffer {
  const json = JSON.stringify(columns)
  return Buffer.from(json + ' '.repeat(-Buffer.byteLength(json) & 7))
}

function writeHeader(
  value: Buffer,
  cls: HistoryClass,
  type: number,
  minUs: number,
  maxUs: number,
  rows: number,
  columns: number,
  nameBytes: number,
): void {
  value.writeUInt32LE(MAGIC, 0)
  value[4] = VERSION
  value[5] = classCode(cls)
  value[6] = type
  value.writeDoubleLE(minUs, 8)
  value.writeDoubleLE(maxUs, 16)
  value.writeUInt32LE(rows, 24)
  value.writeUInt32LE(columns, 28)
  value.writeUInt32LE(nameBytes, 32)
}

function checksum(value: Buffer, key: Uint8Array): number {
  return crc32(value.subarray(68), crc32(value.subarray(0, 64), crc32(key)))
}

function seal(value: Buffer, key: Uint8Array): Buffer {
  value.writeUInt32LE(checksum(value, key), 64)
  return value
}

/** Undefined when the value is not an undamaged chunk of that key. */
export function openChunk(key: Uint8Array, bytes: Uint8Array): Buffer | undefined {
  const value = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (value.length < HEADER_BYTES || value.readUInt32LE(0) !== MAGIC || value[4] !== VERSION) return undefined
  return checksum(value, key) === value.readUInt32LE(64) ? value : undefined
}

/** The chunk as one of another table; undefined when it is damaged. */
export function rekey(
  key: Buffer,
  value: Uint8Array,
  prefix: Buffer,
): { key: Buffer; value: Buffer; firstUs: number; maxUs: number; rows: number } | undefined {
  const chunk = openChunk(key, value)
  if (!chunk) return undefined
  const moved = movedKey(key, prefix)
  const { maxUs, rows } = headerOf(chunk)
  return { key: moved, value: seal(Buffer.from(chunk), moved), firstUs: firstUsOf(key), maxUs, rows }
}

export function headerOf(chunk: Buffer): ChunkHeader {
  return { minUs: chunk.readDoubleLE(8), maxUs: chunk.readDoubleLE(16), rows: chunk.readUInt32LE(24) }
}

/** A copy, so that it is aligned. */
function doubles(chunk: Buffer, at: number, count: number): Float64Array {
  return new Float64Array(new Uint8Array(chunk.subarray(at, at + count * 8)).buffer)
}

function namesOf(chunk: Buffer): string[] {
  return JSON.parse(chunk.toString('utf8', HEADER_BYTES, HEADER_BYTES + chunk.readUInt32LE(32))) as string[]
}

/** Of `wanted`, those that are in none of the chunks, and all that are in some. Reads no further than it must. */
export async function unknownColumns(
  chunks: AsyncIterable<Buffer>,
  wanted: readonly string[],
  plain: (names: readonly string[]) => readonly string[] = names => names,
): Promise<{ unknown: string[]; known: string[] }> {
  const known = new Set<string>()
  for await (const chunk of chunks) {
    for (const name of plain(namesOf(chunk))) known.add(name)
    if (wanted.every(name => known.has(name))) break
  }
  return { unknown: wanted.filter(name => !known.has(name)), known: [...known] }
}

/**
 * Rows with fromUs <= time < toUs in the order they came. With `wanted`, those columns in that order, NaN where the chunk
 * lacks one; undefined when nothing is in range or none of the wanted columns is there.
 */
export function rowsOf(
  codecs: Codecs,
  chunk: Buffer,
  fromUs: number,
  toUs: number,
  wanted?: readonly string[],
): HistoryRows | undefined {
  const names = namesOf(chunk)
  const columns = wanted ?? names
  const places = columns.map(name => names.indexOf(name))
  if (wanted && places.every(place => place < 0)) return undefined
  const body = chunk.subarray(HEADER_BYTES + chunk.readUInt32LE(32))
  const { timesUs, columns: read } = codecs.rows.decode(body, chunk.readUInt32LE(24), places)
  const picked: number[] = []
  for (let row = 0; row < timesUs.length; row++) if (timesUs[row]! >= fromUs && timesUs[row]! < toUs) picked.push(row)
  if (picked.length === 0) return undefined
  const width = columns.length
  const values = new Float64Array(picked.length * width)
  for (let column = 0; column < width; column++) {
    const from = read[column]!
    for (let i = 0; i < picked.length; i++) values[i * width + column] = from[picked[i]!]!
  }
  return { timesUs: Float64Array.from(picked, row => timesUs[row]!), columns: [...columns], values }
}

/** The pieces' samples with fromUs <= time < toUs. */
export function piecesOf(codecs: Codecs, chunk: Buffer, fromUs: number, toUs: number): WaveformChunk[] {
  const tableAt = HEADER_BYTES + chunk.readUInt32LE(32)
  const pieces = chunk.readUInt32LE(36)
  const [rateHz, scale, offset] = [chunk.readDoubleLE(40), chunk.readDoubleLE(48), chunk.readDoubleLE(56)]
  const table = doubles(chunk, tableAt, pieces * 2)
  const body = chunk.subarray(tableAt + pieces * 16)
  const samples = codecs.samples.decode(body, chunk.readUInt32LE(24), chunk[6] === 1)
  const found: WaveformChunk[] = []
  let at = 0
  for (let piece = 0; piece < pieces; piece++) {
    const startUs = table[piece * 2]!
    const count = table[piece * 2 + 1]!
    const first = Math.max(0, Math.ceil(((fromUs - startUs) * rateHz) / 1e6))
    const end = Math.min(count, Math.ceil(((toUs - startUs) * rateHz) / 1e6))
    if (first < end) {
      const part = samples.slice(at + first, at + end)
      found.push({ startUs: startUs + (first * 1e6) / rateHz, rateHz, samples: part, scale, offset })
    }
    at += count
  }
  return found
}
