// Reads every table of the store through, slowly, for blocks whose checksum does not hold (level-tables.ts).
import { basename } from 'node:path'
import { type Clock, sleep } from '../core/clock.ts'
import { errnoOf } from '../core/disk.ts'
import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { liveTables } from './level-manifest.ts'
import { blocksOf, damagedBytes } from './level-tables.ts'

/** It works for so long, then rests ten times that: a tenth of a core, 8 GB in some minutes. */
const WORK_MS = 10
const REST_PART = 10

export class Scrub {
  readonly #dir: string
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #stopped = new AbortController()

  constructor({ dir, clock, logger }: { dir: string; clock: Clock; logger: Logger }) {
    this.#dir = dir
    this.#clock = clock
    this.#logger = logger
  }

  /** Resolves with what is damaged, in words; undefined when nothing is, or it was stopped. Never rejects. */
  async run(): Promise<string | undefined> {
    const damaged: string[] = []
    const pause = this.#pauses()
    try {
      for (const path of await liveTables(this.#dir)) {
        if (this.#stopped.signal.aborted) return undefined
        const bytes = await this.#damagedIn(path, pause)
        if (bytes > 0) damaged.push(`${bytes} bytes of ${basename(path)}`)
      }
    } catch (error) {
      this.#logger.warn('the history could not be read through for damage', { cause: messageOf(error) })
    }
    return damaged.length > 0 ? `${damaged.join(', ')} do not hold their checksum` : undefined
  }

  async #damagedIn(path: string, pause: () => Promise<void>): Promise<number> {
    try {
      const blocks = await blocksOf(path)
      return blocks ? await damagedBytes(path, blocks, pause) : 1
    } catch (error) {
      // A compaction has taken its place.
      if (errnoOf(error) === 'ENOENT') return 0
      // A bad sector would stop every later write once a compaction meets it.
      if (errnoOf(error) === 'EIO') return 1
      throw error
    }
  }

  #pauses(): () => Promise<void> {
    let sinceMs = this.#clock.monotonicMs()
    return async () => {
      const workedMs = this.#clock.monotonicMs() - sinceMs
      if (workedMs < WORK_MS) return
      await sleep(this.#clock, workedMs * REST_PART, this.#stopped.signal)
      sinceMs = this.#clock.monotonicMs()
    }
  }

  stop(): void {
    this.#stopped.abort()
  }
}
