// What was lost of the history and what came back of it, put on record in words.
import type { Counters } from '../core/counters.ts'
import type { Logger } from '../core/logger.ts'
import type { PlaceReport } from './place.ts'

export interface LossesOptions {
  dir: string
  logger: Logger
  counters: Counters
  onLoss?: (what: string) => void
}

export class Losses {
  readonly #options: LossesOptions
  #said: string | undefined

  constructor(options: LossesOptions) {
    this.#options = options
  }

  /** The last of it; undefined when nothing was lost. */
  get said(): string | undefined {
    return this.#said
  }

  opened({ loss, setAside, droppedBytes }: PlaceReport): void {
    if (loss) {
      this.#options.counters.get('history.stores_lost').n++
      this.#say(loss, setAside)
    }
    if (droppedBytes > 0) this.#newestLost(droppedBytes)
  }

  #newestLost(droppedBytes: number): void {
    const { dir, counters } = this.#options
    const what = `${droppedBytes} bytes of the newest rows in the history ${dir} were unreadable and are left out`
    counters.get('history.dropped_bytes').n += droppedBytes
    this.#say(
      `${what}: a kill or a power cut in the middle of a write, a disk that refused before a stop, or damage; what was older is there`,
    )
  }

  #say(what: string, setAside?: string): void {
    this.#said = what
    this.#options.logger.error(what, { setAside })
    this.#options.onLoss?.(what)
  }

  /** What came back of a store that was set aside. */
  salvaged(path: string, what: string): void {
    this.#said = this.#said ? `${this.#said}; ${what}` : `of the history set aside in ${path}: ${what}`
    this.#options.logger.warn(this.#said)
    this.#options.onLoss?.(this.#said)
  }
}
