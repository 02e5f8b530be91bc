// Reads a journal's directory back into segments, losses and the next number. See segment.ts for what holds on disk.
import { join } from 'node:path'
import type { Disk } from '../core/disk.ts'
import { AgentError } from '../core/errors.ts'
import { type Gap, type JournalLoss, parseGap } from './contract.ts'
import { addLoss, notStated } from './losses.ts'
import { type DamagedSpan, scan } from './scan.ts'
import {
  copyRecord,
  decodeHeader,
  HEADER_BYTES,
  parseSegmentName,
  RECORD_HEADER_BYTES,
  type SegmentId,
  VERSION,
} from './segment.ts'
import { readSegment, removeInOrder, THIN_SUFFIX } from './segment-file.ts'
import { countGap, countRecord, indexRecord, newSegment, type Segment } from './segment-state.ts'

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
  gaps: Gap[]
  /** Likewise, in place of what a thinned segment lost. */
  holes: Gap[]
  fileBytes: number
}

/** `cursorSeq`: numbers up to the furthest cursor were once acknowledged and read. */
export async function recover(disk: Disk, dir: string, cursorSeq: number): Promise<Recovered> {
  const scanned = await scanAll(disk, dir)
  const stated = scanned.flatMap(one => [...one.gaps, ...one.holes]).sort((a, b) => a.fromSeq - b.fromSeq)
  const kept = await finishDrops(disk, dir, scanned)
  // What a removed segment stated, the gap record that names it states too.
  const losses = lossesOf(kept)
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
  losses.sort((a, b) => a.fromSeq - b.fromSeq)
  return {
    segments: kept.map(one => one.segment),
    nextSeq: Math.max(expected, cursorSeq + 1),
    nextOrdinal: 1 + Math.max(0, ...scanned.map(one => one.segment.ordinal)),
    losses,
    newLosses,
    damaged: [...damaged],
    tailClean: before !== undefined && !tail && !before.headerDamaged && expected > cursorSeq,
  }
}

/** What is stated already. Of what thinning took from a segment the number matters: the ranges are many. */
function lossesOf(scanned: readonly Scanned[]): JournalLoss[] {
  const losses: JournalLoss[] = []
  const dropped = scanned.flatMap(({ gaps }) => gaps).filter(({ reason }) => reason === 'space')
  const counted = (gap: Gap): boolean =>
    gap.reason === 'space' &&
    dropped.some(
      ({ fromSeq, toSeq }) => fromSeq <= gap.fromSeq && gap.toSeq <= toSeq && fromSeq - toSeq < gap.fromSeq - gap.toSeq,
    )
  for (const { gaps, holes } of scanned) {
    for (const { reason, ...gap } of gaps)
      if (reason !== 'done' && !counted({ ...gap, reason })) addLoss(losses, { ...gap, reason })
    const lost = holes.filter(({ reason }) => reason === 'space')
    const [first, last] = [lost[0], lost.at(-1)]
    if (!first || !last) continue
    const records = lost.reduce((sum, { fromSeq, toSeq }) => sum + toSeq - fromSeq + 1, 0)
    const detail = `${records} undelivered records dropped to make room`
    addLoss(losses, { fromSeq: first.fromSeq, toSeq: last.toSeq, records, reason: 'space', detail })
  }
  return losses
}

/** Bytes after the last valid record. A superseded record there is no loss, but nothing may be appended behind it either. */
function tailBytes(one: Scanned): number {
  const span = one.damages.at(-1)
  return span && span.to >= one.fileBytes ? one.fileBytes - span.from : 0
}

async function scanAll(disk: Disk, dir: string): Promise<Scanned[]> {
  const names = await disk.readdir(dir)
  for (const name of names.filter(name => name.endsWith(THIN_SUFFIX)))
    await disk.unlink(join(dir, name)).catch(() => {})
  const ids = names.map(parseSegmentName).filter(id => id !== undefined)
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
  const segment = newSegment(dir, named)
  const { path } = segment
  const data = await readSegment(disk, path)
  const header = decodeHeader(data)
  if (header && header.version > VERSION) {
    const advice = 'start the version that wrote it, or move the directory away to begin an empty journal'
    throw new AgentError(
      'JOURNAL_CORRUPT',
      `${path} was written by a newer version (format ${header.version}): ${advice}`,
    )
  }
  const headerDamaged = header?.ordinal !== named.ordinal || header.base !== named.base
  const one: Scanned = {
    segment,
    limit,
    headerDamaged,
    damages: [],
    missing: [],
    gaps: [],
    holes: [],
    fileBytes: data.length,
  }
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
    countRecord(segment, record.seq, record.kind, record.priority, record.size)
    segment.bytes = at + record.size
    const gap = record.kind === 'gap' ? parseGap(copyRecord(data, at, record)) : undefined
    const hole = gap?.fromSeq === record.seq
    if (gap) (hole ? one.holes : one.gaps).push(gap)
    if (gap) countGap(segment, record.seq, gap)
    segment.lastSeq = hole ? gap.toSeq : record.seq
    return true
  })
  one.damages = superseded ? damages.filter(span => span.to < segment.bytes) : damages
  return one
}

/**
 * Segments up to the last number that a gap record calls dropped were about to be removed when the process ended: remove them now.
 * The first of them may have been delivered in part.
 */
async function finishDrops(disk: Disk, dir: string, scanned: Scanned[]): Promise<Scanned[]> {
  const drops = scanned.flatMap(one => one.gaps).filter(({ reason }) => reason !== 'damage')
  const droppedSeq = drops.reduce((most, { toSeq }) => Math.max(most, toSeq), 0)
  // Owning no number (base = limit) is a segment whose creation failed and was tried again.
  const first = scanned.findIndex(({ segment, limit }) => segment.base < limit && segment.lastSeq > droppedSeq)
  const gone = scanned.slice(0, first < 0 ? -1 : first)
  const paths = gone.map(one => one.segment.path)
  await removeInOrder(disk, dir, paths).catch(() => {})
  return scanned.slice(gone.length)
}
