/** A FIFO of fixed capacity that drops its oldest entry when full and counts what it dropped. */
export class BoundedQueue<T> {
  readonly #slots: (T | undefined)[]
  #head = 0
  #length = 0
  dropped = 0

  constructor(capacity: number) {
    this.#slots = new Array<T | undefined>(capacity)
  }

  get length(): number {
    return this.#length
  }

  push(item: T): void {
    const capacity = this.#slots.length
    if (this.#length === capacity) {
      this.#head = (this.#head + 1) % capacity
      this.#length--
      this.dropped++
    }
    this.#slots[(this.#head + this.#length) % capacity] = item
    this.#length++
  }

  shift(): T | undefined {
    if (this.#length === 0) return undefined
    const item = this.#slots[this.#head]
    this.#slots[this.#head] = undefined
    this.#head = (this.#head + 1) % this.#slots.length
    this.#length--
    return item
  }
}
