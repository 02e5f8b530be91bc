// What can be read of a damaged store that was set aside comes back, behind the back of the new one: copied, repaired and checked
// in a process of its own, then carried over chunk by chunk. The original stays as it is. Interrupted by a stop or a crash, it
// begins again at the next start.
import { spawn } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { basename } from 'node:path'
import { builtFile } from '../core/built.ts'
import type { Cancel, Clock } from '../core/clock.ts'
import { errnoOf } from '../core/disk.ts'
import { AgentError, messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { headerOf, openChunk } from './chunk.ts'
import { ALL_CHUNKS, ALL_KEPT, ALL_NOTES, ALL_SAVED, firstUsOf, nameOfSaved, prefixOf, storageClassOf } from './keys.ts'
import { isWhole, type Mark, type Marks } from './marks.ts'
import { type Notes, openNote } from './notes.ts'
import type { Database, OpenLevel } from './place.ts'
import { allSetAside, copyStore, noteCarriedOver, noteInMemory, type SetAside, salvageDirOf } from './set-aside.ts'
import type { Store } from './store.ts'
import type { Unit, UnitChunk } from './unit.ts'

const BATCH_BYTES = 2 << 20
/** Repairing writes every table anew: 8 GB at 20 MB/s. */
const CHILD_MS = 10 * 60_000
/** What the disk refused is tried again, ever less often: each time it is copied and repaired anew. */
const RETRY_FIRST_MS = 5_000
const RETRY_CAP_MS = 3_600_000
/** Exit code of the child. */
const DISK_REFUSES = 75

export interface SalvageOptions {
  dir: string
  openLevel: OpenLevel
  logger: Logger
  clock: Clock
  store: Store
  marks: Marks
  notes: Notes
  /** Asks for the next `run`. */
  again: () => void
}

export class Salvage {
  readonly #options: SalvageOptions
  #stopped = false
  #retryMs = RETRY_FIRST_MS
  /** Set while it waits for the next try. */
  #cancelRetry: Cancel | undefined
  #child: { kill(signal: NodeJS.Signals): boolean } | undefined

  constructor(options: SalvageOptions) {
    this.#options = options
  }

  /**
   * Carries over what is set aside and was not carried over yet. What the disk refuses is tried again later; what this process
   * has not written to the new store yet is left for the next call. Never rejects; what came back is put on record.
   */
  async run(): Promise<void> {
    const { dir, store, marks } = this.#options
    if (this.#cancelRetry) return
    try {
      const todo = (await allSetAside(dir)).filter(({ damage }) => damage)
      // The newest first: it may have the mark of an older one.
      while (todo.length > 0) {
        const next = todo.pop()!
        if (this.#stopped || !store.db || marks.isWaiting(basename(next.path))) return
        const older = new Set(todo.map(({ path }) => basename(path)))
        const what = await this.#one(next, older)
        if (this.#stopped) return
        store.losses.salvaged(next.path, what)
        await noteCarriedOver(next.path)
      }
      await this.#forgetMarks()
      this.#retryMs = RETRY_FIRST_MS
    } catch (error) {
      if (!this.#stopped) this.#later(error)
    }
  }

  #later(error: unknown): void {
    const { clock, logger, again } = this.#options
    logger.error(`what was set aside is not carried over yet: ${messageOf(error)}`)
    this.#cancelRetry = clock.after(this.#retryMs, () => {
      this.#cancelRetry = undefined
      again()
    })
    this.#retryMs = Math.min(RETRY_CAP_MS, this.#retryMs * 2)
  }

  /** Of what is carried over, or was removed. */
  async #forgetMarks(): Promise<void> {
    const { dir, store, marks } = this.#options
    await store.exclusive(async () => {
      const todo = (await allSetAside(dir)).filter(({ damage }) => damage)
      const done = marks.doneWith(new Set(todo.map(({ path }) => basename(path))))
      if (done.length === 0 || !store.db) return
      await this.#write({ chunks: [], pieces: [], puts: [], dels: done.map(({ key }) => key), bytes: 0 })
      marks.forgotten(done)
    })
  }

  /** In words. `older`: names of those whose marks it may have. */
  async #one(from: SetAside, older: ReadonlySet<string>): Promise<string> {
    const copy = salvageDirOf(this.#options.dir)
    try {
      const damaged = await this.#readable(from, copy)
      if (damaged === undefined) return 'nothing of it could be carried over'
      return `${await this.#carryOver(copy, older)} of its chunks were carried over, ${damaged} could not be read`
    } finally {
      await rm(copy, { recursive: true, force: true })
    }
  }

  /** How many chunks of the copy could not be read; undefined when it cannot be made readable at all. */
  async #readable({ path, n }: SetAside, copy: string): Promise<number | undefined> {
    for (const how of [[], ['sound']]) {
      try {
        await copyStore(path, copy)
        await noteInMemory(copy, this.#options.marks.savedOf(basename(path)))
        return await this.#check(copy, [String(n), ...how])
      } catch (error) {
        if (this.#stopped) return undefined
        if (error instanceof AgentError || errnoOf(error)) throw error
        this.#options.logger.warn('the repair of a damaged history failed', { cause: messageOf(error) })
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
  async #carryOver(copy: string, older: ReadonlySet<string>): Promise<number> {
    const from = await this.#options.openLevel(copy, false)
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
        carried += await this.#put(batch)
        batch = []
        bytes = 0
      }
      carried += await this.#put(batch)
      const marks = (await entries(from, ALL_SAVED)).filter(mark => older.has(nameOfSaved(mark.key)) && isWhole(mark))
      await this.#putBeside(await entries(from, ALL_KEPT), marks)
      await this.#carryNotes(from)
      return carried
    } finally {
      await from.close()
    }
  }

  async #carryNotes(from: Database): Promise<void> {
    let batch: Mark[] = []
    let bytes = 0
    for await (const [at, data] of from.iterator(ALL_NOTES)) {
      const [key, value] = [Buffer.from(at), Buffer.from(data)]
      if (!openNote(key, value)) continue
      batch.push({ key, value })
      bytes += value.length
      if (bytes < BATCH_BYTES) continue
      await this.#putNotes(batch)
      batch = []
      bytes = 0
    }
    await this.#putNotes(batch)
  }

  #putNotes(batch: readonly Mark[]): Promise<void> {
    return this.#options.store.exclusive(async () => {
      const puts = await this.#notThere(batch)
      await this.#write({ chunks: [], pieces: [], puts, dels: [], bytes: 0 })
      for (const { key, value } of puts) this.#options.notes.stored(key, value)
    })
  }

  #put(batch: readonly UnitChunk[]): Promise<number> {
    return this.#options.store.exclusive(async () => {
      const chunks = await this.#notThere(batch)
      await this.#write({ chunks, pieces: [], puts: [], dels: [], bytes: 0 })
      return batch.length
    })
  }

  #putBeside(kept: readonly Mark[], marks: readonly Mark[]): Promise<void> {
    return this.#options.store.exclusive(async () => {
      const puts = await this.#notThere([...kept, ...marks])
      await this.#write({ chunks: [], pieces: [], puts, dels: [], bytes: 0 })
      this.#options.marks.stored(marks.filter(mark => puts.includes(mark)))
    })
  }

  async #notThere<T extends { key: Buffer }>(batch: readonly T[]): Promise<T[]> {
    const { db } = this.#options.store
    if (!db) throw new AgentError('HISTORY_IO', 'the history cannot be written')
    const there = await db.getMany(batch.map(({ key }) => key))
    return batch.filter((_, i) => there[i] === undefined)
  }

  async #write(unit: Unit): Promise<void> {
    const { store } = this.#options
    try {
      await store.write([unit])
    } catch (error) {
      await store.fail(error)
      throw error
    }
  }

  stop(): void {
    this.#stopped = true
    this.#cancelRetry?.()
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

async function entries(db: Database, range: { gte: Buffer; lt: Buffer }): Promise<Mark[]> {
  const all = await db.iterator(range).all()
  return all.map(([key, value]) => ({ key: Buffer.from(key), value: Buffer.from(value) }))
}
