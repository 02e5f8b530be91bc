import type { Cancel, Clock } from '../core/clock.ts'

/**
 * A deadline that does not punish a child for our own delay: when this process was stopped or busy, the timer is late
 * and fires before the answer that lies in the pipe is read. So one round of the event loop passes before it counts.
 */
export class Deadline {
  readonly #clock: Clock
  readonly #expired: () => void
  #cancel: Cancel | undefined
  #round = 0

  constructor(clock: Clock, expired: () => void) {
    this.#clock = clock
    this.#expired = expired
  }

  arm(delayMs: number): void {
    this.disarm()
    const round = this.#round
    // Two: the first may still belong to the round in which the timer fired, before the pipes were polled.
    this.#cancel = this.#clock.after(delayMs, () =>
      setImmediate(() => setImmediate(() => round === this.#round && this.#expired())),
    )
  }

  disarm(): void {
    this.#round++
    this.#cancel?.()
    this.#cancel = undefined
  }
}
