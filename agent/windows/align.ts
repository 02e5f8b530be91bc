import type { AssetConfig } from '../config/contract.ts'
import type { Counter, Counters } from '../core/counters.ts'
import type { SampleBlock } from '../core/types.ts'

// A source may hand over one value of a channel that was silent for a day; the grid then jumps instead of emitting
// 86,400 empty rows. Rows older than the longest maximum age would be all NaN anyway.
const EMPTY_ROWS_MAX = 4096

/**
 * Scattered scalars -> rows on the asset's grid of `everyMs`. A row for grid time g is emitted when the first sample later
 * than g arrives, from the values held at that moment; a value older than its channel's `maxAgeMs` is left out (NaN).
 * Nothing is buffered beyond the last value of each channel.
 */
export class Aligner {
  readonly #out: (block: SampleBlock) => void
  readonly #everyUs: number
  readonly #gapUs: number
  readonly #maxAgeUs: Float64Array
  readonly #held: Float64Array
  readonly #heldAtUs: Float64Array
  readonly #row: SampleBlock
  readonly #late: Counter
  #gridUs = Number.NaN

  constructor(asset: AssetConfig, counters: Counters, out: (block: SampleBlock) => void) {
    const columns = asset.channels.length
    this.#out = out
    this.#everyUs = asset.everyMs * 1000
    this.#gapUs = asset.gapMs * 1000
    this.#maxAgeUs = Float64Array.from(asset.channels, channel => channel.maxAgeMs * 1000)
    this.#held = new Float64Array(columns).fill(Number.NaN)
    this.#heldAtUs = new Float64Array(columns).fill(Number.NEGATIVE_INFINITY)
    this.#row = {
      asset: asset.index,
      rows: 1,
      columns,
      timesUs: new Float64Array(1),
      values: new Float64Array(columns),
    }
    this.#late = counters.get(`windows.${asset.id}.late_values`)
  }

  push(block: SampleBlock): void {
    for (let row = 0; row < block.rows; row++) {
      const timeUs = block.timesUs[row]!
      if (this.#steppedBack(block, row, timeUs)) this.#forget()
      this.#emitBefore(timeUs)
      const base = row * block.columns
      for (let column = 0; column < block.columns; column++) {
        const value = block.values[base + column]!
        if (Number.isNaN(value)) continue
        if (timeUs < this.#heldAtUs[column]!) {
          this.#late.n++
          continue
        }
        this.#held[column] = value
        this.#heldAtUs[column] = timeUs
      }
    }
  }

  /** A channel far behind *its own* last value: its clock stepped. One behind other channels only has a slow clock. */
  #steppedBack(block: SampleBlock, row: number, timeUs: number): boolean {
    const base = row * block.columns
    for (let column = 0; column < block.columns; column++) {
      if (timeUs >= this.#heldAtUs[column]! - this.#gapUs) continue
      const value = block.values[base + column]!
      if (value === value) return true
    }
    return false
  }

  /** What is held belongs to another time. */
  #forget(): void {
    this.#held.fill(Number.NaN)
    this.#heldAtUs.fill(Number.NEGATIVE_INFINITY)
    this.#gridUs = Number.NaN
  }

  /** Emits every grid row that a sample of this time closes. */
  #emitBefore(timeUs: number): void {
    const every = this.#everyUs
    if (Number.isNaN(this.#gridUs)) {
      this.#gridUs = Math.ceil(timeUs / every) * every
      return
    }
    if ((timeUs - this.#gridUs) / every > EMPTY_ROWS_MAX) {
      this.#emit(this.#gridUs)
      this.#gridUs = Math.ceil(timeUs / every) * every
      return
    }
    while (timeUs > this.#gridUs) {
      this.#emit(this.#gridUs)
      this.#gridUs += every
    }
  }

  #emit(gridUs: number): void {
    const { values, timesUs } = this.#row
    let present = 0
    for (let column = 0; column < values.length; column++) {
      const fresh = gridUs - this.#heldAtUs[column]! <= this.#maxAgeUs[column]!
      values[column] = fresh ? this.#held[column]! : Number.NaN
      if (fresh) present++
    }
    // A row of nothing is not a sample; the gate sees the silence by the time of the next row.
    if (present === 0) return
    timesUs[0] = gridUs
    this.#out(this.#row)
  }
}
