// Files that are either there whole or not at all: written beside, synced, renamed.
import { type FileHandle, open, readFile, rename } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { makeDir } from '../core/folders.ts'

/** Node's error code, e.g. ENOENT; undefined for anything else thrown. */
export function errnoOf(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
  return typeof code === 'string' ? code : undefined
}

/** The file's bytes, or undefined when there is none. Other errors are thrown. */
export async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Writes all of `bytes` or leaves the old file; durable when it returns. One writer per path. */
export async function writeWhole(path: string, bytes: Uint8Array | string, mode = 0o644): Promise<void> {
  await makeDir(dirname(path))
  // A dot in front: static web servers and the pruning of old targets both leave such names alone.
  const part = join(dirname(path), `.${basename(path)}.part`)
  const file = await open(part, 'w', mode)
  await syncAndClose(file, () => file.writeFile(bytes))
  await rename(part, path)
  await syncFolder(dirname(path))
}

/** fdatasync of a file written by someone else. */
export async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r+')
  await syncAndClose(file, async () => {})
}

/** Makes renames in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } catch (error) {
    // FAT sticks and some network file systems cannot sync a folder; they order renames as best they can.
    if (!['EINVAL', 'ENOTSUP', 'EPERM'].includes(errnoOf(error) ?? '')) throw error
  } finally {
    await folder.close()
  }
}

async function syncAndClose(file: FileHandle, write: () => Promise<void>): Promise<void> {
  try {
    await write()
    await file.sync()
  } finally {
    await file.close()
  }
}
