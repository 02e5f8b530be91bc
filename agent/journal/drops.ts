// What goes when a new segment is about to begin. A pure function: nothing is removed before the gap record is durable.
import { CHECKPOINTS, type Segment } from './segment-state.ts'

/** A segment counts as at least this part of the space, so that a flapping disk does not leave a million small files. */
const SEGMENTS_MAX = 1024
/** Superseded checkpoints, then the lowest priority. */
const ORDER = [CHECKPOINTS, 4, 3, 2, 1] as const
const NOTHING = CHECKPOINTS + 1
/** Written at a time, some 0.5 s; beyond, a segment is thinned only where that saves this part of it. Appends wait meanwhile. */
const WRITTEN_MAX_BYTES = 64 << 20
const WORTH = 1 / 8

export interface DropLimits {
  /** Room the new segment may come to take; as much is kept free for a segment that is thinned. */
  needBytes: number
  bytesMax: number
  /** All cursors are past it. */
  deliveredSeq: number
  /** The new segment will have no checkpoint although there should be one: keep the newest that exists. */
  keepCheckpoint: boolean
  /** Bytes that were written already to make room for it. */
  writtenBytes?: number
}

export interface Drops {
  /** The oldest segments, as a whole. */
  victims: Segment[]
  /** Segments that lose what is of priority `from` to 4, and superseded checkpoints. */
  thin: { segment: Segment; from: number }[]
  /** Those of them that are not delivered to their end. */
  undelivered: Segment[]
}

/**
 * Delivered segments go once half of the space is used (until then they are the alarm history that can be asked for), oldest first.
 * Of undelivered records, only when nothing else makes room, those of the lowest priority go, oldest first. The last segment goes
 * as a whole or not at all: what is newest outlives some of a higher priority that is older. So does, in a journal of more than
 * WRITTEN_MAX_BYTES, what is so thinly spread that it would cost more to remove than to leave it for the next time.
 * Throws an ENOSPC error when even that is not enough.
 */
export function planDrops(segments: readonly Segment[], limits: DropLimits): Drops {
  const { needBytes, bytesMax, deliveredSeq } = limits
  const newest = segments.findLastIndex(segment => segment.checkpointSeq !== undefined)
  const droppable = limits.keepCheckpoint ? Math.max(0, newest) : segments.length
  const space: Space = { costMin: bytesMax / SEGMENTS_MAX, first: 0, droppable }
  const cost = (segment: Segment): number => costWithout(segment, NOTHING, space)
  let total = needBytes + segments.reduce((sum, segment) => sum + cost(segment), 0)
  let gone = 0
  while (gone < droppable && total > bytesMax / 2 && segments[gone]!.lastSeq <= deliveredSeq)
    total -= cost(segments[gone++]!)
  const delivered = gone
  const thin: Drops['thin'] = []
  // A thinned segment is written beside the one that it replaces.
  const room = bytesMax - needBytes
  if (total > room) {
    const from = lowestFirst(segments, { ...space, first: delivered }, total - room, limits.writtenBytes)
    while (total > room && gone < droppable && isEmptied(segments[gone]!, from)) total -= cost(segments[gone++]!)
    for (const segment of segments.slice(gone)) {
      if (!from.has(segment)) continue
      thin.push({ segment, from: from.get(segment)! })
      total -= cost(segment) - costWithout(segment, from.get(segment)!, space)
    }
  }
  // Segments of a higher limit, or of the largest records.
  if (total > bytesMax && gone === segments.length - 1 && gone < droppable) total -= cost(segments[gone++]!)
  if (total > bytesMax) {
    const text = `the limit of ${bytesMax} bytes is reached and nothing may be dropped`
    throw Object.assign(new Error(`ENOSPC: ${text}`), { code: 'ENOSPC' })
  }
  return { victims: segments.slice(0, gone), thin, undelivered: segments.slice(delivered, gone) }
}

interface Space {
  /** What a segment takes at least. */
  costMin: number
  /** Index of the first segment that is not delivered. */
  first: number
  /** How many of the oldest segments may go as a whole. */
  droppable: number
}

/** From which priority on segments lose their records, until that makes room of `bytes`. The last one is open for appends. */
function lowestFirst(
  segments: readonly Segment[],
  space: Space,
  bytes: number,
  writtenBytes = 0,
): Map<Segment, number> {
  const from = new Map<Segment, number>()
  let left = bytes
  let written = writtenBytes
  for (const priority of ORDER) {
    for (const [i, segment] of segments.slice(0, -1).entries()) {
      if (i < space.first) continue
      if (left <= 0) return from
      // At the highest priority all before it are empty, too.
      const whole = priority === 1 && i < space.droppable
      const after = whole ? 0 : costWithout(segment, priority, space)
      const saved = costWithout(segment, from.get(segment) ?? NOTHING, space) - after
      if (saved <= 0) continue
      if (!from.has(segment) && !whole) {
        if (written > WRITTEN_MAX_BYTES && saved < WORTH * segment.bytes) continue
        written += segment.bytes - saved
      }
      from.set(segment, priority)
      left -= saved
    }
  }
  return from
}

/** What the segment takes without its records of `priority` and lower ones. */
function costWithout(segment: Segment, priority: number, { costMin }: Space): number {
  return Math.max(segment.bytes - bytesFrom(segment, priority), costMin)
}

function bytesFrom(segment: Segment, priority: number): number {
  return segment.bytesOf.subarray(priority).reduce((sum, bytes) => sum + bytes, 0)
}

function isEmptied(segment: Segment, from: ReadonlyMap<Segment, number>): boolean {
  return bytesFrom(segment, 1) === bytesFrom(segment, from.get(segment) ?? NOTHING)
}
