// What is lost with segments that are removed, to the record; what their own gap records state goes on being stated.
import type { Disk } from '../core/disk.ts'
import { type Gap, holeOf, type JournalLoss } from './contract.ts'
import type { DropLimits } from './drops.ts'
import { recordsIn } from './losses.ts'
import { scanInSteps } from './scan.ts'
import { copyRecord } from './segment.ts'
import type { Segment } from './segment-state.ts'
import { countRecord, newSegment } from './segment-state.ts'
import { readWhole } from './thinning.ts'

export interface DropLoss {
  /** Undelivered records that go now; undefined when there is none. */
  loss: JournalLoss | undefined
  /** For the new segment. The last one also counts for what went before, as far as nobody could read of that yet. */
  gaps: Gap[]
}

/** `going`: the oldest of `segments`, those left out that are delivered to their end. Never rejects. */
export async function lossOf(
  disk: Disk,
  segments: readonly Segment[],
  going: readonly Segment[],
  { deliveredSeq, bytesMax }: DropLimits,
): Promise<DropLoss> {
  const toSeq = going.at(-1)?.lastSeq ?? 0
  if (toSeq <= deliveredSeq) return { loss: undefined, gaps: [] }
  let records = 0
  let thinnedRecords = 0
  for (const segment of going) {
    const part = segment.base > deliveredSeq ? segment : await undeliveredPart(disk, segment, deliveredSeq)
    records += part.records
    thinnedRecords += part.thinnedRecords
  }
  const detail = `dropped undelivered to stay within ${bytesMax} bytes`
  const fromSeq = Math.max(going[0]!.base, deliveredSeq + 1)
  const loss: JournalLoss = { fromSeq, toSeq, records, reason: 'space', detail }
  const unread = segments.flatMap(({ gaps }) => gaps).filter(({ seq }) => seq > deliveredSeq)
  const before = unread.findLast(({ reason }) => reason !== 'damage')
  const all = records + thinnedRecords + (before ? recordsIn(before) : 0)
  const dropped: Gap = {
    ...loss,
    fromSeq: before?.fromSeq ?? fromSeq,
    records: all,
    reason: all > 0 ? 'space' : 'done',
  }
  const damages = damageIn(unread.filter(({ seq }) => seq <= toSeq))
  return { loss: records > 0 ? loss : undefined, gaps: [...damages, dropped] }
}

/** As one: however many there were, they take the space of one. */
function damageIn(stated: readonly Gap[]): Gap[] {
  const damages = stated.filter(({ reason }) => reason === 'damage')
  const last = damages.at(-1)
  if (!last || damages.length === 1) return damages
  const fromSeq = Math.min(...damages.map(gap => gap.fromSeq))
  const toSeq = Math.max(...damages.map(gap => gap.toSeq))
  const records = damages.reduce((sum, gap) => sum + recordsIn(gap), 0)
  return [
    { ...last, fromSeq, toSeq, records, detail: `several ranges between these numbers; the last: ${last.detail}` },
  ]
}

/** Of the one segment that a cursor stands in. What is unreadable there counts as lost now. */
async function undeliveredPart(
  disk: Disk,
  segment: Segment,
  deliveredSeq: number,
): Promise<Pick<Segment, 'records' | 'thinnedRecords'>> {
  const part = newSegment('', segment)
  try {
    const data = await readWhole(disk, segment)
    await scanInSteps(data, segment.salt, (header, at) => {
      const hole = header.kind === 'gap' ? holeOf(copyRecord(data, at, header)) : undefined
      // A cursor may stand in the middle of what is gone.
      if (hole?.reason === 'space')
        part.thinnedRecords += Math.max(0, hole.toSeq - Math.max(deliveredSeq, hole.fromSeq - 1))
      const { seq, kind, priority, size } = header
      if (seq > deliveredSeq) countRecord(part, seq, kind, priority, size)
      return true
    })
    return part
  } catch {
    const records = Math.max(0, Math.min(segment.records, segment.lastSeq - deliveredSeq))
    return { records, thinnedRecords: 0 }
  }
}
