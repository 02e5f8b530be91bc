/** Wakes one waiter. A notify without a waiter is remembered, so none is missed between looking and waiting. */
export class Signal {
  #set = false
  #waiter: (() => void) | undefined

  notify(): void {
    this.#set = true
    this.#waiter?.()
  }

  /** Something happened that nobody looked at yet. */
  get pending(): boolean {
    return this.#set
  }

  async wait(): Promise<void> {
    if (!this.#set) {
      await new Promise<void>(resolve => {
        this.#waiter = resolve
      })
      this.#waiter = undefined
    }
    this.#set = false
  }
}
