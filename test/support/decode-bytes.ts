// Byte streams for framer and decoder tests.
import { readFileSync } from 'node:fs'
import { type Prng, seededPrng } from '../../agent/core/prng.ts'
import type { FrameFields } from '../../agent/decode/frame-format.ts'

export interface GoldenFrame extends FrameFields {
  name: string
  hex: string
}

/** Frames written by a separate implementation (Python), with their bytes. */
export function goldenFrames(): GoldenFrame[] {
  return JSON.parse(readFileSync(new URL('../golden/decode/cobs-frames.json', import.meta.url), 'utf8'))
}

/** `length` random bytes; `zeroes` of a thousand are 0x00, `lineEnds` of a thousand LF on top of chance. */
export function garbage(prng: Prng, length: number, zeroes = 0, lineEnds = 0): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) {
    const draw = Math.floor(prng.next() * 1000)
    bytes[i] = draw < zeroes ? 0 : draw < zeroes + lineEnds ? 0x0a : 1 + Math.floor(prng.next() * 255)
  }
  return bytes
}

/** Calls `push` with `bytes` in pieces of 1 to `pieceMax` bytes. */
export function inPieces(bytes: Uint8Array, pieceMax: number, seed: number, push: (piece: Uint8Array) => void): void {
  const prng = seededPrng(seed)
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + 1 + Math.floor(prng.next() * pieceMax))
    push(bytes.slice(at, end))
    at = end
  }
}

export function concat(...pieces: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(pieces))
}
