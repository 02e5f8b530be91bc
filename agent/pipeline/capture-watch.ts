// Is the machine looked at? Captures that sensors spoil, or that never come, leave it unwatched, whatever its model says.
import type { Clock } from '../core/clock.ts'

/** So many captures in a row: one may be spoilt by a lorry, or by somebody at the cable. */
const CAPTURES_MISSED = 3

export interface Unwatched {
  /** µs; when the last capture was looked at, or was to be expected. */
  sinceUs: number
  /** `the last 7 captures have sensor faults (de-h dead)`. */
  reason: string
}

export class CaptureWatch {
  readonly #clock: Clock
  readonly #everyMs: number
  readonly #lengthMs: number
  /** The newest capture, good or not, or the begin of running: monotonic. */
  #lastMs: number
  #runningNow = false
  #spoilt = 0
  #spoiltSinceUs = 0
  #why = ''

  constructor(clock: Clock, everyMs: number, lengthMs: number) {
    this.#clock = clock
    this.#everyMs = everyMs
    this.#lengthMs = lengthMs
    this.#lastMs = clock.monotonicMs()
  }

  /** Samples came, of a machine that runs or does not. */
  stream(running: boolean): void {
    if (running && !this.#runningNow) this.#lastMs = this.#clock.monotonicMs()
    this.#runningNow = running
  }

  /** A capture that ended at `timeUs`; `why` it could not be used, if so: `de-h dead`. */
  captured(timeUs: number, why: string): void {
    this.#lastMs = this.#clock.monotonicMs()
    if (why === '') {
      this.#spoilt = 0
      return
    }
    if (this.#spoilt++ === 0) this.#spoiltSinceUs = timeUs
    this.#why = why
  }

  /** Undefined while all is well. `stopped`: nothing is to be expected of the machine. */
  unwatched(stopped: boolean): Unwatched | undefined {
    if (this.#spoilt >= CAPTURES_MISSED) {
      return {
        sinceUs: this.#spoiltSinceUs,
        reason: `the last ${this.#spoilt} captures came to nothing (${this.#why})`,
      }
    }
    const silentMs = this.#clock.monotonicMs() - this.#lastMs
    if (stopped || silentMs <= CAPTURES_MISSED * this.#everyMs + this.#lengthMs) return undefined
    return {
      sinceUs: this.#clock.nowUs() - silentMs * 1000,
      reason: 'no whole capture came since, at least three were due; look at the source and its gaps',
    }
  }
}
