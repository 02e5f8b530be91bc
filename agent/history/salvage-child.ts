// A process of its own that makes the copy of a damaged store readable: LevelDB's repair and its reading of broken tables may end
// a process. Argument: the copy. Exit code 0: every chunk of the copy was read to its end here, those damaged are gone from it.
// Prints {"chunks": n, "damaged": n}. A second argument, `sound`: tables with any damage are left out, because one of them ended the
// process before.
import { readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { silentLogger } from '../core/logger.ts'
import { adoptLeftBehind } from './adopt.ts'
import { Codecs, headerOf, openChunk } from './chunk.ts'
import { ALL_CHUNKS, ALL_PIECES, prefixOf, seqOf, tableOfPiece } from './keys.ts'
import { blocksOf, damagedBytes, tablesIn } from './level-tables.ts'
import { type Database, IN_MEMORY_FILE, openLevel, repairLevel } from './place.ts'

/** Above every number that a store of ours can have given: chunks made here meet no other of the same key. */
const SEQ_FIRST = 2 ** 47

/** Renames tables that LevelDB must not see; returns how many. */
async function leaveOut(dir: string, soundOnly: boolean): Promise<number> {
  let left = 0
  for (const name of await tablesIn(dir)) {
    const path = join(dir, name)
    const blocks = await blocksOf(path)
    const bad = !blocks || (soundOnly && (await damagedBytes(path, blocks, async () => {})) > 0)
    if (!bad) continue
    await rename(path, `${path}.damaged`)
    left++
  }
  return left
}

/** Keys whose rows the process that set the store aside had in memory: it writes them itself. */
async function inMemory(dir: string): Promise<{ pieces: ReadonlySet<string>; open: ReadonlySet<string> }> {
  const text = await readFile(join(dir, IN_MEMORY_FILE), 'utf8').catch(() => '{"pieces":[],"open":[]}')
  const { pieces, open } = JSON.parse(text)
  return { pieces: new Set(pieces), open: new Set(open) }
}

/**
 * Pieces are removed when their chunk is stored. Where the table with the removal is the damaged one they are back: those within
 * the time of a later chunk of their table are in it, and must not become a second one.
 */
async function removeReplaced(db: Database): Promise<void> {
  const chunks = new Map<string, { seq: number; minUs: number; maxUs: number }[]>()
  for await (const [key, value] of db.iterator(ALL_CHUNKS)) {
    const chunk = openChunk(key, value)
    if (!chunk) continue
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

async function salvage(dir: string, soundOnly: boolean): Promise<{ chunks: number; damaged: number }> {
  const tablesLeftOut = await leaveOut(dir, soundOnly)
  await repairLevel(dir)
  const db = await openLevel(dir, false)
  await removeReplaced(db)
  const corrupt = { n: 0 }
  let seq = SEQ_FIRST
  const { pieces: mine, open: myOpen } = await inMemory(dir)
  const takeSeq = (): number => seq++
  const context = { codecs: new Codecs(), takeSeq, mine, myOpen, corrupt, logger: silentLogger }
  for (const { chunks, dels } of await adoptLeftBehind(db, context)) {
    const gone = [...dels, ...chunks.flatMap(chunk => chunk.pieces.map(({ key }) => key))]
    await db.batch([
      ...chunks.map(({ key, value }) => ({ type: 'put' as const, key, value })),
      ...gone.map(key => ({ type: 'del' as const, key })),
    ])
  }
  let chunks = 0
  const damaged: Uint8Array[] = []
  for await (const [key, value] of db.iterator(ALL_CHUNKS)) {
    if (openChunk(key, value)) chunks++
    else damaged.push(key)
  }
  await db.batch(damaged.map(key => ({ type: 'del', key })))
  await db.close()
  return { chunks, damaged: damaged.length + corrupt.n + tablesLeftOut }
}

process.stdout.write(JSON.stringify(await salvage(process.argv[2]!, process.argv[3] === 'sound')))
