// Sensors of rows: each fault told when it lasts, none told of a machine that stands still, and what they keep from the machine's alarms.
import t from 'tap'
import type { AlarmTransition } from '../../../agent/alarms/contract.ts'
import { restore } from '../../../agent/alarms/state.ts'
import type { SensorConfig } from '../../../agent/config/contract.ts'
import { seededPrng } from '../../../agent/core/prng.ts'
import { model, scored, type TestEngine, testEngine } from '../../support/alarm-parts.ts'
import { asset, channel } from '../../support/assets.ts'
import { judged, MIN_MS, SECOND_US, SENSOR, START_US } from '../../support/sensor-parts.ts'

const pump = (sensor: Partial<SensorConfig>, extra: Parameters<typeof asset>[1] = {}) =>
  asset(
    [
      channel('flow', { unit: 'm3/h', range: { low: 0, high: 200 }, max: 180, sensor: { ...SENSOR, ...sensor } }),
      channel('current', { unit: 'A' }),
    ],
    { tag: 'P-101A', ...extra },
  )
const told = (transitions: readonly AlarmTransition[]): string[] =>
  transitions.map(({ transition, rule, kind }) => `${kind} ${rule} ${transition}`)
/** One row a second of flow values, current beside them. */
function push({ engine }: TestEngine, fromS: number, flows: readonly (number | [number])[], stopped = false): number {
  const { block, raw } = judged(
    flows.map((flow, i) => [flow, 10 + 0.1 * (i % 7)]),
    { fromS, stopped: () => stopped },
  )
  engine.rows(block, raw)
  return fromS + flows.length
}
const times = <T>(count: number, value: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => value(i))

t.test('out of range: told when it lasts, of a stopped machine too, and never an alarm of the machine', async t => {
  const at = testEngine([pump({ outOfRangeMs: MIN_MS })])
  let s = push(
    at,
    0,
    times(10, i => 50 + i),
  )
  s = push(
    at,
    s,
    times(59, () => [250]),
  )
  s = push(at, s, [50])
  t.same(at.transitions, [], 'not for a minute')
  s = push(
    at,
    s,
    times(61, () => [250]),
    true,
  )
  t.match(at.transitions, [
    {
      transition: 'raised',
      rule: 'flow.out-of-range',
      kind: 'sensor',
      priority: 4,
      tag: 'P-101A',
      message: 'flow: 250 m³/h is out of range 0 to 200 m³/h for 60 s; no alarm of the machine rests on it',
      evidence: [{ channel: 'flow', feature: 'sensor fault: out of range', value: 250, baseline: 200, unit: 'm3/h' }],
      action: 'Look at the sensor, its cable and its supply',
    },
  ])
  t.notOk(at.engine.inAlarm(0))
  s = push(
    at,
    s,
    times(30, () => Number.NaN),
  )
  t.equal(at.transitions.length, 1, 'a value that is missing says nothing')
  push(
    at,
    s,
    times(62, () => 60),
  )
  t.match(at.transitions[1], { transition: 'cleared', message: /^flow: back within its range after/ })
})

t.test('stuck: only of a running machine, by running time', async t => {
  const at = testEngine([pump({ stuckMs: 10 * MIN_MS })])
  let s = push(
    at,
    0,
    times(60, i => 50 + 0.1 * i),
  )
  s = push(
    at,
    s,
    times(3600, () => 0),
    true,
  )
  s = push(
    at,
    s,
    times(60, i => 50 + 0.1 * i),
  )
  t.same(at.transitions, [], 'a pump that stands still has no flow, for good reasons')
  s = push(
    at,
    s,
    times(400, () => 41),
  )
  s = push(
    at,
    s,
    times(3600, () => 41),
    true,
  )
  t.same(at.transitions, [], 'nor does standing still count')
  s = push(
    at,
    s,
    times(201, () => 41),
  )
  t.match(at.transitions, [
    {
      rule: 'flow.stuck',
      kind: 'sensor',
      message: /^flow: stuck at 41 m³\/h for 10 min of running time; no alarm of the machine rests on it$/,
    },
  ])
  s = push(
    at,
    s,
    times(30, () => Number.NaN),
  )
  s = push(
    at,
    s,
    times(10, () => 41),
  )
  t.equal(at.transitions.length, 1)
  push(
    at,
    s,
    times(62, i => 41 + 0.1 * i),
  )
  t.match(at.transitions[1], { transition: 'cleared', message: /^flow: moves again/ })
})

t.test('noisy: against the noise of the baseline, slopes and steps of the machine are none', async t => {
  const at = testEngine([
    pump(
      { noise: 3 },
      {
        alarm: { onDelayMs: MIN_MS, offDelayMs: MIN_MS, deadband: 0.1, trendHorizonMs: 0, shelveMaxMs: 0, priority: 3 },
      },
    ),
  ])
  const prng = seededPrng(3)
  const noisy = (rms: number, slope = 0) => times(300, i => 80 + slope * i + rms * prng.normal())
  let s = push(at, 0, noisy(5))
  t.same(at.transitions, [], 'nothing is known of what is usual')
  const { manifest } = model()
  at.engine.bound(0, {
    ...manifest,
    reference: { fromUs: 0, toUs: 0, rows: 100, centre: [80, 10], deviation: [5, 1], noise: [0.5, 0.1] },
  })
  s = push(at, s, noisy(0.5))
  s = push(at, s, noisy(0.5, 0.3))
  s = push(
    at,
    s,
    times(300, i => (i % 100 < 50 ? 60 : 110) + 0.5 * prng.normal()).map((flow, i) => (i % 50 === 0 ? 85 : flow)),
  )
  const steps = at.transitions.length
  s = push(at, s, noisy(0.5))
  t.equal(steps, 0, 'a load that comes and goes is no noise')
  s = push(at, s, noisy(2.5))
  t.match(at.transitions, [
    {
      rule: 'flow.noisy',
      kind: 'sensor',
      message: /^flow: noise [\d.]+ m³\/h rms, [3-6]\.?\d* x that of its baseline$/,
    },
  ])
  push(at, s, noisy(0.5))
  t.match(told(at.transitions).slice(1), ['sensor flow.noisy cleared'])
})

t.test('clipping: at the end of the range, where that is looked for', async t => {
  const at = testEngine([pump({ clippingMs: MIN_MS })])
  let s = push(
    at,
    0,
    times(60, i => 50 + i),
  )
  s = push(
    at,
    s,
    times(70, () => 200),
  )
  t.match(at.transitions, [
    {
      rule: 'flow.clipping',
      message: 'flow: stands at the end of its range, 200 m³/h for 60 s; no alarm of the machine rests on it',
    },
  ])
  t.equal(at.transitions.length, 1, 'beyond max 180 by the sensor alone')
  push(
    at,
    s,
    times(70, i => 50 + i),
  )
  t.same(told(at.transitions).slice(1), ['sensor flow.clipping cleared'])
})

t.test('what is not looked for is not told', async t => {
  const at = testEngine([asset([channel('flow', { range: { low: 0, high: 200 } })])])
  const { block, raw } = judged(times(4000, i => [i < 2000 ? [250] : 41]))
  at.engine.rows(block, raw)
  t.same(at.transitions, [])
})

t.test('a stuck sensor holds the limits on it and the score of its model, from half of the on-delay on', async t => {
  const alarm = {
    onDelayMs: 10 * MIN_MS,
    offDelayMs: MIN_MS,
    deadband: 0.1,
    trendHorizonMs: 0,
    shelveMaxMs: 0,
    priority: 3 as const,
  }
  const at = testEngine([pump({ stuckMs: 60 * MIN_MS }, { alarm })])
  let s = push(
    at,
    0,
    times(120, i => 50 + 0.1 * i),
  )
  const stuckAt = s
  // The model sees at once that flow does not follow any more.
  for (; s < stuckAt + 3000; ) {
    s = push(
      at,
      s,
      times(60, () => 62),
    )
    at.engine.scores(scored([3], [s - 1]))
  }
  t.same(at.transitions, [], 'no alarm of the machine')
  t.match(
    at.engine.pending(0),
    { rule: 'model', elapsedUs: 5 * 60 * SECOND_US - 60 * SECOND_US },
    'what came before it counts',
  )
  s = push(
    at,
    s,
    times(700, () => 62),
  )
  t.same(told(at.transitions), ['sensor flow.stuck raised'])
  // It is mended: windows that reach back into that time say nothing either.
  s = push(
    at,
    s,
    times(3, i => 62 + i),
  )
  at.engine.scores(scored([3], [s - 1]))
  s = push(
    at,
    s,
    times(600, i => 62 + 0.1 * (i % 50)),
  )
  at.engine.scores(scored([0.4], [s - 1]))
  t.same(told(at.transitions), ['sensor flow.stuck raised', 'sensor flow.stuck cleared'])
  t.equal(at.engine.pending(0), undefined)
})

t.test('a channel that is often constant does not blind its model', async t => {
  const alarm = {
    onDelayMs: 10 * MIN_MS,
    offDelayMs: MIN_MS,
    deadband: 0.1,
    trendHorizonMs: 0,
    shelveMaxMs: 0,
    priority: 3 as const,
  }
  const at = testEngine([pump({ stuckMs: 120 * MIN_MS }, { alarm })])
  let s = 0
  for (let step = 0; step < 4; step++)
    s = push(
      at,
      s,
      times(900, () => 50 + step),
    )
  for (let k = 0; k < 14; k++) {
    s = push(
      at,
      s,
      times(60, () => 77),
    )
    at.engine.scores(scored([3], [s - 1]))
  }
  t.same(told(at.transitions), ['machine model raised'])
})

t.test('a restart keeps the alarm, and clears it when the sensor is well', async t => {
  const config = pump({ outOfRangeMs: 0 })
  const first = testEngine([config])
  push(
    first,
    0,
    times(5, () => [250]),
  )
  const [raised] = first.transitions
  const state = restore({ alertSeq: 1, standing: [raised!] })
  const again = testEngine([config], { state })
  let s = push(
    again,
    10,
    times(5, () => [250]),
  )
  t.same(again.transitions, [])
  s = push(
    again,
    s,
    times(62, () => 50),
  )
  t.match(again.transitions, [{ transition: 'cleared', id: raised!.id, atUs: START_US + (s - 2) * SECOND_US }])
})
