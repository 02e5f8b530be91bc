// Which counters were used by whom: a fold over the journal's `operator` records, kept in its checkpoints.
import type { OperatorRecord } from './contract.ts'

/** Largest counter by SHA-256 of the public key, in the order in which the keys were last used. */
export type CountersSnapshot = Record<string, number>

/** Keys come and go over the years; one that is not configured any more signs nothing. */
const KEYS_MAX = 256

export class OperatorFold {
  readonly #counters = new Map<string, number>()

  counterOf(keySha256: string): number {
    return this.#counters.get(keySha256) ?? 0
  }

  /** Counters only rise, so records that a checkpoint holds already change nothing. */
  apply(record: OperatorRecord): void {
    if (record.event !== 'accepted' || record.keySha256 === undefined || record.counter === undefined) return
    this.#raise(record.keySha256, record.counter)
  }

  snapshot(): CountersSnapshot {
    return Object.fromEntries(this.#counters)
  }

  restore(counters: CountersSnapshot): void {
    for (const [key, counter] of Object.entries(counters)) this.#raise(key, counter)
  }

  #raise(keySha256: string, counter: number): void {
    if (!Number.isSafeInteger(counter)) return
    const before = this.counterOf(keySha256)
    this.#counters.delete(keySha256)
    this.#counters.set(keySha256, Math.max(before, counter))
    const oldest = this.#counters.keys().next()
    if (this.#counters.size > KEYS_MAX && !oldest.done) this.#counters.delete(oldest.value)
  }
}
