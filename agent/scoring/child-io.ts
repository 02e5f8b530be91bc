// The child's side of the pipe: blocking reads and writes, nothing buffered beyond one frame.
import { readSync, writeSync } from 'node:fs'
import { type Frame, HEADER_BYTES, payloadBytesOf, TO_CHILD_BYTES_MAX, viewOf } from './protocol.ts'

const STDIN = 0
const STDOUT = 1
const SLOT_FILE = 3

const header = new Uint8Array(HEADER_BYTES)
const headerView = viewOf(header)
// SCORE frames have 16 bytes and come thousands of times a second; only LOAD allocates.
const small = new Uint8Array(1024)

/** Blocks until a frame is there; undefined at the end of stdin, which means that the host ended us or is gone. */
export function readFrame(): Frame | undefined {
  if (!readFully(STDIN, header)) return undefined
  const length = payloadBytesOf(headerView, TO_CHILD_BYTES_MAX)
  const payload = length <= small.length ? small.subarray(0, length) : new Uint8Array(length)
  if (!readFully(STDIN, payload)) return undefined
  return { type: headerView.getUint32(4, true), id: headerView.getUint32(8, true), payload }
}

export function writeAll(bytes: Uint8Array): void {
  let done = 0
  while (done < bytes.length) done += writeSync(STDOUT, bytes, done, bytes.length - done)
}

/** Copies a batch out of the slot file. */
export function readSlot(target: Uint8Array, position: number): void {
  let done = 0
  while (done < target.length) {
    const read = readSync(SLOT_FILE, target, done, target.length - done, position + done)
    if (read === 0) throw new Error(`the slot file ends at ${position + done}`)
    done += read
  }
}

function readFully(descriptor: number, target: Uint8Array): boolean {
  let done = 0
  while (done < target.length) {
    const read = readSync(descriptor, target, done, target.length - done, null)
    if (read === 0) return false
    done += read
  }
  return true
}
