// What stood around an alarm outlives its class: someone will ask weeks later what the machine did before. Times to keep are
// written down at the alarm; when retention comes to rows of such a time, it moves their chunks into the black box, which has an
// age and a size of its own.
import { crc32 } from '../core/crc.ts'
import type { Logger } from '../core/logger.ts'
import { rekey, SPANS_US } from './chunk.ts'
import { KeptTimes } from './kept-times.ts'
import { ALL_KEPT, assetOfPrefix, firstUsOf, inTier, keptKey, timeBound, timeOf } from './keys.ts'
import type { Database } from './place.ts'
import type { Unit, UnitChunk } from './unit.ts'

const BATCH_BYTES = 2 << 20
/** Of alarms apart from one another; beyond, the oldest go. 50 assets with one alarm a day are 18,250 in a year. */
const TIMES_MAX = 50_000
const VALUE_BYTES = 12

export class BlackBox {
  readonly #logger: Logger
  readonly #times = new KeptTimes()

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** What is written down in a store that has just been opened. */
  async load(db: Database): Promise<void> {
    // What was asked for while the store was not open is not in it yet, and is the newest.
    const asked = this.#times.takeAll()
    for await (const [bytes, value] of db.iterator(ALL_KEPT)) {
      const key = Buffer.from(bytes)
      const data = Buffer.from(value)
      if (data.length !== VALUE_BYTES || crc32(data.subarray(0, 8), crc32(key)) !== data.readUInt32LE(8)) {
        this.#logger.error('a time to keep for an alarm is unreadable and forgotten', { key: key.toString('hex') })
        continue
      }
      const end = key.indexOf(0, 1)
      const [fromUs, toUs] = [timeOf(key, end + 1), data.readDoubleLE(0)]
      this.#times.set({ key, asset: key.toString('utf8', 1, end), fromUs, toUs })
    }
    for (const time of asked) this.#times.set(time)
  }

  /** The unit that writes it down; undefined when it is covered by one that is written down already. */
  keep(asset: string, fromUs: number, toUs: number): Unit | undefined {
    if (!(fromUs < toUs)) return undefined
    const before = this.#times.at(asset, fromUs)
    if (before && before.toUs >= toUs) return undefined
    // An alarm keeps a time when it begins and one when it ends: where they overlap they are one, however often it comes back.
    const time = before ? { ...before, toUs } : { key: keptKey(asset, fromUs), asset, fromUs, toUs }
    const { key } = time
    const value = Buffer.alloc(VALUE_BYTES)
    value.writeDoubleLE(toUs, 0)
    value.writeUInt32LE(crc32(value.subarray(0, 8), crc32(key)), 8)
    this.#times.set(time)
    const gone = this.#times.takeBeyond(TIMES_MAX)
    return { chunks: [], pieces: [], puts: [{ key, value }], dels: gone.map(time => time.key), bytes: value.length }
  }

  /** Units that copy those of the table's chunks which begin before the cutoff and belong to a time to keep. */
  async *copies(db: Database, prefix: Buffer, cutoffUs: number): AsyncGenerator<Unit> {
    const asset = assetOfPrefix(prefix)
    const oldestUs = await oldestOf(db, prefix, cutoffUs)
    // Of times before the oldest chunk nothing is left to copy.
    const times = this.#times.of(asset).filter(time => time.fromUs < cutoffUs && time.toUs >= oldestUs)
    const box = inTier(prefix, 'black-box')
    let chunks: UnitChunk[] = []
    let bytes = 0
    const copied = new Set<string>()
    for (const { fromUs, toUs } of times) {
      const range = {
        gte: timeBound(prefix, fromUs - SPANS_US.raw),
        lt: timeBound(prefix, Math.min(toUs, cutoffUs)),
      }
      for await (const [at, value] of db.iterator(range)) {
        const chunk = rekey(Buffer.from(at), value, box)
        // One that is damaged is not carried on; reading it would have said so.
        if (!chunk || chunk.maxUs < fromUs || copied.has(chunk.key.toString('latin1'))) continue
        copied.add(chunk.key.toString('latin1'))
        chunks.push({ cls: 'black-box', prefix: box, pieces: [], ...chunk })
        bytes += chunk.value.length
        if (bytes < BATCH_BYTES) continue
        yield { chunks, pieces: [], puts: [], dels: [], bytes }
        chunks = []
        bytes = 0
      }
    }
    if (chunks.length > 0) yield { chunks, pieces: [], puts: [], dels: [], bytes }
  }

  /** Keys of times that are over and whose rows are no longer in any class, to be forgotten. */
  forgetBefore(timeUs: number): Buffer[] {
    return this.#times.takeBefore(timeUs).map(time => time.key)
  }
}

/** Time of the table's oldest chunk before the cutoff; Infinity where there is none. */
async function oldestOf(db: Database, prefix: Buffer, cutoffUs: number): Promise<number> {
  const [oldest] = await db.keys({ gte: prefix, lt: timeBound(prefix, cutoffUs), limit: 1 }).all()
  return oldest ? firstUsOf(oldest) : Number.POSITIVE_INFINITY
}
