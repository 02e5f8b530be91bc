/**
 * Running time between scored windows. Scores come back later than their windows were cut, and some windows are dropped on
 * the way; delays must count the running time of those too. So each window's running time is noted here when it is cut and
 * collected, together with that of windows that never came back, when its score arrives.
 */
export class RunningLedger {
  readonly #timesUs: Float64Array
  readonly #runningUs: Float64Array
  #head = 0
  #length = 0

  /** `capacity`: at least the windows that may wait for their score. */
  constructor(capacity: number) {
    this.#timesUs = new Float64Array(capacity)
    this.#runningUs = new Float64Array(capacity)
  }

  note(timeUs: number, runningUs: number): void {
    const capacity = this.#timesUs.length
    if (this.#length === capacity) {
      // The oldest was dropped by the scorer's queue long ago; its time goes to the one after it.
      const next = (this.#head + 1) % capacity
      this.#runningUs[next]! += this.#runningUs[this.#head]!
      this.#head = next
      this.#length--
    }
    const at = (this.#head + this.#length) % capacity
    this.#timesUs[at] = timeUs
    this.#runningUs[at] = runningUs
    this.#length++
  }

  /** Running time since the window scored before this one; 0 for a window that was never noted. */
  collect(timeUs: number): number {
    const capacity = this.#timesUs.length
    let sumUs = 0
    for (let taken = 1; taken <= this.#length; taken++) {
      const at = (this.#head + taken - 1) % capacity
      sumUs += this.#runningUs[at]!
      if (this.#timesUs[at] === timeUs) {
        this.#head = (at + 1) % capacity
        this.#length -= taken
        return sumUs
      }
    }
    return 0
  }
}
