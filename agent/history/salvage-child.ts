// A process of its own that makes the copy of a damaged store readable: LevelDB's repair and its reading of broken tables may end
// a process. Argument: the copy. Exit code 0: every chunk of the copy was read to its end here, those damaged are gone from it.
// Prints {"chunks": n, "damaged": n}.
import { silentLogger } from '../core/logger.ts'
import { adoptLeftBehind } from './adopt.ts'
import { Codecs, openChunk } from './chunk.ts'
import { ALL_CHUNKS } from './keys.ts'
import { openLevel, repairLevel } from './place.ts'

/** Above every number that a store of ours can have given: chunks made here meet no other of the same key. */
const SEQ_FIRST = 2 ** 47

async function salvage(dir: string): Promise<{ chunks: number; damaged: number }> {
  await repairLevel(dir)
  const db = await openLevel(dir, false)
  const corrupt = { n: 0 }
  let seq = SEQ_FIRST
  const none: ReadonlySet<string> = new Set()
  const takeSeq = (): number => seq++
  const context = { codecs: new Codecs(), takeSeq, mine: none, myOpen: none, corrupt, logger: silentLogger }
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
  return { chunks, damaged: damaged.length + corrupt.n }
}

process.stdout.write(JSON.stringify(await salvage(process.argv[2]!)))
