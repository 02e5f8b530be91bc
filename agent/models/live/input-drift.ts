// How far the inputs have moved since the first baseline, apart from whether they are anomalous: a seasonal temperature moves
// every channel without any of it being a fault, and whoever reads a score wants to know.
import type { GatedBlock } from '../../windows/contract.ts'
import type { Manifest } from '../contract.ts'

/** The last day in hours: old ones go one by one. */
const BUCKETS = 24
const BUCKET_US = 3600e6

export interface InputDrift {
  /** Hours of the last day that hold rows; fewer after a start of the agent. */
  hours: number
  rows: number
  /** By channel: standard deviations of the reference between its mean and the mean of those rows. */
  channels: Record<string, number>
}

/**
 * Means of the rows that count (running, good) over the last day, 24 sums per channel; nothing is kept per row. A channel that
 * was gone has fewer rows than the others.
 */
export class InputMeans {
  readonly #columns: readonly number[]
  readonly #sums: Float64Array
  readonly #rows = new Float64Array(BUCKETS)
  /** [BUCKETS x columns] */
  readonly #values: Float64Array
  /** Hour since 1970 that a bucket holds. */
  readonly #hours = new Float64Array(BUCKETS).fill(-1)

  constructor(columns: readonly number[]) {
    this.#columns = columns
    this.#values = new Float64Array(BUCKETS * columns.length)
    this.#sums = new Float64Array(BUCKETS * columns.length)
  }

  push(block: GatedBlock, counts: (block: GatedBlock, row: number) => boolean): void {
    const width = this.#columns.length
    for (let row = 0; row < block.rows; row++) {
      if (!counts(block, row)) continue
      const hour = Math.floor(block.timesUs[row]! / BUCKET_US)
      const bucket = ((hour % BUCKETS) + BUCKETS) % BUCKETS
      if (this.#hours[bucket] !== hour) this.#begin(bucket, hour)
      this.#rows[bucket]!++
      for (let c = 0; c < width; c++) {
        const value = block.values[row * block.columns + this.#columns[c]!]!
        if (Number.isNaN(value)) continue
        this.#sums[bucket * width + c]! += value
        this.#values[bucket * width + c]!++
      }
    }
  }

  /** Undefined without a reference, or before the first row. `ids`: of the columns, in their order. */
  drift(ids: readonly string[], manifest: Manifest, nowUs: number): InputDrift | undefined {
    const { reference } = manifest
    const hour = Math.floor(nowUs / BUCKET_US)
    const recent = [...this.#hours.keys()].filter(b => this.#hours[b]! > hour - BUCKETS && this.#hours[b]! <= hour)
    const rows = recent.reduce((sum, bucket) => sum + this.#rows[bucket]!, 0)
    if (!reference || rows === 0) return undefined
    const width = this.#columns.length
    const channels: Record<string, number> = {}
    for (const [c, id] of ids.entries()) {
      const at = manifest.channels.findIndex(channel => channel.id === id)
      const deviation = reference.deviation[at]
      // Of one that never moved there is no measure.
      if (at < 0 || !(deviation! > 0)) continue
      const of = (sums: Float64Array): number => recent.reduce((sum, bucket) => sum + sums[bucket * width + c]!, 0)
      if (of(this.#values) === 0) continue
      const mean = of(this.#sums) / of(this.#values)
      channels[id] = Number(((mean - reference.centre[at]!) / deviation!).toPrecision(3))
    }
    return { hours: recent.length, rows, channels }
  }

  #begin(bucket: number, hour: number): void {
    const width = this.#columns.length
    this.#hours[bucket] = hour
    this.#rows[bucket] = 0
    this.#sums.fill(0, bucket * width, (bucket + 1) * width)
    this.#values.fill(0, bucket * width, (bucket + 1) * width)
  }
}
