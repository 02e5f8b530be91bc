// Rows of all assets that wait for a model to be loaded or for stored rows to be caught up with, minutes where TensorRT builds.
// Together they are bounded in bytes; the oldest go first, and are counted.
import type { Counter, Counters } from '../../core/counters.ts'
import type { GatedBlock } from '../../windows/contract.ts'

/** 12 minutes of 50 assets x 8 channels at 10 Hz. */
const BYTES_MAX = 32 << 20
/** Rows come one by one; each in arrays of its own would take 1 kB instead of 90 bytes. */
const CHUNK_ROWS = 256
const ROW_BYTES = 8 + 8 + 1 + 1
const CELL_BYTES = 8 + 1

export class HeldRows {
  readonly #bytesMax: number
  readonly #dropped: Counter[]
  /** In the order begun. The last one of an asset is being filled. */
  readonly #chunks: GatedBlock[] = []
  /** Assets whose next row does not follow what is held of them. */
  readonly #broken = new Set<number>()
  #bytes = 0

  /** @param assets their ids, by index */
  constructor(assets: readonly string[], counters: Counters, bytesMax = BYTES_MAX) {
    this.#bytesMax = bytesMax
    this.#dropped = assets.map(id => counters.get(`models.${id}.pending_rows_dropped`))
  }

  /** Copies the block's rows. */
  push(block: GatedBlock): void {
    let chunk = this.#chunks.findLast(({ asset }) => asset === block.asset)
    for (let row = 0; row < block.rows; row++) {
      if (!chunk || chunk.rows === CHUNK_ROWS) chunk = this.#begin(block)
      copyRow(block, row, chunk)
      if (this.#broken.delete(block.asset)) chunk.breaks[chunk.rows - 1] = 1
    }
    while (this.#bytes > this.#bytesMax && this.#chunks.length > 1) this.#drop()
  }

  /** The oldest rows of the asset, which are the caller's then; undefined when none are left. */
  take(asset: number): GatedBlock | undefined {
    const at = this.#chunks.findIndex(chunk => chunk.asset === asset)
    return at < 0 ? undefined : this.#remove(at)
  }

  clear(asset: number): void {
    while (this.take(asset));
    this.#broken.delete(asset)
  }

  #begin({ asset, columns }: GatedBlock): GatedBlock {
    const chunk = {
      asset,
      rows: 0,
      columns,
      timesUs: new Float64Array(CHUNK_ROWS),
      values: new Float64Array(CHUNK_ROWS * columns),
      states: new Uint8Array(CHUNK_ROWS),
      breaks: new Uint8Array(CHUNK_ROWS),
      quality: new Uint8Array(CHUNK_ROWS * columns),
      runningUs: new Float64Array(CHUNK_ROWS),
    }
    this.#chunks.push(chunk)
    this.#bytes += bytesOf(chunk)
    return chunk
  }

  /** No window may reach over what goes. */
  #drop(): void {
    const { asset, rows } = this.#remove(0)
    this.#dropped[asset]!.n += rows
    const next = this.#chunks.find(chunk => chunk.asset === asset)
    if (next) next.breaks[0] = 1
    else this.#broken.add(asset)
  }

  #remove(at: number): GatedBlock {
    const [chunk] = this.#chunks.splice(at, 1)
    this.#bytes -= bytesOf(chunk!)
    return chunk!
  }
}

function bytesOf({ columns }: GatedBlock): number {
  return CHUNK_ROWS * (ROW_BYTES + CELL_BYTES * columns)
}

function copyRow(from: GatedBlock, row: number, to: GatedBlock): void {
  const { columns } = from
  const at = to.rows++
  to.timesUs[at] = from.timesUs[row]!
  to.states[at] = from.states[row]!
  to.breaks[at] = from.breaks[row]!
  to.runningUs[at] = from.runningUs[row]!
  for (let c = 0; c < columns; c++) {
    to.values[at * columns + c] = from.values[row * columns + c]!
    to.quality[at * columns + c] = from.quality[row * columns + c]!
  }
}
