import type { SampleBlock, SampleSink } from '../core/types.ts'

/** Rows of one asset, gathered in one reused SampleBlock and handed over when it is full or the input was read. */
export class RowBuffer {
  readonly #sink: SampleSink
  readonly #block: SampleBlock
  readonly #rowsMax: number

  constructor(asset: number, columns: number, sink: SampleSink, rowsMax = 64) {
    this.#sink = sink
    this.#rowsMax = rowsMax
    this.#block = {
      asset,
      rows: 0,
      columns,
      timesUs: new Float64Array(rowsMax),
      values: new Float64Array(rowsMax * columns),
    }
  }

  /** Where the channels of the new row stand, all NaN; `values[offset + channel]`. */
  begin(): number {
    const block = this.#block
    if (block.rows === this.#rowsMax) this.flush()
    const offset = block.rows * block.columns
    const { values } = block
    for (let i = offset; i < offset + block.columns; i++) values[i] = Number.NaN
    return offset
  }

  get values(): Float64Array {
    return this.#block.values
  }

  /** Keeps the row begun last; without it the next begin() takes its place. */
  commit(timeUs: number): void {
    this.#block.timesUs[this.#block.rows++] = timeUs
  }

  flush(): void {
    const block = this.#block
    if (block.rows === 0) return
    this.#sink.samples(block)
    block.rows = 0
  }
}
