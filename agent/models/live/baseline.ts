import type { AssetConfig } from '../../config/contract.ts'
import type { SampleBlock } from '../../core/types.ts'
import type { History } from '../../history/contract.ts'
import type { GatedBlock, GatedSink } from '../../windows/contract.ts'
import type { FitData } from '../contract.ts'
import { learnableRows, learntColumns } from './learn-meter.ts'

/** Runs rows through a fresh gate of the asset, as the live agent did. Injected: the gate lives in windows/. */
export type GateFactory = (asset: AssetConfig, out: GatedSink) => { push(block: SampleBlock): void }

// A day of 10 Hz rows is 864,000; a regression of this size needs no more than this many, and they must fit in memory
// fifty times over. Contiguous runs are kept, evenly spread, because the model looks at successive rows.
const BASELINE_ROWS_MAX = 100_000
const RUN_ROWS = 2_048

/** Plays stored rows of an asset, [fromUs, toUs), through a fresh gate; awaits `between` after every chunk. */
export async function replayHistory(
  history: History,
  asset: AssetConfig,
  gate: GateFactory,
  range: { fromUs: number; toUs: number },
  sink: GatedSink,
  between: () => Promise<void> = async () => {},
): Promise<void> {
  const runner = gate(asset, sink)
  for await (const chunk of history.query({ asset: asset.id, class: 'samples', ...range })) {
    runner.push(toBlock(asset, chunk.timesUs, chunk.columns, chunk.values))
    await between()
  }
}

/** Rows as stored -> a block in the order of the asset's channels now; a channel added since is missing (NaN). */
function toBlock(
  asset: AssetConfig,
  timesUs: Float64Array,
  columns: readonly string[],
  stored: Float64Array,
): SampleBlock {
  const rows = timesUs.length
  const width = asset.channels.length
  const values = new Float64Array(rows * width).fill(Number.NaN)
  asset.channels.forEach((channel, column) => {
    const from = columns.indexOf(channel.id)
    if (from < 0) return
    for (let row = 0; row < rows; row++) values[row * width + column] = stored[row * columns.length + from]!
  })
  return { asset: asset.index, rows, columns: width, timesUs, values }
}

export interface BaselineRange {
  /** Both inclusive. */
  fromUs: number
  toUs: number
  /** How many learnable rows were counted there; when there are more, all of them are spread. */
  expectedRows: number
  /** Rows at other times are left out; absent = none are. */
  among?: (timeUs: number) => boolean
  /** So many of the oldest are left out. */
  skipRows?: number
  /** Channels that are left out, and need no good value. */
  without?: readonly string[]
}

export interface BaselineRows extends FitData {
  /** Of so many learnable rows one is among them. */
  thinnedBy: number
}

/** The healthy rows of a range as fit data, thinned to evenly spread contiguous runs when there are too many. */
export async function collectBaseline(
  history: History,
  asset: AssetConfig,
  gate: GateFactory,
  { fromUs, toUs, expectedRows, among, skipRows = 0, without = [] }: BaselineRange,
): Promise<BaselineRows> {
  const columns = learntColumns(asset, without)
  const healthy = learnableRows(asset, without)
  const counts: typeof healthy = among ? (block, row) => among(block.timesUs[row]!) && healthy(block, row) : healthy
  // Far enough back for the gate to settle where the range begins in the middle of a run.
  const reachUs = among ? ((asset.running?.settleMs ?? 0) + 2 * asset.gapMs) * 1000 : 0
  const collect = async (rows: number): Promise<Collector> => {
    const collector = new Collector(columns, counts, rows, skipRows)
    const range = { fromUs: fromUs - reachUs, toUs: toUs + 1 }
    await replayHistory(history, asset, gate, range, block => collector.push(block))
    return collector
  }
  let collector = await collect(expectedRows)
  // More than was counted, because the clock was set back or a backlog came late and rows of before lie between: again with
  // their number, or the older ones would leave no room for the newer.
  if (collector.overflowed) collector = await collect(collector.seen)
  return {
    ...collector.finish(),
    channels: columns.map(column => ({ id: asset.channels[column]!.id, unit: asset.channels[column]!.unit })),
    fromUs: among ? (collector.firstUs ?? fromUs) : fromUs,
    toUs,
    source: `history of ${asset.id}`,
    thinnedBy: collector.every,
  }
}

class Collector {
  readonly #columns: readonly number[]
  readonly #learnable: (block: GatedBlock, row: number) => boolean
  readonly every: number
  readonly #values: Float64Array
  readonly #breaks: Uint8Array
  #skip: number
  #rows = 0
  #broken = true
  /** Learnable rows so far, kept or not. */
  seen = 0
  /** Time of the first row kept. */
  firstUs: number | undefined
  /** True when there was no room for a row that should have been kept. */
  overflowed = false

  constructor(
    columns: readonly number[],
    learnable: (block: GatedBlock, row: number) => boolean,
    expectedRows: number,
    skipRows: number,
  ) {
    this.#skip = skipRows
    this.#columns = columns
    this.#learnable = learnable
    this.every = Math.max(1, Math.ceil(expectedRows / BASELINE_ROWS_MAX))
    const capacity = Math.min(expectedRows, BASELINE_ROWS_MAX) + RUN_ROWS
    this.#values = new Float64Array(capacity * columns.length)
    this.#breaks = new Uint8Array(capacity)
  }

  push(block: GatedBlock): void {
    for (let row = 0; row < block.rows; row++) {
      if (block.breaks[row] === 1) this.#broken = true
      const learnable = this.#learnable(block, row) && this.#skip-- <= 0
      const kept = learnable && Math.floor(this.seen++ / RUN_ROWS) % this.every === 0
      const full = this.#rows === this.#breaks.length
      this.overflowed ||= kept && full
      if (!kept || full) {
        this.#broken = true
        continue
      }
      this.#breaks[this.#rows] = this.#broken ? 1 : 0
      this.#broken = false
      this.firstUs ??= block.timesUs[row]!
      const from = row * block.columns
      const to = this.#rows * this.#columns.length
      for (let c = 0; c < this.#columns.length; c++) this.#values[to + c] = block.values[from + this.#columns[c]!]!
      this.#rows++
    }
  }

  finish(): { values: Float64Array; rows: number; breaks: Uint8Array } {
    return {
      values: this.#values.slice(0, this.#rows * this.#columns.length),
      rows: this.#rows,
      breaks: this.#breaks.slice(0, this.#rows),
    }
  }
}
