import type { Prng } from './prng.ts'

/** Delays for retries: doubling from `firstMs` to at most `capMs`, each times 0.5–1 so that a fleet does not retry in step. */
export class Backoff {
  readonly #prng: Prng
  readonly #firstMs: number
  readonly #capMs: number
  #attempts = 0

  constructor(prng: Prng, firstMs: number, capMs: number) {
    this.#prng = prng
    this.#firstMs = firstMs
    this.#capMs = capMs
  }

  nextMs(): number {
    const ceilingMs = Math.min(this.#capMs, this.#firstMs * 2 ** Math.min(this.#attempts++, 30))
    return ceilingMs * (0.5 + 0.5 * this.#prng.next())
  }

  /** Call when the thing worked. */
  reset(): void {
    this.#attempts = 0
  }
}
