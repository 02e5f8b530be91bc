// Reads a journal's directory back into segments, losses and the next number. See segment.ts for what holds on disk.
import { join } from 'node:path'
import { type Disk, type DiskFile, errnoOf, readFully, writeFully } from '../core/disk.ts'
import { AgentError, messageOf } from '../core/errors.ts'
import type { JournalLoss } from './contract.ts'
import { addLoss, notStated, parseGap } from './losses.ts'
import { removeInOrder } from './removal.ts'
import { type DamagedSpan, scan } from './scan.ts'
import {
  copyRecord,
  decodeHeader,
  HEADER_BYTES,
  parseSegmentName,
  RECORD_HEADER_BYTES,
  type SegmentId,
  segmentName,
  segmentSalt,
  VERSION,
} from './segment.ts'

/** Bytes between two entries of a segment's index: what a read may have to step over. */
const INDEX_STRIDE_BYTES = 65_536
/** Unit of reading at recovery: one unreadable block must not hide the rest of its segment. */
const READ_BLOCK_BYTES = 65_536
/** A segment is at most 8 MiB and one group beyond; anything larger is not one of ours and is not read to its end. */
const SEGMENT_READ_BYTES_MAX = 64 << 20

/** A segment as the running journal knows it. */
export interface Segment extends SegmentId {
  path: string
  salt: number
  /** Durable length; bytes beyond it belong to no acknowledged record. */
  bytes: number
  /** base - 1 while it has no record. */
  lastSeq: number
  /** Number of its newest checkpoint. */
  checkpointSeq: number | undefined
  /** Sparse: number and offset of one record in about 64 KiB. */
  indexSeqs: number[]
  indexOffsets: number[]
}

export function newSegment(dir: string, id: SegmentId): Segment {
  const path = join(dir, segmentName(id))
  const rest = { bytes: HEADER_BYTES, lastSeq: id.base - 1, checkpointSeq: undefined, indexSeqs: [], indexOffsets: [] }
  return { ...id, path, salt: segmentSalt(id), ...rest }
}

export function indexRecord(segment: Segment, seq: number, offset: number): void {
  const last = segment.indexOffsets.at(-1)
  if (last !== undefined && offset - last < INDEX_STRIDE_BYTES) return
  segment.indexSeqs.push(seq)
  segment.indexOffsets.push(offset)
}

export interface Recovered {
  segments: Segment[]
  nextSeq: number
  nextOrdinal: number
  /** All that the journal knows to be gone, oldest first. */
  losses: JournalLoss[]
  /** Those found now, for which no gap record exists yet. */
  newLosses: JournalLoss[]
  /** Paths of segments in which a new loss was found, or whose header is unreadable. */
  damaged: string[]
  /** True when the last segment ends with a valid record and may be appended to. */
  tailClean: boolean
}

interface Scanned {
  segment: Segment
  /** Numbers of the file's records are below this: the base of the segment after it. */
  limit: number
  headerDamaged: boolean
  damages: DamagedSpan[]
  /** Jumps in the numbers inside the segment: [from, to]. */
  missing: [number, number][]
  gaps: JournalLoss[]
  fileBytes: number
}

/** `cursorSeq`: numbers up to the furthest cursor were once acknowledged and read. */
export async function recover(disk: Disk, dir: string, cursorSeq: number): Promise<Recovered> {
  const scanned = await scanAll(disk, dir)
  const stated = scanned.flatMap(one => one.gaps).sort((a, b) => a.fromSeq - b.fromSeq)
  const losses: JournalLoss[] = []
  for (const loss of stated) addLoss(losses, loss)
  const kept = await finishDrops(disk, dir, scanned, stated)
  const newLosses: JournalLoss[] = []
  const damaged = new Set<string>()
  const miss = (from: number, to: number, where: Scanned | undefined, detail: string): void => {
    for (const [fromSeq, toSeq] of notStated(from, to, stated)) {
      addLoss(newLosses, { fromSeq, toSeq, reason: 'damage', detail })
      if (where) damaged.add(where.segment.path)
    }
  }
  let expected = kept[0]?.segment.base ?? 1
  let before: Scanned | undefined
  for (const one of kept) {
    const { base, path, lastSeq } = one.segment
    miss(expected, base - 1, before, `unreadable end of ${before?.segment.path}, or a missing file before ${path}`)
    for (const [from, to] of one.missing) miss(from, to, one, `unreadable records in ${path}`)
    if (one.headerDamaged && one.fileBytes > HEADER_BYTES) damaged.add(path)
    expected = Math.max(expected, base, lastSeq + 1)
    before = one
  }
  const tail = before && tailBytes(before)
  if (before && tail) {
    const skipped = Math.ceil(tail / RECORD_HEADER_BYTES)
    miss(
      expected,
      expected + skipped - 1,
      before,
      `${tail} unreadable bytes at the end of ${before.segment.path}: damage, or a write cut short by a crash`,
    )
    expected += skipped
  }
  miss(expected, cursorSeq, undefined, `a cursor stands at ${cursorSeq} but ${dir} ends before it`)
  for (const loss of newLosses) addLoss(losses, loss)
  return {
    segments: kept.map(one => one.segment),
    nextSeq: Math.max(expected, cursorSeq + 1),
    nextOrdinal: 1 + Math.max(0, ...scanned.map(one => one.segment.ordinal)),
    losses: losses.sort((a, b) => a.fromSeq - b.fromSeq),
    newLosses,
    damaged: [...damaged],
    tailClean: before !== undefined && !tail && !before.headerDamaged && expected > cursorSeq,
  }
}

/** Bytes after the last valid record. A superseded record there is no loss, but nothing may be appended behind it either. */
function tailBytes(one: Scanned): number {
  const span = one.damages.at(-1)
  return span && span.to >= one.fileBytes ? one.fileBytes - span.from : 0
}

async function scanAll(disk: Disk, dir: string): Promise<Scanned[]> {
  const ids = (await disk.readdir(dir)).map(parseSegmentName).filter(id => id !== undefined)
  ids.sort((a, b) => a.ordinal - b.ordinal)
  const scanned: Scanned[] = []
  let limit = Number.MAX_SAFE_INTEGER
  // From the newest back, because a segment's base bounds all before it (invariant 2).
  for (const id of ids.reverse()) {
    const one = await scanSegment(disk, dir, id, limit)
    limit = Math.min(limit, one.segment.base)
    scanned.unshift(one)
  }
  return scanned
}

async function scanSegment(disk: Disk, dir: string, named: SegmentId, limit: number): Promise<Scanned> {
  const path = join(dir, segmentName(named))
  const data = await readSegment(disk, path)
  const header = decodeHeader(data)
  if (header && header.version > VERSION) {
    const advice = 'start the version that wrote it, or move the directory away to begin an empty journal'
    throw new AgentError(
      'JOURNAL_CORRUPT',
      `${path} was written by a newer version (format ${header.version}): ${advice}`,
    )
  }
  const segment = newSegment(dir, named)
  const headerDamaged = header?.ordinal !== named.ordinal || header.base !== named.base
  const one: Scanned = { segment, limit, headerDamaged, damages: [], missing: [], gaps: [], fileBytes: data.length }
  let superseded = false
  const { damages } = scan(data, HEADER_BYTES, segment.salt, true, (record, at) => {
    if (record.seq >= limit) {
      superseded = true
      return false
    }
    // Numbers rise inside a segment; a valid record that does not is one that was never ours to keep.
    if (record.seq <= segment.lastSeq) return true
    if (record.seq > segment.lastSeq + 1) one.missing.push([segment.lastSeq + 1, record.seq - 1])
    indexRecord(segment, record.seq, at)
    segment.lastSeq = record.seq
    segment.bytes = at + record.size
    if (record.kind === 'checkpoint') segment.checkpointSeq = record.seq
    const gap = record.kind === 'gap' ? parseGap(copyRecord(data, at, record)) : undefined
    if (gap) one.gaps.push(gap)
    return true
  })
  one.damages = superseded ? damages.filter(span => span.to < segment.bytes) : damages
  return one
}

/** Segments that a stated `space` gap covers were about to be removed when the process ended: remove them now. */
async function finishDrops(
  disk: Disk,
  dir: string,
  scanned: Scanned[],
  stated: readonly JournalLoss[],
): Promise<Scanned[]> {
  const space = stated.filter(loss => loss.reason === 'space')
  // Owning no number (base = limit) is a segment whose creation failed and was tried again.
  const first = scanned.findIndex(one => notStated(one.segment.base, one.limit - 1, space).length > 0)
  const gone = scanned.slice(0, first < 0 ? -1 : first)
  const paths = gone.map(one => one.segment.path)
  await removeInOrder(disk, dir, paths).catch(() => {})
  return scanned.slice(gone.length)
}

/** The whole file; blocks the disk refuses to read are zeros, which no CRC accepts. */
async function readSegment(disk: Disk, path: string): Promise<Buffer> {
  let file: DiskFile | undefined
  try {
    file = await disk.open(path, 'r')
    const data = Buffer.alloc(Math.min(await file.size(), SEGMENT_READ_BYTES_MAX))
    for (let at = 0; at < data.length; at += READ_BLOCK_BYTES) {
      const block = data.subarray(at, at + READ_BLOCK_BYTES)
      await readFully(file, block, at).catch(() => block.fill(0))
    }
    return data
  } catch (error) {
    throw new AgentError(
      'JOURNAL_IO',
      `cannot read ${path} (${errnoOf(error) || messageOf(error)}): check its owner and the disk`,
      { cause: error },
    )
  } finally {
    await file?.close().catch(() => {})
  }
}

/** Copies a damaged segment beside itself, once per segment and at most `keep` files in all; failing is no reason to stop. */
export async function copyAside(disk: Disk, dir: string, path: string, keep: number): Promise<string | undefined> {
  const names = await disk.readdir(dir)
  const copies = names.flatMap(name => {
    const match = /^(.+)\.damaged-(\d+)$/.exec(name)
    return match ? [{ name, of: match[1], n: Number(match[2]) }] : []
  })
  if (copies.some(copy => join(dir, copy.of ?? '') === path)) return undefined
  copies.sort((a, b) => a.n - b.n)
  while (copies.length >= keep) await disk.unlink(join(dir, copies.shift()!.name))
  const target = `${path}.damaged-${(copies.at(-1)?.n ?? 0) + 1}`
  const data = await readSegment(disk, path)
  const file = await disk.open(target, 'wx')
  try {
    await writeFully(file, data, 0)
    await file.datasync()
  } finally {
    await file.close()
  }
  return target
}
