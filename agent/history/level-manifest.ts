// Which tables a LevelDB store is made of. Others may lie beside them: half written by a process that was killed, or by a compaction
// that is under way. The manifest's records are changes, each a row of tag varint and what belongs to it:
//
//   1 comparator bytes   2, 3, 4, 9 a number   5 level, key bytes   6 level, number (gone)
//   7 level, number, size, smallest key bytes, largest key bytes (new)
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { recordsOf } from './level-log.ts'
import { varintAt } from './level-tables.ts'

const NUMBERS = [2, 3, 4, 9]

/** Name of the current manifest; undefined when CURRENT does not say. */
export async function manifestOf(dir: string): Promise<string | undefined> {
  const text = (await readFile(join(dir, 'CURRENT'), 'utf8').catch(() => '')).trim()
  return /^MANIFEST-\d+$/.test(text) ? text : undefined
}

/** Paths of the tables, oldest first; none where the manifest cannot be read. */
export async function liveTables(dir: string): Promise<string[]> {
  const name = await manifestOf(dir)
  const live = new Set<number>()
  try {
    if (name) for await (const record of recordsOf(join(dir, name))) apply(record, live)
  } catch {
    return []
  }
  return [...live].sort((a, b) => a - b).map(number => join(dir, `${String(number).padStart(6, '0')}.ldb`))
}

function apply(record: Buffer, live: Set<number>): void {
  const at = { n: 0 }
  const number = (): number => varintAt(record, at)
  const bytes = (): void => {
    const length = number()
    at.n += length
  }
  while (at.n < record.length) {
    const tag = number()
    if (NUMBERS.includes(tag)) number()
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
