// What can be read of a damaged store that was set aside comes back, behind the back of the new one: copied, repaired and checked
// in a process of its own, then carried over chunk by chunk. The original stays as it is. Interrupted by a stop or a crash, it
// begins again at the next start.
import { spawn } from 'node:child_process'
import { cp, rename, rm, stat } from 'node:fs/promises'
import { builtFile } from '../core/built.ts'
import { AgentError, messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { headerOf, openChunk } from './chunk.ts'
import { ALL_CHUNKS, ALL_KEPT, firstUsOf, prefixOf, storageClassOf } from './keys.ts'
import { newestSetAside, type OpenLevel, salvageDirOf } from './place.ts'
import type { Store } from './store.ts'
import type { UnitChunk } from './unit.ts'

const BATCH_BYTES = 2 << 20
/** Repairing writes every table anew: 8 GB at 20 MB/s. */
const CHILD_MS = 10 * 60_000

export class Salvage {
  readonly #dir: string
  readonly #store: Store
  readonly #openLevel: OpenLevel
  readonly #logger: Logger
  #stopped = false
  #child: { kill(signal: NodeJS.Signals): boolean } | undefined

  constructor(options: { dir: string; openLevel: OpenLevel; logger: Logger }, store: Store) {
    this.#dir = options.dir
    this.#openLevel = options.openLevel
    this.#logger = options.logger
    this.#store = store
  }

  /** Resolves with what came back, in words; undefined where nothing was waiting, or it was stopped. Never rejects. */
  async run(setAside: string | undefined): Promise<string | undefined> {
    const copy = salvageDirOf(this.#dir)
    try {
      // A copy under its final name is whole.
      const half = `${copy}.new`
      const from = setAside ?? ((await isThere(half)) ? await newestSetAside(this.#dir) : undefined)
      if (from !== undefined) {
        for (const old of [half, copy]) await rm(old, { recursive: true, force: true })
        await cp(from, half, { recursive: true })
        await rename(half, copy)
      } else if (!(await isThere(copy))) return undefined
      const { damaged } = await this.#check(copy, []).catch(() => this.#check(copy, ['sound']))
      const chunks = await this.#carryOver(copy)
      if (this.#stopped) return undefined
      await rm(copy, { recursive: true, force: true })
      return `${chunks} of its chunks were carried over, ${damaged} could not be read`
    } catch (error) {
      if (this.#stopped) return undefined
      await rm(copy, { recursive: true, force: true }).catch(() => {})
      return `nothing of it could be carried over (${messageOf(error)})`
    }
  }

  #check(copy: string, how: readonly string[]): Promise<{ chunks: number; damaged: number }> {
    if (this.#stopped) return Promise.reject(new Error('it was stopped'))
    return new Promise((resolve, reject) => {
      const args = [builtFile('history/salvage-child.js'), copy, ...how]
      const child = spawn(process.execPath, args, {
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: CHILD_MS,
        killSignal: 'SIGKILL',
      })
      this.#child = child
      let out = ''
      let told = ''
      child.stdout.on('data', data => (out += data))
      child.stderr.on('data', data => (told = `${told}${data}`.slice(-500)))
      child.once('error', reject)
      child.once('close', (code, signal) => {
        this.#child = undefined
        if (code === 0) resolve(JSON.parse(out))
        else reject(new Error(`its repair ended with ${signal ?? code}: ${told.trim().split('\n').at(-1) ?? ''}`))
      })
    })
  }

  /** Chunks that the store does not have yet; returns how many it has now. */
  async #carryOver(copy: string): Promise<number> {
    const from = await this.#openLevel(copy, false)
    let carried = 0
    try {
      let batch: UnitChunk[] = []
      let bytes = 0
      for await (const [at, value] of from.iterator(ALL_CHUNKS)) {
        if (this.#stopped) return carried
        const chunk = chunkOf(Buffer.from(at), Buffer.from(value))
        if (!chunk) continue
        batch.push(chunk)
        bytes += chunk.value.length
        if (bytes < BATCH_BYTES) continue
        carried += await this.#put(batch, [])
        batch = []
        bytes = 0
      }
      const kept: { key: Buffer; value: Buffer }[] = []
      for await (const [key, value] of from.iterator(ALL_KEPT))
        kept.push({ key: Buffer.from(key), value: Buffer.from(value) })
      return carried + (await this.#put(batch, kept))
    } finally {
      await from.close()
    }
  }

  #put(batch: readonly UnitChunk[], puts: readonly { key: Buffer; value: Buffer }[]): Promise<number> {
    return this.#store.exclusive(async () => {
      const { db } = this.#store
      if (!db) throw new AgentError('HISTORY_IO', 'the history cannot be written')
      const there = await db.getMany(batch.map(({ key }) => key))
      const chunks = batch.filter((_, i) => there[i] === undefined)
      await this.#store.write([{ chunks, pieces: [], puts, dels: [], bytes: 0 }])
      return batch.length
    })
  }

  stop(): void {
    this.#stopped = true
    this.#child?.kill('SIGKILL')
  }
}

function chunkOf(key: Buffer, value: Buffer): UnitChunk | undefined {
  const chunk = openChunk(key, value)
  const prefix = prefixOf(key)
  const cls = storageClassOf(prefix)
  if (!chunk || !cls) return undefined
  return { cls, prefix, key, value: chunk, firstUs: firstUsOf(key), rows: headerOf(chunk).rows, pieces: [] }
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
