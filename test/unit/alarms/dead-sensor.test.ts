// The promise: a dead sensor never yields an alarm of the machine. Random machines, random deaths, through the windows room and the
// engine as the agent has them: rows or values that come apart, limits and setpoints on the channel, a model that sees at once that
// it does not follow any more.
import fc from 'fast-check'
import t from 'tap'
import type { AssetConfig, ChannelConfig } from '../../../agent/config/contract.ts'
import { Counters } from '../../../agent/core/counters.ts'
import { seededPrng } from '../../../agent/core/prng.ts'
import { AssetLine } from '../../../agent/windows/asset-line.ts'
import type { GatedBlock } from '../../../agent/windows/contract.ts'
import { model, scored, testEngine } from '../../support/alarm-parts.ts'
import { holds } from '../../support/alarm-property.ts'
import { asset, channel } from '../../support/assets.ts'
import { MIN_MS, SECOND_US, SENSOR, START_US } from '../../support/sensor-parts.ts'

const MINUTE_S = 60
const DEATHS = ['silent', 'stuck', 'out-of-range', 'flapping'] as const
type Death = (typeof DEATHS)[number]

interface Plan {
  layout: AssetConfig['layout']
  death: Death
  /** Seconds of health before it, and dead. */
  aliveS: number
  deadS: number
  /** min: of the model, of the limits. */
  onDelayMin: number
  limitDelayMin: number
  maxAgeS: number
  onChange: boolean
  /** From second .. to second the machine stands still. */
  stops: [number, number]
  seed: number
}

const plans: fc.Arbitrary<Plan> = fc.record({
  layout: fc.constantFrom('rows' as const, 'scattered' as const),
  death: fc.constantFrom(...DEATHS),
  aliveS: fc.integer({ min: 120, max: 600 }),
  deadS: fc.integer({ min: 60, max: 3000 }),
  onDelayMin: fc.integer({ min: 2, max: 20 }),
  limitDelayMin: fc.constantFrom(0, 2, 5),
  maxAgeS: fc.constantFrom(5, 10, 900),
  onChange: fc.boolean(),
  stops: fc.tuple(fc.integer({ min: 0, max: 1500 }), fc.integer({ min: 0, max: 900 })),
  seed: fc.integer({ min: 1, max: 1e6 }),
})

/** flow may die; current lives and says whether the machine runs. */
function machine({ layout, onDelayMin, limitDelayMin, maxAgeS, onChange }: Plan): AssetConfig {
  const limit = { onDelayMs: limitDelayMin * MIN_MS, offDelayMs: 0, deadband: 1, priority: 2 as const }
  const reports: Partial<ChannelConfig> = onChange ? { reports: 'on-change' } : {}
  const faults = {
    silentMs: Math.max(5 * MIN_MS, maxAgeS * 1000),
    outOfRangeMs: MIN_MS,
    ...(onChange ? {} : { stuckMs: 60 * MIN_MS }),
  }
  return asset(
    [
      channel('flow', {
        unit: 'm3/h',
        range: { low: 0, high: 200 },
        max: 90,
        min: 10,
        limit,
        maxAgeMs: maxAgeS * 1000,
        sensor: { ...SENSOR, ...faults },
        ...reports,
      }),
      channel('current', { unit: 'A', sensor: SENSOR }),
    ],
    {
      layout,
      running: { text: 'current > 1', anyOf: [[{ channel: 1, op: '>', value: 1 }]], settleMs: 5000 },
      alarm: {
        onDelayMs: onDelayMin * MIN_MS,
        offDelayMs: MIN_MS,
        deadband: 0.1,
        trendHorizonMs: 0,
        shelveMaxMs: 0,
        priority: 3,
      },
      setpoints: [
        {
          ...{
            id: 'flow.high',
            on: { kind: 'channel', channel: 0 },
            text: 'flow',
            side: 'above',
            setpoint: 80,
            unit: 'm3/h',
          },
          ...{ deadband: 1, onDelayMs: 2 * MIN_MS, offDelayMs: 0, priority: 1 },
        },
        {
          ...{ id: 'score.high', on: { kind: 'score' }, text: 'score', side: 'above', setpoint: 2, unit: '1' },
          ...{ deadband: 0.1, onDelayMs: onDelayMin * MIN_MS, offDelayMs: 0, priority: 1 },
        },
      ],
    },
  )
}

/** Runs it; what the engine told. `dies` false: the same machine whose flow really is far off. */
function run(plan: Plan, dies = true) {
  const config = machine(plan)
  const { engine, transitions, clock } = testEngine([config])
  const prng = seededPrng(plan.seed)
  // The model: a window of 5 rows is scored when all of it is there, and sees a flow that does not follow the current.
  const recent: number[] = []
  const gated = (block: GatedBlock, raw: Parameters<typeof engine.rows>[1]): void => {
    engine.rows(block, raw)
    for (let row = 0; row < block.rows; row++) {
      if (block.breaks[row] === 1 || block.states[row] !== 2) recent.length = 0
      if (block.states[row] !== 2) continue
      const [flow, current] = [block.values[row * 2]!, block.values[row * 2 + 1]!]
      if (Number.isNaN(flow + current)) recent.length = 0
      else recent.push(Math.abs(flow - 5 * current))
      if (recent.length < 5) continue
      const off = Math.max(...recent.slice(-5))
      engine.scores(scored([0.3 + off / 2], [(block.timesUs[row]! - START_US) / SECOND_US], model()))
    }
  }
  const line = new AssetLine(config, clock, new Counters(), { stored() {}, gated, waveform() {} })
  const sources = new Map([['plant', { up: true, sinceMs: 0, detail: '', errors: 0 }]])
  const [stopS, stopForS] = plan.stops
  let current = 10
  let last = 50
  for (let s = 0; s < plan.aliveS + plan.deadS; s++) {
    clock.advance(1000)
    const stands = s >= stopS && s < stopS + stopForS
    current = stands ? 0 : 10 + 2 * Math.sin(s / 40) + 0.05 * prng.normal()
    const dead = s >= plan.aliveS
    const healthy = 5 * current + 0.2 * prng.normal()
    if (!dead) last = healthy
    const flow = !dead ? healthy : dies ? deadValue(plan.death, last, s) : healthy + 60
    const rows = (values: number[]): void =>
      line.samples({
        asset: 0,
        rows: 1,
        columns: 2,
        timesUs: Float64Array.of(clock.nowUs()),
        values: Float64Array.from(values),
      })
    if (plan.layout === 'rows') rows([flow, current])
    else {
      if (!Number.isNaN(flow)) rows([flow, Number.NaN])
      rows([Number.NaN, current])
    }
    const nowMs = clock.monotonicMs()
    engine.looked({ nowUs: clock.nowUs(), nowMs, clock: 'synced', assets: [line], sources })
  }
  return transitions
}

function deadValue(death: Death, last: number, s: number): number {
  if (death === 'silent') return Number.NaN
  if (death === 'stuck') return last
  if (death === 'out-of-range') return 250
  return s % 3 === 0 ? Number.NaN : -25
}

/** What docs/alarms.md says of the limits of the promise. */
function cannotBeTold({ death, onChange, layout, limitDelayMin, aliveS, stops: [stopS, stopForS] }: Plan): boolean {
  // A publisher on change that died cannot be told, before its heartbeat, from one that has nothing to say.
  if (onChange && (death === 'stuck' || (death === 'silent' && layout === 'scattered'))) return true
  // Frozen at the value of a machine that stands still, which is beyond a limit without a delay as soon as that runs.
  return death === 'stuck' && limitDelayMin === 0 && aliveS > stopS && aliveS <= stopS + stopForS
}

t.test('whatever the machine and however it dies, no alarm of the machine', async t => {
  const property = fc.property(plans, plan => {
    fc.pre(!cannotBeTold(plan))
    return run(plan).every(({ kind }) => kind === 'sensor')
  })
  holds(t, property, 120)
})

t.test('and yet the sensor is told, and a machine that is really far off is', async t => {
  const plan: Plan = {
    ...{ layout: 'rows', death: 'out-of-range', aliveS: 300, deadS: 3000, onDelayMin: 5, limitDelayMin: 2 },
    ...{ maxAgeS: 10, onChange: false, stops: [0, 0], seed: 1 },
  }
  for (const layout of ['rows', 'scattered'] as const) {
    const rulesOf = (of: Partial<Plan>, dies?: boolean): string[] =>
      run({ ...plan, layout, ...of }, dies).flatMap(({ rule, transition }) => (transition === 'raised' ? [rule] : []))
    t.same(rulesOf({}), ['flow.out-of-range'])
    t.same(rulesOf({ death: 'silent' }), ['flow.silent'])
    t.same(rulesOf({ death: 'stuck', deadS: 65 * MINUTE_S }), ['flow.stuck'])
    t.same(rulesOf({}, false).sort(), ['flow.high', 'flow.max', 'model', 'score.high'])
  }
})
