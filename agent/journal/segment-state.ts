// A segment as the running journal knows it.
import { join } from 'node:path'
import type { Gap, RecordKind } from './contract.ts'
import { recordsIn } from './losses.ts'
import { HEADER_BYTES, type SegmentId, segmentName, segmentSalt } from './segment.ts'

/** Bytes between two entries of a segment's index: what a read may have to step over. */
const INDEX_STRIDE_BYTES = 65_536
/** After the lowest priority. */
export const CHECKPOINTS = 5

export interface StatedGap extends Gap {
  /** Number of the gap record. */
  seq: number
}

export interface Segment extends SegmentId {
  path: string
  salt: number
  /** Durable length; bytes beyond it belong to no acknowledged record. */
  bytes: number
  /** base - 1 while it has no record. */
  lastSeq: number
  /** Number of its newest checkpoint. */
  checkpointSeq: number | undefined
  /** Bytes of its records by priority; those of checkpoints under CHECKPOINTS. */
  bytesOf: Float64Array
  /** How many records that are neither checkpoints nor gap records. */
  records: number
  /** How many undelivered records thinning took from it. */
  thinnedRecords: number
  /** Losses that its gap records state, apart from those of thinning. */
  gaps: StatedGap[]
  /** Sparse: number and offset of one record in about 64 KiB. */
  indexSeqs: number[]
  indexOffsets: number[]
}

export function newSegment(dir: string, id: SegmentId): Segment {
  const path = join(dir, segmentName(id))
  const { ordinal, base } = id
  const rest = { lastSeq: base - 1, checkpointSeq: undefined, records: 0, thinnedRecords: 0 }
  const empty = { bytes: HEADER_BYTES, gaps: [], indexSeqs: [], indexOffsets: [] }
  return { ordinal, base, path, salt: segmentSalt(id), bytesOf: new Float64Array(CHECKPOINTS + 1), ...rest, ...empty }
}

/** Gap records count as nothing: they do not go before their segment does. */
export function countRecord(segment: Segment, seq: number, kind: RecordKind, priority: number, bytes: number): void {
  if (kind === 'checkpoint') {
    segment.checkpointSeq = seq
    segment.bytesOf[CHECKPOINTS]! += bytes
  } else if (kind !== 'gap') {
    segment.bytesOf[priority]! += bytes
    segment.records++
  }
}

export function countGap(segment: Segment, seq: number, gap: Gap): void {
  if (gap.fromSeq !== seq) segment.gaps.push({ ...gap, seq })
  else if (gap.reason === 'space') segment.thinnedRecords += recordsIn(gap)
}

export function indexRecord(segment: Segment, seq: number, offset: number): void {
  const last = segment.indexOffsets.at(-1)
  if (last !== undefined && offset - last < INDEX_STRIDE_BYTES) return
  segment.indexSeqs.push(seq)
  segment.indexOffsets.push(offset)
}

/** Only all of it can go, with what is of the highest priority; `from`: it was to lose what is of this priority to the lowest. */
export function goesLast(segment: Segment, from: number): void {
  const bytes = segment.bytesOf.reduce((sum, bytes) => sum + bytes, 0)
  segment.bytesOf.fill(0)
  if (from > 1) segment.bytesOf[1] = bytes
}
