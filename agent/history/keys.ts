// Keys of the history in LevelDB. Sorted as bytes they are sorted by class, asset, channel, time, sequence.
//
//   tally    0x01 class minute[8]                                  what the chunks that begin in that minute weigh
//   chunk    0x02 class asset 0x00 channel 0x00 time[8] seq[6]     channel is empty except for waveforms
//   piece    0x03 …as a chunk…                                     rows of a chunk still being filled, until it is stored
//   open     0x04 class asset 0x00                                 the minute and the hour still being summed up
//   kept     0x05 asset 0x00 time[8]                               a time whose rows the black box keeps
//   saved    0x06 name                                             of the store set aside by that name: what is here already
//   note     0x07 name                                             a text of that name
//
// class is what the rows are (samples, scores …), and how they are kept: as they came, summed up by the minute or the hour,
// or for an alarm's sake beyond their time (black box).
// A time is a float64 made sortable: big endian, sign bit flipped, all bits flipped when negative. So a gateway that boots
// in 1970, or a sensor that believes it is 1950, needs no special case.
import type { HistoryClass, StorageClass } from './contract.ts'

/** How the rows of a table are kept. */
export type Tier = 'raw' | 'minutes' | 'hours' | 'black-box'

export const STORAGE_CLASSES: readonly StorageClass[] = [
  'samples',
  'scores',
  'features',
  'waveforms',
  'vibration',
  'minutes',
  'hours',
  'black-box',
]
const CLASS_CODES: Record<HistoryClass, number> = { samples: 1, scores: 2, features: 3, waveforms: 4, vibration: 5 }
const TIER_CODES: Record<Tier, number> = { raw: 0, minutes: 0x10, hours: 0x20, 'black-box': 0x40 }
const CLASS_MASK = 0x0f
const TALLY = 1
const CHUNK = 2
const PIECE = 3
const OPEN = 4
const KEPT = 5
const SAVED = 6
const NOTE = 7
const TIME_BYTES = 8
const SEQ_BYTES = 6
/** Numbers from here on are of chunks made of what lay in a damaged store. */
export const SALVAGED_SEQ = 2 ** 47
const SEQ_RANGE = 2 ** 35

export function classCode(cls: HistoryClass): number {
  return CLASS_CODES[cls]
}

function writeTime(time: number, into: Buffer, at: number): void {
  into.writeDoubleBE(time, at)
  const mask = into[at]! & 0x80 ? 0xff : 0
  into[at]! ^= mask | 0x80
  if (mask) for (let i = 1; i < TIME_BYTES; i++) into[at + i]! ^= mask
}

export function timeOf(key: Uint8Array, at: number): number {
  const bytes = Buffer.from(key.subarray(at, at + TIME_BYTES))
  const mask = bytes[0]! & 0x80 ? 0 : 0xff
  bytes[0]! ^= mask | 0x80
  if (mask) for (let i = 1; i < TIME_BYTES; i++) bytes[i]! ^= mask
  return bytes.readDoubleBE(0)
}

/** What all chunks of one table begin with. */
export function tablePrefix(cls: HistoryClass, asset: string, channel: string, tier: Tier = 'raw'): Buffer {
  return Buffer.concat([
    Buffer.from([CHUNK, CLASS_CODES[cls] | TIER_CODES[tier]]),
    Buffer.from(`${asset}\0${channel}\0`),
  ])
}

/** The asset of a table of rows. */
export function assetOfPrefix(prefix: Buffer): string {
  return prefix.toString('utf8', 2, prefix.indexOf(0, 2))
}

/** Of the same table, kept otherwise. */
export function inTier(prefix: Buffer, tier: Tier): Buffer {
  const other = Buffer.from(prefix)
  other[1] = (prefix[1]! & CLASS_MASK) | TIER_CODES[tier]
  return other
}

export function chunkKey(prefix: Buffer, firstUs: number, seq: number): Buffer {
  const key = Buffer.alloc(prefix.length + TIME_BYTES + SEQ_BYTES)
  prefix.copy(key)
  writeTime(firstUs, key, prefix.length)
  key.writeUIntBE(seq, prefix.length + TIME_BYTES, SEQ_BYTES)
  return key
}

/** Every chunk of the table that begins at or after `timeUs` has a key >= it. */
export function timeBound(prefix: Buffer, timeUs: number): Buffer {
  const key = Buffer.alloc(prefix.length + TIME_BYTES)
  prefix.copy(key)
  writeTime(timeUs, key, prefix.length)
  return key
}

export function prefixOf(key: Uint8Array): Buffer {
  return Buffer.from(key.subarray(0, key.length - TIME_BYTES - SEQ_BYTES))
}

/** The same chunk's key in another table. */
export function movedKey(key: Buffer, prefix: Buffer): Buffer {
  return Buffer.concat([prefix, key.subarray(key.length - TIME_BYTES - SEQ_BYTES)])
}

/** Time of the first row of the chunk. */
export function firstUsOf(key: Uint8Array): number {
  return timeOf(key, key.length - TIME_BYTES - SEQ_BYTES)
}

/**
 * The first number of the chunks of a store that was begun when `n` had been set aside, the last of them numbered so. Minutes and
 * hours of the same time are in more than one of them, and have the same key but for the number.
 */
export function firstSeq(n: number): number {
  return 1 + (n % (SALVAGED_SEQ / SEQ_RANGE)) * SEQ_RANGE
}

export function seqOf(key: Uint8Array): number {
  return Buffer.from(key).readUIntBE(key.length - SEQ_BYTES, SEQ_BYTES)
}

/** First key after all chunks of the table. */
export function afterTable(prefix: Buffer): Buffer {
  return Buffer.concat([prefix, Buffer.alloc(TIME_BYTES + SEQ_BYTES + 1, 0xff)])
}

export const ALL_CHUNKS = { gte: Buffer.from([CHUNK]), lt: Buffer.from([CHUNK + 1]) }
export const ALL_PIECES = { gte: Buffer.from([PIECE]), lt: Buffer.from([PIECE + 1]) }
export const ALL_OPEN = { gte: Buffer.from([OPEN]), lt: Buffer.from([OPEN + 1]) }
export const ALL_KEPT = { gte: Buffer.from([KEPT]), lt: Buffer.from([KEPT + 1]) }
export const ALL_SAVED = { gte: Buffer.from([SAVED]), lt: Buffer.from([SAVED + 1]) }
export const ALL_NOTES = { gte: Buffer.from([NOTE]), lt: Buffer.from([NOTE + 1]) }
export const ALL_TALLIES = { gte: Buffer.from([TALLY]), lt: Buffer.from([TALLY + 1]) }

/** The key of a piece of the chunk's table. */
export function pieceKey(prefix: Buffer, firstUs: number, seq: number): Buffer {
  const key = chunkKey(prefix, firstUs, seq)
  key[0] = PIECE
  return key
}

/** The table a piece belongs to. */
export function tableOfPiece(key: Uint8Array): Buffer {
  const prefix = prefixOf(key)
  prefix[0] = CHUNK
  return prefix
}

/** The key of what is being summed up of a table of rows. */
export function openKey(prefix: Buffer): Buffer {
  const key = Buffer.from(prefix.subarray(0, prefix.length - 1))
  key[0] = OPEN
  return key
}

export function keptKey(asset: string, fromUs: number): Buffer {
  const name = Buffer.from(`${asset}\0`)
  const key = Buffer.alloc(1 + name.length + TIME_BYTES)
  key[0] = KEPT
  name.copy(key, 1)
  writeTime(fromUs, key, 1 + name.length)
  return key
}

export function savedKey(name: string): Buffer {
  return Buffer.concat([Buffer.from([SAVED]), Buffer.from(name)])
}

export function nameOfSaved(key: Uint8Array): string {
  return Buffer.from(key.subarray(1)).toString()
}

export function noteKey(name: string): Buffer {
  return Buffer.concat([Buffer.from([NOTE]), Buffer.from(name)])
}

export function nameOfNote(key: Uint8Array): string {
  return Buffer.from(key.subarray(1)).toString()
}

export function tableOfOpen(key: Uint8Array): Buffer {
  const prefix = Buffer.concat([key, Buffer.alloc(1)])
  prefix[0] = CHUNK
  return prefix
}

export function rowClassOf(prefix: Uint8Array): HistoryClass | undefined {
  const code = prefix[1]! & CLASS_MASK
  return (Object.keys(CLASS_CODES) as HistoryClass[]).find(cls => CLASS_CODES[cls] === code)
}

export function storageClassOf(prefix: Uint8Array): StorageClass | undefined {
  const tier = (Object.keys(TIER_CODES) as Tier[]).find(name => TIER_CODES[name] === (prefix[1]! & ~CLASS_MASK))
  return tier === 'raw' ? rowClassOf(prefix) : tier
}

/** Rows summed up are no rows that came. */
export function isSummed(prefix: Uint8Array): boolean {
  return (prefix[1]! & (TIER_CODES.minutes | TIER_CODES.hours)) !== 0
}

/** Rows and waveforms as they came. */
export function isRaw(prefix: Uint8Array): boolean {
  return (prefix[1]! & ~CLASS_MASK) === TIER_CODES.raw
}

/** Tallies are by storage class: of minutes, hours and black box over all that is kept so. */
export function tallyKey(cls: StorageClass, minute: number): Buffer {
  const key = Buffer.alloc(2 + TIME_BYTES)
  key[0] = TALLY
  key[1] = STORAGE_CLASSES.indexOf(cls) + 1
  writeTime(minute, key, 2)
  return key
}

export function classOfTally(key: Uint8Array): StorageClass | undefined {
  return STORAGE_CLASSES[key[1]! - 1]
}
