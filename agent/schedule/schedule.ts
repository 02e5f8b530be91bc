// Calendar jobs: node-cron reads the expressions and says which seconds match; the agent's clock does the waiting.
//
//      every second of the Clock
//             │  seconds (last, now] that were not looked at yet
//             ▼
//      node-cron task.match(second) ──► job.run()     one at a time per job, errors logged
//
// node-cron's own timers are never started. They read the system clock, fall silent after a backward step until the
// wall clock has caught up, and walk through every missed run after a forward step (90 days blocked the loop for 8.7 s);
// gateways without a battery-backed clock step by decades at boot. A matcher has no such memory: after a step it
// simply matches the new time, and nothing needs to be made again. It also obeys an injected clock.
import { createTask, type ScheduledTask, validateDetailed } from 'node-cron'
import type { Cancel, Clock } from '../core/clock.ts'
import type { Counters } from '../core/counters.ts'
import { AgentError, messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'

const TICK_MS = 1000
/** Wall and monotonic clock may part by this much between two ticks before it counts as a step; NTP slews below it. */
const STEP_MS = 2000
/** A stalled loop or a fast clock is caught up over this many seconds: 600 x 18 µs a match = 11 ms per job. */
const CATCH_UP_S_MAX = 600

export interface ScheduledJob {
  /** For the log, e.g. `sync`. */
  name: string
  /** 5 or 6 fields (seconds first) or `@daily` and the like, in the gateway's local time. */
  cron: string
  run: () => void | Promise<void>
}

export interface Schedule {
  start(): void
  /** No job starts afterwards. A job under way is its owner's to stop. */
  stop(): void
}

export interface ScheduleOptions {
  clock: Clock
  logger: Logger
  jobs: readonly ScheduledJob[]
  counters?: Counters
}

/** What is wrong with a cron expression, or undefined when it is valid. */
export function cronError(expression: string): string | undefined {
  const result = validateDetailed(expression)
  return result.valid ? undefined : result.errors.map(error => error.message).join('; ')
}

/** Whether the minute that begins at a time (ms since 1970) matches, in the gateway's local time. Throws for what is no cron. */
export function cronMatcher(expression: string): (minuteMs: number) => boolean {
  const task = createTask(expression, () => {})
  return minuteMs => task.match(new Date(minuteMs))
}

/** Throws CONFIG_INVALID when an expression is not valid. */
export function createSchedule(options: ScheduleOptions): Schedule {
  return new CronSchedule(options)
}

interface Entry {
  job: ScheduledJob
  matcher: ScheduledTask
  running: boolean
}

class CronSchedule implements Schedule {
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #counters: Counters | undefined
  readonly #jobs: readonly ScheduledJob[]
  #entries: Entry[] = []
  #cancel: Cancel | undefined
  /** The last second looked at, and the monotonic time at which that was. */
  #lastS = 0
  #lastMonotonicMs = 0

  constructor(options: ScheduleOptions) {
    this.#clock = options.clock
    this.#logger = options.logger.room('schedule')
    this.#counters = options.counters
    this.#jobs = options.jobs
    for (const job of options.jobs) {
      const wrong = cronError(job.cron)
      if (wrong) {
        const hint = 'use 5 fields (minute hour day month weekday), e.g. "30 2 * * *" for 02:30 every day'
        throw new AgentError(
          'CONFIG_INVALID',
          `schedule of ${job.name}: "${job.cron}" is no cron expression: ${wrong}; ${hint}`,
        )
      }
    }
  }

  start(): void {
    if (this.#cancel) return
    // A task is made only for its matcher: never started, it holds no timer.
    this.#entries = this.#jobs.map(job => ({ job, matcher: createTask(job.cron, () => {}), running: false }))
    this.#lastS = this.#nowS()
    this.#lastMonotonicMs = this.#clock.monotonicMs()
    this.#cancel = this.#clock.every(TICK_MS, () => this.#tick())
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = undefined
    for (const entry of this.#entries) void entry.matcher.destroy()
    this.#entries = []
  }

  #nowS(): number {
    return Math.floor(this.#clock.nowUs() / 1e6)
  }

  #tick(): void {
    const nowS = this.#nowS()
    const monotonicMs = this.#clock.monotonicMs()
    const driftMs = (nowS - this.#lastS) * 1000 - (monotonicMs - this.#lastMonotonicMs)
    const stepped = Math.abs(driftMs) > STEP_MS
    if (stepped) this.#reportStep(driftMs)
    // Runs that a step skipped are not made up for: how many there "were" is an accident of the wrong clock.
    const fromS = stepped ? nowS : Math.max(this.#lastS + 1, nowS - CATCH_UP_S_MAX)
    // Slewed back within the tolerance: those seconds have been looked at already.
    const seenS = stepped ? nowS : Math.max(nowS, this.#lastS)
    for (const entry of this.#entries) if (matchesAny(entry.matcher, fromS, nowS)) this.#launch(entry)
    this.#lastMonotonicMs = monotonicMs + (seenS - nowS) * 1000
    this.#lastS = seenS
  }

  #reportStep(driftMs: number): void {
    if (this.#counters) this.#counters.get('schedule.clock_steps').n++
    const by = `${Math.abs(Math.round(driftMs / 1000))} s ${driftMs > 0 ? 'forward' : 'back'}`
    this.#logger.warn(`the wall clock stepped ${by}; jobs follow the new time, runs in between are left out`)
  }

  #launch(entry: Entry): void {
    const { name } = entry.job
    if (entry.running) {
      if (this.#counters) this.#counters.get('schedule.overlaps').n++
      this.#logger.warn(`${name} is due but its last run has not ended; this run is left out`)
      return
    }
    entry.running = true
    // In a microtask of its own, so that a job that throws at once cannot keep the others from starting.
    void Promise.resolve()
      .then(() => entry.job.run())
      .catch(error => {
        if (this.#counters) this.#counters.get('schedule.failures').n++
        this.#logger.error(`${name} failed: ${messageOf(error)}; it runs again at its next time`)
      })
      .finally(() => {
        entry.running = false
      })
  }
}

/** Whether a second of [fromS, toS] matches: a job runs once for all of them. */
function matchesAny(matcher: ScheduledTask, fromS: number, toS: number): boolean {
  for (let second = fromS; second <= toS; second++) if (matcher.match(new Date(second * 1000))) return true
  return false
}
