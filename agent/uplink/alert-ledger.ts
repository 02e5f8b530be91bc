// What a consumer must do with an at-least-once stream: drop repeats, notice what is missing, notice a wrong order.
// Per gateway, because each numbers its own alerts. It takes what comes; one that sends receipts is receipt-ledger.ts.
//
// While a gateway delivers in two lanes, what its backlog lane still has to bring is awaited, not missing.
import { Held } from './held.ts'

export interface Taken {
  /** `late`: new, but after a higher number of the same gateway and lane. */
  verdict: 'new' | 'duplicate' | 'late'
  /** Numbers jumped over right before this alert. */
  gap?: { from: number; to: number }
}

/** What an alert says of its lane. */
export interface LaneView {
  lane?: string
  backlog?: { from: number | null; to: number }
  confirmed?: number
  /** Sent once more because somebody asked for it. */
  backfill?: true
}

/** What of it can be used: anybody may have published it. */
export function laneViewOf({ lane, backlog, confirmed, backfill }: Partial<Record<keyof LaneView, unknown>>): LaneView {
  const { from, to } = (backlog ?? {}) as { from?: unknown; to?: unknown }
  const range = isCount(to) && (from === null || isCount(from)) ? { backlog: { from, to } } : {}
  return {
    ...(typeof lane === 'string' ? { lane } : {}),
    ...range,
    ...(isCount(confirmed) ? { confirmed } : {}),
    ...(backfill === true ? { backfill } : {}),
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

interface Stream {
  /** Seen, or before the first that was seen. */
  held: Held
  /** Last number of the backlog lane, while there are two. */
  backlogTo: number
  /** Next number of the backlog lane that is not awaited in vain. */
  backlogNext: number
  /** `id seq` of the latest alerts, oldest first. */
  recent: Set<string>
}

/** Repeats come from the in-flight window of a gateway, at most a few hundred behind. */
const RECENT_MAX = 4_096
/** Holes are told when they show; beyond so many, the oldest is thought to be for good. */
const RANGES_MAX = 1_024
const GATEWAYS_MAX = 10_000

export class AlertLedger {
  received = 0
  duplicates = 0
  /** Alerts that came after a higher number of the same gateway and lane, and not as repeats. */
  outOfOrder = 0
  /** Sequence numbers jumped over, less those that came late. */
  missing = 0
  readonly #streams = new Map<string, Stream>()

  /** `gateway` = `<site>/<gateway>`. The first alert of a gateway sets the start: what was before it is not missed. */
  take(gateway: string, id: string, seq: number, said: LaneView = {}): Taken {
    const view = laneViewOf(said)
    const stream = this.#streamOf(gateway, seq, view)
    const key = `${id} ${seq}`
    if (stream.recent.has(key)) {
      this.duplicates++
      return { verdict: 'duplicate' }
    }
    this.#remember(stream, key)
    this.received++
    const { held } = stream
    const top = held.top ?? 0
    if (seq > top) {
      const [gap] = held.missing(Math.max(top, stream.backlogTo) + 1, seq - 1)
      held.add(seq)
      return this.#new(gap)
    }
    const awaited = view.lane === 'backlog' && !held.has(seq) && seq >= stream.backlogNext
    if (awaited) {
      const gap = held.missing(stream.backlogNext, seq - 1)[0]
      held.add(seq)
      stream.backlogNext = seq + 1
      return this.#new(gap)
    }
    if (!held.has(seq) && this.missing > 0) this.missing--
    held.add(seq)
    if (!view.backfill) this.outOfOrder++
    return { verdict: 'late' }
  }

  #new(gap: readonly [number, number] | undefined): Taken {
    if (!gap) return { verdict: 'new' }
    const [from, to] = gap
    this.missing += to - from + 1
    return { verdict: 'new', gap: { from, to } }
  }

  #streamOf(gateway: string, seq: number, { backlog }: LaneView): Stream {
    let stream = this.#streams.get(gateway)
    if (!stream) {
      const held = new Held()
      // From the backlog's first number on when it comes beside; else from this one.
      const start = backlog && seq > backlog.to ? Math.min(seq, backlog.from ?? seq) : seq
      held.add(0, start - 1)
      stream = { held, backlogTo: 0, backlogNext: 0, recent: new Set() }
      if (this.#streams.size >= GATEWAYS_MAX) deleteOldest(this.#streams)
      this.#streams.set(gateway, stream)
      if (backlog && seq > backlog.to) held.add(backlog.to + 1, seq - 1)
    }
    if (backlog && backlog.to > stream.backlogTo) {
      stream.backlogNext = Math.max(stream.held.low ?? 0, backlog.from === null ? 0 : backlog.from - 1) + 1
      stream.backlogTo = backlog.to
    }
    if (stream.held.ranges.length > RANGES_MAX) stream.held.add(0, stream.held.ranges[1]?.[0] ?? 0)
    return stream
  }

  #remember(stream: Stream, key: string): void {
    stream.recent.add(key)
    if (stream.recent.size > RECENT_MAX) deleteOldest(stream.recent)
  }
}

function deleteOldest(from: Map<string, unknown> | Set<string>): void {
  const oldest = from.keys().next()
  if (!oldest.done) from.delete(oldest.value)
}
