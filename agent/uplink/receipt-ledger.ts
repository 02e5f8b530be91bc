// What a consumer that sends receipts holds: it takes the alerts of a lane only in order, asks again for what is missing, and
// so can say one number up to which it has everything. Built again from what it stored, in the same order.
import { type LaneView, laneViewOf } from './alert-ledger.ts'
import { Held } from './held.ts'

export interface Verdict {
  /** `early`: one before it has not come; not to be stored, it will be sent again. */
  verdict: 'new' | 'duplicate' | 'early'
  /** Numbers that will not come: confirmed by another consumer, or by this one before it lost its store. */
  gap?: { from: number; to: number }
}

/** For the receipt; `fresh` while numbers of a backlog are still missing. */
export interface Position {
  seq: number
  fresh?: number
}

interface Stream {
  held: Held
  /** Last number of the newest backlog that was told of. */
  backlogTo: number | undefined
  /** Ids by number, of the first few and the latest alerts. */
  firstIds: Map<number, string>
  ids: Map<number, string>
  newestId: string
}

const FIRST_IDS = 16
const IDS_MAX = 4_096
/** More parts than a gateway makes of its stream; beyond, alerts are refused until holes are filled. */
const RANGES_MAX = 64
const GATEWAYS_MAX = 10_000

export class ReceiptLedger {
  received = 0
  duplicates = 0
  early = 0
  missing = 0
  readonly #streams = new Map<string, Stream>()

  get gateways(): Iterable<string> {
    return this.#streams.keys()
  }

  /** `gateway` = `<site>/<gateway>`. Call it for an alert that can be stored now; `new` must be stored. */
  take(gateway: string, id: string, seq: number, said: LaneView): Verdict {
    const view = laneViewOf(said)
    if (view.backfill) return this.#asked(gateway, id, seq)
    const stream = this.#streamOf(gateway, id, seq)
    const gap = this.#enter(stream, seq, view)
    const { held } = stream
    if (held.has(seq)) {
      this.duplicates++
      return { verdict: 'duplicate', ...gap }
    }
    const begins = view.lane === 'fresh' && view.backlog !== undefined && seq === view.backlog.to + 1
    const next = seq === 1 || held.has(seq - 1) || begins
    if (!next || held.ranges.length >= RANGES_MAX) {
      this.early++
      return { verdict: 'early', ...gap }
    }
    held.add(seq)
    remember(stream, id, seq)
    this.received++
    return { verdict: 'new', ...gap }
  }

  /** Once more, beside the stream, because somebody asked: taken unless it is known to be here, and no step forward. */
  #asked(gateway: string, id: string, seq: number): Verdict {
    const { ids, firstIds } = this.#streams.get(gateway) ?? {}
    if (ids?.get(seq) === id || firstIds?.get(seq) === id) {
      this.duplicates++
      return { verdict: 'duplicate' }
    }
    this.received++
    return { verdict: 'new' }
  }

  /** The gateway says that these will never come; null: all it has not told of before, or: it does not know how many. */
  stated(gateway: string, from: number | null, to: number | null): void {
    if (to === null || !Number.isSafeInteger(to)) return
    const stream = this.#streams.get(gateway) ?? this.#open(gateway)
    const first = from ?? 1
    if (!Number.isSafeInteger(first) || first < 1 || stream.held.ranges.length >= RANGES_MAX) return
    this.missing += stream.held.missing(first, to).reduce((sum, [a, b]) => sum + b - a + 1, 0)
    stream.held.add(first, to)
  }

  position(gateway: string): Position | undefined {
    const stream = this.#streams.get(gateway)
    if (!stream) return undefined
    const { held, backlogTo } = stream
    const [first] = held.ranges
    const seq = first && first[0] <= 1 ? first[1] : 0
    const fresh = backlogTo === undefined || backlogTo < seq ? undefined : held.endOf(backlogTo + 1)
    return { seq, ...(fresh === undefined ? {} : { fresh }) }
  }

  /** What of its lane was confirmed before and is not here will not come. */
  #enter(stream: Stream, seq: number, { lane, backlog, confirmed }: LaneView): Pick<Verdict, 'gap'> {
    const isNew = stream.held.ranges.length === 0
    if (backlog) stream.backlogTo = Math.max(backlog.to, stream.backlogTo ?? 0)
    if (confirmed === undefined || confirmed >= seq) return {}
    const from = lane === 'fresh' && backlog ? backlog.to + 1 : 1
    const missing = stream.held.missing(from, confirmed)
    stream.held.add(from, confirmed)
    const [first] = missing
    if (!first || isNew) return {}
    this.missing += missing.reduce((sum, [a, b]) => sum + b - a + 1, 0)
    return { gap: { from: first[0], to: missing.at(-1)?.[1] ?? first[1] } }
  }

  #streamOf(gateway: string, id: string, seq: number): Stream {
    const stream = this.#streams.get(gateway)
    return stream && !begunAnew(stream, id, seq) ? stream : this.#open(gateway)
  }

  #open(gateway: string): Stream {
    const stream = { held: new Held(), backlogTo: undefined, firstIds: new Map(), ids: new Map(), newestId: '' }
    if (!this.#streams.has(gateway) && this.#streams.size >= GATEWAYS_MAX) {
      const oldest = this.#streams.keys().next()
      if (!oldest.done) this.#streams.delete(oldest.value)
    }
    this.#streams.set(gateway, stream)
    return stream
  }
}

function remember(stream: Stream, id: string, seq: number): void {
  if (seq <= FIRST_IDS) stream.firstIds.set(seq, id)
  stream.ids.set(seq, id)
  if (id > stream.newestId) stream.newestId = id
  const oldest = stream.ids.keys().next()
  if (stream.ids.size > IDS_MAX && !oldest.done) stream.ids.delete(oldest.value)
}

/**
 * A gateway whose storage was replaced numbers from 1 again: the number is known under another id, or is long past while the id,
 * which sorts by time, is newer than all.
 */
function begunAnew({ held, ids, firstIds, newestId }: Stream, id: string, seq: number): boolean {
  const known = ids.get(seq) ?? firstIds.get(seq)
  if (known !== undefined) return known !== id
  return ids.size > 0 && held.has(seq) && seq < Math.min(...[...ids.keys()].slice(0, 1)) && id > newestId
}
