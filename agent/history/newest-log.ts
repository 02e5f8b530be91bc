// The number of the newest write-ahead log that holds something acknowledged, in a file of its own in the store's directory.
//
// While LevelDB writes a full memory table out there are two logs, and its manifest names the older alone: were the newer one
// gone, nothing would say that it had ever been. LevelDB leaves files alone whose names it does not know.
//
//   NEWEST-LOG: the number, a blank, CRC32 of the number's digits as decimal text
import { open, readdir, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from '../core/crc.ts'
import { realDisk } from '../core/disk.ts'

const NAME = 'NEWEST-LOG'

/** 0 where nothing tells: a store of a version before, or a file that is damaged, which costs nothing but this check. */
export async function newestLogOf(dir: string): Promise<number> {
  const text = await readFile(join(dir, NAME), 'latin1').catch(() => '')
  const [, digits = '', crc] = /^(\d{1,15}) (\d{1,10})$/.exec(text) ?? []
  return digits !== '' && crc32(Buffer.from(digits)) === Number(crc) ? Number(digits) : 0
}

export class NewestLog {
  readonly #dir: string
  #noted = 0

  constructor(dir: string) {
    this.#dir = dir
  }

  /**
   * After each write: syncs the names in the directory, which LevelDB leaves undone (after a power cut a file system may have a log without
   * its name), and notes a log that is new. Rejects when the names cannot be synced.
   */
  async note(): Promise<void> {
    await realDisk.syncDir(this.#dir)
    const newest = await newestIn(this.#dir)
    if (newest === this.#noted) return
    // One that cannot be noted is tried again with the next write: the rows themselves are on the disk.
    if (await write(this.#dir, newest).catch(() => false)) this.#noted = newest
  }
}

async function newestIn(dir: string): Promise<number> {
  return Math.max(0, ...(await readdir(dir)).map(name => Number(/^(\d+)\.log$/.exec(name)?.[1] ?? 0)))
}

async function write(dir: string, newest: number): Promise<true> {
  const digits = String(newest)
  const path = join(dir, NAME)
  const file = await open(`${path}.tmp`, 'w', 0o640)
  try {
    await file.writeFile(`${digits} ${crc32(Buffer.from(digits))}`)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(`${path}.tmp`, path)
  await realDisk.syncDir(dir)
  return true
}
