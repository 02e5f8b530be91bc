// A segment written anew without some of its records. In place of each run of them stands a `gap` record under the first of their
// numbers; the new file takes the old one's name by a rename, so at any moment one of the two is there, whole.
import { type Disk, readFully, writeFully } from '../core/disk.ts'
import { holeOf, type JournalLoss } from './contract.ts'
import { gapRecord } from './losses.ts'
import { scanInSteps } from './scan.ts'
import { copyRecord, encodeHeader, encodeRecord, HEADER_BYTES, type RecordHeader, recordBytes } from './segment.ts'
import { THIN_SUFFIX } from './segment-file.ts'
import { countGap, countRecord, indexRecord, newSegment, type Segment } from './segment-state.ts'

export interface ThinOptions {
  /** Records of this priority to 4 go. */
  from: number
  /** All cursors are past it. What was delivered stays until the segment goes: it tells the uplink where it stands. */
  deliveredSeq: number
  /** Number of the newest checkpoint. */
  checkpointSeq: number | undefined
}

export interface Thinned {
  segment: Segment
  data: Buffer
  /** Undelivered records that are gone now; undefined when there is none. */
  loss: JournalLoss | undefined
}

interface Run {
  fromSeq: number
  toSeq: number
  reason: JournalLoss['reason'] | 'done'
}

/** Undefined where it would make no room. Nothing is written. Rejects as the disk does, and with EIO for a damaged segment. */
export async function thinned(disk: Disk, segment: Segment, options: ThinOptions): Promise<Thinned | undefined> {
  const data = await readWhole(disk, segment)
  const anew = new Anew(segment)
  const lost = { fromSeq: 0, toSeq: 0, records: 0 }
  let run: Run | undefined
  const close = (): void => {
    if (run) anew.gap(run)
    run = undefined
  }
  const { damages } = await scanInSteps(data, segment.salt, (header, at) => {
    const gone = goneWith(header, data, at, options)
    if (!gone || run?.reason !== gone.reason || run.toSeq + 1 !== gone.fromSeq) close()
    if (!gone) anew.keep(header, data, at)
    else if (run) run.toSeq = gone.toSeq
    else run = gone
    if (gone?.reason === 'space' && header.kind !== 'gap') {
      lost.fromSeq ||= header.seq
      lost.toSeq = header.seq
      lost.records++
    }
    return anew.smaller
  })
  if (damages.length > 0) throw Object.assign(new Error(`EIO: damaged records in ${segment.path}`), { code: 'EIO' })
  close()
  if (!anew.smaller) return undefined
  const detail = `${lost.records} undelivered records of priority ${options.from} or lower dropped to make room`
  const loss: JournalLoss | undefined = lost.records > 0 ? { ...lost, reason: 'space', detail } : undefined
  return { ...anew.done(), loss }
}

/** Rejects as the disk does. */
export async function readWhole(disk: Disk, segment: Segment): Promise<Buffer> {
  const data = Buffer.alloc(segment.bytes)
  const file = await disk.open(segment.path, 'r')
  try {
    await readFully(file, data, 0)
    return data
  } finally {
    await file.close()
  }
}

/** Why the record goes, and the numbers that go with it; undefined when it stays. */
function goneWith(header: RecordHeader, data: Buffer, at: number, options: ThinOptions): Run | undefined {
  const { seq, kind, priority } = header
  if (kind === 'gap') {
    const hole = holeOf(copyRecord(data, at, header))
    return hole && { fromSeq: seq, toSeq: hole.toSeq, reason: hole.reason }
  }
  const one = { fromSeq: seq, toSeq: seq }
  if (kind === 'checkpoint') return seq === options.checkpointSeq ? undefined : { ...one, reason: 'done' }
  if (seq <= options.deliveredSeq) return undefined
  return priority >= options.from ? { ...one, reason: 'space' } : undefined
}

/** The new file and what is known of it, record by record. */
class Anew {
  readonly #segment: Segment
  readonly #data: Buffer
  #at = HEADER_BYTES
  /** Whether it still is smaller than what it takes the place of; once it is not, it stays as it is. */
  smaller = true

  constructor(old: Segment) {
    const { path, lastSeq, gaps } = old
    this.#segment = { ...newSegment('', old), path, lastSeq, gaps }
    this.#data = Buffer.allocUnsafe(old.bytes)
    encodeHeader(old, this.#data)
  }

  /** A record keeps its number and its segment, hence its bytes. */
  keep(header: RecordHeader, data: Buffer, at: number): void {
    if (!this.#begins(header.seq, header.size)) return
    countRecord(this.#segment, header.seq, header.kind, header.priority, header.size)
    data.copy(this.#data, this.#at, at, at + header.size)
    this.#at += header.size
  }

  gap(run: Run): void {
    const record = gapRecord(run)
    if (!this.#begins(run.fromSeq, recordBytes(record))) return
    countGap(this.#segment, run.fromSeq, { ...run, detail: '' })
    this.#at = encodeRecord(record, run.fromSeq, this.#segment.salt, this.#data, this.#at)
  }

  #begins(seq: number, bytes: number): boolean {
    this.smaller &&= this.#at + bytes < this.#data.length
    if (this.smaller) indexRecord(this.#segment, seq, this.#at)
    return this.smaller
  }

  done(): { segment: Segment; data: Buffer } {
    return { segment: { ...this.#segment, bytes: this.#at }, data: this.#data.subarray(0, this.#at) }
  }
}

/** Rejects as the disk does; the segment is as it was then, and nothing is left that would take the space of a full disk. */
export async function writeThinned(disk: Disk, { segment, data }: Thinned): Promise<string> {
  const path = `${segment.path}${THIN_SUFFIX}`
  await disk.unlink(path).catch(() => {})
  const file = await disk.open(path, 'wx')
  try {
    await writeFully(file, data, 0)
    await file.datasync()
  } catch (error) {
    await disk.unlink(path).catch(() => {})
    throw error
  } finally {
    await file.close()
  }
  return path
}
