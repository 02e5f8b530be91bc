// A process of its own that makes the copy of a damaged store readable: LevelDB's repair and its reading of broken tables may end
// a process. Arguments: the copy, the number of the original. Exit code 0: every chunk of the copy was read to its end here, those damaged are gone from it.
// Prints the number of the damaged. A third argument, `sound`: tables with any damage are left out, because one of them ended the
// process before. Exit code 75: the disk refuses.
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from '../core/errors.ts'
import { silentLogger } from '../core/logger.ts'
import { adoptLeftBehind } from './adopt.ts'
import { Codecs, headerOf, openChunk } from './chunk.ts'
import { ALL_CHUNKS, ALL_PIECES, firstSeq, prefixOf, SALVAGED_SEQ, seqOf, tableOfPiece } from './keys.ts'
import { blocksOf, damagedBytes, tablesIn } from './level-tables.ts'
import { causeOf, type Database, openLevel, repairLevel } from './place.ts'
import { inMemoryIn } from './set-aside.ts'

/** EX_TEMPFAIL. */
const DISK_REFUSES = 75
/** Whether what leads to its blocks holds, and with `all` each block too. What cannot be read is not sound. */
async function isSound(path: string, all: boolean): Promise<boolean> {
  try {
    const blocks = await blocksOf(path)
    return blocks !== undefined && (!all || (await damagedBytes(path, blocks, async () => {})) === 0)
  } catch {
    return false
  }
}

/** Renames tables that LevelDB must not see; returns how many. */
async function leaveOut(dir: string, soundOnly: boolean): Promise<number> {
  let left = 0
  for (const name of await tablesIn(dir)) {
    const path = join(dir, name)
    const bad = !(await isSound(path, soundOnly))
    if (!bad) continue
    await rename(path, `${path}.damaged`)
    left++
  }
  return left
}

/**
 * Pieces are removed when their chunk is stored. Where the table with the removal is the damaged one they are back: those within
 * the time of a later chunk of their table are in it, and must not become a second one. A chunk that was carried over from
 * elsewhere has replaced none here.
 */
async function removeReplaced(db: Database): Promise<void> {
  const chunks = new Map<string, { seq: number; minUs: number; maxUs: number }[]>()
  for await (const [key, value] of db.iterator(ALL_CHUNKS)) {
    const chunk = openChunk(key, value)
    if (!chunk || seqOf(key) >= SALVAGED_SEQ) continue
    const table = prefixOf(key).toString('latin1')
    const known = chunks.get(table) ?? []
    known.push({ seq: seqOf(key), ...headerOf(chunk) })
    chunks.set(table, known)
  }
  const replaced: Uint8Array[] = []
  for await (const [key, value] of db.iterator(ALL_PIECES)) {
    const piece = openChunk(key, value)
    if (!piece) continue
    const { minUs, maxUs } = headerOf(piece)
    const later = chunks.get(tableOfPiece(key).toString('latin1')) ?? []
    if (later.some(one => one.seq > seqOf(key) && one.minUs <= minUs && one.maxUs >= maxUs)) replaced.push(key)
  }
  await db.batch(replaced.map(key => ({ type: 'del', key })))
}

async function salvage(dir: string, n: number, soundOnly: boolean): Promise<number> {
  const tablesLeftOut = await leaveOut(dir, soundOnly)
  await repairLevel(dir)
  const db = await openLevel(dir, false)
  await removeReplaced(db)
  const corrupt = { n: 0 }
  let seq = SALVAGED_SEQ + firstSeq(n)
  const { pieces, open } = await inMemoryIn(dir)
  const [mine, myOpen] = [new Set(pieces), new Set(open)]
  const takeSeq = (): number => seq++
  const context = { codecs: new Codecs(), takeSeq, mine, myOpen, corrupt, logger: silentLogger }
  for (const { chunks, dels } of await adoptLeftBehind(db, context)) {
    const gone = [...dels, ...chunks.flatMap(chunk => chunk.pieces.map(({ key }) => key))]
    await db.batch([
      ...chunks.map(({ key, value }) => ({ type: 'put' as const, key, value })),
      ...gone.map(key => ({ type: 'del' as const, key })),
    ])
  }
  const damaged: Uint8Array[] = []
  for await (const [key, value] of db.iterator(ALL_CHUNKS)) {
    if (!openChunk(key, value)) damaged.push(key)
  }
  await db.batch(damaged.map(key => ({ type: 'del', key })))
  await db.close()
  return damaged.length + corrupt.n + tablesLeftOut
}

try {
  process.stdout.write(String(await salvage(process.argv[2]!, Number(process.argv[3]), process.argv[4] === 'sound')))
} catch (error) {
  process.stderr.write(messageOf(error))
  process.exitCode = causeOf(error).code === 'LEVEL_IO_ERROR' ? DISK_REFUSES : 1
}
