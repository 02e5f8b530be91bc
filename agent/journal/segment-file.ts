// The files of segments, as far as they are handled as a whole.
import { join } from 'node:path'
import { type Disk, type DiskFile, errnoOf, readFully, writeFully } from '../core/disk.ts'
import { AgentError, messageOf } from '../core/errors.ts'

/** Unit of reading at recovery: one unreadable block must not hide the rest of its segment. */
const READ_BLOCK_BYTES = 65_536
/** A segment is at most 8 MiB and one group beyond; anything larger is not one of ours and is not read to its end. */
const SEGMENT_READ_BYTES_MAX = 64 << 20
/** A segment that was being thinned (thinning.ts). */
export const THIN_SUFFIX = '.thin'

/** The whole file; blocks the disk refuses to read are zeros, which no CRC accepts. */
export async function readSegment(disk: Disk, path: string): Promise<Buffer> {
  let file: DiskFile | undefined
  try {
    file = await disk.open(path, 'r')
    const data = Buffer.alloc(Math.min(await file.size(), SEGMENT_READ_BYTES_MAX))
    for (let at = 0; at < data.length; at += READ_BLOCK_BYTES) {
      const block = data.subarray(at, at + READ_BLOCK_BYTES)
      await readFully(file, block, at).catch(() => block.fill(0))
    }
    return data
  } catch (error) {
    throw new AgentError(
      'JOURNAL_IO',
      `cannot read ${path} (${errnoOf(error) || messageOf(error)}): check its owner and the disk`,
      { cause: error },
    )
  } finally {
    await file?.close().catch(() => {})
  }
}

/** Copies a damaged segment beside itself, once per segment and at most `keep` files in all; failing is no reason to stop. */
export async function copyAside(disk: Disk, dir: string, path: string, keep: number): Promise<string | undefined> {
  const names = await disk.readdir(dir)
  const copies = names.flatMap(name => {
    const match = /^(.+)\.damaged-(\d+)$/.exec(name)
    return match ? [{ name, of: match[1], n: Number(match[2]) }] : []
  })
  if (copies.some(copy => join(dir, copy.of ?? '') === path)) return undefined
  copies.sort((a, b) => a.n - b.n)
  while (copies.length >= keep) await disk.unlink(join(dir, copies.shift()!.name))
  const target = `${path}.damaged-${(copies.at(-1)?.n ?? 0) + 1}`
  const data = await readSegment(disk, path)
  const file = await disk.open(target, 'wx')
  try {
    await writeFully(file, data, 0)
    await file.datasync()
  } finally {
    await file.close()
  }
  return target
}

/**
 * Removes segments, oldest first, each durably before the next, so that a hole between two is always a loss. Rejects at the first
 * that stays; the next recovery finds it.
 */
export async function removeInOrder(disk: Disk, dir: string, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    await disk.unlink(path).catch((error: unknown) => {
      if (errnoOf(error) !== 'ENOENT') throw error
    })
    await disk.syncDir(dir)
  }
}
