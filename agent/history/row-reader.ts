// Rows of a table, and what they were summed up to, from what is stored and what is in memory.
import { AgentError } from '../core/errors.ts'
import { type Codecs, rowsOf, unknownColumns } from './chunk.ts'
import type { HistoryQuery, HistoryRows, HistorySummary, RowClass, SummaryQuery } from './contract.ts'
import { tablePrefix } from './keys.ts'
import type { ChunkReader } from './query.ts'
import { columnsOfSummed, summedColumns } from './rollup.ts'
import { planSummary, Summary } from './summary.ts'
import type { Table } from './table.ts'

/** Buckets x columns held while one summary is made: 16 MB. */
const CELLS_MAX = 400_000

export type RowQuery = Omit<HistoryQuery, 'class'> & { class: RowClass }

export class RowReader {
  readonly #chunks: ChunkReader
  readonly #codecs: Codecs
  readonly #tableOf: (asset: string, cls: RowClass) => Table | undefined

  constructor(chunks: ChunkReader, codecs: Codecs, tableOf: (asset: string, cls: RowClass) => Table | undefined) {
    this.#chunks = chunks
    this.#codecs = codecs
    this.#tableOf = tableOf
  }

  /** See History.query. */
  async *rows({ asset, class: cls, fromUs, toUs, columns }: RowQuery): AsyncGenerator<HistoryRows> {
    const chunks = (): AsyncIterable<Buffer> =>
      this.#chunks.chunks(tablePrefix(cls, asset, ''), fromUs, toUs, this.#tableOf(asset, cls)?.raw)
    if (columns) await refuseUnknown(chunks(), columns, names => names, `the ${cls} of ${asset}`)
    for await (const chunk of chunks()) {
      const rows = rowsOf(this.#codecs, chunk, fromUs, toUs, columns)
      if (rows) yield rows
    }
  }

  /** See History.summary. */
  async summary(query: SummaryQuery): Promise<HistorySummary> {
    const { asset, class: cls, toUs, points } = query
    const plan = planSummary(query.fromUs, toUs, points)
    const table = this.#tableOf(asset, cls)
    const prefix = tablePrefix(cls, asset, '')
    const { tier, fromUs } = plan
    const summed = tier === 'raw' ? undefined : table?.summed.find(one => one.tier === tier)
    const chunks = (): AsyncIterable<Buffer> =>
      tier === 'raw'
        ? this.#chunks.chunks(prefix, fromUs, toUs, table?.raw)
        : this.#chunks.summedChunks(prefix, tier, fromUs, toUs, summed?.buffer)
    const plain = tier === 'raw' ? (names: readonly string[]) => names : columnsOfSummed
    const held = summed && !summed.rollup.empty ? columnsOfSummed(summed.buffer.columns) : []
    const columns = query.columns ?? (await columnsOf(chunks(), plain, held))
    if (plan.buckets * columns.length > CELLS_MAX) {
      const advice = `ask for fewer columns, or at most ${Math.floor(CELLS_MAX / columns.length)} points`
      throw new AgentError(
        'USAGE',
        `${points} points of ${columns.length} columns are too many for one answer: ${advice}`,
      )
    }
    if (query.columns && !query.columns.every(name => held.includes(name))) {
      await refuseUnknown(chunks(), columns, plain, `the ${cls} of ${asset}`, held)
    }
    const summary = new Summary(plan, columns)
    const wanted = tier === 'raw' ? columns : summedColumns(columns)
    for await (const chunk of chunks()) {
      const rows = rowsOf(this.#codecs, chunk, fromUs, toUs, wanted)
      if (rows && tier === 'raw') summary.addRaw(rows)
      else if (rows) summary.addSummed(rows)
    }
    if (summed && !summed.rollup.empty) {
      const { rollup, buffer } = summed
      const values = Float64Array.from(rollup.peek())
      summary.addSummed({ timesUs: Float64Array.of(rollup.startUs), columns: buffer.columns, values })
    }
    return summary.result()
  }
}

/** Names of all columns that some chunk has. */
async function columnsOf(
  chunks: AsyncIterable<Buffer>,
  plain: (names: readonly string[]) => readonly string[],
  held: readonly string[],
): Promise<string[]> {
  // No column has an empty name: every chunk is looked at.
  const { known } = await unknownColumns(chunks, [''], plain)
  return [...new Set([...known, ...held])]
}

async function refuseUnknown(
  chunks: AsyncIterable<Buffer>,
  columns: readonly string[],
  plain: (names: readonly string[]) => readonly string[],
  where: string,
  held: readonly string[] = [],
): Promise<void> {
  const found = await unknownColumns(chunks, columns, plain)
  const known = [...new Set([...found.known, ...held])]
  const unknown = found.unknown.filter(name => !held.includes(name))
  if (unknown.length === 0 || known.length === 0) return
  const what = `no column ${unknown.join(', ')} among ${where} in that time`
  throw new AgentError('NOT_FOUND', `${what}; there are ${known.join(', ')}`)
}
