// Which channels are gone for good enough to go on without them: the one rule for the live agent and for backtests. Pure: it
// sees rows and nothing else.
//
//   in ──── no value for `rows` rows, or windows lost to its holes for twice as many ─────► out
//    ▲                                                                                        │
//    └── values for `rows` rows without a hole; after each relapse for twice as many ─────────┘
//
// A short dropout costs no fit, and a loose contact does not swap models for ever: rows that end a window make up for half
// of a lost one each, so a channel whose holes cost more than a third of them is left out until it is back for good.
import type { GatedBlock } from '../../windows/contract.ts'

/** GatedBlock.states */
const RUNNING = 2
/** Twice as long after each relapse, up to so many times: half an hour live, 960 rows in a backtest. */
const WAIT_MAX = 32
/** A channel that stayed for so many times what was asked of it has not relapsed when it goes again. */
const CALM = 10

/** Of a lost row, that one with a window makes up for. */
const CREDIT = 0.5

/** Rows without a value before a channel is left out, and with values before it is taken in again. */
export const GONE_ROWS = 30

export interface WatchOptions {
  rows: number
  /** Left out from the beginning: positions in `columns`, and since when. */
  out?: readonly { channel: number; since: number }[]
}

export class ChannelWatch {
  /** Rows that a window of the full model takes: a channel that never has so many on end is as good as gone. */
  windowRows = 1
  readonly #columns: readonly number[]
  readonly #rows: number
  /** By position in `columns`: 1 while left out. */
  readonly #out: Uint8Array
  /** Rows on end without a value; with one; that ended no window for want of it, less what was made up for. */
  readonly #gone: Float64Array
  readonly #good: Float64Array
  readonly #blind: Float64Array
  /** Where the trouble began. */
  readonly #since: Float64Array
  /** Rows with values asked for the next time, and rows since it was taken in. */
  readonly #wait: Float64Array
  readonly #stayed: Float64Array
  #missing: number[] = []

  /** @param columns of the rows, one for each channel that is watched */
  constructor(columns: readonly number[], { rows, out = [] }: WatchOptions) {
    const count = columns.length
    this.#columns = columns
    this.#rows = rows
    this.#out = new Uint8Array(count)
    this.#gone = new Float64Array(count)
    this.#good = new Float64Array(count).fill(Number.POSITIVE_INFINITY)
    this.#blind = new Float64Array(count)
    this.#since = new Float64Array(count).fill(Number.NaN)
    this.#wait = new Float64Array(count).fill(rows)
    this.#stayed = new Float64Array(count).fill(Number.POSITIVE_INFINITY)
    for (const { channel, since } of out) {
      this.#out[channel] = 1
      this.#good[channel] = 0
      this.#since[channel] = since
    }
    this.#list()
  }

  /** Positions in `columns` that are left out, rising. */
  get missing(): readonly number[] {
    return this.#missing
  }

  /** Where a channel that is left out had its last trouble begin. */
  since(channel: number): number {
    return this.#since[channel]!
  }

  /** Rows as the live agent has them; those of a machine that stands still or settles tell nothing. */
  push({ rows, columns, timesUs, values, states }: GatedBlock): void {
    for (let row = 0; row < rows; row++) {
      if (states[row] === RUNNING) this.row(timesUs[row]!, values, row * columns)
    }
  }

  /**
   * One row of the running machine; `values` from `base` on, NaN where there is none. `at`: its time or number.
   * Returns true when another set of channels is left out from the next row on.
   */
  row(at: number, values: Float64Array, base: number): boolean {
    let changed = false
    for (let c = 0; c < this.#columns.length; c++) {
      const good = !Number.isNaN(values[base + this.#columns[c]!]!)
      this.#good[c] = good ? this.#good[c]! + 1 : 0
      this.#gone[c] = good ? 0 : this.#gone[c]! + 1
      if (this.#out[c] === 1 ? this.#returned(c) : this.#left(c, at)) changed = true
    }
    if (changed) this.#list()
    return changed
  }

  #returned(c: number): boolean {
    if (this.#good[c]! < Math.max(this.#wait[c]!, this.windowRows)) return false
    this.#out[c] = 0
    this.#stayed[c] = 0
    this.#blind[c] = 0
    return true
  }

  #left(c: number, at: number): boolean {
    this.#stayed[c]!++
    if (this.#good[c]! >= this.windowRows) {
      this.#blind[c] = Math.max(0, this.#blind[c]! - CREDIT)
      return false
    }
    if (this.#blind[c]! === 0) this.#since[c] = at
    this.#blind[c]!++
    const flaps = this.#gone[c]! < this.#rows
    if (flaps && this.#blind[c]! < 2 * this.#rows + this.windowRows) return false
    const relapsed = flaps || this.#stayed[c]! < CALM * this.#wait[c]!
    this.#wait[c] = relapsed ? Math.min(2 * this.#wait[c]!, WAIT_MAX * this.#rows) : this.#rows
    this.#out[c] = 1
    return true
  }

  #list(): void {
    this.#missing = this.#columns.flatMap((_, c) => (this.#out[c] === 1 ? [c] : []))
  }
}
