/** Any number of readers, or one that changes what they read. */
export class Turns {
  #readers = 0
  #changing: Promise<void> | undefined
  #noReader: (() => void) | undefined

  async read<T>(work: () => Promise<T>): Promise<T> {
    while (this.#changing) await this.#changing
    this.#readers++
    try {
      return await work()
    } finally {
      if (--this.#readers === 0) this.#noReader?.()
    }
  }

  /** One at a time: there is one writer. New readers wait. */
  async change(work: () => Promise<void>): Promise<void> {
    const changed = (async () => {
      if (this.#readers > 0) await new Promise<void>(resolve => (this.#noReader = resolve))
      await work()
    })()
    this.#changing = changed.catch(() => {})
    try {
      await changed
    } finally {
      this.#changing = undefined
      this.#noReader = undefined
    }
  }
}
