// How far alerts are delivered, durably, in one lane or in two. After a long outage what waits is delivered at a limited rate
// (backlog), and what is new beside it, at once (fresh):
//
//   journal:   … | backlog ->        S | fresh ->        … head
//                ^ cursor m          ^ mark s    ^ mark f
//
// m < s: two lanes; everything in (s, f] is delivered. m >= s: one lane, from m on; f says nothing. A mark that is damaged falls
// back, which only means repeats: lower s, one lane from m; lower f, the fresh lane from s. When the backlog is delivered, m goes to
// where the fresh lane is. A second long outage before that puts the split at the new head: what the fresh lane had
// delivered comes again, as repeats.
import type { Cursor, Journal } from '../journal/contract.ts'
import { decode, Standing } from './standing.ts'

const READ_RECORDS = 512
/** Alarms that ended while nothing was sent; beyond it the broker is asked which it still holds. */
const ENDED_MAX = 10_000

export interface Positions {
  m: Cursor
  s: Cursor
  f: Cursor
}

/** What one reading of the journal tells. */
export interface Told {
  standing: Standing
  /** Last record read. */
  seq: number
  /** Ended after what was delivered. */
  ended: { asset: string; id: string }[]
  /** Last alert up to m, s and f; undefined: nothing tells. */
  at: { m: number | undefined; s: number | undefined; f: number | undefined }
}

export async function openPositions(journal: Journal): Promise<Positions> {
  return {
    m: await journal.cursor('uplink'),
    s: await journal.cursor('uplink-split-mark'),
    f: await journal.cursor('uplink-fresh-mark'),
  }
}

export function isSplit({ m, s }: Positions): boolean {
  return m.seq < s.seq
}

export function freshSeq({ s, f }: Positions): number {
  return Math.max(s.seq, f.seq)
}

/** The fold over all that is there. */
export async function readAll(journal: Journal, positions: Positions): Promise<Told> {
  const { firstSeq, nextSeq } = journal.status()
  const standing = new Standing()
  // From the first record there is, nothing was delivered before it: numbering starts at 1.
  if (firstSeq <= 1) standing.alertSeq = 0
  const [m, s, f] = [positions.m.seq, positions.s.seq, freshSeq(positions)]
  const start = standing.alertSeq
  const told: Told = { standing, seq: nextSeq - 1, ended: [], at: { m: start, s: start, f: start } }
  for (let from = firstSeq; from < nextSeq; ) {
    const records = await journal.read(from, READ_RECORDS)
    if (records.length === 0) break
    for (const record of records) {
      if (record.seq >= nextSeq) break
      const decoded = decode(record)
      if (decoded.kind === 'transition') {
        const { transition } = decoded
        standing.apply(transition)
        if (record.seq > m && !standing.has(transition.id) && told.ended.length < ENDED_MAX) told.ended.push(transition)
      } else if (decoded.kind === 'checkpoint') {
        const gone = standing.restore(decoded.checkpoint)
        if (record.seq > m) told.ended.push(...gone.slice(0, ENDED_MAX - told.ended.length))
      }
      if (record.seq <= m) told.at.m = standing.alertSeq
      if (record.seq <= s) told.at.s = standing.alertSeq
      if (record.seq <= f) told.at.f = standing.alertSeq
    }
    from = records[records.length - 1]!.seq + 1
  }
  return told
}
