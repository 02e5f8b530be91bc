// Rows summed up while they come: of each column the least, the greatest, the mean, how many and the newest, by the minute and by
// the hour. A year at 1,000 points is read from 8,760 hours, not from 31 million rows.

/** What is kept of each column, in this order; a column `flow` becomes `min:flow`, `max:flow` … */
const PARTS = ['min', 'max', 'mean', 'count', 'last'] as const
export const PARTS_PER_COLUMN = PARTS.length

export function summedColumns(columns: readonly string[]): string[] {
  return columns.flatMap(name => PARTS.map(part => `${part}:${name}`))
}

/** Their names back. */
export function columnsOfSummed(names: readonly string[]): string[] {
  return names.filter((_, i) => i % PARTS_PER_COLUMN === 0).map(name => name.slice(PARTS[0].length + 1))
}

/** One bucket of all columns of a table, being filled. */
export class Rollup {
  readonly bucketUs: number
  #startUs = Number.NaN
  #rows = 0
  /** [columns x parts]; the mean is a sum until the bucket is taken. */
  #parts = new Float64Array(0)
  #taken = new Float64Array(0)

  constructor(bucketUs: number) {
    this.bucketUs = bucketUs
  }

  /** Only while empty. */
  setWidth(columns: number): void {
    this.#parts = new Float64Array(columns * PARTS_PER_COLUMN)
    this.#taken = new Float64Array(columns * PARTS_PER_COLUMN)
    this.#clear()
  }

  #clear(): void {
    this.#rows = 0
    for (let at = 0; at < this.#parts.length; at += PARTS_PER_COLUMN) {
      this.#parts[at] = Number.POSITIVE_INFINITY
      this.#parts[at + 1] = Number.NEGATIVE_INFINITY
      this.#parts[at + 2] = 0
      this.#parts[at + 3] = 0
      this.#parts[at + 4] = Number.NaN
    }
  }

  get empty(): boolean {
    return this.#rows === 0
  }

  get startUs(): number {
    return this.#startUs
  }

  /** True when a row of that time needs another bucket than the one held: take that first. */
  ends(timeUs: number): boolean {
    return this.#rows > 0 && (timeUs < this.#startUs || timeUs >= this.#startUs + this.bucketUs)
  }

  add(timeUs: number, values: Float64Array, from: number): void {
    if (this.#rows++ === 0) this.#startUs = Math.floor(timeUs / this.bucketUs) * this.bucketUs
    const parts = this.#parts
    for (let at = 0, column = from; at < parts.length; at += PARTS_PER_COLUMN, column++) {
      const value = values[column]!
      if (Number.isNaN(value)) continue
      if (value < parts[at]!) parts[at] = value
      if (value > parts[at + 1]!) parts[at + 1] = value
      parts[at + 2]! += value
      parts[at + 3]!++
      parts[at + 4] = value
    }
  }

  /** What it holds so far, [columns x parts] with sums in place of means: for `restore`. Good until the next call. */
  get held(): Float64Array {
    return this.#parts
  }

  restore(startUs: number, held: Float64Array): void {
    this.#startUs = startUs
    this.#rows = 1
    this.#parts.set(held)
  }

  /** The bucket as a row of `summedColumns`, good until the next call. The mean keeps float32's 7 digits: it is for looking at. */
  peek(): Float64Array {
    const row = this.#taken
    row.set(this.#parts)
    for (let at = 0; at < row.length; at += PARTS_PER_COLUMN) {
      const count = row[at + 3]!
      if (count === 0) row.fill(Number.NaN, at, at + 3)
      else row[at + 2] = Math.fround(row[at + 2]! / count)
    }
    return row
  }

  take(): Float64Array {
    const row = this.peek()
    this.#clear()
    return row
  }
}
