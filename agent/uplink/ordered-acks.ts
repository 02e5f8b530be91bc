// Which records are delivered: PUBACKs (and receipts) in any order -> one position that only rises, and its durable cursor.
//
//   journal:  … 41 42 43 | 44 45 46 47 … head         window: 44 acked, 45 sent, 46 acked
//             delivered  ^ cursor                      -> cursor may move to 44; 46 waits for 45
import type { Cursor } from '../journal/contract.ts'

/** One record on its way; `left` publishes of it await their PUBACK, and it its receipt. */
export interface Flight {
  readonly seq: number
  left: number
  /** ms from publish to PUBACK of its alert. */
  pubackMs: number
  /** Awaits a receipt of this alert number or a higher one. */
  receipt: number | undefined
  /** Called once, in the order of the journal. */
  readonly done: (flight: Flight) => void
}

export class OrderedAcks {
  /** Every record up to and including this one is delivered. */
  settledSeq: number
  #cursor: Cursor
  readonly #failed: (error: unknown) => void
  #window: Flight[] = []
  #advancing: Promise<void> | undefined

  constructor(cursor: Cursor, failed: (error: unknown) => void, settledSeq = cursor.seq) {
    this.#cursor = cursor
    this.settledSeq = settledSeq
    this.#failed = failed
  }

  get length(): number {
    return this.#window.length
  }

  /** Every PUBACK has come, and every record on its way waits for a receipt or for one before it. */
  get awaitsReceipts(): boolean {
    const [first] = this.#window
    if (!first || first.receipt === undefined) return false
    return this.#window.every(({ left, receipt }) => left === (receipt === undefined ? 0 : 1))
  }

  /** Forgets what is on its way: it will be sent again. */
  reset(): void {
    this.#window = []
  }

  /** From now on the position is kept there; it is stored there with the next step. */
  moveTo(cursor: Cursor): void {
    this.#cursor = cursor
    this.#store()
  }

  /** Counts as one publish until the first acked() for it, so that it cannot settle while it is being sent. */
  add(seq: number, done: Flight['done']): Flight {
    const flight = { seq, left: 1, pubackMs: 0, receipt: undefined, done }
    this.#window.push(flight)
    return flight
  }

  /** `flight` is not done before a receipt of `number`. */
  awaitReceipt(flight: Flight, number: number): void {
    if (flight.receipt === undefined) flight.left++
    flight.receipt = Math.max(number, flight.receipt ?? 0)
  }

  /** A receipt: a consumer holds every alert up to `number`. */
  confirm(number: number): void {
    for (const flight of [...this.#window]) {
      if (flight.receipt === undefined || flight.receipt > number) continue
      flight.receipt = undefined
      this.acked(flight)
    }
  }

  acked(flight: Flight): void {
    flight.left--
    if (this.#window[0] !== flight) return
    for (let head = this.#window[0]; head && head.left === 0; head = this.#window[0]) {
      this.#window.shift()
      this.settledSeq = head.seq
      head.done(head)
    }
    this.#store()
  }

  /** Resolves when the cursor is stored as far as it can be now. */
  async flush(): Promise<void> {
    await this.#advancing
  }

  #store(): void {
    if (this.#cursor.seq < this.settledSeq) this.#advancing ??= this.#advance()
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
