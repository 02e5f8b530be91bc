import { type Disk, errnoOf } from '../core/disk.ts'

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
