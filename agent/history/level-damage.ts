// What LevelDB would die of, or pass over in silence, looked for before it opens a store. What it finds itself is not looked for.
import { copyFile, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { unreadableBytes } from './level-log.ts'
import { logFile, manifestOf, stateOf, tableFile } from './level-manifest.ts'
import { blocksOf } from './level-tables.ts'
import { newestLogOf } from './newest-log.ts'
import { shareFile } from './set-aside.ts'

/**
 * In words; undefined when LevelDB may open the store. Rejects as the disk does.
 *
 * A manifest that is cut short is no damage by itself: LevelDB removes what a change makes superfluous only after the change is on
 * the disk, so as long as all that the last whole change names is there, what is cut off never held.
 */
export async function damageOf(dir: string): Promise<string | undefined> {
  const manifest = await manifestOf(dir)
  if (!manifest) return undefined
  const state = await stateOf(join(dir, manifest))
  if (!state) return undefined
  const { tables, log, unreadable } = state
  const cut = unreadable > 0 ? `, and ${unreadable} bytes of ${manifest} are cut short or damaged` : ''
  const names = await readdir(dir)
  const newest = await newestLogOf(dir)
  const logs = [...new Set([log, newest])].filter(number => number > 0 && number >= log).map(logFile)
  const needed = [...logs, ...tables.map(tableFile)]
  const missing = needed.find(name => !names.includes(name))
  if (missing) return `${missing} is missing${cut}`
  for (const number of tables) {
    // What the disk refuses now may pass, and is LevelDB's to say.
    const blocks = await blocksOf(join(dir, tableFile(number))).catch(() => [])
    if (!blocks) return `the index of ${tableFile(number)} does not hold`
  }
  return undefined
}

/** Bytes of the write-ahead logs that LevelDB will pass over; each such log is kept under another name, for it removes them. */
export async function setLogsAside(dir: string): Promise<number> {
  const kept = `${dir}.damaged-log`
  let unreadable = 0
  for (const name of (await readdir(dir)).filter(name => /^\d+\.log$/.test(name))) {
    const path = join(dir, name)
    const bytes = await unreadableBytes(path)
    unreadable += bytes
    if (bytes === 0) continue
    await rm(kept, { force: true })
    if (!(await shareFile(path, kept))) await copyFile(path, kept)
  }
  return unreadable
}

/** What of its write-ahead log LevelDB passed over while it opened. It says so in its LOG, begun anew by each open, alone. */
export async function droppedAtOpen(dir: string): Promise<number> {
  const log = await readFile(join(dir, 'LOG'), 'utf8').catch(() => '')
  return [...log.matchAll(/: dropping (\d+) bytes; /g)].reduce((sum, match) => sum + Number(match[1]), 0)
}
