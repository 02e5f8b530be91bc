// Which tables a LevelDB store is made of. Others may lie beside them: half written by a process that was killed, or by a compaction
// that is under way. The manifest's records are changes, each a row of tag varint and what belongs to it:
//
//   1 comparator bytes   2 the log's number   3, 4, 9 a number   5 level, key bytes   6 level, number (gone)
//   7 level, number, size, smallest key bytes, largest key bytes (new)
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '../core/disk.ts'
import { recordsOf, unreadableBytes } from './level-log.ts'
import { varintAt } from './level-tables.ts'

const LOG_NUMBER = 2
const NUMBERS = [3, 4, 9]

/** Name of the current manifest; undefined when CURRENT does not say. */
export async function manifestOf(dir: string): Promise<string | undefined> {
  const text = (await readFile(join(dir, 'CURRENT'), 'utf8').catch(() => '')).trim()
  return /^MANIFEST-\d+$/.test(text) ? text : undefined
}

export interface StoreState {
  /** Numbers of the tables, oldest first. */
  tables: number[]
  /** Number of the oldest log that is not in them yet; 0 for none. */
  log: number
  /** Bytes of the manifest that are in no whole change. */
  unreadable: number
}

/** Undefined where there is no such manifest. Otherwise rejects as the disk does. */
export async function stateOf(path: string): Promise<StoreState | undefined> {
  const state = { live: new Set<number>(), log: 0 }
  try {
    for await (const record of recordsOf(path)) apply(record, state)
    const tables = [...state.live].sort((a, b) => a - b)
    return { tables, log: state.log, unreadable: await unreadableBytes(path) }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Paths of the tables, oldest first; none where the manifest cannot be read. */
export async function liveTables(dir: string): Promise<string[]> {
  const name = await manifestOf(dir)
  const state = name ? await stateOf(join(dir, name)).catch(() => undefined) : undefined
  return (state?.tables ?? []).map(number => join(dir, tableFile(number)))
}

export function tableFile(number: number): string {
  return `${String(number).padStart(6, '0')}.ldb`
}

export function logFile(number: number): string {
  return `${String(number).padStart(6, '0')}.log`
}

function apply(record: Buffer, state: { live: Set<number>; log: number }): void {
  const { live } = state
  const at = { n: 0 }
  const number = (): number => varintAt(record, at)
  const bytes = (): void => {
    const length = number()
    at.n += length
  }
  while (at.n < record.length) {
    const tag = number()
    if (tag === LOG_NUMBER) state.log = number()
    else if (NUMBERS.includes(tag)) number()
    else if (tag === 1) bytes()
    else if (tag === 5) {
      number()
      bytes()
    } else if (tag === 6) {
      number()
      live.delete(number())
    } else if (tag === 7) {
      number()
      live.add(number())
      number()
      bytes()
      bytes()
    } else return
  }
}
