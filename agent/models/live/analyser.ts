import { Worker } from 'node:worker_threads'
import { builtFile } from '../../core/built.ts'
import type { Cancel, Clock } from '../../core/clock.ts'
import type { Counter, Counters } from '../../core/counters.ts'
import { messageOf } from '../../core/errors.ts'
import type { Logger } from '../../core/logger.ts'
import type { AxisOut, CaptureIn, RawCapture } from '../vibration/analyse.ts'

export type AnalyserReply = Analysed | { error: string }

export interface Analysed {
  /** In engineering units. */
  capture: CaptureIn
  axes: AxisOut[]
}

interface Waiting {
  capture: RawCapture
  settle(analysed: Analysed | undefined): void
}

// 64 MB: 62 captures of two axes of 5 s at 25.6 kHz.
const FLOATS_MAX = 16_000_000
/** A capture takes 0.1 s an axis; one that hangs must not stop the others for good. */
const DEADLINE_MS = 60_000
/** Captures are minutes apart, and a thread is 10 MB of memory. */
const IDLE_MS = 30_000
const HEAP_MB = 128

/**
 * Analyses captures, one after the other, in a thread of its own: 5 s of 25.6 kHz take 130 ms an axis, six times as long as the
 * event loop may stand still. The thread begins with the first capture and ends when none has come for 30 s.
 */
export class Analyser {
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #dropped: Counter
  readonly #failed: Counter
  readonly #waiting: Waiting[] = []
  #floats = 0
  #worker: Worker | undefined
  #now: Waiting | undefined
  #timer: Cancel = () => {}
  #idle: (() => void)[] = []
  #stopped = false

  constructor(clock: Clock, counters: Counters, logger: Logger) {
    this.#clock = clock
    this.#logger = logger
    this.#dropped = counters.get('vibration.captures_dropped')
    this.#failed = counters.get('vibration.captures_failed')
  }

  /**
   * Takes the raw samples' buffers over. Undefined when it came to nothing: more was waiting than may (the oldest
   * goes), the thread failed, or the agent stops.
   */
  analyse(capture: RawCapture): Promise<Analysed | undefined> {
    return new Promise(resolve => {
      const floats = floatsOf(capture)
      this.#floats += floats
      const settle = (analysed: Analysed | undefined): void => {
        this.#floats -= floats
        resolve(analysed)
      }
      if (this.#stopped) return settle(undefined)
      this.#waiting.push({ capture, settle })
      while (this.#floats > FLOATS_MAX && this.#waiting.length > 1) {
        this.#dropped.n++
        this.#waiting.shift()!.settle(undefined)
      }
      this.#next()
    })
  }

  /** Resolves when nothing is left, or after `drainMs`; what is left then comes to nothing. */
  async stop(drainMs: number): Promise<void> {
    if (this.#now || this.#waiting.length > 0) {
      await new Promise<void>(resolve => {
        const cancel = this.#clock.after(drainMs, resolve)
        this.#idle.push(() => {
          cancel()
          resolve()
        })
      })
    }
    this.#stopped = true
    this.#end()
    for (const waiting of this.#waiting.splice(0)) waiting.settle(undefined)
  }

  #next(): void {
    if (this.#now) return
    this.#timer()
    this.#now = this.#waiting.shift()
    if (!this.#now) {
      // One that is idle keeps no process alive.
      this.#worker?.unref()
      for (const told of this.#idle.splice(0)) told()
      this.#timer = this.#clock.after(IDLE_MS, () => this.#end())
      return
    }
    this.#timer = this.#clock.after(DEADLINE_MS, () => this.#fail(`took longer than ${DEADLINE_MS / 1000} s`))
    const { capture } = this.#now
    this.#worker ??= this.#start()
    this.#worker.ref()
    const buffers = capture.axes.map(({ raw }) => raw.buffer as ArrayBuffer)
    this.#worker.postMessage(capture, buffers)
  }

  #start(): Worker {
    const worker = new Worker(builtFile('models/live/analyser-thread.js'), {
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB, maxYoungGenerationSizeMb: 32 },
      // The flags of a test runner's loader are not for the built file.
      execArgv: [],
    })
    const failed = (why: string): void => {
      if (worker === this.#worker) this.#fail(why)
    }
    worker.on('message', (reply: AnalyserReply) => {
      if (worker !== this.#worker) return
      if ('error' in reply) this.#fail(reply.error)
      else this.#settle(reply)
    })
    worker.on('error', error => failed(messageOf(error)))
    worker.on('exit', code => failed(`its thread ended with ${code}`))
    return worker
  }

  #settle(analysed: Analysed | undefined): void {
    const now = this.#now
    this.#now = undefined
    now?.settle(analysed)
    this.#next()
  }

  #fail(why: string): void {
    this.#end()
    if (!this.#now) return
    this.#failed.n++
    this.#logger.error(`a capture could not be analysed: ${why}; it stays in the history, unscored`)
    this.#settle(undefined)
  }

  /** The next capture starts another one. */
  #end(): void {
    const worker = this.#worker
    this.#worker = undefined
    this.#timer()
    void worker?.terminate()
    if (this.#stopped) {
      const now = this.#now
      this.#now = undefined
      now?.settle(undefined)
    }
  }
}

function floatsOf({ axes }: RawCapture): number {
  return axes.reduce((sum, { raw }) => sum + raw.length, 0)
}
