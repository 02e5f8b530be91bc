// Which records are delivered: PUBACKs in any order -> one position that only rises, and its durable cursor.
//
//   journal:  … 41 42 43 | 44 45 46 47 … head         window: 44 acked, 45 sent, 46 acked
//             delivered  ^ cursor                      -> cursor may move to 44; 46 waits for 45
import type { Cursor } from '../journal/contract.ts'

/** One record on its way; `left` publishes of it await their PUBACK. */
export interface Flight {
  readonly seq: number
  left: number
  /** ms from publish to PUBACK of its alert. */
  pubackMs: number
  /** Called once, in the order of the journal. */
  readonly done: (flight: Flight) => void
}

export class OrderedAcks {
  /** Every record up to and including this one is delivered. */
  settledSeq: number
  readonly #cursor: Cursor
  readonly #failed: (error: unknown) => void
  #window: Flight[] = []
  #advancing: Promise<void> | undefined

  constructor(cursor: Cursor, failed: (error: unknown) => void) {
    this.#cursor = cursor
    this.settledSeq = cursor.seq
    this.#failed = failed
  }

  get length(): number {
    return this.#window.length
  }

  /** Forgets what is on its way: it will be sent again. */
  reset(): void {
    this.#window = []
  }

  /** Counts as one publish until the first acked() for it, so that it cannot settle while it is being sent. */
  add(seq: number, done: Flight['done']): Flight {
    const flight = { seq, left: 1, pubackMs: 0, done }
    this.#window.push(flight)
    return flight
  }

  acked(flight: Flight): void {
    flight.left--
    if (this.#window[0] !== flight) return
    for (let head = this.#window[0]; head && head.left === 0; head = this.#window[0]) {
      this.#window.shift()
      this.settledSeq = head.seq
      head.done(head)
    }
    if (this.#cursor.seq < this.settledSeq) this.#advancing ??= this.#advance()
  }

  /** Resolves when the cursor is stored as far as it can be now. */
  async flush(): Promise<void> {
    await this.#advancing
  }

  /** One durable write at a time, always of the newest position. A cursor that lags only means repeats after a crash. */
  async #advance(): Promise<void> {
    try {
      while (this.#cursor.seq < this.settledSeq) await this.#cursor.advance(this.settledSeq)
    } catch (error) {
      this.#failed(error)
    } finally {
      // In the same turn as the last look at settledSeq: a later turn would miss what settled in between.
      this.#advancing = undefined
    }
  }
}
