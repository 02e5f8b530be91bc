// Makes room for a new segment: what drops.ts says is thinned, and removed once the gap record that names it is durable.
import type { Disk } from '../core/disk.ts'
import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { JournalLoss } from './contract.ts'
import { type DropLoss, lossOf } from './drop-loss.ts'
import { type DropLimits, type Drops, planDrops } from './drops.ts'
import { removeInOrder } from './segment-file.ts'
import { goesLast, type Segment } from './segment-state.ts'
import { type ThinOptions, thinned, writeThinned } from './thinning.ts'
import type { Turns } from './turns.ts'

/** More than this many are too much of the space. */
const LEFT_OVER_MAX = 2

export interface RoomOptions {
  dir: string
  disk: Disk
  /** Called when undelivered records went because space ran out. */
  dropped: (loss: JournalLoss) => void
  turns: Turns
  logger: Logger
}

/** Thins segments until dropping the oldest is all that is left to do, or nothing. Rejects as the disk does. */
export async function makeRoom(
  segments: readonly Segment[],
  limits: DropLimits,
  checkpointSeq: number | undefined,
  options: RoomOptions,
): Promise<Drops & DropLoss> {
  let writtenBytes = 0
  // Each round leaves less to be thinned.
  for (;;) {
    const drops = planDrops(segments, { ...limits, writtenBytes })
    if (drops.thin.length === 0)
      return { ...drops, ...(await lossOf(options.disk, segments, drops.undelivered, limits)) }
    const { deliveredSeq } = limits
    for (const { segment, from } of drops.thin) {
      await thin(segment, { from, deliveredSeq, checkpointSeq }, options)
      writtenBytes += segment.bytes
    }
  }
}

async function thin(segment: Segment, which: ThinOptions, options: RoomOptions): Promise<void> {
  const { disk, dir, turns, dropped, logger } = options
  const anew = await thinned(disk, segment, which).catch((error: unknown) => {
    logger.warn('a journal segment cannot be thinned', { path: segment.path, cause: messageOf(error) })
    goesLast(segment, which.from)
    return 'damaged' as const
  })
  // Nothing is to be gained there.
  if (!anew) segment.bytesOf.fill(0, which.from)
  if (!anew || anew === 'damaged') return
  const path = await writeThinned(disk, anew)
  // A reader holds offsets into the file.
  await turns.change(async () => {
    await disk.rename(path, segment.path)
    Object.assign(segment, anew.segment)
    // Whoever reads on finds it stated.
    if (anew.loss) dropped(anew.loss)
  })
  await disk.syncDir(dir)
}

/**
 * The gap record that names them is durable; a crash in between is finished by the next recovery. One that the disk does not let go
 * is tried again with the next, and those after it wait: between segments that are there, a hole is taken for damage.
 */
export async function removeLeftOver(paths: Set<string>, { dir, disk, logger }: RoomOptions): Promise<void> {
  for (const path of [...paths].sort()) {
    try {
      await removeInOrder(disk, dir, [path])
      paths.delete(path)
    } catch (error) {
      logger.warn('a dropped journal segment could not be removed', { path, cause: messageOf(error) })
      if (paths.size <= LEFT_OVER_MAX) return
    }
  }
}
