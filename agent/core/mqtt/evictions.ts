// MQTT 3.1.1 has no way to say that another client logged in with our id: the broker just closes. What can be seen is that
// it does so again and again soon after a login, for the other one comes back, too, and that each time the next login is answered at once: a broker
// that restarts is away for a moment.

import { linkFault, parts } from './explain.ts'

/** A connection that lived longer was ended by something else. */
const LIVED_MS_MAX = 60_000
const WITHIN_MS = 5 * 60_000
const ENOUGH = 3
const WITHOUT_WORD = ['CLOSED', 'ECONNRESET', 'EPIPE']

export class Evictions {
  readonly #endsMs: number[] = []

  /** A connection that was up is over; returns the cause to tell. */
  ended(cause: unknown, livedMs: number, nowMs: number): unknown {
    if (!WITHOUT_WORD.includes(String(parts(cause).code))) return cause
    if (livedMs > LIVED_MS_MAX) this.#endsMs.length = 0
    else this.#endsMs.push(nowMs)
    if (this.#endsMs.length > ENOUGH) this.#endsMs.shift()
    const text = this.text(nowMs)
    return text === undefined ? cause : linkFault('EVICTED', text)
  }

  /** An attempt to connect failed: the broker is away, not taken over. */
  failed(): void {
    this.#endsMs.length = 0
  }

  /** `closed the connection 3 times soon after the login`, or undefined. */
  text(nowMs: number): string | undefined {
    const recent = this.#endsMs.filter(ms => nowMs - ms < WITHIN_MS)
    if (recent.length < ENOUGH) return undefined
    return `the broker closed the connection ${recent.length} times within minutes, each time soon after the login`
  }
}
