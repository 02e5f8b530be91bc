// What can be read of a damaged store that was set aside comes back, behind the back of the new one: copied, repaired and checked
// in a process of its own, then carried over chunk by chunk. The original stays as it is. Interrupted by a stop or a crash, it
// begins again at the next start.
import { spawn } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { builtFile } from '../core/built.ts'
import { AgentError, messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { headerOf, openChunk } from './chunk.ts'
import { ALL_CHUNKS, ALL_KEPT, firstUsOf, prefixOf, storageClassOf } from './keys.ts'
import type { OpenLevel } from './place.ts'
import { allSetAside, copyStore, noteCarriedOver, salvageDirOf } from './set-aside.ts'
import type { Store } from './store.ts'
import type { UnitChunk } from './unit.ts'

const BATCH_BYTES = 2 << 20
/** Repairing writes every table anew: 8 GB at 20 MB/s. */
const CHILD_MS = 10 * 60_000
/** Exit code of the child. */
const DISK_REFUSES = 75

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

  /**
   * Carries over what is set aside and was not carried over yet. What the disk refuses is left for the next call. Never rejects;
   * the store is told what came back.
   */
  async run(): Promise<void> {
    try {
      for (const { path, damage } of await allSetAside(this.#dir)) {
        if (!damage || this.#stopped || !this.#store.db) continue
        const what = await this.#one(path)
        if (this.#stopped) return
        this.#store.noteSalvage(path, what)
        await noteCarriedOver(path)
      }
    } catch (error) {
      if (!this.#stopped) this.#logger.error(`what was set aside is not carried over yet: ${messageOf(error)}`)
    }
  }

  /** In words. */
  async #one(path: string): Promise<string> {
    const copy = salvageDirOf(this.#dir)
    try {
      await copyStore(path, copy)
      const damaged = await this.#readable(path, copy)
      if (damaged === undefined) return 'nothing of it could be carried over'
      return `${await this.#carryOver(copy)} of its chunks were carried over, ${damaged} could not be read`
    } finally {
      await rm(copy, { recursive: true, force: true })
    }
  }

  /** How many chunks of the copy could not be read; undefined when it cannot be made readable at all. */
  async #readable(path: string, copy: string): Promise<number | undefined> {
    for (const how of [[], ['sound']]) {
      try {
        return await this.#check(copy, how)
      } catch (error) {
        if (this.#stopped) return undefined
        if (error instanceof AgentError) throw error
        this.#logger.warn('the repair of a damaged history failed', { cause: messageOf(error) })
        await copyStore(path, copy)
      }
    }
    return undefined
  }

  #check(copy: string, how: readonly string[]): Promise<number> {
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
      child.once('error', error => reject(new AgentError('HISTORY_IO', messageOf(error))))
      child.once('close', (code, signal) => {
        this.#child = undefined
        if (code === 0) resolve(Number(out))
        else if (code === DISK_REFUSES) reject(new AgentError('HISTORY_IO', told))
        else reject(new Error(`it ended with ${signal ?? code}: ${told.trim().split('\n').at(-1) ?? ''}`))
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
