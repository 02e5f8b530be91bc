// The few file calls a durable log needs, behind an interface, so that tests can refuse, cut short or forget any of them.
import { constants, type FileHandle, open, readdir, rename, unlink } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { makeDir } from './folders.ts'

export interface DiskFile {
  /** Writes at `position`; resolves with the bytes written, which may be fewer than given. */
  write(data: Uint8Array, position: number): Promise<number>
  /** Fills `into` from `position`; resolves with the bytes read, 0 at the end of the file. */
  read(into: Uint8Array, position: number): Promise<number>
  truncate(bytes: number): Promise<void>
  /** fdatasync(2): data and size are on the medium when it resolves. */
  datasync(): Promise<void>
  size(): Promise<number>
  close(): Promise<void>
}

/** Every call rejects with an error that carries `code` (ENOSPC, EIO, ENOENT …). */
export interface Disk {
  /** `r`: must exist, read; `r+`: must exist, read and write; `wx`: must not exist, created, read and write. */
  open(path: string, mode: 'r' | 'r+' | 'wx'): Promise<DiskFile>
  /** Names in `dir`, in no order. */
  readdir(dir: string): Promise<string[]>
  /** With parents; an existing one is fine. The new entries are durable. */
  mkdir(dir: string): Promise<void>
  rename(from: string, to: string): Promise<void>
  unlink(path: string): Promise<void>
  /** fsync(2) of a directory: entries made, renamed and removed in it are on the medium when it resolves. */
  syncDir(dir: string): Promise<void>
}

// 'wx' of fopen is write-only; a segment is also read while it is written.
const FLAGS = {
  r: constants.O_RDONLY,
  'r+': constants.O_RDWR,
  wx: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
} as const

export const realDisk: Disk = {
  open: async (path, mode) => systemFile(await open(path, FLAGS[mode], 0o640)),
  readdir: dir => readdir(dir),
  async mkdir(dir) {
    const first = await makeDir(dir, 0o750)
    if (first === undefined) return
    for (let made = resolve(dir); made.length >= first.length; made = dirname(made)) await syncDirectory(dirname(made))
  },
  rename: (from, to) => rename(from, to),
  unlink: path => unlink(path),
  syncDir: syncDirectory,
}

function systemFile(handle: FileHandle): DiskFile {
  return {
    write: async (data, position) => (await handle.write(data, 0, data.length, position)).bytesWritten,
    read: async (into, position) => (await handle.read(into, 0, into.length, position)).bytesRead,
    truncate: bytes => handle.truncate(bytes),
    datasync: () => handle.datasync(),
    size: async () => (await handle.stat()).size,
    close: () => handle.close(),
  }
}

async function syncDirectory(dir: string): Promise<void> {
  const handle = await open(dir, constants.O_RDONLY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Writes all of `data` at `position`, going on after short writes; a write of 0 bytes is an EIO. */
export async function writeFully(file: DiskFile, data: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < data.length; ) {
    const written = await file.write(data.subarray(done), position + done)
    if (written <= 0) throw Object.assign(new Error('EIO: write of 0 bytes'), { code: 'EIO' })
    done += written
  }
}

/** Reads until `into` is full or the file ends; resolves with the bytes read. */
export async function readFully(file: DiskFile, into: Uint8Array, position: number): Promise<number> {
  let done = 0
  while (done < into.length) {
    const count = await file.read(into.subarray(done), position + done)
    if (count <= 0) break
    done += count
  }
  return done
}

/** The errno name of a failed call, e.g. `ENOSPC`; empty where there is none. */
export function errnoOf(error: unknown): string {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
  return typeof code === 'string' ? code : ''
}
