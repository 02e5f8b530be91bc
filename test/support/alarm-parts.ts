import type { AlarmRule, AlarmTransition } from '../../agent/alarms/contract.ts'
import { AlarmEngine, type AlarmEngineOptions } from '../../agent/alarms/engine.ts'
import { newAlarmState } from '../../agent/alarms/state.ts'
import type { AssetConfig } from '../../agent/config/contract.ts'
import { Counters } from '../../agent/core/counters.ts'
import { seededPrng } from '../../agent/core/prng.ts'
import type { ManifestFeature, ModelFile } from '../../agent/models/contract.ts'
import type { ScoredBatch } from '../../agent/scoring/contract.ts'
import type { GatedBlock } from '../../agent/windows/contract.ts'
import { type ManualClock, manualClock } from './manual-clock.ts'

export const START_US = 1_700_000_000_000_000
export const SECOND_US = 1_000_000
export const MINUTE_US = 60 * SECOND_US

export function rule(extra: Partial<AlarmRule> = {}): AlarmRule {
  return {
    id: 'discharge.max',
    asset: 'p-101',
    kind: 'machine',
    priority: 2,
    setpoint: 9,
    side: 'above',
    deadband: 0.5,
    onDelayUs: 0,
    offDelayUs: 0,
    ...extra,
  }
}

export function transition(extra: Partial<AlarmTransition> = {}): AlarmTransition {
  return {
    id: '1HEMVG5WV0ABC',
    alertSeq: 1,
    transition: 'raised',
    rule: 'model',
    asset: 'p-101',
    kind: 'machine',
    priority: 3,
    active: true,
    acked: false,
    suppression: 'none',
    onsetUs: START_US,
    raisedUs: START_US + SECOND_US,
    atUs: START_US + SECOND_US,
    clock: 'synced',
    running: true,
    test: false,
    message: 'flow 18 % below prediction (flow 58 %, current 27 %)',
    value: 1.42,
    setpoint: 1,
    evidence: [
      { channel: 'flow', feature: 'deviation from prediction', value: 41, baseline: 50, unit: 'm3/h', share: 0.58 },
    ],
    model: { name: 'p-101-var', release: 3, sha256: 'ab'.repeat(32), origin: 'local' },
    ...extra,
  }
}

export interface TestEngine {
  engine: AlarmEngine
  transitions: AlarmTransition[]
  clock: ManualClock
}

/** Started. `state` continues an earlier one. */
export function testEngine(assets: readonly AssetConfig[], extra: Partial<AlarmEngineOptions> = {}): TestEngine {
  const transitions: AlarmTransition[] = []
  const clock = manualClock(START_US)
  const engine = new AlarmEngine({
    assets,
    state: newAlarmState(),
    clock,
    prng: seededPrng(7),
    counters: new Counters(),
    clockState: () => 'synced',
    commit: t => transitions.push(t),
    ...extra,
  })
  engine.start()
  return { engine, transitions, clock }
}

/** Rows one second apart from `fromS` on; `stopped` rows do not run. */
export function gated(
  values: readonly (readonly number[])[],
  options: { fromS?: number; stopped?: (row: number) => boolean; first?: boolean } = {},
): GatedBlock {
  const { fromS = 0, stopped = () => false, first = fromS === 0 } = options
  const rows = values.length
  const columns = values[0]?.length ?? 0
  const running = values.map((_, row) => !stopped(row))
  return {
    asset: 0,
    rows,
    columns,
    timesUs: Float64Array.from(values, (_, row) => START_US + (fromS + row) * SECOND_US),
    values: Float64Array.from(values.flat()),
    states: Uint8Array.from(running, r => (r ? 2 : 0)),
    breaks: new Uint8Array(rows),
    quality: new Uint8Array(rows * columns),
    runningUs: Float64Array.from(running, (r, row) => (r && !(first && row === 0) ? SECOND_US : 0)),
  }
}

/** A model over flow and current whose features say what it predicted; `features: false` = score and shares only. */
export function model(features = true): ModelFile {
  const feature = (channel: string, unit: string): ManifestFeature[] => [
    { name: `${channel} deviation`, unit, channel, role: 'deviation' },
    { name: `${channel} prediction`, unit, channel, role: 'prediction' },
  ]
  return {
    bytes: new Uint8Array(),
    sha256: 'cd'.repeat(32),
    origin: 'local',
    manifest: {
      schema: 'wearwatch.model/1',
      name: 'p-101-var',
      release: 2,
      family: 'var',
      channels: [
        { id: 'flow', unit: 'm3/h' },
        { id: 'current', unit: 'A' },
      ],
      samples: 5,
      hop: 1,
      alarm: { onDelayMs: 0, offDelayMs: 0, deadband: 0.1 },
      contributions: ['flow', 'current'],
      features: features ? [...feature('flow', 'm3/h'), ...feature('current', 'A')] : [],
      quantiles: {},
      selfTest: { windows: '', scores: [], tolerance: 1e-4 },
    },
  }
}

/** Scores at seconds; flow is 18 % below its prediction of 50, current 0.5 A above 10. */
export function scored(scores: readonly number[], timesS: readonly number[], file: ModelFile = model()): ScoredBatch {
  const count = scores.length
  const featureCount = file.manifest.features.length
  return {
    key: 'p-101',
    model: file,
    count,
    tags: new Int32Array(count),
    timesUs: Float64Array.from(timesS, s => START_US + s * SECOND_US),
    scores: Float32Array.from(scores),
    contributions: Float32Array.from(scores.flatMap(() => [0.58, 0.27])),
    contributionCount: 2,
    features: Float32Array.from(featureCount === 0 ? [] : scores.flatMap(() => [-9, 50, 0.5, 10])),
    featureCount,
  }
}
