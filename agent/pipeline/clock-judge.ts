import type { Clock } from '../core/clock.ts'

/** Before this the gateway has not heard of the time yet: boards without a battery start in 1970 or at their image's date. */
const RELEASED_US = Date.UTC(2026, 0, 1) * 1000
/** Wall and monotonic clock part by more than this only when somebody sets the clock. */
const STEP_MS = 5_000
const SETTLED_MS = 10 * 60_000

/** Says `uncertain` while the clock is before this software was made, and for 10 min after it stepped. */
export function clockJudge(clock: Clock): () => 'synced' | 'uncertain' {
  let offsetMs = clock.nowUs() / 1000 - clock.monotonicMs()
  let steppedAtMs = Number.NEGATIVE_INFINITY
  return () => {
    const monotonicMs = clock.monotonicMs()
    const nowOffsetMs = clock.nowUs() / 1000 - monotonicMs
    if (Math.abs(nowOffsetMs - offsetMs) > STEP_MS) steppedAtMs = monotonicMs
    offsetMs = nowOffsetMs
    const settling = monotonicMs - steppedAtMs < SETTLED_MS
    return clock.nowUs() < RELEASED_US || settling ? 'uncertain' : 'synced'
  }
}
