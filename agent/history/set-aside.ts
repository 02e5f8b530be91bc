// Damaged stores are renamed to `<dir>.damaged-N`, never repaired in place. One that holds TODO_FILE is still to be carried over
// into the store that was begun in its place (salvage.ts), and is not removed before that.
import { constants, copyFile, link, mkdir, readdir, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { errnoOf, realDisk } from '../core/disk.ts'

const TODO_FILE = 'to-carry-over.json'
const IN_MEMORY_FILE = 'in-memory.json'
/** A set aside store is as large as a store: of those that were carried over only the newest is kept. */
const DONE_MAX = 1
/** Of those that were not: a disk that damages one after the other must not be filled by them. */
const TODO_MAX = 3
/** LevelDB never changes these once they are written, so a copy may share them. */
const SHARED = /\.(ldb|sst|log)$/

/** Keys, as latin1, of what is in memory too: pieces, and minutes and hours still being summed up. */
export interface InMemory {
  pieces: readonly string[]
  open: readonly string[]
}

export interface Damage {
  what: string
}

export interface SetAside {
  path: string
  n: number
  /** Undefined once it was carried over. */
  damage: Damage | undefined
}

/**
 * Renames the store and tells its new name at once, then resolves with the paths of those that had to go although they were not
 * carried over yet. Rejects as the disk does, and may be called again where `renamed` was not.
 */
export async function setAside(dir: string, damage: Damage, renamed: (name: string) => void): Promise<string[]> {
  await writeFile(join(dir, TODO_FILE), JSON.stringify(damage), { flush: true })
  await realDisk.syncDir(dir)
  const others = await allSetAside(dir)
  const path = `${dir}.damaged-${(others.at(-1)?.n ?? 0) + 1}`
  await rename(dir, path)
  renamed(basename(path))
  await realDisk.syncDir(dirname(dir))
  const done = others.filter(({ damage }) => !damage)
  const todo = others.filter(({ damage }) => damage)
  // The one that was just renamed is the newest of either.
  const lost = todo.slice(0, Math.max(0, todo.length + 1 - TODO_MAX))
  const tooMany = [...done.slice(0, done.length + 1 - DONE_MAX), ...lost]
  for (const { path } of tooMany) await rm(path, { recursive: true, force: true })
  return lost.map(({ path }) => path)
}

/** Oldest first. */
export async function allSetAside(dir: string): Promise<SetAside[]> {
  const pattern = `${basename(dir)}.damaged-`
  const numbers = (await readdir(dirname(dir)))
    .filter(name => name.startsWith(pattern))
    .map(name => Number(name.slice(pattern.length)))
    .filter(Number.isSafeInteger)
  const found = numbers
    .sort((a, b) => a - b)
    .map(async n => {
      const path = `${dir}.damaged-${n}`
      return { path, n, damage: await damageIn(path) }
    })
  return Promise.all(found)
}

/** What is written in a store that is to be carried over, or in a copy of it. */
export async function damageIn(path: string): Promise<Damage | undefined> {
  try {
    return JSON.parse(await readFile(join(path, TODO_FILE), 'utf8'))
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    // A damaged disk.
    if (error instanceof SyntaxError) return { what: 'damaged' }
    throw error
  }
}

/** Durable when it resolves: the mark of what is not to be carried over (marks.ts) may go then. */
export async function noteCarriedOver(path: string): Promise<void> {
  await unlink(join(path, TODO_FILE))
  await realDisk.syncDir(path)
}

/** For the process that makes the copy readable: what of it is not to be carried over. */
export async function noteInMemory(copy: string, inMemory: InMemory): Promise<void> {
  await writeFile(join(copy, IN_MEMORY_FILE), JSON.stringify(inMemory))
}

export async function inMemoryIn(copy: string): Promise<InMemory> {
  return JSON.parse(await readFile(join(copy, IN_MEMORY_FILE), 'utf8'))
}

/** Where the copy of a damaged store is made readable. */
export function salvageDirOf(dir: string): string {
  return `${dir}.salvage`
}

/** A copy that takes hardly any space: what LevelDB does not change is shared where the file system can. */
export async function copyStore(from: string, to: string): Promise<void> {
  await rm(to, { recursive: true, force: true })
  await mkdir(to, { mode: 0o750 })
  for (const entry of await readdir(from, { withFileTypes: true })) {
    if (!entry.isFile()) continue
    const [source, copy] = [join(from, entry.name), join(to, entry.name)]
    const shared = SHARED.test(entry.name) && (await shareFile(source, copy))
    if (!shared) await copyFile(source, copy, constants.COPYFILE_FICLONE)
  }
}

/** Whether both names are of the same file now. */
export async function shareFile(path: string, name: string): Promise<boolean> {
  try {
    await link(path, name)
    return true
  } catch (error) {
    // FAT has no second names.
    if (['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK'].includes(errnoOf(error))) return false
    throw error
  }
}
