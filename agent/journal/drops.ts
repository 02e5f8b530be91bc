// Which segments go when a new one is about to begin. A pure function: nothing is removed before the gap record is durable.
import type { JournalLoss } from './contract.ts'
import type { Segment } from './recovery.ts'

/** A segment counts as at least this part of the space, so that a flapping disk does not leave a million small files. */
const SEGMENTS_MAX = 1024

export interface DropLimits {
  /** Room the new segment may come to take. */
  needBytes: number
  bytesMax: number
  /** All cursors are past it. */
  deliveredSeq: number
  /** The new segment will have no checkpoint although there should be one: keep the newest that exists. */
  keepCheckpoint: boolean
}

/**
 * Oldest segments first: delivered ones once half of the space is used (until then they are the alarm history that can be
 * asked for), undelivered ones only when nothing else makes room; `loss` says which numbers those held.
 * Throws an ENOSPC error when even that is not enough.
 */
export function planDrops(
  segments: readonly Segment[],
  limits: DropLimits,
): { victims: Segment[]; loss: JournalLoss | undefined } {
  const { needBytes, bytesMax, deliveredSeq } = limits
  const newest = segments.findLastIndex(segment => segment.checkpointSeq !== undefined)
  const droppable = limits.keepCheckpoint ? segments.slice(0, Math.max(0, newest)) : segments
  const cost = (segment: Segment): number => Math.max(segment.bytes, bytesMax / SEGMENTS_MAX)
  let total = needBytes + segments.reduce((sum, segment) => sum + cost(segment), 0)
  const victims: Segment[] = []
  for (const segment of droppable) {
    const delivered = segment.lastSeq <= deliveredSeq
    if (total <= bytesMax / 2 || (total <= bytesMax && !delivered)) break
    victims.push(segment)
    total -= cost(segment)
  }
  if (total > bytesMax) {
    const text = `the limit of ${bytesMax} bytes is reached and nothing may be dropped`
    throw Object.assign(new Error(`ENOSPC: ${text}`), { code: 'ENOSPC' })
  }
  const toSeq = victims.at(-1)?.lastSeq ?? 0
  if (toSeq <= deliveredSeq) return { victims, loss: undefined }
  const fromSeq = Math.max(victims[0]!.base, deliveredSeq + 1)
  return {
    victims,
    loss: { fromSeq, toSeq, reason: 'space', detail: `dropped undelivered to stay within ${bytesMax} bytes` },
  }
}
