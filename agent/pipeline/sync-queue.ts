import type { Clock } from '../core/clock.ts'
import type { SyncReport } from '../uplink/contract.ts'

/** Longer than a load on the CPU takes; whoever asks over MQTT or at a prompt hears of it while still there. */
const BEGIN_WITHIN_MS = 10_000

interface Turn {
  begun: Promise<true>
  report: Promise<SyncReport>
}

/**
 * Syncs run one at a time: what is asked meanwhile gets the next one, all askers the same. One that cannot begin soon goes on
 * waiting, but its askers are told what for.
 */
export class SyncQueue {
  readonly #run: (by: string) => Promise<SyncReport>
  readonly #clock: Clock
  #last: Promise<unknown> = Promise.resolve()
  #waitsFor = ''
  #waiting: Turn | undefined
  #stopped = false

  constructor(run: (by: string) => Promise<SyncReport>, clock: Clock) {
    this.#run = run
    this.#clock = clock
  }

  /** Nothing begins before `work` has ended; `what` names it to those who ask. */
  after(work: Promise<void>, what: string): void {
    this.#last = work
    this.#waitsFor = what
  }

  async ask(by: string): Promise<SyncReport> {
    const turn = (this.#waiting ??= this.#queue(by))
    let cancel = (): void => {}
    const late = new Promise<false>(resolve => {
      cancel = this.#clock.after(BEGIN_WITHIN_MS, () => resolve(false))
    })
    const begun = await Promise.race([turn.begun, late])
    cancel()
    if (begun) return turn.report
    const message = `not begun yet: ${this.#waitsFor}; it follows by itself, and the log says what came of it`
    return { ok: false, message, models: [] }
  }

  /** What has not begun by now never does. */
  stop(): void {
    this.#stopped = true
  }

  #queue(by: string): Turn {
    let begin = (_: true): void => {}
    const begun = new Promise<true>(resolve => {
      begin = resolve
    })
    const report = this.#last.then(() => {
      this.#waiting = undefined
      this.#waitsFor = 'another sync is under way'
      begin(true)
      return this.#stopped ? { ok: false, message: 'the agent is stopping', models: [] } : this.#run(by)
    })
    this.#last = report
    return { begun, report }
  }
}
