// Walks the bytes of a segment, or of a window of it, and finds every valid record whatever lies between.
import { crc32 } from '../core/crc.ts'
import { decodeRecordHeader, HEADER_BYTES, RECORD_HEADER_BYTES, RECORD_MAGIC, type RecordHeader } from './segment.ts'

/** Some 2,000 small records, 10 ms. */
const STEP_BYTES = 131_072

/** Bytes [from, to) that are no valid record. */
export interface DamagedSpan {
  from: number
  to: number
}

export interface ScanEnd {
  /** Where to go on: the end of the data, or the start of a record of which `data` holds only a part. */
  consumed: number
  damages: DamagedSpan[]
}

/**
 * Calls `visit` for each record whose CRCs hold, in the order of the bytes; stops early when it returns false.
 * `final`: the data ends where the segment ends, so that a record reaching beyond it is damage and not a reason for
 * more bytes. Linear in the data: inside damage only the 20 bytes after each magic are summed.
 */
export function scan(
  data: Buffer,
  start: number,
  salt: number,
  final: boolean,
  visit: (header: RecordHeader, at: number) => boolean,
): ScanEnd {
  const damages: DamagedSpan[] = []
  let at = start
  while (at < data.length) {
    const header = decodeRecordHeader(data, at, salt)
    if (!header) {
      const next = findHeader(data, at, salt, final)
      if (next > at) addSpan(damages, at, next)
      // A window may end inside a header: leave those bytes for the next window.
      if (next === at || (!final && next + RECORD_HEADER_BYTES > data.length)) return { consumed: next, damages }
      at = next
      continue
    }
    const end = at + header.size
    if (end > data.length) {
      if (!final) return { consumed: at, damages }
      addSpan(damages, at, data.length)
      at = data.length
    } else if (crc32(data.subarray(at + RECORD_HEADER_BYTES, end)) !== header.payloadCrc) {
      addSpan(damages, at, end)
      at = end
    } else {
      if (!visit(header, at)) return { consumed: at, damages }
      at = end
    }
  }
  return { consumed: at, damages }
}

/**
 * The same of a whole segment, a piece at a time, so that whoever else waits has a turn: 8 MiB of small records are 70,000, half a
 * second of work. Stops after the first damage.
 */
export async function scanInSteps(
  data: Buffer,
  salt: number,
  visit: (header: RecordHeader, at: number) => boolean,
): Promise<ScanEnd> {
  let stopped = false
  const visitor = (header: RecordHeader, at: number): boolean => {
    stopped = !visit(header, at)
    return !stopped
  }
  let at = HEADER_BYTES
  for (let step = STEP_BYTES; ; ) {
    const end = Math.min(at + step, data.length)
    const { consumed, damages } = scan(data.subarray(0, end), at, salt, end === data.length, visitor)
    if (stopped || end === data.length || damages.length > 0) return { consumed, damages }
    // A record that is longer.
    step = consumed === at ? step * 2 : STEP_BYTES
    at = consumed
    await new Promise(resolve => setImmediate(resolve))
  }
}

/** The next place at or after `from` with a whole record header; else the end, or in a window where one could still begin. */
function findHeader(data: Buffer, from: number, salt: number, final: boolean): number {
  for (let at = data.indexOf(RECORD_MAGIC, from); at >= 0; at = data.indexOf(RECORD_MAGIC, at + 1)) {
    if (decodeRecordHeader(data, at, salt)) return at
  }
  return final ? data.length : Math.max(from, data.length - RECORD_HEADER_BYTES + 1)
}

function addSpan(spans: DamagedSpan[], from: number, to: number): void {
  const last = spans.at(-1)
  if (last && last.to === from) last.to = to
  else spans.push({ from, to })
}
