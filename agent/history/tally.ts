// What the stored chunks weigh, by class and by the minute in which they begin. Written in the same batch as the chunks, so
// that opening reads a few thousand small records instead of the store: LevelDB keeps values beside their keys, and a scan
// of the keys would touch every block. Value: bytes, chunks, earliest first time, next sequence, rows, all f64, CRC32.
import { crc32 } from '../core/crc.ts'
import type { StorageClass } from './contract.ts'
import { classOfTally, STORAGE_CLASSES, tallyKey, timeOf } from './keys.ts'

const MINUTE_US = 60e6
const NUMBERS_BYTES = 40
const VALUE_BYTES = NUMBERS_BYTES + 4

interface Bucket {
  bytes: number
  chunks: number
  firstUs: number
  rows: number
}

export interface Weighed {
  cls: StorageClass
  firstUs: number
  bytes: number
  rows: number
}

export class Tally {
  readonly #buckets: Record<StorageClass, Map<number, Bucket>>
  readonly bytes: Record<StorageClass, number>
  chunks = 0

  constructor() {
    this.#buckets = everyClass(() => new Map<number, Bucket>())
    this.bytes = everyClass(() => 0)
  }

  /** Takes one stored record; returns the sequence it knows of, or undefined when the record is damaged. */
  load(key: Uint8Array, value: Uint8Array): number | undefined {
    const cls = classOfTally(key)
    const data = Buffer.from(value)
    if (!cls || data.length !== VALUE_BYTES) return undefined
    if (crc32(data.subarray(0, NUMBERS_BYTES), crc32(key)) !== data.readUInt32LE(NUMBERS_BYTES)) return undefined
    this.#put(cls, timeOf(key, 2), {
      bytes: data.readDoubleLE(0),
      chunks: data.readDoubleLE(8),
      firstUs: data.readDoubleLE(16),
      rows: data.readDoubleLE(32),
    })
    return data.readDoubleLE(24)
  }

  #put(cls: StorageClass, minute: number, bucket: Bucket): void {
    const before = this.#buckets[cls].get(minute)
    this.bytes[cls] += bucket.bytes - (before?.bytes ?? 0)
    this.chunks += bucket.chunks - (before?.chunks ?? 0)
    this.#buckets[cls].set(minute, bucket)
  }

  /** The records to store with these chunks. Nothing is counted before `commit` says that they are stored. */
  plan(stored: readonly Weighed[], nextSeq: number): { puts: { key: Buffer; value: Buffer }[]; commit: () => void } {
    const changed = new Map<string, { cls: StorageClass; minute: number; bucket: Bucket }>()
    for (const { cls, firstUs, bytes, rows } of stored) {
      const minute = Math.floor(firstUs / MINUTE_US)
      const id = `${cls} ${minute}`
      const before = changed.get(id)?.bucket ?? this.#buckets[cls].get(minute)
      const bucket = {
        bytes: (before?.bytes ?? 0) + bytes,
        chunks: (before?.chunks ?? 0) + 1,
        firstUs: Math.min(before?.firstUs ?? firstUs, firstUs),
        rows: (before?.rows ?? 0) + rows,
      }
      changed.set(id, { cls, minute, bucket })
    }
    const entries = [...changed.values()]
    return {
      puts: entries.map(({ cls, minute, bucket }) => {
        const key = tallyKey(cls, minute)
        return { key, value: encodeBucket(key, bucket, nextSeq) }
      }),
      commit: () => {
        for (const { cls, minute, bucket } of entries) this.#put(cls, minute, bucket)
      },
    }
  }

  /**
   * The time before which chunks of the class must go: older than `ageMs` (undefined: age is not judged now), and as many of
   * the oldest minutes as bring it within `bytesMax`. Undefined when nothing must.
   */
  cutoffUs(cls: StorageClass, nowUs: number, ageMs: number | undefined, bytesMax: number): number | undefined {
    const minutes = [...this.#buckets[cls].keys()].sort((a, b) => a - b)
    let bytes = this.bytes[cls]
    let cutoff: number | undefined
    for (const minute of minutes) {
      const endUs = (minute + 1) * MINUTE_US
      const old = ageMs !== undefined && endUs <= nowUs - ageMs * 1000
      if (!old && bytes <= bytesMax) break
      bytes -= this.#buckets[cls].get(minute)?.bytes ?? 0
      cutoff = endUs
    }
    return cutoff
  }

  /** Forgets the minutes before the cutoff and returns their keys, and the rows that they held. */
  drop(cls: StorageClass, cutoffUs: number): { keys: Buffer[]; rows: number } {
    const gone = [...this.#buckets[cls].keys()].filter(minute => (minute + 1) * MINUTE_US <= cutoffUs)
    let rows = 0
    for (const minute of gone) {
      rows += this.#buckets[cls].get(minute)?.rows ?? 0
      this.#put(cls, minute, { bytes: 0, chunks: 0, firstUs: 0, rows: 0 })
      this.#buckets[cls].delete(minute)
    }
    return { keys: gone.map(minute => tallyKey(cls, minute)), rows }
  }

  /** First time of the oldest chunk; of the newest minute: its earliest. */
  extremes(): { oldestUs: number | undefined; newestUs: number | undefined } {
    let oldestUs: number | undefined
    let newestUs: number | undefined
    for (const cls of STORAGE_CLASSES) {
      // An hour begins before its first row.
      if (cls === 'minutes' || cls === 'hours') continue
      for (const { firstUs } of this.#buckets[cls].values()) {
        if (oldestUs === undefined || firstUs < oldestUs) oldestUs = firstUs
        if (newestUs === undefined || firstUs > newestUs) newestUs = firstUs
      }
    }
    return { oldestUs, newestUs }
  }
}

function everyClass<T>(make: () => T): Record<StorageClass, T> {
  return Object.fromEntries(STORAGE_CLASSES.map(cls => [cls, make()])) as Record<StorageClass, T>
}

function encodeBucket(key: Buffer, bucket: Bucket, nextSeq: number): Buffer {
  const value = Buffer.alloc(VALUE_BYTES)
  for (const [i, number] of [bucket.bytes, bucket.chunks, bucket.firstUs, nextSeq, bucket.rows].entries()) {
    value.writeDoubleLE(number, i * 8)
  }
  value.writeUInt32LE(crc32(value.subarray(0, NUMBERS_BYTES), crc32(key)), NUMBERS_BYTES)
  return value
}
