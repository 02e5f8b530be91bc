// Reads records back from segment files while they are written, summing every byte again: disks rot after recovery too.
import { type Disk, errnoOf, readFully } from '../core/disk.ts'
import { AgentError, messageOf } from '../core/errors.ts'
import { holeOf, type JournalRecord } from './contract.ts'
import { scan } from './scan.ts'
import { copyRecord, HEADER_BYTES } from './segment.ts'
import type { Segment } from './segment-state.ts'

/** First window; doubled while it holds no whole record, so at most a little over the largest one. */
const WINDOW_BYTES = 262_144

/** One read answers at most about this much, so that `limit` large records do not become gigabytes. */
const READ_BYTES_MAX = 4 << 20

interface ReadRequest {
  fromSeq: number
  /** Not beyond what is durable. */
  toSeq: number
  limit: number
  /** Stops after the record that reaches it. */
  bytesMax: number
}

interface ReadResult {
  records: JournalRecord[]
  bytes: number
  /** Numbers that were expected between the records and are not readable: [from, to]. */
  missing: [number, number][]
}

/**
 * Up to `limit` records from `fromSeq` to `toSeq` out of `segments` (the live list). `missing` hears of ranges inside a
 * segment that are not readable. Rejects with JOURNAL_IO.
 */
export async function readRecords(
  disk: Disk,
  segments: readonly Segment[],
  range: { fromSeq: number; toSeq: number; limit: number },
  missing: (fromSeq: number, toSeq: number, path: string) => void,
): Promise<JournalRecord[]> {
  const records: JournalRecord[] = []
  let bytes = 0
  for (const segment of [...segments]) {
    if (segment.lastSeq < range.fromSeq) continue
    if (records.length >= range.limit || bytes >= READ_BYTES_MAX || segment.base > range.toSeq) break
    try {
      const request = { ...range, limit: range.limit - records.length, bytesMax: READ_BYTES_MAX - bytes }
      const found = await readSegmentRecords(disk, segment, request)
      for (const record of found.records) records.push(record)
      bytes += found.bytes
      for (const [from, to] of found.missing) missing(from, to, segment.path)
    } catch (error) {
      // Dropped since the list was taken: its records are gone, and the gap record says so.
      if (errnoOf(error) === 'ENOENT' && !segments.includes(segment)) continue
      const text = `cannot read ${segment.path} (${errnoOf(error) || messageOf(error)}): check the disk, then try again`
      throw new AgentError('JOURNAL_IO', text, { cause: error })
    }
  }
  return records
}

/** Records of one segment, in order. Rejects with the disk's error. */
async function readSegmentRecords(disk: Disk, segment: Segment, request: ReadRequest): Promise<ReadResult> {
  const { fromSeq, toSeq, limit, bytesMax } = request
  const result: ReadResult = { records: [], bytes: 0, missing: [] }
  const endOffset = segment.bytes
  let at = startOffset(segment, fromSeq)
  let expected = Math.max(fromSeq, segment.base)
  const full = (): boolean => result.records.length >= limit || result.bytes >= bytesMax
  const file = await disk.open(segment.path, 'r')
  try {
    for (let windowBytes = WINDOW_BYTES; at < endOffset && !full(); ) {
      const window = Buffer.allocUnsafe(Math.min(windowBytes, endOffset - at))
      const count = await readFully(file, window, at)
      const final = at + count >= endOffset || count < window.length
      const { consumed } = scan(window.subarray(0, count), 0, segment.salt, final, (header, offset) => {
        if (header.seq < expected && header.kind !== 'gap') return true
        if (header.seq > toSeq) return false
        const record = copyRecord(window, offset, header)
        const next = (holeOf(record)?.toSeq ?? record.seq) + 1
        if (header.seq < expected) {
          expected = Math.max(expected, next)
          return true
        }
        if (header.seq > expected) result.missing.push([expected, header.seq - 1])
        expected = next
        result.records.push(record)
        result.bytes += header.size
        return !full()
      })
      if (final) break
      windowBytes = consumed === 0 ? windowBytes * 2 : WINDOW_BYTES
      at += consumed
    }
  } finally {
    await file.close()
  }
  if (!full() && expected <= Math.min(toSeq, segment.lastSeq)) {
    result.missing.push([expected, Math.min(toSeq, segment.lastSeq)])
  }
  return result
}

/** The offset of the last indexed record at or before `seq`. */
function startOffset(segment: Segment, seq: number): number {
  let low = 0
  let high = segment.indexSeqs.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (segment.indexSeqs[middle]! <= seq) low = middle + 1
    else high = middle
  }
  return low === 0 ? HEADER_BYTES : segment.indexOffsets[low - 1]!
}
