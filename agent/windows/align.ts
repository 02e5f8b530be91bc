import type { AssetConfig } from '../config/contract.ts'
import type { Counter, Counters } from '../core/counters.ts'
import type { SampleBlock } from '../core/types.ts'

// A source may hand over one value of a channel that was silent for a day; the grid then jumps instead of emitting
// 86,400 empty rows. Rows older than the longest maximum age would be all NaN anyway.
const EMPTY_ROWS_MAX = 4096

// A value this far from the others has a wrong clock or ends a long silence. A sensor that says 2099 once would else freeze
// the grid there, and the fixed limits with it, until it speaks again.
const STRAY_US = 60e6

/**
 * Scattered scalars -> rows on the asset's grid of `everyMs`. A row for grid time g is emitted when the first sample later
 * than g arrives, from the values held at that moment; a value older than its channel's `maxAgeMs` is left out (NaN).
 * Nothing is buffered beyond the last value of each channel, and one more of each whose time is far off (`stray`).
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
  readonly #strayUs: number
  readonly #stray: Counter
  /** One value of each channel whose time is far from the grid, until it is clear which of the two is wrong. */
  readonly #strayValue: Float64Array
  readonly #strayAtUs: Float64Array
  #strays = 0
  #firstStrayUs = 0
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
    this.#stray = counters.get(`windows.${asset.id}.stray_times`)
    this.#strayUs = Math.max(STRAY_US, this.#gapUs, ...this.#maxAgeUs)
    this.#strayValue = new Float64Array(columns).fill(Number.NaN)
    this.#strayAtUs = new Float64Array(columns).fill(Number.NaN)
  }

  push(block: SampleBlock): void {
    for (let row = 0; row < block.rows; row++) {
      const timeUs = block.timesUs[row]!
      if (Math.abs(timeUs - this.#gridUs) > this.#strayUs) {
        this.#setAside(block, row, timeUs)
        continue
      }
      if (this.#strays > 0) this.#dropStrays()
      if (this.#steppedBack(block, row, timeUs)) this.#forget()
      this.#emitBefore(timeUs)
      const base = row * block.columns
      for (let column = 0; column < block.columns; column++) this.#hold(column, block.values[base + column]!, timeUs)
    }
  }

  #hold(column: number, value: number, timeUs: number): void {
    if (Number.isNaN(value)) return
    if (timeUs < this.#heldAtUs[column]!) {
      this.#late.n++
      return
    }
    this.#held[column] = value
    this.#heldAtUs[column] = timeUs
  }

  /** Most channels far from the grid, or none near it for as long as a gap: time has moved, not one clock gone wrong. */
  #setAside(block: SampleBlock, row: number, timeUs: number): void {
    const base = row * block.columns
    for (let column = 0; column < block.columns; column++) {
      const value = block.values[base + column]!
      if (Number.isNaN(value)) continue
      if (this.#strays === 0) this.#firstStrayUs = timeUs
      if (Number.isNaN(this.#strayAtUs[column]!)) this.#strays++
      this.#strayValue[column] = value
      this.#strayAtUs[column] = timeUs
    }
    let known = 0
    for (let column = 0; column < block.columns; column++) {
      if (this.#heldAtUs[column]! > Number.NEGATIVE_INFINITY || this.#strayAtUs[column]! > 0) known++
    }
    if (this.#strays * 2 > known || Math.abs(timeUs - this.#firstStrayUs) >= this.#gapUs) this.#followStrays(timeUs)
  }

  /** Takes in what was set aside, oldest first. Of those one may be the liar: what does not agree with the newest stays out. */
  #followStrays(newestUs: number): void {
    if (newestUs < this.#gridUs) this.#forget()
    for (let column = this.#oldestStray(newestUs); column >= 0; column = this.#oldestStray(newestUs)) {
      const timeUs = this.#strayAtUs[column]!
      this.#emitBefore(timeUs)
      this.#hold(column, this.#strayValue[column]!, timeUs)
      this.#strayAtUs[column] = Number.NaN
    }
    this.#clearStrays()
  }

  #oldestStray(newestUs: number): number {
    let oldest = -1
    for (let column = 0; column < this.#strayAtUs.length; column++) {
      const atUs = this.#strayAtUs[column]!
      if (!(Math.abs(newestUs - atUs) <= this.#strayUs)) continue
      if (oldest < 0 || atUs < this.#strayAtUs[oldest]!) oldest = column
    }
    return oldest
  }

  #dropStrays(): void {
    this.#stray.n += this.#strays
    this.#clearStrays()
  }

  #clearStrays(): void {
    this.#strayAtUs.fill(Number.NaN)
    this.#strays = 0
  }

  /** A channel far behind *its own* last value: its clock stepped. One behind other channels only has a slow clock. */
  #steppedBack(block: SampleBlock, row: number, timeUs: number): boolean {
    const base = row * block.columns
    for (let column = 0; column < block.columns; column++) {
      if (timeUs >= this.#heldAtUs[column]! - this.#gapUs) continue
      const value = block.values[base + column]!
      if (!Number.isNaN(value)) return true
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
