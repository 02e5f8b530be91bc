// One table of rows: as they came, and summed up by the minute and the hour, each with its buffer.
//
// What is on the disk is consistent at any moment. Saving puts the rows since the last time there as a piece, nothing else.
// When rows become a chunk, the same batch puts there what all rows up to that one are summed up to: minutes and hours that are
// complete, as pieces or chunks, and the open ones. So after a crash the pieces of rows, summed up from there on, give what the
// process had; no row is counted twice or left out.
import { type Codecs, encodeRows } from './chunk.ts'
import type { HistoryRows, RowClass } from './contract.ts'
import { inTier, openKey, tablePrefix } from './keys.ts'
import { columnsOfSummed, Rollup, summedColumns } from './rollup.ts'
import { RowBuffer } from './row-buffer.ts'
import { type Unit, UnitBuilder } from './unit.ts'

const MINUTE_US = 60e6
const HOUR_US = 3600e6

export interface Summed {
  tier: 'minutes' | 'hours'
  rollup: Rollup
  buffer: RowBuffer
}

export class Table {
  readonly cls: RowClass
  readonly raw: RowBuffer
  /** Shortest buckets first. */
  readonly summed: readonly Summed[]
  readonly openKey: Buffer
  readonly #codecs: Codecs
  readonly #takeSeq: () => number
  #unit: UnitBuilder
  #heldSinceMs: number | undefined

  constructor(cls: RowClass, asset: string, codecs: Codecs, takeSeq: () => number) {
    const prefix = tablePrefix(cls, asset, '')
    const summed = (tier: Summed['tier'], bucketUs: number): Summed => {
      return { tier, rollup: new Rollup(bucketUs), buffer: new RowBuffer(cls, tier, inTier(prefix, tier)) }
    }
    this.cls = cls
    this.raw = new RowBuffer(cls, 'raw', prefix)
    this.summed = [summed('minutes', MINUTE_US), summed('hours', HOUR_US)]
    this.openKey = openKey(prefix)
    this.#codecs = codecs
    this.#takeSeq = takeSeq
    this.#unit = new UnitBuilder(codecs, takeSeq)
  }

  get buffers(): readonly RowBuffer[] {
    return [this.raw, ...this.summed.map(({ buffer }) => buffer)]
  }

  /** Memory its buffers hold. */
  get bytes(): number {
    return this.buffers.reduce((sum, buffer) => sum + buffer.bytes, 0)
  }

  /** Columns of the rows to come. With other ones than before, what is held becomes chunks. */
  setColumns(columns: readonly string[]): void {
    if (!this.raw.differs(columns)) return
    this.end()
    for (const { rollup, buffer } of this.summed) {
      rollup.setWidth(columns.length)
      buffer.setColumns(summedColumns(columns))
    }
    this.raw.setColumns(columns)
  }

  /** The row [columns] that begins at `at` in `values`. */
  push(timeUs: number, values: Float64Array, at: number): void {
    if (!this.raw.accepts(timeUs) || this.summed.some(one => noRoomFor(one, timeUs))) this.#seal(timeUs)
    this.raw.push(timeUs, values, at)
    for (const { rollup, buffer } of this.summed) {
      if (rollup.ends(timeUs)) buffer.push(rollup.startUs, rollup.take(), 0)
      rollup.add(timeUs, values, at)
    }
  }

  /** Rows become a chunk, before the row of that time. */
  #seal(nextUs: number): void {
    this.#unit.chunk(this.raw)
    for (const one of this.summed) {
      if (noRoomFor(one, nextUs)) this.#unit.chunk(one.buffer)
      else this.#unit.piece(one.buffer)
    }
    this.#putOpen()
    this.#heldSinceMs = undefined
  }

  /** All that is held becomes chunks, open buckets too: those of the same time are put together again when they are read. */
  end(): void {
    if (this.raw.rows === 0 && this.summed.every(({ rollup, buffer }) => rollup.empty && buffer.rows === 0)) return
    this.#unit.chunk(this.raw)
    for (const { rollup, buffer } of this.summed) {
      if (!rollup.empty) {
        if (!buffer.accepts(rollup.startUs)) this.#unit.chunk(buffer)
        buffer.push(rollup.startUs, rollup.take(), 0)
      }
      this.#unit.chunk(buffer)
    }
    this.#unit.del(this.openKey)
    this.#heldSinceMs = undefined
  }

  /** One buffer becomes a chunk, whatever it holds. */
  chunk(buffer: RowBuffer): void {
    this.#unit.chunk(buffer)
  }

  /** Rows held for longer become a chunk, to be judged by their age and to give their memory back. */
  sealHeld(nowMs: number, longestMs: number): void {
    if (this.raw.rows === 0) return
    this.#heldSinceMs ??= nowMs
    if (nowMs - this.#heldSinceMs >= longestMs) this.sealNow()
  }

  /** Rows become a chunk before they fill one, to give their memory back. */
  sealNow(): void {
    if (this.raw.rows === 0) return
    this.#seal(this.raw.firstUs)
    this.raw.shrink()
  }

  /** What became chunks since the last time; undefined when nothing did. */
  takeFull(): Unit | undefined {
    return this.#unit.hasChunks ? this.#take() : undefined
  }

  /** All that must be on the disk to lose nothing; undefined when it is there. */
  takeUnsaved(): Unit | undefined {
    this.#unit.piece(this.raw)
    return this.#take()
  }

  /** All that is held, for a store that has nothing of it yet: as `#seal` does, and where no row came since, too. */
  takeAnew(): Unit | undefined {
    this.#unit.chunk(this.raw)
    for (const { buffer } of this.summed) this.#unit.piece(buffer)
    this.#putOpen()
    this.#heldSinceMs = undefined
    return this.#take()
  }

  #take(): Unit | undefined {
    const unit = this.#unit.build()
    this.#unit = new UnitBuilder(this.#codecs, this.#takeSeq)
    return unit
  }

  /** The buckets being filled, one a row, all under one key that is written anew each time. */
  #putOpen(): void {
    const open = this.summed.filter(({ rollup }) => !rollup.empty)
    if (open.length === 0) return
    const sums = this.summed[0]!.buffer.columns
    const rows = open.map(({ rollup }) => rollup.held)
    const source = {
      names: ['bucket_us', ...sums],
      rows: open.length,
      timesUs: Float64Array.from(open, ({ rollup }) => rollup.startUs),
      columns: [
        Float64Array.from(open, ({ rollup }) => rollup.bucketUs),
        ...sums.map((_, column) => Float64Array.from(rows, row => row[column]!)),
      ],
    }
    this.#unit.put(this.openKey, encodeRows(this.#codecs, this.openKey, this.cls, source))
  }

  /** Goes on from what `#putOpen` left: before any row. */
  restoreOpen({ timesUs, columns, values }: HistoryRows): void {
    const [, ...sums] = columns
    this.setColumns(columnsOfSummed(sums))
    for (const [row, startUs] of timesUs.entries()) {
      const at = row * columns.length
      const one = this.summed.find(({ rollup }) => rollup.bucketUs === values[at])
      one?.rollup.restore(startUs, values.subarray(at + 1, at + columns.length))
    }
  }
}

/** The row ends a bucket for which the buffer has no room. */
function noRoomFor({ rollup, buffer }: Summed, timeUs: number): boolean {
  return rollup.ends(timeUs) && !buffer.accepts(rollup.startUs)
}
