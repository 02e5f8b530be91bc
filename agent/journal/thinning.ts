// A segment written anew without some of its records. In place of each run of them stands a `gap` record under the first of their
// numbers; the new file takes the old one's name by a rename, so at any moment one of the two is there, whole.
import { type Disk, readFully, writeFully } from '../core/disk.ts'
import type { JournalLoss, NewRecord } from './contract.ts'
import { gapRecord, holeOf, recordsIn } from './losses.ts'
import { scan } from './scan.ts'
import { copyRecord, encodeHeader, encodeRecord, HEADER_BYTES, type RecordHeader, recordBytes } from './segment.ts'
import { THIN_SUFFIX } from './segment-file.ts'
import { countRecord, indexRecord, newSegment, type Segment } from './segment-state.ts'

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
  const kept: { seq: number; record: NewRecord }[] = []
  const lost = { fromSeq: 0, toSeq: 0, records: 0 }
  let run: Run | undefined
  let thinnedRecords = 0
  const close = (): void => {
    if (run) kept.push({ seq: run.fromSeq, record: gapRecord(run) })
    if (run?.reason === 'space') thinnedRecords += recordsIn(run)
    run = undefined
  }
  const { damages } = scan(data, HEADER_BYTES, segment.salt, true, (header, at) => {
    const gone = goneWith(header, data, at, options)
    if (!gone || run?.reason !== gone.reason || run.toSeq + 1 !== gone.fromSeq) close()
    if (!gone) kept.push({ seq: header.seq, record: copyRecord(data, at, header) })
    else if (run) run.toSeq = gone.toSeq
    else run = gone
    if (gone?.reason === 'space' && header.kind !== 'gap') {
      lost.fromSeq ||= header.seq
      lost.toSeq = header.seq
      lost.records++
    }
    return true
  })
  close()
  if (damages.length > 0) throw Object.assign(new Error(`EIO: damaged records in ${segment.path}`), { code: 'EIO' })
  const detail = `${lost.records} undelivered records of priority ${options.from} or lower dropped to make room`
  const loss: JournalLoss | undefined = lost.records > 0 ? { ...lost, reason: 'space', detail } : undefined
  const anew = encoded({ ...segment, thinnedRecords }, kept)
  return anew.data.length < segment.bytes ? { ...anew, loss } : undefined
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

function encoded(
  old: Segment,
  kept: readonly { seq: number; record: NewRecord }[],
): { segment: Segment; data: Buffer } {
  const bytes = kept.reduce((sum, { record }) => sum + recordBytes(record), HEADER_BYTES)
  const data = Buffer.allocUnsafe(bytes)
  const { path, lastSeq, gaps, thinnedRecords } = old
  const segment = { ...newSegment('', old), path, lastSeq, gaps, thinnedRecords, bytes }
  encodeHeader(old, data)
  let at = HEADER_BYTES
  for (const { seq, record } of kept) {
    indexRecord(segment, seq, at)
    countRecord(segment, seq, record.kind, record.priority, recordBytes(record))
    at = encodeRecord(record, seq, old.salt, data, at)
  }
  return { segment, data }
}

/** Rejects as the disk does; the segment is as it was then. */
export async function writeThinned(disk: Disk, { segment, data }: Thinned): Promise<string> {
  const path = `${segment.path}${THIN_SUFFIX}`
  await disk.unlink(path).catch(() => {})
  const file = await disk.open(path, 'wx')
  try {
    await writeFully(file, data, 0)
    await file.datasync()
  } finally {
    await file.close()
  }
  return path
}
