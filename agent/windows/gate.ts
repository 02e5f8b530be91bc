import type { AssetConfig, RunningConfig, RunningTerm } from '../config/contract.ts'
import type { Counter, Counters } from '../core/counters.ts'
import type { SampleBlock } from '../core/types.ts'
import type { GatedBlock, GatedSink, RowState } from './contract.ts'

export const STOPPED = 0
export const SETTLING = 1
export const RUNNING = 2
export const UNKNOWN = 3
export const ROW_STATES: readonly RowState[] = ['stopped', 'settling', 'running', 'unknown']

const GOOD = 0
const MISSING = 1
const OUT_OF_RANGE = 2

/**
 * Judges rows of one asset: quality of every value, running state, gaps, running time. The order of checks matters:
 * a value out of range is no value, so it cannot make the machine "run" either. Nor can it stop it: a channel that decides
 * `running` keeps its last good value for as long as that may be held, then the state is unknown.
 */
export class Gate {
  readonly #asset: AssetConfig
  readonly #out: GatedSink
  readonly #gapUs: number
  readonly #settleUs: number
  readonly #low: Float64Array
  readonly #high: Float64Array
  readonly #late: Counter
  readonly #gaps: Counter
  readonly #unknown: Counter
  /** [columns] last good value, its time, and how long it counts; kept only for channels that decide `running`. */
  readonly #deciding: readonly number[]
  readonly #held: Float64Array
  readonly #heldAtUs: Float64Array
  readonly #holdUs: Float64Array
  #block: GatedBlock
  #lastUs = Number.NaN
  #lastState: number
  #settledAtUs = 0
  /** Starts of the machine seen; an asset without `running` has one, at its first row. */
  starts = 0

  constructor(asset: AssetConfig, counters: Counters, out: GatedSink) {
    this.#asset = asset
    this.#out = out
    this.#gapUs = asset.gapMs * 1000
    this.#settleUs = (asset.running?.settleMs ?? 0) * 1000
    this.#low = Float64Array.from(asset.channels, channel => channel.range?.low ?? Number.NEGATIVE_INFINITY)
    this.#high = Float64Array.from(asset.channels, channel => channel.range?.high ?? Number.POSITIVE_INFINITY)
    this.#late = counters.get(`windows.${asset.id}.late_rows`)
    this.#gaps = counters.get(`windows.${asset.id}.gaps`)
    this.#unknown = counters.get(`windows.${asset.id}.running_unknown_rows`)
    this.#deciding = [...new Set(asset.running?.anyOf.flat().map(term => term.channel))]
    this.#held = new Float64Array(asset.channels.length).fill(Number.NaN)
    this.#heldAtUs = new Float64Array(asset.channels.length).fill(Number.NaN)
    this.#holdUs = Float64Array.from(asset.channels, channel => holdMs(asset, channel.maxAgeMs) * 1000)
    this.#block = emptyBlock(asset.index, asset.channels.length, 64)
    this.#lastState = asset.running ? STOPPED : RUNNING
  }

  /** State of the newest row. */
  get state(): number {
    return this.#lastState
  }

  push(block: SampleBlock): void {
    if (block.rows > this.#block.timesUs.length) this.#block = emptyBlock(block.asset, block.columns, block.rows)
    const out = this.#block
    const taken: number[] | undefined = this.#hasLate(block) ? [] : undefined
    let rows = 0
    for (let row = 0; row < block.rows; row++) {
      if (!this.#judge(block, row, out, rows)) continue
      taken?.push(row)
      rows++
    }
    if (rows === 0) return
    out.rows = rows
    this.#out(out, taken ? rowsOf(block, taken) : block)
  }

  /** Whether some row may be dropped: rare, so that only then their numbers are kept. */
  #hasLate({ rows, timesUs }: SampleBlock): boolean {
    let lastUs = this.#lastUs
    for (let row = 0; row < rows; row++) {
      if (timesUs[row]! <= lastUs) return true
      lastUs = timesUs[row]!
    }
    return false
  }

  /** False when the row is late or a duplicate: dropped and counted. */
  #judge(block: SampleBlock, row: number, out: GatedBlock, at: number): boolean {
    const timeUs = block.timesUs[row]!
    const sinceUs = timeUs - this.#lastUs
    // A row a little behind is late; one far behind means that a clock stepped back, and dropping rows until the old time
    // comes round again would silence the asset for as long as the step.
    if (sinceUs <= 0 && sinceUs >= -this.#gapUs) {
      this.#late.n++
      return false
    }
    const gap = !(sinceUs > 0 && sinceUs <= this.#gapUs)
    if (gap && !Number.isNaN(this.#lastUs)) this.#gaps.n++
    this.#copyGood(block, row, out, at)
    const state = this.#nextState(out, at, timeUs, gap)
    out.timesUs[at] = timeUs
    out.states[at] = state
    out.breaks[at] = gap || (state === RUNNING && this.#lastState !== RUNNING) ? 1 : 0
    out.runningUs[at] = state === RUNNING && this.#lastState === RUNNING && !gap ? sinceUs : 0
    this.#lastUs = timeUs
    this.#lastState = state
    return true
  }

  #copyGood(block: SampleBlock, row: number, out: GatedBlock, at: number): void {
    const columns = block.columns
    const from = row * columns
    const to = at * columns
    for (let column = 0; column < columns; column++) {
      const value = block.values[from + column]!
      const missing = Number.isNaN(value)
      const inside = value >= this.#low[column]! && value <= this.#high[column]!
      out.values[to + column] = inside ? value : Number.NaN
      out.quality[to + column] = missing ? MISSING : inside ? GOOD : OUT_OF_RANGE
    }
  }

  #nextState(out: GatedBlock, at: number, timeUs: number, gap: boolean): number {
    const running = this.#asset.running
    if (!running) {
      if (this.starts === 0) this.starts = 1
      return RUNNING
    }
    this.#hold(out, at, timeUs)
    const runs = isRunning(running.anyOf, this.#held)
    if (runs === undefined) this.#unknown.n++
    if (!runs) return runs === undefined ? UNKNOWN : STOPPED
    // A start may hide in a gap, and in a time of which nothing is known, so the machine settles again after one.
    if (this.#lastState === STOPPED || this.#lastState === UNKNOWN || gap) {
      if (this.#lastState === STOPPED) this.starts++
      this.#settledAtUs = timeUs + this.#settleUs
    }
    return timeUs >= this.#settledAtUs ? RUNNING : SETTLING
  }

  /** Takes up the row's good values of the deciding channels; forgets those that are too old, or newer than the row. */
  #hold(out: GatedBlock, at: number, timeUs: number): void {
    for (const column of this.#deciding) {
      const value = out.values[at * out.columns + column]!
      const ageUs = timeUs - this.#heldAtUs[column]!
      if (!Number.isNaN(value)) {
        this.#held[column] = value
        this.#heldAtUs[column] = timeUs
      } else if (!(ageUs >= 0 && ageUs <= this.#holdUs[column]!)) {
        this.#held[column] = Number.NaN
      }
    }
  }
}

/** Scattered values were held for their maximum age on the grid already; a silence as long as a gap is what is left. */
function holdMs(asset: AssetConfig, maxAgeMs: number): number {
  return asset.layout === 'rows' ? maxAgeMs : asset.gapMs
}

/** Undefined where it depends on a value that is not known (NaN): `a or b` is true with one of them, `a and b` is not. */
function isRunning(anyOf: RunningConfig['anyOf'], values: Float64Array): boolean | undefined {
  let unknown = false
  for (const terms of anyOf) {
    let all: boolean | undefined = true
    for (const term of terms) {
      const value = values[term.channel]!
      if (Number.isNaN(value)) all &&= undefined
      else if (!holds(term, value)) all = false
    }
    if (all) return true
    unknown ||= all === undefined
  }
  return unknown ? undefined : false
}

function holds(term: RunningTerm, value: number): boolean {
  if (term.op === '>') return value > term.value
  if (term.op === '>=') return value >= term.value
  if (term.op === '<') return value < term.value
  return value <= term.value
}

function rowsOf({ asset, columns, timesUs, values }: SampleBlock, rows: readonly number[]): SampleBlock {
  const taken = { asset, rows: rows.length, columns, timesUs: new Float64Array(rows.length) }
  const copied = new Float64Array(rows.length * columns)
  for (const [to, row] of rows.entries()) {
    taken.timesUs[to] = timesUs[row]!
    copied.set(values.subarray(row * columns, (row + 1) * columns), to * columns)
  }
  return { ...taken, values: copied }
}

function emptyBlock(asset: number, columns: number, rows: number): GatedBlock {
  return {
    asset,
    rows: 0,
    columns,
    timesUs: new Float64Array(rows),
    values: new Float64Array(rows * columns),
    states: new Uint8Array(rows),
    breaks: new Uint8Array(rows),
    quality: new Uint8Array(rows * columns),
    runningUs: new Float64Array(rows),
  }
}
