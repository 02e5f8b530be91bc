// Keys of the history in LevelDB. Sorted as bytes they are sorted by class, asset, channel, time, sequence.
//
//   chunk    0x02 class asset 0x00 channel 0x00 time[8] seq[6]     channel is empty except for waveforms
//   tally    0x01 class minute[8]                                  what the chunks that begin in that minute weigh
//
// A time is a float64 made sortable: big endian, sign bit flipped, all bits flipped when negative. So a gateway that boots
// in 1970, or a sensor that believes it is 1950, needs no special case.
import type { HistoryClass } from './contract.ts'

export const CLASSES: readonly HistoryClass[] = ['samples', 'scores', 'features', 'waveforms', 'vibration']
const CLASS_CODES: Record<HistoryClass, number> = { samples: 1, scores: 2, features: 3, waveforms: 4, vibration: 5 }
const TALLY = 1
const CHUNK = 2
const TIME_BYTES = 8
const SEQ_BYTES = 6

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
export function tablePrefix(cls: HistoryClass, asset: string, channel: string): Buffer {
  return Buffer.concat([Buffer.from([CHUNK, CLASS_CODES[cls]]), Buffer.from(`${asset}\0${channel}\0`)])
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

/** First key after all chunks of the table. */
export function afterTable(prefix: Buffer): Buffer {
  return Buffer.concat([prefix, Buffer.alloc(TIME_BYTES + SEQ_BYTES + 1, 0xff)])
}

export const ALL_CHUNKS = { gte: Buffer.from([CHUNK]), lt: Buffer.from([CHUNK + 1]) }
export const ALL_TALLIES = { gte: Buffer.from([TALLY]), lt: Buffer.from([TALLY + 1]) }

export function classOfPrefix(prefix: Uint8Array): HistoryClass | undefined {
  return CLASSES.find(cls => CLASS_CODES[cls] === prefix[1])
}

export function tallyKey(cls: HistoryClass, minute: number): Buffer {
  const key = Buffer.alloc(2 + TIME_BYTES)
  key[0] = TALLY
  key[1] = CLASS_CODES[cls]
  writeTime(minute, key, 2)
  return key
}
