// The memory that batches travel through: a file without a name, in memory, one slot per batch in flight.
import { closeSync, openSync, unlinkSync, writeSync, writevSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AgentError } from '../core/errors.ts'
import { SLOTS } from './protocol.ts'

const FOLDERS = ['/dev/shm', tmpdir()]
const ZEROS = new Uint8Array(64 * 1024)

/** Written by the host, read by one child as its descriptor 3. Gone with the last of the two, whatever ends them. */
export class SlotFile {
  readonly descriptor: number
  readonly slotBytes: number

  /** `unique` keeps two children of one process apart for the instant the file has a name. */
  constructor(slotBytes: number, unique: number) {
    this.slotBytes = slotBytes
    this.descriptor = openFirst(slotBytes * SLOTS, unique)
  }

  /** One window after the other. Synchronous: 164 kB take 40 µs, and the next claim may reuse nothing before the answer. */
  write(slot: number, windows: readonly Uint8Array[]): void {
    let bytes = 0
    for (const window of windows) bytes += window.length
    // The file has its full size since it was made, so there is nothing left that could make a write short.
    const written = writevSync(this.descriptor, windows as Uint8Array[], slot * this.slotBytes)
    if (written !== bytes) throw new AgentError('SCORER_DIED', `slot file: wrote ${written} of ${bytes} bytes`)
  }

  close(): void {
    closeSync(this.descriptor)
  }
}

/** A full /dev/shm (64 MB in a container) is found here, not in the middle of a batch: hence the zeros. */
function openFirst(bytes: number, unique: number): number {
  let cause: unknown
  for (const folder of FOLDERS) {
    let descriptor: number | undefined
    try {
      const path = join(folder, `wearwatch-scorer-${process.pid}-${unique}`)
      descriptor = openSync(path, 'wx+', 0o600)
      unlinkSync(path)
      for (let at = 0; at < bytes; at += ZEROS.length)
        writeSync(descriptor, ZEROS, 0, Math.min(ZEROS.length, bytes - at))
      return descriptor
    } catch (error) {
      if (descriptor !== undefined) closeSync(descriptor)
      cause = error
    }
  }
  throw new AgentError('SCORER_DIED', `scorer: no ${bytes} bytes in ${FOLDERS.join(' or ')}; free some space there`, {
    cause,
  })
}
