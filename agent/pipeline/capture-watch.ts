// Is the machine looked at? Captures that sensors spoil, or that never come, leave it unwatched, whatever its model says.
import type { Clock } from '../core/clock.ts'

/** So many captures in a row: one may be spoilt by a lorry, or by somebody at the cable. */
const CAPTURES_MISSED = 3

export interface Unwatched {
  /** µs; of the first capture that came to nothing, or the last that came. */
  sinceUs: number
  /** `every capture came to nothing (de-h dead)`. Changes seldom, and so does the retained state. */
  reason: string
}

export class CaptureWatch {
  readonly #clock: Clock
  readonly #everyMs: number
  readonly #lengthMs: number
  /** The newest capture, good or not, or the begin of running: monotonic. */
  #lastMs: number
  #lastUs: number
  #runningNow = false
  #spoilt = 0
  #spoiltSinceUs = 0
  #why = ''

  constructor(clock: Clock, everyMs: number, lengthMs: number) {
    this.#clock = clock
    this.#everyMs = everyMs
    this.#lengthMs = lengthMs
    this.#lastMs = clock.monotonicMs()
    this.#lastUs = clock.nowUs()
  }

  /** Samples came, of a machine that runs or does not. */
  stream(running: boolean): void {
    if (running && !this.#runningNow) this.#note()
    this.#runningNow = running
  }

  /** A capture that ended at `timeUs`; `why` it could not be used, if so: `de-h dead`. */
  captured(timeUs: number, why: string): void {
    this.#note()
    if (why === '') {
      this.#spoilt = 0
      return
    }
    if (this.#spoilt++ === 0) this.#spoiltSinceUs = timeUs
    this.#why = why
  }

  /** The newest capture did say something of the machine. */
  told(): void {
    this.#spoilt = 0
  }

  /** Undefined while all is well. `stopped`: nothing is to be expected of the machine. */
  unwatched(stopped: boolean): Unwatched | undefined {
    if (this.#spoilt >= CAPTURES_MISSED) {
      return {
        sinceUs: this.#spoiltSinceUs,
        reason: `every capture came to nothing (${this.#why})`,
      }
    }
    const silentMs = this.#clock.monotonicMs() - this.#lastMs
    if (stopped || silentMs <= CAPTURES_MISSED * this.#everyMs + this.#lengthMs) return undefined
    return {
      sinceUs: this.#lastUs,
      reason: 'no whole capture came, at least three were due; look at the source and its gaps',
    }
  }

  #note(): void {
    this.#lastMs = this.#clock.monotonicMs()
    this.#lastUs = this.#clock.nowUs()
  }
}
