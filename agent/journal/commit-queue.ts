import { Backoff } from '../core/backoff.ts'
import { type Clock, sleep } from '../core/clock.ts'
import type { Counter, Counters } from '../core/counters.ts'
import { AgentError, messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Prng } from '../core/prng.ts'
import type { Journal, NewRecord } from './contract.ts'

/** What `#append` came to: the number of the record, or why it has none. */
type Appended = number | 'too large' | 'stopping'

/**
 * Appends records one after the other and gives none up that the journal can ever take: alert sequence numbers are dealt out
 * before the append, so a record skipped would be a gap. While the disk refuses, records wait here; alarms are rare, and the
 * queue states its length. One that is too large would wait for ever, and all others behind it: it is refused, and counted.
 */
export class CommitQueue {
  readonly #journal: Journal
  readonly #clock: Clock
  readonly #backoff: Backoff
  readonly #logger: Logger
  readonly #tooLarge: Counter
  readonly #waiting: { record: NewRecord; durable: () => void; done: (seq: number | undefined) => void }[] = []
  readonly #stopping = new AbortController()
  #draining: Promise<void> | undefined

  constructor(journal: Journal, clock: Clock, prng: Prng, logger: Logger, counters: Counters) {
    this.#journal = journal
    this.#clock = clock
    this.#backoff = new Backoff(prng, 100, 5_000)
    this.#logger = logger
    this.#tooLarge = counters.get('journal.too_large_records')
  }

  get length(): number {
    return this.#waiting.length
  }

  /**
   * Resolves with the sequence number once durable, with undefined when the journal can never take it; never when the agent
   * stops before that. `durable` is called at that moment, before the next append: a checkpoint written with it must know
   * everything that is on the disk.
   */
  push(record: NewRecord, durable: () => void = () => {}): Promise<number | undefined> {
    return new Promise(done => {
      this.#waiting.push({ record, durable, done })
      this.#draining ??= this.#drain()
    })
  }

  /** Resolves when everything pushed so far is durable. */
  async settled(): Promise<void> {
    await this.#draining
  }

  /** One last attempt for what waits, then no more. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#draining
  }

  async #drain(): Promise<void> {
    for (let head = this.#waiting[0]; head; head = this.#waiting[0]) {
      const seq = await this.#append(head.record)
      if (seq === 'stopping') break
      this.#waiting.shift()
      if (seq !== 'too large') head.durable()
      head.done(seq === 'too large' ? undefined : seq)
    }
    // In the same turn as the last look at the queue: whoever waited for `done` may push again before this promise settles.
    this.#draining = undefined
  }

  async #append(record: NewRecord): Promise<Appended> {
    for (;;) {
      try {
        const seq = await this.#journal.append(record)
        this.#backoff.reset()
        return seq
      } catch (error) {
        if (error instanceof AgentError && error.code === 'JOURNAL_TOO_LARGE') {
          this.#tooLarge.n++
          this.#logger.error(`not journalled: ${error.message}`, { kind: record.kind, priority: record.priority })
          return 'too large'
        }
        if (this.#stopping.signal.aborted) return 'stopping'
        const delayMs = this.#backoff.nextMs()
        this.#logger.error(
          `cannot journal: ${messageOf(error)}; ${this.#waiting.length} record(s) wait, next try in ${Math.round(delayMs)} ms`,
        )
        await sleep(this.#clock, delayMs, this.#stopping.signal)
      }
    }
  }
}
