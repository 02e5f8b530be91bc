// Which numbers are there: ranges that neither overlap nor touch, lowest first.

export type Range = readonly [from: number, to: number]

export class Held {
  #ranges: Range[] = []

  get ranges(): readonly Range[] {
    return this.#ranges
  }

  has(number: number): boolean {
    return this.endOf(number) !== undefined
  }

  /** Last number of the range that `number` is in. */
  endOf(number: number): number | undefined {
    return this.#ranges.find(([from, to]) => from <= number && number <= to)?.[1]
  }

  /** Everything up to it is there; undefined when nothing is. */
  get low(): number | undefined {
    return this.#ranges[0]?.[1]
  }

  get top(): number | undefined {
    return this.#ranges.at(-1)?.[1]
  }

  add(from: number, to = from): void {
    if (to < from) return
    const apart = this.#ranges.filter(([a, b]) => b < from - 1 || a > to + 1)
    const touching = this.#ranges.filter(([a, b]) => b >= from - 1 && a <= to + 1)
    const joined: Range = [Math.min(from, ...touching.map(([a]) => a)), Math.max(to, ...touching.map(([, b]) => b))]
    this.#ranges = [...apart, joined].sort(([a], [b]) => a - b)
  }

  /** The parts of `from` to `to` that are not there. */
  missing(from: number, to: number): Range[] {
    const holes: Range[] = []
    let at = from
    for (const [a, b] of this.#ranges) {
      if (b < at) continue
      if (a > to) break
      if (a > at) holes.push([at, a - 1])
      at = b + 1
    }
    if (at <= to) holes.push([at, to])
    return holes
  }
}
