// The directory of the LevelDB store and what may be wrong with it. LevelDB opened with createIfMissing silently wipes a
// store whose CURRENT is missing, so it is only ever told to create where there is nothing; a marker file beside the
// directory remembers that there was something. A damaged store is set aside.
import { open, readdir, stat } from 'node:fs/promises'
import { Level } from 'level'
import { errnoOf } from '../core/disk.ts'
import { AgentError, messageOf } from '../core/errors.ts'
import { makeDir } from '../core/folders.ts'
import { damageOf, droppedAtOpen, setLogsAside } from './level-damage.ts'
import { allSetAside, setAside } from './set-aside.ts'

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
  droppedBytes: number
  /** Directory a damaged store was renamed to. */
  setAside: string | undefined
}

/**
 * LevelDB's own files, of a store that was once begun: LOCK and LOG alone are left behind by an attempt to open nothing, the first
 * manifest alone by one that found no space to begin.
 */
const STORE_FILE = /^(CURRENT|MANIFEST-(?!000001$)\d+|\d+\.(ldb|sst|log))$/

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

export interface PlaceOptions {
  open: OpenLevel
  /** Called when the store was renamed, before a new one is begun. */
  onSetAside: (name: string) => void
  /** Called with those set aside earlier that had to go for it, though they were not carried over yet. */
  onRemoved: (paths: readonly string[]) => void
  /** Damage that was found while the store was in use. */
  damage?: string | undefined
  /** A write of this process failed: what is half written of it at the end of the log is no loss, for it is written again. */
  torn?: boolean
}

/**
 * Opens the store in `dir`, beginning a new one where there is none or where what is there cannot be used.
 * Rejects with HISTORY_LOCKED (another process has it) and HISTORY_IO (the disk refuses; worth trying again).
 */
export async function openPlace(dir: string, options: PlaceOptions): Promise<{ db: Database; report: PlaceReport }> {
  try {
    await makeDir(dir, 0o750)
    const files = (await readdir(dir)).some(name => STORE_FILE.test(name))
    if (!files) return await create(dir, options.open)
    const found = options.damage ?? (await damageOf(dir))
    const opened = found ?? (await openExisting(dir, options))
    if (typeof opened !== 'string') return opened
    options.onRemoved(await setAside(dir, { what: opened }, options.onSetAside))
    return await create(dir, options.open)
  } catch (error) {
    throw error instanceof AgentError ? error : ioError(dir, error)
  }
}

/** Resolves with LevelDB's words where it finds the store damaged. */
async function openExisting(
  dir: string,
  { open, torn }: PlaceOptions,
): Promise<{ db: Database; report: PlaceReport } | string> {
  const unreadable = torn ? 0 : await setLogsAside(dir)
  let db: Database
  try {
    db = await open(dir, false)
  } catch (error) {
    const cause = causeOf(error)
    if (cause.code === 'LEVEL_LOCKED') throw locked(dir, error)
    // A file LevelDB needs is missing: no retry brings it back. Other I/O errors may pass.
    const gone = /no such file/i.test(cause.message)
    if (cause.code === 'LEVEL_IO_ERROR' && !gone) throw error
    return cause.message
  }
  try {
    await mark(dir)
    const droppedBytes = torn ? 0 : Math.max(unreadable, await droppedAtOpen(dir))
    return { db, report: { created: false, loss: undefined, setAside: undefined, droppedBytes } }
  } catch (error) {
    await db.close()
    throw error
  }
}

/** Where there is no store, in a place that is marked as having had one, that is a loss. */
async function create(dir: string, open: OpenLevel): Promise<{ db: Database; report: PlaceReport }> {
  const known = await exists(markerOf(dir))
  const last = (await allSetAside(dir)).findLast(({ damage }) => damage)
  const damaged = last && `was damaged (${last.damage?.what}) and is now ${last.path}; a new one begins`
  const loss = damaged ?? (known ? 'is gone: its directory is empty' : undefined)
  let db: Database
  try {
    db = await open(dir, true)
  } catch (error) {
    if (causeOf(error).code === 'LEVEL_LOCKED') throw locked(dir, error)
    throw error
  }
  await mark(dir).catch(async error => {
    await db.close()
    throw error
  })
  const report = { created: true, loss: loss && `the history in ${dir} ${loss}`, setAside: last?.path, droppedBytes: 0 }
  return { db, report }
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
