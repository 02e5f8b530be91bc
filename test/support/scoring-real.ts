// A real scoring host for tests: real child, real ONNX Runtime, real clock unless one is given.
import type { ScorerConfig } from '../../agent/config/contract.ts'
import { systemClock } from '../../agent/core/clock.ts'
import { Counters } from '../../agent/core/counters.ts'
import { silentLogger } from '../../agent/core/logger.ts'
import { seededPrng } from '../../agent/core/prng.ts'
import type { ScoringHost } from '../../agent/scoring/contract.ts'
import { createScoringHost, type ScoringHostParts } from '../../agent/scoring/host.ts'

export const SCORER_CONFIG: ScorerConfig = {
  providers: ['cpu'],
  require: false,
  deviceId: 0,
  threads: 1,
  deadlineMs: 2000,
  queueWindowsMax: 4096,
  batchMax: 16,
  memoryMb: 1024,
}

export function realHost(
  config: Partial<ScorerConfig> = {},
  parts: Partial<ScoringHostParts> = {},
): { host: ScoringHost; counters: Counters } {
  const counters = new Counters()
  const host = createScoringHost({
    config: { ...SCORER_CONFIG, ...config },
    clock: systemClock(),
    prng: seededPrng(1),
    logger: silentLogger,
    counters,
    environment: process.env,
    ...parts,
  })
  return { host, counters }
}
