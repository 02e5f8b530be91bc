// The windows of one model that wait for the scorer or are with it. See WindowQueue in contract.ts.
import type { WindowQueue } from './contract.ts'

// All windows of one model, together; the queue is shortened when its windows are large.
const QUEUE_BYTES_MAX = 64 * 2 ** 20

export interface RingEvents {
  claimed(): void
  dropped(windows: number): void
}

/**
 *   slots   [capacity + what may be in flight] windows, in `input`, and one more that takes what a closed queue gets
 *   order   the slots that wait, oldest first
 *   free    the other slots, a stack: the slot freed last is filled next, so memory stays as small as the backlog was
 *
 * A slot stays taken while its window is with the scorer: a batch can be sent once more without a copy.
 */
export class WindowRing implements WindowQueue {
  readonly key: string
  readonly channels: number
  readonly samples: number
  readonly floatsPerWindow: number
  readonly capacity: number
  readonly input: Float32Array
  readonly tags: Int32Array
  readonly timesUs: Float64Array
  readonly #order: Int32Array
  readonly #free: Int32Array
  readonly #views: (Uint8Array | undefined)[] = []
  readonly #events: RingEvents
  #head = 0
  #waiting = 0
  #freeCount: number
  #dropped = 0
  #closed = false

  constructor(
    shape: { key: string; channels: number; samples: number },
    windowsMax: number,
    inFlightMax: number,
    events: RingEvents,
  ) {
    this.key = shape.key
    this.channels = shape.channels
    this.samples = shape.samples
    this.floatsPerWindow = shape.channels * shape.samples
    this.capacity = Math.max(2, Math.min(windowsMax, Math.floor(QUEUE_BYTES_MAX / (this.floatsPerWindow * 4))))
    const slots = this.capacity + inFlightMax
    this.input = new Float32Array((slots + 1) * this.floatsPerWindow)
    this.tags = new Int32Array(slots)
    this.timesUs = new Float64Array(slots)
    this.#order = new Int32Array(this.capacity)
    this.#free = Int32Array.from({ length: slots }, (_, i) => slots - 1 - i)
    this.#freeCount = slots
    this.#events = events
  }

  get waiting(): number {
    return this.#waiting
  }

  get dropped(): number {
    return this.#dropped
  }

  claim(tag: number, timeUs: number): number {
    // A holder of a queue whose model is gone may still claim: the window goes nowhere, and is counted.
    if (this.#closed) {
      this.#drop(1)
      return this.tags.length * this.floatsPerWindow
    }
    if (this.#waiting === this.capacity) {
      this.#release(this.#shift())
      this.#drop(1)
    }
    const slot = this.#free[--this.#freeCount]!
    this.tags[slot] = tag
    this.timesUs[slot] = timeUs
    this.#order[(this.#head + this.#waiting++) % this.capacity] = slot
    this.#events.claimed()
    return slot * this.floatsPerWindow
  }

  /** Moves the oldest windows into `slots`; returns how many. They stay taken until release(). */
  take(slots: Int32Array, max: number): number {
    const count = Math.min(max, this.#waiting)
    for (let i = 0; i < count; i++) slots[i] = this.#shift()
    return count
  }

  release(slots: Int32Array, count: number): void {
    for (let i = 0; i < count; i++) this.#release(slots[i]!)
  }

  /** The bytes of one slot, for writing. */
  view(slot: number): Uint8Array {
    const bytes = this.floatsPerWindow * 4
    return (this.#views[slot] ??= new Uint8Array(this.input.buffer, slot * bytes, bytes))
  }

  /** No more windows; what waits is given up. Returns how many waited. */
  close(): number {
    const lost = this.#waiting
    while (this.#waiting > 0) this.#release(this.#shift())
    this.#closed = true
    return lost
  }

  #drop(windows: number): void {
    this.#dropped += windows
    this.#events.dropped(windows)
  }

  #shift(): number {
    const slot = this.#order[this.#head]!
    this.#head = (this.#head + 1) % this.capacity
    this.#waiting--
    return slot
  }

  #release(slot: number): void {
    this.#free[this.#freeCount++] = slot
  }
}
