// The directory of the LevelDB store and what may be wrong with it. LevelDB opened with createIfMissing silently wipes a
// store whose CURRENT is missing, so it is only ever told to create where there is nothing; a marker file beside the
// directory remembers that there was something. A damaged store is renamed, never repaired in place.
import { copyFile, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { Level } from 'level'
import { errnoOf } from '../core/disk.ts'
import { AgentError, messageOf } from '../core/errors.ts'
import { makeDir } from '../core/folders.ts'
import { unreadableBytes } from './level-log.ts'
import { liveTables, manifestOf } from './level-manifest.ts'
import { blocksOf } from './level-tables.ts'

/** On Node `level` is classic-level, which can compact; level's own types leave that out. */
export interface Database extends Level<Uint8Array, Uint8Array> {
  compactRange(start: Uint8Array, end: Uint8Array): Promise<void>
}

/** Replaced in tests by one that refuses. */
export type OpenLevel = (dir: string, createIfMissing: boolean) => Promise<Database>

export interface PlaceReport {
  /** True when a new, empty store was begun. */
  created: boolean
  /** What was lost and where the remains are; undefined when nothing was. */
  loss: string | undefined
  /** Bytes of the newest rows that LevelDB could not read and left out; 0 as a rule. */
  droppedBytes?: number
  /** The file with the newest rows was not there. */
  logGone?: boolean
  /** Directory a damaged store was renamed to. */
  setAside: string | undefined
}

/** Damage that was found while the store was in use. */
export interface FoundDamage {
  what: string
  /** Keys in it, as latin1, whose rows are in memory still: they are not to be carried over. */
  inMemory: { pieces: string[]; open: string[] }
}

/** In a set aside store: the `inMemory` of its damage. */
export const IN_MEMORY_FILE = 'in-memory.json'

/** LevelDB's own files; LOCK and LOG alone are left behind by an attempt to open nothing. */
const STORE_FILE = /^(CURRENT|MANIFEST-\d+|\d+\.(ldb|sst|log))$/
/** A set aside store is as large as a store: only the newest is kept. */
const SET_ASIDE_MAX = 1

/**
 * `sizes`: smaller ones than LevelDB's own let its files begin and go sooner, for tests. Blocks are not compressed again: the
 * values are, and a damaged length in front of a compressed block is memory that LevelDB asks for and dies of.
 */
export async function openLevel(
  dir: string,
  createIfMissing: boolean,
  sizes: { writeBufferSize?: number; maxFileSize?: number } = {},
): Promise<Database> {
  const encodings = { keyEncoding: 'view', valueEncoding: 'view' } as const
  const options = { ...encodings, ...sizes, createIfMissing, compression: false, cacheSize: 2 << 20 }
  const db = new Level<Uint8Array, Uint8Array>(dir, options)
  await db.open()
  return db as Database
}

/** LevelDB's own repair: what is readable of every file, in new tables. Only of a copy, and only in a process of its own. */
export async function repairLevel(dir: string): Promise<void> {
  await (Level as unknown as { repair(dir: string): Promise<void> }).repair(dir)
}

/** Where the copy of a damaged store is made readable. */
export function salvageDirOf(dir: string): string {
  return `${dir}.salvage`
}

/** The newest directory that a damaged store was renamed to. */
export async function newestSetAside(dir: string): Promise<string | undefined> {
  const n = (await setAsideNumbers(dir)).at(-1)
  return n === undefined ? undefined : `${dir}.damaged-${n}`
}

async function setAsideNumbers(dir: string): Promise<number[]> {
  const pattern = `${basename(dir)}.damaged-`
  const numbers = (await readdir(dirname(dir)))
    .filter(name => name.startsWith(pattern))
    .map(name => Number(name.slice(pattern.length)))
    .filter(Number.isSafeInteger)
  return numbers.sort((a, b) => a - b)
}

/**
 * Opens the store in `dir`, beginning a new one where there is none or where what is there cannot be used.
 * Rejects with HISTORY_LOCKED (another process has it) and HISTORY_IO (the disk refuses; worth trying again).
 */
export async function openPlace(
  dir: string,
  open: OpenLevel,
  damage?: FoundDamage,
): Promise<{ db: Database; report: PlaceReport }> {
  try {
    await makeDir(dir, 0o750)
    const known = await exists(markerOf(dir))
    const files = (await readdir(dir)).some(name => STORE_FILE.test(name))
    if (files && damage) {
      await writeFile(join(dir, IN_MEMORY_FILE), JSON.stringify(damage.inMemory))
      return await beginAnew(dir, open, damage.what)
    }
    const damaged = files ? await damageOf(dir) : undefined
    if (damaged) return await beginAnew(dir, open, damaged)
    if (files) return await openExisting(dir, open)
    const loss = known ? `the history in ${dir} is gone: its directory is empty` : undefined
    return await create(dir, open, { loss, setAside: undefined })
  } catch (error) {
    throw error instanceof AgentError ? error : ioError(dir, error)
  }
}

/** What LevelDB would die of, or pass over and then remove what it belongs to. What is missing it says itself. */
async function damageOf(dir: string): Promise<string | undefined> {
  const manifest = await manifestOf(dir)
  if (!manifest) return undefined
  const bytes = await unreadableBytes(join(dir, manifest)).catch(absent)
  if (bytes) return `${bytes} bytes of ${manifest} are cut short or damaged`
  for (const path of await liveTables(dir)) {
    const blocks = await blocksOf(path).catch(() => [])
    if (!blocks) return `the index of ${basename(path)} does not hold`
  }
  return undefined
}

function absent(error: unknown): undefined {
  if (errnoOf(error) !== 'ENOENT') throw error
}

/** Bytes of the write-ahead logs that LevelDB will pass over; a copy of each such log is kept, for it removes them. */
async function setLogsAside(dir: string): Promise<number> {
  let unreadable = 0
  for (const name of (await readdir(dir)).filter(name => /^\d+\.log$/.test(name))) {
    const bytes = await unreadableBytes(join(dir, name))
    if (bytes > 0) await copyFile(join(dir, name), `${dir}.damaged-log`)
    unreadable += bytes
  }
  return unreadable
}

/** A store has a log from the moment on that its second manifest is the current one; one with nothing in it is nothing lost. */
async function isLogGone(dir: string): Promise<boolean> {
  if ((await readdir(dir)).some(name => /^\d+\.log$/.test(name))) return false
  return (await manifestOf(dir)) !== 'MANIFEST-000001'
}

async function openExisting(dir: string, open: OpenLevel): Promise<{ db: Database; report: PlaceReport }> {
  try {
    const logGone = await isLogGone(dir)
    const unreadable = await setLogsAside(dir)
    const db = await open(dir, false)
    await mark(dir)
    const droppedBytes = Math.max(unreadable, await droppedAtOpen(dir))
    return {
      db,
      report: {
        created: false,
        loss: undefined,
        setAside: undefined,
        ...(droppedBytes ? { droppedBytes } : {}),
        ...(logGone ? { logGone } : {}),
      },
    }
  } catch (error) {
    const cause = causeOf(error)
    if (cause.code === 'LEVEL_LOCKED') throw locked(dir, error)
    // A file LevelDB needs is missing: no retry brings it back. Other I/O errors may pass.
    const gone = /no such file/i.test(cause.message)
    if (cause.code === 'LEVEL_IO_ERROR' && !gone) throw ioError(dir, error)
    return beginAnew(dir, open, cause.message)
  }
}

async function beginAnew(dir: string, open: OpenLevel, what: string): Promise<{ db: Database; report: PlaceReport }> {
  const setAside = await moveAside(dir)
  const loss = `the history in ${dir} was damaged (${what}) and is now ${setAside}; a new one begins`
  return create(dir, open, { loss, setAside })
}

/** What of its write-ahead log LevelDB passed over while it opened. It says so in its LOG, begun anew by each open, alone. */
async function droppedAtOpen(dir: string): Promise<number> {
  const log = await readFile(join(dir, 'LOG'), 'utf8').catch(() => '')
  return [...log.matchAll(/: dropping (\d+) bytes; /g)].reduce((sum, match) => sum + Number(match[1]), 0)
}

async function create(
  dir: string,
  open: OpenLevel,
  told: Pick<PlaceReport, 'loss' | 'setAside'>,
): Promise<{ db: Database; report: PlaceReport }> {
  try {
    const db = await open(dir, true)
    await mark(dir)
    return { db, report: { created: true, ...told } }
  } catch (error) {
    if (causeOf(error).code === 'LEVEL_LOCKED') throw locked(dir, error)
    throw ioError(dir, error)
  }
}

function markerOf(dir: string): string {
  return `${dir}.initialised`
}

async function mark(dir: string): Promise<void> {
  const file = await open(markerOf(dir), 'a', 0o640)
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    throw error
  }
}

async function moveAside(dir: string): Promise<string> {
  const numbers = await setAsideNumbers(dir)
  const target = `${dir}.damaged-${(numbers.at(-1) ?? 0) + 1}`
  await rename(dir, target)
  for (const old of numbers.slice(0, Math.max(0, numbers.length + 1 - SET_ASIDE_MAX))) {
    await rm(`${dir}.damaged-${old}`, { recursive: true, force: true })
  }
  return target
}

/** abstract-level wraps what LevelDB said. */
export function causeOf(error: unknown): { code: string; message: string } {
  const inner = error instanceof Error && error.cause instanceof Error ? error.cause : error
  return { code: errnoOf(inner), message: messageOf(inner) }
}

function locked(dir: string, cause: unknown): AgentError {
  const advice =
    'another process has it open; stop that one (systemctl stop wearwatch), or ask the running daemon instead'
  return new AgentError('HISTORY_LOCKED', `the history ${dir} is locked: ${advice}`, { cause })
}

function ioError(dir: string, error: unknown): AgentError {
  const noFolder = ['EEXIST', 'ENOTDIR'].includes(causeOf(error).code)
  const advice = noFolder ? 'something else stands there; move it away' : 'check its owner, the space left and the disk'
  return new AgentError('HISTORY_IO', `cannot open the history ${dir} (${causeOf(error).message}): ${advice}`, {
    cause: error,
  })
}
