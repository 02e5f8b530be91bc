// Time enters the agent here and nowhere else, so that tests and the demo can bend it.

export type Cancel = () => void

export interface Clock {
  /** Wall clock, µs since 1970. May step in either direction. */
  nowUs(): number
  /** Never steps, never goes back; ms since an arbitrary start. */
  monotonicMs(): number
  /** Calls `fn` once after `delayMs`. */
  after(delayMs: number, fn: () => void): Cancel
  /** Calls `fn` every `periodMs` until cancelled. */
  every(periodMs: number, fn: () => void): Cancel
}

export function systemClock(): Clock {
  return scaledClock(1)
}

/**
 * A clock that runs `factor` times as fast as the machine's, starting now: the demo's fast motion.
 * Timers fire correspondingly sooner.
 */
export function scaledClock(factor: number): Clock {
  const startWallUs = Date.now() * 1000
  const startMs = performance.now()
  return {
    // At factor 1 the wall clock is read afresh, so that steps of the system's clock are seen.
    nowUs: () => (factor === 1 ? Date.now() * 1000 : startWallUs + (performance.now() - startMs) * 1000 * factor),
    monotonicMs: () => (performance.now() - startMs) * factor,
    after(delayMs, fn) {
      const timer = setTimeout(fn, delayMs / factor)
      return () => clearTimeout(timer)
    },
    every(periodMs, fn) {
      const timer = setInterval(fn, Math.max(1, periodMs / factor))
      return () => clearInterval(timer)
    },
  }
}

/** The demo's clock: its wall clock runs `factor` times as fast, its timers and monotonic time as the machine's. */
export function fastMotionClock(factor: number): Clock {
  const fast = scaledClock(factor)
  // Whole µs: sums of times must stay exact.
  return { ...systemClock(), nowUs: () => Math.round(fast.nowUs()) }
}

/** Resolves after `delayMs`, or at once when `signal` aborts. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal?.aborted) return resolve()
    const done = (): void => {
      cancel()
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const cancel = clock.after(delayMs, done)
    signal?.addEventListener('abort', done, { once: true })
  })
}
