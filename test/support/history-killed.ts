// A history whose directory is copied as a kill would leave it, at every batch, and whose LevelDB fails as told.
import { cpSync, existsSync, readdirSync } from 'node:fs'
import type { History } from '../../agent/history/contract.ts'
import { type OpenLevel, openLevel } from '../../agent/history/place.ts'
import { appendRows, openTestHistory, rowsOf } from './history-open.ts'
import { sumsAreOf } from './history-sums.ts'
import { manualClock } from './manual-clock.ts'
import { until } from './waiting.ts'

const HOUR_US = 3600e6
export const T0 = Math.floor(1_700_000_000_000_000 / HOUR_US) * HOUR_US
/** Rows of test tables lie within so many hours. */
const HOURS = 24
/** First byte of the key of a mark. */
const SAVED = 6

export type Rows = [number, number][]

export interface Batch {
  /** Numbers of the kinds of keys put. */
  puts: Set<number>
}

/**
 * `next` says what becomes of the next batch of the store in `dir`; `done` is called when one is on the disk, before the history
 * hears of it.
 */
export function killable(dir: string) {
  const state = {
    next: 'works' as 'works' | 'refuses' | 'corrupt',
    batches: [] as Batch[],
    /** Openings under way: files come and go, and a copy would be of no one moment. */
    opening: 0,
    begun: () => {},
    done: async (_batch: Batch) => {},
    hang: undefined as Promise<void> | undefined,
    open: openLevel as OpenLevel,
  }
  state.open = async (at, create) => {
    if (at !== dir) return openLevel(at, create)
    if (create) state.begun()
    state.opening++
    const db = await openLevel(at, create).finally(() => state.opening--)
    const batch = db.batch.bind(db) as (operations: unknown) => Promise<void>
    const watched = async (operations: { type: string; key: Uint8Array }[]): Promise<void> => {
      await state.hang
      if (state.next === 'refuses') throw failure('LEVEL_IO_ERROR', 'IO error: 000003.log: No space left on device')
      if (state.next === 'corrupt') {
        state.next = 'works'
        throw failure('LEVEL_CORRUPTION', 'Corruption: block checksum mismatch')
      }
      await batch(operations)
      const puts = new Set(operations.filter(({ type }) => type === 'put').map(({ key }) => key[0]!))
      state.batches.push({ puts })
      await state.done({ puts })
    }
    return Object.assign(db, { batch: watched as unknown as typeof db.batch })
  }
  return state
}

function failure(code: string, message: string): Error {
  return Object.assign(new Error(message), { code })
}

export const hasMark = ({ puts }: Batch): boolean => puts.has(SAVED)

/** `[time, value]` of `count` rows a few seconds apart, so that they lie in many minutes and some hours. */
export function rowsFrom(first: number, count: number): Rows {
  return Array.from({ length: count }, (_, i) => [T0 + (first + i) * 7e6, (first + i) % 101])
}

export function append(history: History, rows: Rows, asset = 'p'): void {
  appendRows(history, asset, rows, ['x'])
}

export async function samples(history: History, asset = 'p'): Promise<Rows> {
  const rows = await rowsOf(history.query({ asset, class: 'samples', fromUs: 0, toUs: 1e18 }))
  return rows as Rows
}

/** A change of columns makes a chunk of the rows, and of their minutes and hours, and removes the open ones. */
export function seal(history: History): void {
  history.append('p', 'samples', ['x', 'y'], 0, new Float64Array(0), new Float64Array(0))
}

export interface Life {
  history: History
  level: ReturnType<typeof killable>
  clock: ReturnType<typeof manualClock>
}

/** Flushes until it resolves; the disk works again. */
export async function durable({ history, level, clock }: Life): Promise<void> {
  level.next = 'works'
  await until(async () => {
    clock.advance(1_000)
    return history.flush().then(
      () => true,
      () => false,
    )
  }, 'a flush to resolve')
}

/** Advances the clock until the store is open again. */
export async function recovered(history: History, clock: ReturnType<typeof manualClock>): Promise<void> {
  await until(() => {
    clock.advance(1_000)
    return history.stats().failing === undefined
  }, 'the store to open')
}

export function todo(top: string): string[] {
  return readdirSync(top).filter(name => existsSync(`${top}/${name}/to-carry-over.json`))
}

/** What a kill leaves; the copy being made readable is begun anew anyway, and is in use. */
export function kill(top: string, copy: string): void {
  cpSync(top, copy, { recursive: true, filter: path => !path.endsWith('.salvage') })
}

/**
 * What is wrong with what comes back in `top`, in words: rows lost of those acknowledged, rows that nobody appended, rows twice,
 * sums that are not of the rows, now and after one more start. Undefined when nothing is.
 */
export async function wrongIn(
  top: string,
  acknowledged: Rows,
  appended: Rows,
  asset = 'p',
): Promise<string | undefined> {
  for (const life of ['first', 'second']) {
    const clock = manualClock()
    const { history } = await openTestHistory(`${top}/history`, { clock })
    await until(() => todo(top).length === 0, `all in ${top} to be carried over`)
    const there = await samples(history, asset)
    const times = new Set(there.map(([time]) => time))
    const values = new Map(appended)
    const lost = acknowledged.filter(([time]) => !times.has(time)).length
    const wrong = there.filter(([time, value]) => values.get(time) !== value).length
    const twice = there.length - times.size
    const sums = await sumsAreOf(history, there, T0, HOURS, asset).then(
      () => '',
      error => `sums: ${error.message}`,
    )
    await history.close()
    if (lost + wrong + twice > 0 || sums)
      return `${life} start: ${lost} lost, ${wrong} wrong, ${twice} twice of ${acknowledged.length}; ${sums}`
  }
  return undefined
}
