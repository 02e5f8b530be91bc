// (g) The stores: what the codec of the history makes of recorded machines, a year on a screen, and acknowledged appends.
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { systemClock } from '../core/clock.ts'
import { Counters } from '../core/counters.ts'
import { silentLogger } from '../core/logger.ts'
import { ROWS_MAX } from '../history/chunk.ts'
import { RowsCodec } from '../history/codec/rows.ts'
import { openHistory } from '../history/history.ts'
import { STORAGE_CLASSES } from '../history/keys.ts'
import { openJournal } from '../journal/journal.ts'
import type { Figure } from './bench-figure.ts'
import type { BenchContext } from './bench-processes.ts'
import { type RecordingSet, recordingSets } from './bench-recordings.ts'

const ROUNDS = 5
/** Of encoding, in each round. */
const ROUND_MS = 500
const YEAR_ROWS = 31_536_000
const QUICK_ROWS = 2_592_000
const BLOCK_ROWS = 10_000
const POINTS = 1_000
const WAITING = 64
const APPENDS = 40_000
/** Gorilla (Pelkonen et al., VLDB 2015) for its time series, times included. */
const GORILLA = 1.37

export async function benchHistory(context: BenchContext): Promise<Figure[]> {
  const figures = recordingSets(process.env.WEARWATCH_DATA).flatMap(set => codecFigures(set, context.progress))
  return [...figures, ...(await yearFigures(context)), await appendFigure(context)]
}

/** Of this process: other work on the machine takes the clock's time, not the processor's. */
function processorMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** Chunks as the history cuts them. */
function* chunksOf({
  recordings,
}: RecordingSet): Generator<{ timesUs: Float64Array; columns: Float64Array[]; rows: number }> {
  for (const { timesUs, columns } of recordings) {
    for (let from = 0; from < timesUs.length; from += ROWS_MAX) {
      const to = Math.min(timesUs.length, from + ROWS_MAX)
      yield {
        timesUs: timesUs.slice(from, to),
        columns: columns.map(column => column.slice(from, to)),
        rows: to - from,
      }
    }
  }
}

function codecFigures(set: RecordingSet, progress: (text: string) => void): Figure[] {
  const codec = new RowsCodec(ROWS_MAX)
  const chunks = [...chunksOf(set)]
  const values = chunks.reduce((sum, { rows, columns }) => sum + rows * columns.length, 0)
  const rawBytes = chunks.reduce((sum, { rows, columns }) => sum + 8 * rows * (columns.length + 1), 0)
  const zipped = chunks.reduce((sum, { timesUs, columns }) => {
    const raw = Buffer.concat([timesUs, ...columns].map(column => Buffer.from(column.buffer)))
    return sum + gzipSync(raw).length
  }, 0)
  const places = Array.from({ length: Math.max(...chunks.map(({ columns }) => columns.length)) }, (_, c) => c)
  let bytes = 0
  const encode: number[] = []
  const decode: number[] = []
  for (let round = 0; round <= ROUNDS; round++) {
    progress(`g: ${set.name}, ${round} of ${ROUNDS}`)
    let encodeMs = 0
    let decodeMs = 0
    let passes = 0
    for (; encodeMs < ROUND_MS; passes++) {
      bytes = 0
      for (const { timesUs, columns, rows } of chunks) {
        const startMs = processorMs()
        const encoded = codec.encode(timesUs, columns, rows)
        const betweenMs = processorMs()
        codec.decode(encoded, rows, places)
        decodeMs += processorMs() - betweenMs
        encodeMs += betweenMs - startMs
        bytes += encoded.length
      }
    }
    // The first round compiles.
    if (round === 0) continue
    encode.push((passes * values) / encodeMs / 1000)
    decode.push((passes * values) / decodeMs / 1000)
  }
  const note = `${(rawBytes / values).toFixed(2)} bytes a value as raw float64; Gorilla states ${GORILLA} for its own series`
  return [
    {
      name: `${set.name}, stored`,
      unit: 'bytes/value',
      samples: [bytes / values],
      reference: { name: 'gzip of raw', samples: [zipped / values] },
      note,
      ...(set.name === 'SKAB' ? { aim: '1.6' } : set.name === 'SMD' ? { aim: '1.0' } : {}),
    },
    { name: `${set.name}, encoded`, unit: 'M values/s of processor time', samples: encode, aim: '10' },
    { name: `${set.name}, decoded`, unit: 'M values/s of processor time', samples: decode, aim: '20' },
  ]
}

/** A year of one channel at 1 Hz, asked for at 1,000 points; with --quick a month. */
async function yearFigures({ dir, quick, progress }: BenchContext): Promise<Figure[]> {
  const forever = { ageMs: Number.MAX_SAFE_INTEGER, bytes: Number.MAX_SAFE_INTEGER }
  const retention = Object.fromEntries(STORAGE_CLASSES.map(cls => [cls, forever])) as Record<
    (typeof STORAGE_CLASSES)[number],
    typeof forever
  >
  const parts = { clock: systemClock(), logger: silentLogger, counters: new Counters() }
  const { history } = await openHistory({ dir: join(dir, 'year'), retention, ...parts })
  const rows = quick ? QUICK_ROWS : YEAR_ROWS
  const timesUs = new Float64Array(BLOCK_ROWS)
  const values = new Float64Array(BLOCK_ROWS)
  const startMs = performance.now()
  for (let from = 0; from < rows; from += BLOCK_ROWS) {
    const count = Math.min(BLOCK_ROWS, rows - from)
    for (let row = 0; row < count; row++) {
      timesUs[row] = (from + row) * 1e6
      values[row] = Math.round(1000 * (20 + Math.sin((from + row) / 1000))) / 1000
    }
    history.append('p', 'samples', ['x'], count, timesUs, values)
    if (from % (BLOCK_ROWS * 100) === 0)
      progress(`g: ${((100 * from) / rows).toFixed(0)} % of a ${quick ? 'month' : 'year'} written`)
    if (from % (BLOCK_ROWS * 20) === 0) await history.flush()
  }
  await history.flush()
  const written = rows / (performance.now() - startMs)
  const took: number[] = []
  let found = 0
  for (let round = 0; round < ROUNDS; round++) {
    const askedMs = performance.now()
    found = (await history.summary({ asset: 'p', class: 'samples', fromUs: 0, toUs: rows * 1e6, points: POINTS }))
      .startsUs.length
    took.push(performance.now() - askedMs)
  }
  const { bytes } = history.stats()
  await history.close()
  const note = `${found} points of ${rows.toLocaleString('en-US')} rows; ${(bytes.samples / 1e6).toFixed(1)} MB of rows, ${((bytes.minutes + bytes.hours) / 1e6).toFixed(1)} MB of minutes and hours; written at ${written.toFixed(0)} rows/ms`
  return [
    { name: `a ${quick ? 'month' : 'year'} of 1 Hz at ${POINTS} points`, unit: 'ms', samples: took, aim: '50', note },
  ]
}

async function appendFigure({ dir, progress }: BenchContext): Promise<Figure> {
  const parts = { clock: systemClock(), logger: silentLogger, counters: new Counters() }
  const journal = await openJournal({ dir: join(dir, 'journal'), bytesMax: 64 << 20, ...parts })
  const payload = Buffer.from(JSON.stringify({ message: 'x'.repeat(200) }))
  const samples: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    progress(`g: journal, ${round + 1} of ${ROUNDS}`)
    const startMs = performance.now()
    let left = APPENDS
    const one = async (): Promise<void> => {
      while (left-- > 0) await journal.append({ kind: 'alarm', priority: 2, payload })
    }
    await Promise.all(Array.from({ length: WAITING }, one))
    samples.push((APPENDS / (performance.now() - startMs)) * 1000)
  }
  await journal.close()
  return {
    name: `journal, ${WAITING} waiting, each acknowledged after fdatasync`,
    unit: 'appends/s',
    samples,
    aim: '20,000',
  }
}
