// The child's side of the pipe: blocking reads and writes, nothing buffered beyond one frame.
import { readSync, writeSync } from 'node:fs'
import { type Frame, HEADER_BYTES, payloadBytesOf, TO_CHILD_BYTES_MAX, viewOf } from './protocol.ts'

const STDIN = 0
const STDOUT = 1
const SLOT_FILE = 3

// One read takes whatever has arrived, usually the two SCORE frames under way; only LOAD is larger than this.
const staged = new Uint8Array(4096)
let stagedFrom = 0
let stagedTo = 0

/**
 * Blocks until a frame is there; undefined at the end of stdin, which means that the host ended us or is gone.
 * The payload is valid until the next call.
 */
export function readFrame(): Frame | undefined {
  if (!stage(HEADER_BYTES)) return undefined
  const header = viewOf(staged.subarray(stagedFrom, stagedFrom + HEADER_BYTES))
  const type = header.getUint32(4, true)
  const id = header.getUint32(8, true)
  const payload = readPayload(payloadBytesOf(header, TO_CHILD_BYTES_MAX))
  return payload && { type, id, payload }
}

function readPayload(length: number): Uint8Array | undefined {
  stagedFrom += HEADER_BYTES
  if (length <= staged.length && !stage(length)) return undefined
  const head = staged.subarray(stagedFrom, Math.min(stagedTo, stagedFrom + length))
  stagedFrom += head.length
  if (head.length === length) return head
  const payload = new Uint8Array(length)
  payload.set(head)
  for (let done = head.length; done < length; ) {
    const read = readSync(STDIN, payload, done, length - done, null)
    if (read === 0) return undefined
    done += read
  }
  return payload
}

/** Has at least `bytes` staged, reading for as long as it takes; false at the end of stdin. */
function stage(bytes: number): boolean {
  if (stagedFrom + bytes > staged.length) {
    staged.copyWithin(0, stagedFrom, stagedTo)
    stagedTo -= stagedFrom
    stagedFrom = 0
  }
  while (stagedTo - stagedFrom < bytes) {
    const read = readSync(STDIN, staged, stagedTo, staged.length - stagedTo, null)
    if (read === 0) return false
    stagedTo += read
  }
  return true
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
