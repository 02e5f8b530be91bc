import type { AssetConfig } from '../../agent/config/contract.ts'
import { type Clock, systemClock } from '../../agent/core/clock.ts'
import { Counters } from '../../agent/core/counters.ts'
import { silentLogger } from '../../agent/core/logger.ts'
import { seededPrng } from '../../agent/core/prng.ts'
import { decoders } from '../../agent/decode/registry.ts'
import type { SourceDeps } from '../../agent/sources/contract.ts'
import { KeepingSink } from './source-assets.ts'

export interface TestDeps extends SourceDeps {
  sink: KeepingSink
}

/** What a source needs, with a sink that keeps everything. */
export function testDeps(assets: readonly AssetConfig[], clock: Clock = systemClock()): TestDeps {
  return {
    assets,
    sink: new KeepingSink(),
    clock,
    prng: seededPrng(1),
    logger: silentLogger,
    counters: new Counters(),
    decoders,
  }
}
