// Scores come back from the scorer later than their rows and carry only a time. How long the machine ran between two
// scored windows is looked up here. While a machine runs, (time - running time so far) does not change, so a few
// numbers per start of the machine are enough however many rows there are.
import type { GatedBlock } from '../windows/contract.ts'

/** Starts remembered per asset: far more than fit between a window's last row and its score. */
const SPANS = 32

/** What running time is asked between. */
type Mark = 'scored' | 'judged'

export class RunningTime {
  /** Rings of spans, [assets x SPANS]: first row, last row, and time - running time, all µs. */
  readonly #fromUs: Float64Array
  readonly #toUs: Float64Array
  readonly #offsetUs: Float64Array
  readonly #newest: Int32Array
  /** Running time up to the newest row; up to the last scored window and the last judged capture (-1 before the first). */
  readonly #totalUs: Float64Array
  readonly #lastUs: Readonly<Record<Mark, Float64Array>>

  constructor(assets: number) {
    this.#fromUs = new Float64Array(assets * SPANS).fill(Number.POSITIVE_INFINITY)
    this.#toUs = new Float64Array(assets * SPANS)
    this.#offsetUs = new Float64Array(assets * SPANS).fill(Number.POSITIVE_INFINITY)
    this.#newest = new Int32Array(assets)
    this.#totalUs = new Float64Array(assets)
    this.#lastUs = { scored: new Float64Array(assets).fill(-1), judged: new Float64Array(assets).fill(-1) }
  }

  rows(block: GatedBlock): void {
    const { asset, rows, timesUs, runningUs } = block
    for (let row = 0; row < rows; row++) {
      const ranUs = runningUs[row]!
      if (ranUs <= 0) continue
      const totalUs = (this.#totalUs[asset] = this.#totalUs[asset]! + ranUs)
      const offsetUs = timesUs[row]! - totalUs
      let span = asset * SPANS + this.#newest[asset]!
      // Below 1 µs it is rounding of fractional times, not a stop. The first span begins here too: Infinity is never near.
      if (!(Math.abs(offsetUs - this.#offsetUs[span]!) < 1)) {
        this.#newest[asset] = (this.#newest[asset]! + 1) % SPANS
        span = asset * SPANS + this.#newest[asset]!
        this.#fromUs[span] = timesUs[row]! - ranUs
        this.#offsetUs[span] = offsetUs
      }
      this.#toUs[span] = timesUs[row]!
    }
  }

  /** Running time (µs) from the window of the asset that was last scored (or judged) to the one that ends at `timeUs`; 0 for the first. */
  since(mark: Mark, asset: number, timeUs: number): number {
    const nowUs = this.#at(asset, timeUs)
    const last = this.#lastUs[mark]
    const beforeUs = last[asset]!
    last[asset] = Math.max(nowUs, beforeUs)
    return beforeUs < 0 ? 0 : Math.max(0, nowUs - beforeUs)
  }

  /** The same for a machine without rows, one of waveforms alone: nothing says that it stops, so all time counts. */
  sinceAlways(mark: Mark, asset: number, timeUs: number): number {
    const last = this.#lastUs[mark]
    const beforeUs = last[asset]!
    last[asset] = timeUs
    return beforeUs < 0 ? 0 : Math.max(0, timeUs - beforeUs)
  }

  /** What ran since the last scored window of the asset counts for nothing: the next one is the first. */
  restart(asset: number): void {
    this.#lastUs.scored[asset] = -1
  }

  /** Newest span first: after the wall clock stepped back, times repeat and the newest meaning is the right one. */
  #at(asset: number, timeUs: number): number {
    for (let age = 0; age < SPANS; age++) {
      const span = asset * SPANS + ((this.#newest[asset]! - age + SPANS) % SPANS)
      if (this.#fromUs[span]! <= timeUs) return Math.min(timeUs, this.#toUs[span]!) - this.#offsetUs[span]!
    }
    return 0
  }
}
