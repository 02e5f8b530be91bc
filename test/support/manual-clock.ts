import type { Cancel, Clock } from '../../agent/core/clock.ts'

export interface ManualClock extends Clock {
  /** Moves both clocks on, firing timers in order of their time. */
  advance(ms: number): void
  /** Steps the wall clock alone, as NTP or a person does. */
  step(us: number): void
  /** Timers waiting. */
  readonly pending: number
}

interface Timer {
  atMs: number
  periodMs: number | undefined
  fn: () => void
}

/** A clock that stands still until told to move. Monotonic time starts at 0. */
export function manualClock(startUs = 1_700_000_000_000_000): ManualClock {
  let wallUs = startUs
  let nowMs = 0
  const timers = new Set<Timer>()
  const add = (delayMs: number, periodMs: number | undefined, fn: () => void): Cancel => {
    const timer = { atMs: nowMs + delayMs, periodMs, fn }
    timers.add(timer)
    return () => timers.delete(timer)
  }
  const moveTo = (ms: number): void => {
    wallUs += (ms - nowMs) * 1000
    nowMs = ms
  }
  return {
    nowUs: () => wallUs,
    monotonicMs: () => nowMs,
    after: (delayMs, fn) => add(delayMs, undefined, fn),
    every: (periodMs, fn) => add(periodMs, periodMs, fn),
    step(us) {
      wallUs += us
    },
    get pending() {
      return timers.size
    },
    advance(ms) {
      const endMs = nowMs + ms
      for (;;) {
        const next = [...timers].filter(timer => timer.atMs <= endMs).sort((a, b) => a.atMs - b.atMs)[0]
        if (!next) break
        moveTo(Math.max(nowMs, next.atMs))
        if (next.periodMs === undefined) timers.delete(next)
        else next.atMs += next.periodMs
        next.fn()
      }
      moveTo(endMs)
    },
  }
}
