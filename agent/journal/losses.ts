// Which numbers are gone, and the `gap` records that say so.
import type { JournalLoss, JournalRecord, NewRecord } from './contract.ts'

/** More are merged into their neighbours: a journal that lost 100 separate ranges needs a person, not a longer list. */
const LOSSES_MAX = 100

/** Payload of a `gap` record is the loss as JSON. */
export function gapRecord(loss: JournalLoss): NewRecord {
  return { kind: 'gap', priority: 1, payload: Buffer.from(JSON.stringify(loss)) }
}

/** Undefined when the payload is not a loss (another version's, or damage that kept its CRC). */
export function parseGap(record: Pick<JournalRecord, 'payload'>): JournalLoss | undefined {
  try {
    const loss = JSON.parse(Buffer.from(record.payload).toString()) as Partial<JournalLoss> | null
    const { fromSeq, toSeq, reason, detail } = loss ?? {}
    if (!Number.isSafeInteger(fromSeq) || !Number.isSafeInteger(toSeq) || fromSeq! > toSeq!) return undefined
    if (reason !== 'space' && reason !== 'damage') return undefined
    return { fromSeq: fromSeq!, toSeq: toSeq!, reason, detail: String(detail) }
  } catch {
    return undefined
  }
}

/** Adds a loss, extending the last one when it continues it; the oldest two become one beyond the limit. */
export function addLoss(losses: JournalLoss[], loss: JournalLoss): void {
  const last = losses.at(-1)
  if (last && last.reason === loss.reason && last.toSeq + 1 === loss.fromSeq) {
    losses[losses.length - 1] = { ...last, toSeq: loss.toSeq }
    return
  }
  losses.push(loss)
  if (losses.length > LOSSES_MAX) {
    const [first, second] = losses.splice(0, 2) as [JournalLoss, JournalLoss]
    const detail = `several ranges between these numbers; the last: ${second.detail}`
    const fromSeq = Math.min(first.fromSeq, second.fromSeq)
    losses.unshift({ ...second, fromSeq, toSeq: Math.max(first.toSeq, second.toSeq), detail })
  }
}

/** The parts of [fromSeq, toSeq] that none of `stated` covers. */
export function notStated(fromSeq: number, toSeq: number, stated: readonly JournalLoss[]): [number, number][] {
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
