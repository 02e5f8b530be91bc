/** A clock that stands still until told to move: a week of it costs what is done in it. Times as in core/clock.ts. */
export class ManualClock {
  #wallUs
  #nowMs = 0
  #timers = new Set()

  constructor(startUs) {
    this.#wallUs = startUs
  }

  nowUs() {
    return this.#wallUs
  }

  monotonicMs() {
    return this.#nowMs
  }

  after(delayMs, fn) {
    return this.#add(delayMs, undefined, fn)
  }

  every(periodMs, fn) {
    return this.#add(periodMs, periodMs, fn)
  }

  #add(delayMs, periodMs, fn) {
    const timer = { atMs: this.#nowMs + delayMs, periodMs, fn }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  #nextBefore(endMs) {
    let next
    for (const timer of this.#timers) if (timer.atMs <= endMs && (!next || timer.atMs < next.atMs)) next = timer
    return next
  }

  #moveTo(ms) {
    this.#wallUs += (ms - this.#nowMs) * 1000
    this.#nowMs = ms
  }

  /** Fires timers in the order of their time. */
  advance(ms) {
    const endMs = this.#nowMs + ms
    for (let next = this.#nextBefore(endMs); next; next = this.#nextBefore(endMs)) {
      this.#moveTo(Math.max(this.#nowMs, next.atMs))
      if (next.periodMs === undefined) this.#timers.delete(next)
      else next.atMs += next.periodMs
      next.fn()
    }
    this.#moveTo(endMs)
  }
}
