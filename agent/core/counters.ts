// Everything that is skipped, dropped, rejected or retried is counted here, by name; status and health report it.

export interface Counter {
  /** Add to it directly: a property increment, nothing more, on the hot path. */
  n: number
}

export class Counters {
  readonly #byName = new Map<string, Counter>()

  /** The counter of that name, made at first use. Names: `room.what_happened`, e.g. `decode.crc_errors`. */
  get(name: string): Counter {
    let counter = this.#byName.get(name)
    if (!counter) {
      counter = { n: 0 }
      this.#byName.set(name, counter)
    }
    return counter
  }

  /** A plain copy, sorted by name, counters at 0 left out. */
  snapshot(): Record<string, number> {
    const rows = [...this.#byName]
      .filter(([, counter]) => counter.n !== 0)
      .map(([name, counter]) => [name, counter.n] as const)
    return Object.fromEntries(rows.sort(([a], [b]) => (a < b ? -1 : 1)))
  }
}
