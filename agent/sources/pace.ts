/** What Pace needs of its surroundings. */
export interface PaceClock {
  nowMs(): number
  sleep(ms: number): Promise<void>
  /** Lets the event loop turn once. */
  yield(): Promise<void>
  signal: AbortSignal
}

// Shorter waits than this cost more in timers than they are worth; rows due within it go out together.
const WAIT_MS_MIN = 10
// Longer waits are cut, so that a clock that cannot wait longer (2^31 ms) and an abort are no special cases.
const WAIT_MS_MAX = 60_000

/** Holds recorded time against the clock: when may what was recorded at a time be played? One per file. */
export class Pace {
  readonly #speed: number | 'max'
  readonly #clock: PaceClock
  #firstUs = Number.NaN
  #startMs = 0

  constructor(speed: number | 'max', clock: PaceClock) {
    this.#speed = speed
    this.#clock = clock
  }

  get aborted(): boolean {
    return this.#clock.signal.aborted
  }

  /** Recorded time that the playhead has reached; everything up to it may go out now. */
  playheadUs(): number {
    if (this.#speed === 'max' || Number.isNaN(this.#firstUs)) return Number.POSITIVE_INFINITY
    return this.#firstUs + (this.#clock.nowMs() - this.#startMs) * 1000 * this.#speed
  }

  /** Resolves when `timeUs` may be played (the first call sets the zero), always after a turn of the loop. */
  async reach(timeUs: number): Promise<void> {
    if (this.#speed !== 'max') {
      if (Number.isNaN(this.#firstUs)) {
        this.#firstUs = timeUs
        this.#startMs = this.#clock.nowMs()
      }
      for (;;) {
        const waitMs = (timeUs - this.playheadUs()) / 1000 / this.#speed
        if (this.aborted || waitMs <= 0) break
        await this.#clock.sleep(Math.min(WAIT_MS_MAX, Math.max(WAIT_MS_MIN, waitMs)))
      }
    }
    await this.#clock.yield()
  }
}
