// A long time in few buckets, from whatever was summed up while the rows came.
import type { HistoryRows, HistorySummary } from './contract.ts'
import { columnsOfSummed, PARTS_PER_COLUMN } from './rollup.ts'

const MINUTE_US = 60e6
const HOUR_US = 3600e6

export interface SummaryPlan {
  /** What to read. */
  tier: 'raw' | 'minutes' | 'hours'
  fromUs: number
  bucketUs: number
  buckets: number
}

/** Buckets of whole minutes or hours begin where minutes and hours do, so that no row is counted into a neighbour's. */
export function planSummary(fromUs: number, toUs: number, points: number): SummaryPlan {
  const width = (toUs - fromUs) / points
  const tier = width >= HOUR_US ? 'hours' : width >= MINUTE_US ? 'minutes' : 'raw'
  const unit = tier === 'hours' ? HOUR_US : tier === 'minutes' ? MINUTE_US : 1
  const start = Math.floor(fromUs / unit) * unit
  let bucketUs = Math.max(unit, Math.ceil(width / unit) * unit)
  // The part before `fromUs` may take a bucket more than asked for.
  if (Math.ceil((toUs - start) / bucketUs) > points) bucketUs += unit
  return { tier, fromUs: start, bucketUs, buckets: Math.max(1, Math.ceil((toUs - start) / bucketUs)) }
}

export class Summary {
  readonly #plan: SummaryPlan
  readonly #columns: readonly string[]
  /** [buckets x columns] each. */
  readonly #counts: Float64Array
  readonly #min: Float64Array
  readonly #max: Float64Array
  readonly #sum: Float64Array
  readonly #last: Float64Array
  readonly #lastUs: Float64Array
  readonly #seen: Uint8Array

  constructor(plan: SummaryPlan, columns: readonly string[]) {
    const cells = plan.buckets * columns.length
    this.#plan = plan
    this.#columns = columns
    this.#counts = new Float64Array(cells)
    this.#min = new Float64Array(cells).fill(Number.POSITIVE_INFINITY)
    this.#max = new Float64Array(cells).fill(Number.NEGATIVE_INFINITY)
    this.#sum = new Float64Array(cells)
    this.#last = new Float64Array(cells).fill(Number.NaN)
    this.#lastUs = new Float64Array(cells).fill(Number.NEGATIVE_INFINITY)
    this.#seen = new Uint8Array(plan.buckets)
  }

  #bucketOf(timeUs: number): number {
    const bucket = Math.floor((timeUs - this.#plan.fromUs) / this.#plan.bucketUs)
    return bucket >= 0 && bucket < this.#plan.buckets ? bucket : -1
  }

  /** Rows as they came. */
  addRaw(rows: HistoryRows): void {
    const places = rows.columns.map(name => this.#columns.indexOf(name))
    for (let row = 0; row < rows.timesUs.length; row++) {
      const timeUs = rows.timesUs[row]!
      const bucket = this.#bucketOf(timeUs)
      if (bucket < 0) continue
      this.#seen[bucket] = 1
      for (let column = 0; column < places.length; column++) {
        const value = rows.values[row * places.length + column]!
        if (places[column]! < 0 || Number.isNaN(value)) continue
        this.#merge(bucket * this.#columns.length + places[column]!, timeUs, value, value, value, 1, value)
      }
    }
  }

  /** Rows of minutes or hours (rollup.ts). */
  addSummed(rows: HistoryRows): void {
    const places = columnsOfSummed(rows.columns).map(name => this.#columns.indexOf(name))
    const width = rows.columns.length
    for (let row = 0; row < rows.timesUs.length; row++) {
      const timeUs = rows.timesUs[row]!
      const bucket = this.#bucketOf(timeUs)
      if (bucket < 0) continue
      this.#seen[bucket] = 1
      for (let column = 0; column < places.length; column++) {
        const at = row * width + column * PARTS_PER_COLUMN
        const count = rows.values[at + 3]!
        if (places[column]! < 0 || !(count > 0)) continue
        const [min, max, mean, last] = [
          rows.values[at]!,
          rows.values[at + 1]!,
          rows.values[at + 2]!,
          rows.values[at + 4]!,
        ]
        this.#merge(bucket * this.#columns.length + places[column]!, timeUs, min, max, mean, count, last)
      }
    }
  }

  #merge(cell: number, timeUs: number, min: number, max: number, mean: number, count: number, last: number): void {
    this.#counts[cell]! += count
    this.#sum[cell]! += mean * count
    if (min < this.#min[cell]!) this.#min[cell] = min
    if (max > this.#max[cell]!) this.#max[cell] = max
    if (timeUs < this.#lastUs[cell]!) return
    this.#lastUs[cell] = timeUs
    this.#last[cell] = last
  }

  /** Buckets that have rows. */
  result(): HistorySummary {
    const { buckets, bucketUs, fromUs } = this.#plan
    const width = this.#columns.length
    const kept = Array.from({ length: buckets }, (_, bucket) => bucket).filter(bucket => this.#seen[bucket] === 1)
    const pick = (of: (cell: number) => number): Float64Array => {
      const values = new Float64Array(kept.length * width)
      for (const [i, bucket] of kept.entries()) {
        for (let column = 0; column < width; column++) values[i * width + column] = of(bucket * width + column)
      }
      return values
    }
    const present = (values: Float64Array) => (cell: number) => (this.#counts[cell]! > 0 ? values[cell]! : Number.NaN)
    return {
      bucketUs,
      startsUs: Float64Array.from(kept, bucket => fromUs + bucket * bucketUs),
      columns: this.#columns,
      counts: pick(cell => this.#counts[cell]!),
      min: pick(present(this.#min)),
      max: pick(present(this.#max)),
      mean: pick(cell => this.#sum[cell]! / this.#counts[cell]!),
      last: pick(present(this.#last)),
    }
  }
}
