// The journal on disk.
//
// A journal is a directory of segment files, oldest first by ordinal, of which only the last is appended to:
//
//   segment-000000000007-000000000004812.wwj     ordinal 7 (never reused), base sequence number 4812
//
//   header  32 bytes   0 magic "WWJS"  4 version u16  6 zero u16  8 ordinal u48  14 base u48  20 zero[8]  28 CRC32 of 0..27
//   record  24 bytes   0 magic "WWJR"  4 length u32  8 seq u48  14 kind u8  15 priority u8
//                     16 CRC32 of the payload  20 CRC32 of 0..19, seeded with the segment's salt; then the payload
//
// All little endian. The salt is a CRC32 of ordinal and base: a record copied from another segment, left over in a
// recycled block, or quoted inside a payload is not taken for one of this segment. The header has a CRC of its own, so
// that a damaged payload is stepped over by its length, and looking for the magic is linear whatever the bytes are.
// Ordinal and base stand in the name too: a damaged header loses nothing.
//
// A `gap` record says which numbers are gone. One whose first number is its own stands in place of records that were removed: it
// counts for all of them, and the next record follows the last. One of removed segments counts for all that were removed since
// what all cursors are past: those before it, whose numbers lie within its own, count no more, and may go with their segments.
//
// Writing: encode → write → fdatasync → (new file: fsync of the directory) → acknowledge. Appends that arrive meanwhile
// form the next group and share its sync. A new segment begins with the owner's checkpoint, then a `gap` record for each
// loss not yet stated, then the group.
//
// Invariants
//  1. A sequence number is acknowledged once. Inside a segment numbers rise by 1; bases never fall from one segment to the next.
//  2. A record whose number is >= the base of any later segment does not exist: it belongs to a write that failed, was
//     abandoned, and whose numbers were given to other records. So a failed group may be written again to a new segment
//     without ever being there twice, and what was refused stays refused as soon as the next segment exists. Until then
//     truncating the abandoned file to its durable length removes it; only a crash while the disk refuses both the
//     truncation and a new segment can bring a refused record back.
//  3. A file that failed a write or sync is not appended to again: after a failed fsync the kernel may call lost pages clean.
//  4. Nothing is appended after damage: a damaged tail makes the next append begin a new segment.
//  5. A segment that is not the tail may be replaced by a thinned one (thinning.ts), by a rename: the same name, the same records
//     with the same numbers, or gap records in their place.
//  6. Segments are removed oldest first, each durably before the next: a hole between two is a loss.
//  7. The newest checkpoint is never dropped; the last segment is never dropped, so a drained journal keeps its next number.
//
// Recovery reads every segment, keeps each valid record before and after damage, and states each missing range (a jump in
// the numbers not covered by a `gap` record). Bytes after the last valid record of the last segment may be a write cut
// short (never acknowledged) or damage: as many numbers as could have fitted are skipped and stated, never used again.
// The next number is also beyond every base and every cursor. A last segment cut off exactly between two records that no
// cursor has passed cannot be told from a crash before they were written.

import { crc32 } from '../core/crc.ts'
import { assert } from '../core/errors.ts'
import { type JournalRecord, type NewRecord, RECORD_KINDS, type RecordKind } from './contract.ts'

export const HEADER_BYTES = 32
export const RECORD_HEADER_BYTES = 24
export const PAYLOAD_BYTES_MAX = 1 << 20
export const VERSION = 1
const SEGMENT_MAGIC = 0x534a5757 // "WWJS"
export const RECORD_MAGIC = Buffer.from('WWJR')
const RECORD_MAGIC_U32 = RECORD_MAGIC.readUInt32LE()
const KINDS = new Map<number, RecordKind>(
  Object.entries(RECORD_KINDS).map(([kind, code]) => [code, kind as RecordKind] as const),
)

export interface SegmentId {
  ordinal: number
  /** Number of its first record. */
  base: number
}

export function segmentName(id: SegmentId): string {
  return `segment-${String(id.ordinal).padStart(12, '0')}-${String(id.base).padStart(15, '0')}.wwj`
}

export function parseSegmentName(name: string): SegmentId | undefined {
  const match = /^segment-(\d{12})-(\d{15})\.wwj$/.exec(name)
  return match ? { ordinal: Number(match[1]), base: Number(match[2]) } : undefined
}

export function segmentSalt(id: SegmentId): number {
  const bytes = Buffer.alloc(12)
  bytes.writeUIntLE(id.ordinal, 0, 6)
  bytes.writeUIntLE(id.base, 6, 6)
  return crc32(bytes)
}

export function encodeHeader(id: SegmentId, into: Buffer): number {
  into.fill(0, 0, HEADER_BYTES)
  into.writeUInt32LE(SEGMENT_MAGIC, 0)
  into.writeUInt16LE(VERSION, 4)
  into.writeUIntLE(id.ordinal, 8, 6)
  into.writeUIntLE(id.base, 14, 6)
  into.writeUInt32LE(crc32(into.subarray(0, 28)), 28)
  return HEADER_BYTES
}

/** Undefined when damaged or cut short. */
export function decodeHeader(data: Buffer): (SegmentId & { version: number }) | undefined {
  if (data.length < HEADER_BYTES || data.readUInt32LE(0) !== SEGMENT_MAGIC) return undefined
  if (crc32(data.subarray(0, 28)) !== data.readUInt32LE(28)) return undefined
  return { version: data.readUInt16LE(4), ordinal: data.readUIntLE(8, 6), base: data.readUIntLE(14, 6) }
}

export function recordBytes(record: NewRecord): number {
  return RECORD_HEADER_BYTES + record.payload.length
}

/** Writes one record at `at` and returns where the next one begins. */
export function encodeRecord(record: NewRecord, seq: number, salt: number, into: Buffer, at: number): number {
  assert(record.payload.length <= PAYLOAD_BYTES_MAX, 'journal payloads were checked when they were appended')
  into.writeUInt32LE(RECORD_MAGIC_U32, at)
  into.writeUInt32LE(record.payload.length, at + 4)
  into.writeUIntLE(seq, at + 8, 6)
  into[at + 14] = RECORD_KINDS[record.kind]
  into[at + 15] = record.priority
  into.writeUInt32LE(crc32(record.payload), at + 16)
  into.writeUInt32LE(crc32(into.subarray(at, at + 20), salt), at + 20)
  into.set(record.payload, at + RECORD_HEADER_BYTES)
  return at + RECORD_HEADER_BYTES + record.payload.length
}

export interface RecordHeader {
  seq: number
  kind: RecordKind
  priority: 1 | 2 | 3 | 4
  /** Header and payload. */
  size: number
  payloadCrc: number
}

/** Undefined unless a whole, undamaged record header of this segment is at `at`. */
export function decodeRecordHeader(data: Buffer, at: number, salt: number): RecordHeader | undefined {
  if (at + RECORD_HEADER_BYTES > data.length || data.readUInt32LE(at) !== RECORD_MAGIC_U32) return undefined
  if (crc32(data.subarray(at, at + 20), salt) !== data.readUInt32LE(at + 20)) return undefined
  const length = data.readUInt32LE(at + 4)
  const kind = KINDS.get(data[at + 14]!)
  const priority = data[at + 15]!
  if (length > PAYLOAD_BYTES_MAX || !kind || priority < 1 || priority > 4) return undefined
  return {
    seq: data.readUIntLE(at + 8, 6),
    kind,
    priority: priority as 1 | 2 | 3 | 4,
    size: RECORD_HEADER_BYTES + length,
    payloadCrc: data.readUInt32LE(at + 16),
  }
}

/** A copy of the record whose header was found at `at`. */
export function copyRecord(data: Buffer, at: number, header: RecordHeader): JournalRecord {
  const payload = new Uint8Array(data.subarray(at + RECORD_HEADER_BYTES, at + header.size))
  return { seq: header.seq, kind: header.kind, priority: header.priority, payload }
}
