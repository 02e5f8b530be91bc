// How far a backtest has come: one line that is written over on a terminal; elsewhere a line now and then, so that a log of
// an hour's run shows that it lives.
import { systemClock } from '../core/clock.ts'

const TERMINAL_MS = 200
const LOG_MS = 15_000

export class Progress {
  readonly #terminal = process.stderr.isTTY === true
  readonly #clock = systemClock()
  #what = ''
  #toldMs = this.#clock.monotonicMs()

  begin(what: string): void {
    this.#what = what
    this.#tell('', this.#terminal)
  }

  /** Rows or captures done, of so many. */
  at(done: number, of: number): void {
    this.#tell(` ${Math.floor((100 * done) / Math.max(1, of))} %`, false)
  }

  /** A line that stays. */
  line(text: string): void {
    this.end()
    process.stderr.write(`${text}\n`)
  }

  end(): void {
    if (this.#terminal) process.stderr.write('\r\u001b[K')
  }

  #tell(share: string, now: boolean): void {
    const nowMs = this.#clock.monotonicMs()
    if (!now && nowMs - this.#toldMs < (this.#terminal ? TERMINAL_MS : LOG_MS)) return
    this.#toldMs = nowMs
    process.stderr.write(this.#terminal ? `\r\u001b[K${this.#what}${share}` : `progress ${this.#what}${share}\n`)
  }
}
