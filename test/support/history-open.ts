import { Counters } from '../../agent/core/counters.ts'
import { silentLogger } from '../../agent/core/logger.ts'
import type { History, HistoryRows, StorageClass, WaveformChunk } from '../../agent/history/contract.ts'
import { type HistoryOptions, type OpenedHistory, openHistory } from '../../agent/history/history.ts'
import { type OpenLevel, openLevel } from '../../agent/history/place.ts'
import type { Retention } from '../../agent/history/retention.ts'
import { manualClock } from './manual-clock.ts'

const DAY_MS = 86_400_000

export function retain(more: Partial<Record<StorageClass, Retention>> = {}): Record<StorageClass, Retention> {
  const ample: Retention = { ageMs: 365 * DAY_MS, bytes: 1 << 30 }
  const kept = { minutes: ample, hours: ample, 'black-box': ample }
  return { samples: ample, scores: ample, features: ample, vibration: ample, waveforms: ample, ...kept, ...more }
}

export function openTestHistory(dir: string, more: Partial<HistoryOptions> = {}): Promise<OpenedHistory> {
  const given = { clock: manualClock(), logger: silentLogger, counters: new Counters(), retention: retain() }
  return openHistory({ dir, ...given, ...more })
}

export async function rowsOf(rows: AsyncIterable<HistoryRows>): Promise<[number, ...number[]][]> {
  const all: [number, ...number[]][] = []
  for await (const { timesUs, columns, values } of rows) {
    for (const [i, time] of timesUs.entries()) {
      all.push([time, ...values.subarray(i * columns.length, (i + 1) * columns.length)])
    }
  }
  return all
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

/** One row per call, as the agent appends them. */
export function appendRows(
  history: History,
  asset: string,
  rows: readonly (readonly [number, ...number[]])[],
  columns = ['a', 'b'],
): void {
  for (const [time, ...values] of rows) {
    history.append(asset, 'samples', columns, 1, Float64Array.of(time), Float64Array.from(values))
  }
}

export function piece(
  startUs: number,
  samples: number[] | Int16Array,
  more: Partial<WaveformChunk> = {},
): WaveformChunk {
  return { startUs, rateHz: 1_000, samples: Int16Array.from(samples), scale: 0.5, offset: 1, ...more }
}

/** A LevelDB that fails as told: `batch`, `open` or `create` by an I/O error. */
export function refusing(): {
  open: OpenLevel
  what: Set<'batch' | 'open' | 'create'>
  opens: number
  hang: Promise<void> | undefined
} {
  const error = (): Error =>
    Object.assign(new Error('IO error: 000003.log: No space left on device'), { code: 'LEVEL_IO_ERROR' })
  const state = {
    what: new Set<'batch' | 'open' | 'create'>(),
    opens: 0,
    hang: undefined as Promise<void> | undefined,
    open: openLevel,
  }
  state.open = async (dir, create) => {
    state.opens++
    if (state.what.has('open') || (create && state.what.has('create'))) throw error()
    const db = await openLevel(dir, create)
    const batch = db.batch.bind(db) as (operations: unknown) => Promise<void>
    const refuse = async (operations: unknown): Promise<void> => {
      await state.hang
      if (state.what.has('batch')) throw error()
      return batch(operations)
    }
    return Object.assign(db, { batch: refuse as typeof db.batch })
  }
  return state
}
