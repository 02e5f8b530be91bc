// Seeded randomness. Everything random in the agent (jitter, simulator, ids) takes a Prng, so a printed seed replays a run.
import { randomBytes } from 'node:crypto'

export interface Prng {
  /** Uniform in [0, 1). */
  next(): number
  /** Standard normal. */
  normal(): number
}

/** mulberry32: 32-bit state, period 2^32, ample for jitter and simulation. */
export function seededPrng(seed: number): Prng {
  let state = seed >>> 0
  let spare = Number.NaN
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
  const normal = (): number => {
    if (!Number.isNaN(spare)) {
      const value = spare
      spare = Number.NaN
      return value
    }
    // Box-Muller gives two; 1 - next() is never 0, so the logarithm is finite.
    const radius = Math.sqrt(-2 * Math.log(1 - next()))
    const angle = 2 * Math.PI * next()
    spare = radius * Math.sin(angle)
    return radius * Math.cos(angle)
  }
  return { next, normal }
}

/** A seed nobody chose, for production use. */
export function entropySeed(): number {
  return randomBytes(4).readUInt32LE()
}

/** Nobody can guess it, whatever they have seen: for secrets and nonces, which a seed must never make. base64url. */
export function unguessable(bytes: number): string {
  return randomBytes(bytes).toString('base64url')
}
