import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../core/clock.ts'

/** Before this the gateway has not heard of the time yet: boards without a battery start in 1970 or at their image's date. */
const RELEASED_US = Date.UTC(2026, 0, 1) * 1000
/** Wall and monotonic clock part by more than this only when somebody sets the clock. */
const STEP_MS = 5_000
const SETTLED_MS = 10 * 60_000

/**
 * Says `uncertain` while the clock is before this software was made, or before `knownUs` (a time that certainly has been),
 * and for 10 min after it stepped.
 */
export function clockJudge(clock: Clock, knownUs = 0): () => 'synced' | 'uncertain' {
  const earliestUs = Math.max(RELEASED_US, knownUs)
  let offsetMs = clock.nowUs() / 1000 - clock.monotonicMs()
  let steppedAtMs = Number.NEGATIVE_INFINITY
  return () => {
    const monotonicMs = clock.monotonicMs()
    const nowOffsetMs = clock.nowUs() / 1000 - monotonicMs
    if (Math.abs(nowOffsetMs - offsetMs) > STEP_MS) steppedAtMs = monotonicMs
    offsetMs = nowOffsetMs
    const settling = monotonicMs - steppedAtMs < SETTLED_MS
    return clock.nowUs() < earliestUs || settling ? 'uncertain' : 'synced'
  }
}

/** When the newest file in `dir` was written, by the clock of then; 0 when that cannot be told. */
export async function lastWriteUs(dir: string): Promise<number> {
  try {
    const times = (await readdir(dir)).map(async name => (await stat(join(dir, name))).mtimeMs)
    return Math.floor(Math.max(0, ...(await Promise.all(times)))) * 1000
  } catch {
    return 0
  }
}
