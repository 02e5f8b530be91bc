// Some brokers take what their access list forbids and drop it without a word: mosquitto with MQTT 3.1.1 acknowledges the
// publish, and with either version it grants a subscription and then sends nothing. So the gateway listens to what it
// publishes itself; what was acknowledged and did not come back was not passed on to anybody, or cannot be read by us.
import type { Topics } from './topics.ts'

export type EchoKind = 'state' | 'alarm' | 'alert'

const ECHO_MS = 10_000

export class EchoWatch {
  readonly #nowMs: () => number
  readonly #topics: Topics
  readonly #waitingSinceMs = new Map<EchoKind, number>()
  readonly #heardMs = new Map<EchoKind, number>()
  readonly #deaf = new Set<EchoKind>()

  /** `nowMs` is monotonic. */
  constructor(topics: Topics, nowMs: () => number) {
    this.#topics = topics
    this.#nowMs = nowMs
  }

  /** A new connection with these subscriptions. */
  reset(protocol: 4 | 5): void {
    this.#waitingSinceMs.clear()
    this.#heardMs.clear()
    this.#deaf.clear()
    // MQTT 5 says so when it refuses a publish; a copy of each alert would be for nothing.
    if (protocol === 5) this.#deaf.add('alert')
  }

  /** The broker refused the subscription, and said so. */
  deafTo(topic: string): void {
    for (const kind of ['state', 'alarm', 'alert'] as const) if (topic === this.#topics.echo(kind)) this.#deaf.add(kind)
  }

  /** A publish of ours, of `sinceMs`, was acknowledged. Its echo may have come before. */
  acknowledged(topic: string, sinceMs: number): void {
    const kind = this.#kindOf(topic)
    if (kind === undefined || this.#deaf.has(kind) || this.#waitingSinceMs.has(kind)) return
    if ((this.#heardMs.get(kind) ?? Number.NEGATIVE_INFINITY) >= sinceMs) return
    this.#waitingSinceMs.set(kind, this.#nowMs())
  }

  heard(topic: string): void {
    const kind = this.#kindOf(topic)
    if (kind === undefined) return
    this.#waitingSinceMs.delete(kind)
    this.#heardMs.set(kind, this.#nowMs())
  }

  /** In plain words; undefined while everything comes back. */
  text(protocol: 4 | 5): string | undefined {
    const missing = [...this.#waitingSinceMs]
      .filter(([, sinceMs]) => this.#nowMs() - sinceMs > ECHO_MS)
      .map(([kind]) => this.#topics.echo(kind))
    if (missing.length === 0) return undefined
    const allow = "in the broker's access list"
    return protocol === 5
      ? `the broker does not deliver ${missing.join(', ')} to this gateway, so commands may not arrive either; allow it to read ${missing.length === 1 ? 'this' : 'these'} ${allow}`
      : `the broker acknowledges what this gateway writes to ${missing.join(', ')} and drops it, or does not let it read it: consumers may get nothing; allow it to write and read there ${allow}, or use MQTT 5, which says so and loses nothing`
  }

  #kindOf(topic: string): EchoKind | undefined {
    if (topic === this.#topics.state) return 'state'
    const [base, kind] = [topic.slice(0, this.#topics.base.length), topic.slice(this.#topics.base.length + 1)]
    if (base !== this.#topics.base) return undefined
    if (kind.startsWith('alarm/')) return 'alarm'
    return kind.startsWith('alert/') ? 'alert' : undefined
  }
}
