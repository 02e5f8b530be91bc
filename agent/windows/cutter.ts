import type { WindowQueue } from '../scoring/contract.ts'
import type { GatedBlock } from './contract.ts'
import { RUNNING } from './gate.ts'

export interface CutterShape {
  /** Asset column of each model channel. */
  columns: readonly number[]
  samples: number
  hop: number
}

/**
 * Cuts model windows out of gated rows: the last `samples` rows, every `hop` rows, only from unbroken running rows whose
 * model channels are all good. A window's time is that of its newest row.
 *
 * The ring holds every value twice, `samples` apart, so that any window is one contiguous run per channel.
 */
export class Cutter {
  readonly #asset: number
  readonly #shape: CutterShape
  readonly #ring: Float32Array
  #at = 0
  /** Unbroken good rows so far, and rows since the last window. */
  #run = 0
  #sinceCut = 0
  /** Only windows that end after this are cut: the rows before it were the baseline. */
  #afterUs: number
  #lastUs = Number.NEGATIVE_INFINITY

  constructor(asset: number, shape: CutterShape, afterUs = Number.NEGATIVE_INFINITY) {
    this.#asset = asset
    this.#shape = shape
    this.#ring = new Float32Array(shape.columns.length * 2 * shape.samples)
    this.#afterUs = afterUs
  }

  get shape(): CutterShape {
    return this.#shape
  }

  /** Feeds rows [from, to) of the block; windows go into `queue`, their times to `onWindow`. */
  push(block: GatedBlock, queue: WindowQueue, onWindow: (timeUs: number) => void, from = 0, to = block.rows): void {
    for (let row = from; row < to; row++) {
      const timeUs = block.timesUs[row]!
      // The clock stepped back: these rows are newer than the baseline whatever their time says, and waiting until the old
      // time comes round again would leave the machine unscored for as long as the step. No window reaches over it.
      if (timeUs < this.#lastUs) {
        this.#afterUs = Number.NEGATIVE_INFINITY
        this.#run = 0
      }
      this.#lastUs = timeUs
      if (block.breaks[row] === 1) this.#run = 0
      if (block.states[row] !== RUNNING || !this.#store(block, row)) {
        this.#run = 0
        continue
      }
      this.#run++
      this.#sinceCut++
      if (this.#run < this.#shape.samples || this.#sinceCut < this.#shape.hop) continue
      if (timeUs <= this.#afterUs) continue
      this.#copyTo(queue, timeUs)
      onWindow(timeUs)
      this.#sinceCut = 0
    }
  }

  /** Puts the row's model channels into the ring; false when one of them is bad. */
  #store(block: GatedBlock, row: number): boolean {
    const { columns, samples } = this.#shape
    const base = row * block.columns
    for (let c = 0; c < columns.length; c++) {
      const value = block.values[base + columns[c]!]!
      if (Number.isNaN(value)) return false
      const at = c * 2 * samples + this.#at
      this.#ring[at] = value
      this.#ring[at + samples] = value
    }
    this.#at = this.#at + 1 === samples ? 0 : this.#at + 1
    return true
  }

  #copyTo(queue: WindowQueue, timeUs: number): void {
    const { columns, samples } = this.#shape
    const offset = queue.claim(this.#asset, timeUs)
    const input = queue.input
    for (let c = 0; c < columns.length; c++) {
      const from = c * 2 * samples + this.#at
      const to = offset + c * samples
      for (let i = 0; i < samples; i++) input[to + i] = this.#ring[from + i]!
    }
  }
}
