// Stored rows as lines of JSON, while they are read.
import { AgentError } from '../core/errors.ts'
import type { HistoryClass, HistoryRows, HistorySummary, RowClass } from '../history/contract.ts'
import type { ControlApi } from './contract.ts'

const ROW_CLASSES: readonly string[] = ['samples', 'scores', 'features', 'vibration'] satisfies RowClass[]
const CLASSES: readonly string[] = [...ROW_CLASSES, 'waveforms' satisfies HistoryClass]
const POINTS_MAX = 100_000

/** Rows of the query string asset, class, from, to, columns, points. Throws USAGE. */
export function historyLines(api: ControlApi, query: Record<string, string>): AsyncIterable<string> {
  const { asset, class: cls = 'samples', from, to, columns, points } = query
  if (!asset || !CLASSES.includes(cls))
    throw new AgentError('USAGE', `history wants asset=ID and class=${CLASSES.join('|')}`)
  const range = {
    asset,
    fromUs: from ? Number(from) : 0,
    toUs: to ? Number(to) : Number.MAX_SAFE_INTEGER,
    ...(columns ? { columns: columns.split(',') } : {}),
  }
  if (points === undefined) return ndjson(api.history({ ...range, class: cls as HistoryClass }))
  const most = Number(points)
  if (!Number.isInteger(most) || most < 1 || most > POINTS_MAX)
    throw new AgentError('USAGE', `points wants a whole number from 1 to ${POINTS_MAX}, not "${points}"`)
  if (!ROW_CLASSES.includes(cls))
    throw new AgentError('USAGE', `points are of ${ROW_CLASSES.join(', ')}; ${cls} are not summed up`)
  if (!from || !to) throw new AgentError('USAGE', 'points want from and to, the time they are spread over')
  return ndjson(summaryRows(api.summary({ ...range, class: cls as RowClass, points: most })))
}

/** One row a bucket, at the time it begins. */
async function* summaryRows(asked: Promise<HistorySummary>): AsyncGenerator<HistoryRows> {
  const { startsUs, columns, min, mean, max, last, counts } = await asked
  const parts = { min, mean, max, last, count: counts }
  const names = columns.flatMap(column => Object.keys(parts).map(part => `${column} ${part}`))
  const values = new Float64Array(startsUs.length * names.length)
  let at = 0
  for (let cell = 0; cell < startsUs.length * columns.length; cell++) {
    for (const part of Object.values(parts)) values[at++] = part[cell]!
  }
  yield { timesUs: startsUs, columns: names, values }
}

/** `{"columns":[…]}` whenever the columns change, then `[timeUs, value, …]` per row; NaN is null. */
async function* ndjson(chunks: AsyncIterable<HistoryRows>): AsyncIterable<string> {
  let head = ''
  for await (const { timesUs, columns, values } of chunks) {
    const lines: string[] = []
    const nextHead = JSON.stringify({ columns })
    if (nextHead !== head) lines.push((head = nextHead))
    for (let row = 0; row < timesUs.length; row++) {
      lines.push(JSON.stringify([timesUs[row], ...values.subarray(row * columns.length, (row + 1) * columns.length)]))
    }
    yield `${lines.join('\n')}\n`
  }
}
