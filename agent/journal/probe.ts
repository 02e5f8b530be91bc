import { join } from 'node:path'
import { type Disk, writeFully } from '../core/disk.ts'

/** Many groups of alarms; a disk with less left is as good as full. */
const PROBE_BYTES = 131_072

/**
 * Rejects unless the disk takes a file that is worth a segment: a full one takes a header of 32 bytes again and again, and
 * each would be a segment of its own.
 */
export async function proveSpace(disk: Disk, dir: string): Promise<void> {
  const path = join(dir, 'probe.tmp')
  await disk.unlink(path).catch(() => {})
  const file = await disk.open(path, 'wx')
  try {
    await writeFully(file, new Uint8Array(PROBE_BYTES), 0)
    await file.datasync()
  } finally {
    await file.close().catch(() => {})
    await disk.unlink(path).catch(() => {})
  }
}
