// What a consumer must do with an at-least-once stream: drop repeats, notice what is missing, notice a wrong order.
// Per gateway, because each numbers its own alerts.

export interface Taken {
  /** `late`: new, but after a higher number of the same gateway. */
  verdict: 'new' | 'duplicate' | 'late'
  /** Numbers jumped over right before this alert. */
  gap?: { from: number; to: number }
}

interface Stream {
  /** Highest sequence number seen. */
  last: number
  /** `id seq` of the latest alerts, oldest first. */
  recent: Set<string>
}

/** Repeats come from the in-flight window of a gateway, at most a few hundred behind. */
const RECENT_MAX = 4_096
const GATEWAYS_MAX = 10_000

export class AlertLedger {
  received = 0
  duplicates = 0
  /** Alerts that came after a higher number of the same gateway, and not as repeats. */
  outOfOrder = 0
  /** Sequence numbers jumped over, less those that came late. */
  missing = 0
  readonly #streams = new Map<string, Stream>()

  /** `gateway` = `<site>/<gateway>`. The first alert of a gateway sets the start: what was before it is not missed. */
  take(gateway: string, id: string, seq: number): Taken {
    const stream = this.#streamOf(gateway, seq)
    const key = `${id} ${seq}`
    if (stream.recent.has(key)) {
      this.duplicates++
      return { verdict: 'duplicate' }
    }
    this.#remember(stream, key)
    this.received++
    if (seq <= stream.last) {
      this.outOfOrder++
      if (this.missing > 0) this.missing--
      return { verdict: 'late' }
    }
    const from = stream.last + 1
    stream.last = seq
    if (from === seq) return { verdict: 'new' }
    this.missing += seq - from
    return { verdict: 'new', gap: { from, to: seq - 1 } }
  }

  #streamOf(gateway: string, seq: number): Stream {
    let stream = this.#streams.get(gateway)
    if (!stream) {
      stream = { last: seq - 1, recent: new Set() }
      if (this.#streams.size >= GATEWAYS_MAX) deleteOldest(this.#streams)
      this.#streams.set(gateway, stream)
    }
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
