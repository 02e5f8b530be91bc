// Which numbers are gone, and the `gap` records that say so.
import type { Gap, JournalLoss, NewRecord } from './contract.ts'

/** More are merged into their neighbours: a journal that lost 100 separate ranges needs a person, not a longer list. */
const LOSSES_MAX = 100

/** Payload of a `gap` record is the gap as JSON. */
export function gapRecord(gap: Omit<Gap, 'detail'> & { detail?: string }): NewRecord {
  return { kind: 'gap', priority: 1, payload: Buffer.from(JSON.stringify(gap)) }
}

export function recordsIn({ fromSeq, toSeq, records }: Pick<JournalLoss, 'fromSeq' | 'toSeq' | 'records'>): number {
  return records ?? toSeq - fromSeq + 1
}

/** Adds a loss, extending the last one when it continues it; the oldest two become one beyond the limit. */
export function addLoss(losses: JournalLoss[], loss: JournalLoss): void {
  const last = losses.at(-1)
  if (last && last.reason === loss.reason && last.toSeq + 1 === loss.fromSeq) {
    const whole = last.records === undefined && loss.records === undefined
    const records = recordsIn(last) + recordsIn(loss)
    losses[losses.length - 1] = { ...last, toSeq: loss.toSeq, ...(whole ? {} : { records }) }
    return
  }
  losses.push(loss)
  if (losses.length > LOSSES_MAX) {
    const [first, second] = losses.splice(0, 2) as [JournalLoss, JournalLoss]
    const detail = `several ranges between these numbers; the last: ${second.detail}`
    const fromSeq = Math.min(first.fromSeq, second.fromSeq)
    losses.unshift({
      ...second,
      fromSeq,
      toSeq: Math.max(first.toSeq, second.toSeq),
      records: recordsIn(first) + recordsIn(second),
      detail,
    })
  }
}

/** The parts of [fromSeq, toSeq] that none of `stated` covers. */
export function notStated(fromSeq: number, toSeq: number, stated: readonly Gap[]): [number, number][] {
  let parts: [number, number][] = fromSeq <= toSeq ? [[fromSeq, toSeq]] : []
  for (const loss of stated) {
    parts = parts.flatMap(([from, to]): [number, number][] => {
      if (loss.toSeq < from || loss.fromSeq > to) return [[from, to]]
      const left: [number, number][] = from < loss.fromSeq ? [[from, loss.fromSeq - 1]] : []
      return to > loss.toSeq ? [...left, [loss.toSeq + 1, to]] : left
    })
  }
  return parts
}
