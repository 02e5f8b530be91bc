// Setpoints on channels, figures, features and the score, and the warnings by zones of vibration velocity.
import t from 'tap'
import type { AlarmTransition } from '../../../agent/alarms/contract.ts'
import type { CaptureFigures } from '../../../agent/alarms/watched.ts'
import type { SetpointConfig } from '../../../agent/config/contract.ts'
import type { Manifest } from '../../../agent/models/contract.ts'
import { gated, MINUTE_US, model, START_US, scored, testEngine } from '../../support/alarm-parts.ts'
import { ALARM, asset, channel } from '../../support/assets.ts'

const setpoint = (id: string, extra: Partial<SetpointConfig>): SetpointConfig => ({
  id,
  on: { kind: 'channel', channel: 0 },
  text: id,
  side: 'above',
  setpoint: 180,
  unit: 'm3/h',
  deadband: 2,
  onDelayMs: 0,
  offDelayMs: 0,
  priority: 2,
  ...extra,
})
const told = (transitions: readonly AlarmTransition[]): string[] =>
  transitions.map(({ transition, rule, priority }) => `P${priority} ${rule} ${transition}`)

t.test('levels of one channel, each with its own priority, delay and side', async t => {
  const pump = asset([channel('flow', { unit: 'm3/h', max: 170 }), channel('current', { unit: 'A' })], {
    setpoints: [
      setpoint('flow.high', { onDelayMs: 2000, action: 'Throttle' }),
      setpoint('flow.high-2', { setpoint: 190, priority: 1 }),
      setpoint('flow.low', { side: 'below', setpoint: 20 }),
    ],
  })
  const { engine, transitions } = testEngine([pump])
  engine.rows(gated([185, 185, 185, 195, 185, 170, 10].map(flow => [flow, 1])))
  t.same(told(transitions), [
    'P2 flow.max raised',
    'P2 flow.high raised',
    'P1 flow.high-2 raised',
    'P1 flow.high-2 cleared',
    'P2 flow.high cleared',
    'P2 flow.max cleared',
    'P2 flow.low raised',
  ])
  t.match(transitions[1], {
    message: 'flow 185 m³/h above limit 180 m³/h for 2 s',
    action: 'Throttle',
    kind: 'machine',
  })
  t.ok(engine.inAlarm(0))
})

t.test('the setpoint of the score, and further ones', async t => {
  const pump = asset([channel('flow', { unit: 'm3/h' }), channel('current', { unit: 'A' })], {
    alarm: {
      setpoint: 1.3,
      onDelayMs: 0,
      offDelayMs: 0,
      deadband: 0.1,
      trendHorizonMs: 0,
      shelveMaxMs: 0,
      priority: 3,
    },
    setpoints: [
      setpoint('score.high', {
        on: { kind: 'score' },
        text: 'score',
        setpoint: 2,
        unit: '1',
        deadband: 0.2,
        priority: 1,
      }),
    ],
  })
  const { engine, transitions } = testEngine([pump])
  engine.rows(gated(Array.from({ length: 10 }, () => [50, 10])))
  engine.scores(scored([1.29, 1.4, 2.1, 1.9, 1.25, 1.1], [1, 2, 3, 4, 5, 6]))
  t.same(told(transitions), ['P3 model raised', 'P1 score.high raised', 'P1 score.high cleared', 'P3 model cleared'])
  t.match(transitions[0], { setpoint: 1.3, message: 'flow 18 % below prediction (flow 58 %, current 27 %)' })
  t.match(transitions[1], {
    setpoint: 2,
    message: 'score 2.1 above setpoint 2: flow 18 % below prediction (flow 58 %, current 27 %)',
    evidence: [{ channel: 'flow' }, { channel: 'current' }],
    model: { name: 'p-101-var' },
  })
  t.match(transitions[2]!.message, /^score back within 2 after 2 s, peak 2\.1$/)
})

t.test('a feature of the model, by its column; one that no model has is named', async t => {
  const pump = asset([channel('flow', { unit: 'm3/h' }), channel('current', { unit: 'A' })], {
    setpoints: [
      setpoint('flow-deviation.low', {
        on: { kind: 'feature', name: 'flow deviation' },
        text: 'flow deviation',
        side: 'below',
        setpoint: -8,
        deadband: 1,
        unit: '',
      }),
      setpoint('x.high', { on: { kind: 'feature', name: 'level deviation' }, text: 'level deviation', unit: '' }),
    ],
  })
  const { engine, transitions } = testEngine([pump])
  t.same(engine.unwatchedFeatures(0), [], 'before there is a model nothing is known')
  engine.rows(gated(Array.from({ length: 10 }, () => [50, 10])))
  engine.scores(scored([0.5, 0.5], [1, 2]))
  t.match(transitions, [
    {
      rule: 'flow-deviation.low',
      value: -9,
      message: 'flow deviation -9 m³/h below setpoint -8 m³/h',
      evidence: [{ channel: 'flow', feature: 'flow deviation', value: -9, baseline: -8, unit: 'm3/h' }],
      model: { name: 'p-101-var' },
    },
  ])
  t.equal(transitions.length, 1)
  t.same(engine.unwatchedFeatures(0), ['level deviation'])
  engine.scores(scored([0.5], [3], model(false)))
  t.same(engine.unwatchedFeatures(0), ['flow deviation', 'level deviation'], 'another model has none')
})

const waveform = { type: 'int16' as const, rateHz: 25_600, capture: { lengthMs: 5000, everyMs: 600_000, settleMs: 0 } }
const axis = (id: string, name: string) => channel(id, { unit: 'g', waveform, point: 'DE', axis: name })
const motor = asset([axis('de-h', 'horizontal'), axis('de-v', 'vertical')], {
  machine: { group: 2, support: 'rigid' },
  alarm: {
    ...ALARM,
    onDelayMs: 600_000,
    offDelayMs: 600_000,
    deadband: 0.1,
    trendHorizonMs: 0,
    shelveMaxMs: 0,
    priority: 3,
    zones: 'on',
    action: 'Balance it',
  },
  setpoints: [
    setpoint('de-h.kurtosis.high', {
      on: { kind: 'figure', channel: 0, figure: 'kurtosis' },
      setpoint: 6,
      unit: '1',
      deadband: 1,
    }),
    setpoint('de-v.rms.high', {
      on: { kind: 'figure', channel: 1, figure: 'rms' },
      setpoint: 1,
      unit: 'g',
      deadband: 0.1,
    }),
  ],
})
const at = (k: number): number => START_US + k * 10 * MINUTE_US
const figures = (velocity: number, more: Partial<CaptureFigures> = {}): CaptureFigures => ({
  channel: 0,
  values: { velocity, kurtosis: 3 },
  atLeast: false,
  ...more,
})
const learnt = (mmPerS: number): Manifest => ({
  ...model().manifest,
  channels: ['de-h', 'de-v'].map(id => ({ id, unit: 'g' })),
  reference: {
    fromUs: 0,
    toUs: 0,
    rows: 1,
    centre: [],
    deviation: [],
    vibration: [0, 1].map(() => ({ lowRms: 1, highRms: 1, mmPerS })),
  },
})

t.test('figures of captures: shapes and levels, and what a sensor that clips leaves of them', async t => {
  const { engine, transitions } = testEngine([motor])
  const capture = (k: number, of: Partial<CaptureFigures>): void => engine.sensors(0, at(k), [], [figures(1, of)])
  capture(0, { values: { kurtosis: 9 }, atLeast: true })
  t.same(transitions, [], 'the shape of what is cut off says nothing')
  capture(1, { values: { kurtosis: 6.2 } })
  t.match(transitions, [{ rule: 'de-h.kurtosis.high', message: 'DE horizontal kurtosis 6.2 above setpoint 6' }])
  capture(2, { channel: 1, values: { rms: 1.4 }, atLeast: true })
  t.match(transitions[1], { rule: 'de-v.rms.high', message: 'DE vertical rms at least 1.4 g above setpoint 1 g' })
  capture(3, { channel: 1, values: { rms: 0.2 }, atLeast: true })
  t.equal(transitions.length, 2, 'below it, one that clips is no evidence of health')
  capture(4, { channel: 1, values: { rms: 0.2 } })
  t.match(transitions[2], {
    transition: 'cleared',
    message: 'DE vertical rms back within 1 g after 20 min, peak 1.4 g',
  })
})

t.test('zones: no warning before a baseline, then a quarter of B/C above it; C/D needs none', async t => {
  const { engine, transitions } = testEngine([motor])
  const velocities = (fromK: number, ...values: number[]): void =>
    values.forEach((velocity, i) => {
      engine.sensors(0, at(fromK + i), [], [figures(velocity)])
    })
  velocities(0, 3.9, 3.9, 3.9)
  t.same(transitions, [], 'zone C from the beginning')
  velocities(3, 4.6, 4.7)
  t.match(transitions, [
    {
      rule: 'de-h.velocity.danger',
      priority: 2,
      message:
        'DE horizontal velocity 4.7 mm/s above danger 4.5 mm/s: zone D (C/D at 4.5; ISO 20816-3, group 2, rigid); no baseline yet',
      action: 'Balance it',
    },
  ])
  engine.bound(0, learnt(1.1))
  velocities(5, 1.5, 1.5, 1.9)
  t.same(told(transitions).slice(1), ['P2 de-h.velocity.danger cleared'])
  velocities(8, 1.9)
  t.match(transitions[2], {
    rule: 'de-h.velocity.warning',
    priority: 3,
    setpoint: 1.8,
    value: 1.9,
    message:
      'DE horizontal velocity 1.9 mm/s above warning 1.8 mm/s: zone B (A/B at 1.4; ISO 20816-3, group 2, rigid); baseline 1.1 mm/s, zone A',
    evidence: [{ channel: 'de-h', feature: 'velocity', value: 1.9, baseline: 1.1, unit: 'mm/s', share: 1 }],
  })
  velocities(9, 1.7, 1.7, 1.7)
  t.equal(transitions.length, 3, 'hysteresis')
  velocities(12, 1.5, 1.5)
  t.match(transitions[3], { transition: 'cleared', rule: 'de-h.velocity.warning' })
})

t.test(
  'a machine that was sick when it was learnt is warned of all the same; a model without velocities changes nothing',
  async t => {
    const { engine, transitions } = testEngine([motor])
    engine.bound(0, learnt(4.2))
    engine.bound(0, { ...learnt(1), reference: { fromUs: 0, toUs: 0, rows: 1, centre: [], deviation: [] } })
    engine.sensors(0, at(0), [], [figures(4.2)])
    engine.sensors(0, at(1), [], [figures(4.2)])
    t.match(transitions, [
      {
        rule: 'de-h.velocity.warning',
        setpoint: 3.5,
        message: /above warning 3\.5 mm\/s: zone C .*; baseline 4\.2 mm\/s, zone C$/,
      },
    ])
  },
)

t.test('an axis with a fault, or without a velocity, raises nothing and clears nothing', async t => {
  const { engine, transitions } = testEngine([motor])
  engine.bound(0, learnt(1.1))
  for (let k = 0; k < 3; k++) engine.sensors(0, at(k), [], [figures(3)])
  t.equal(transitions.length, 1)
  for (let k = 3; k < 9; k++) engine.sensors(0, at(k), [{ channel: 0, fault: 'dead', text: 'constant 0' }], [])
  engine.sensors(0, at(9), [], [figures(Number.NaN)])
  t.same(told(transitions).slice(1), ['P3 de-h.sensor raised'])
})

t.test('zones of a sensor that gives the velocity itself, row by row; a peak is another number', async t => {
  const pump = asset(
    [
      channel('vibration', { unit: 'mm/s', detector: 'rms', point: 'DE' }),
      channel('peak', { unit: 'mm/s', detector: 'peak' }),
    ],
    { machine: { category: 2, power: '55kW' }, alarm: { ...ALARM, onDelayMs: 2000, zones: 'on' } },
  )
  const { engine, transitions } = testEngine([pump])
  const rows = (fromS: number, velocity: number): void =>
    engine.rows(
      gated(
        Array.from({ length: 10 }, () => [velocity, 30]),
        { fromS },
      ),
    )
  rows(0, 5)
  t.same(transitions, [], 'no baseline yet, and below C/D')
  engine.bound(0, {
    ...model().manifest,
    channels: ['vibration', 'peak'].map(id => ({ id, unit: 'mm/s' })),
    reference: { fromUs: 0, toUs: 0, rows: 1, centre: [2, 4], deviation: [1, 1] },
  })
  rows(10, 3.2)
  t.same(transitions, [])
  rows(20, 3.4)
  t.match(transitions, [
    {
      rule: 'vibration.velocity.warning',
      kind: 'machine',
      setpoint: 3.275,
      message:
        'vibration velocity 3.4 mm/s above warning 3.27 mm/s: zone B (A/B at 3.2; ISO 10816-7, category 2, up to 200 kW); baseline 2 mm/s, zone A',
    },
  ])
  rows(30, 9)
  t.match(transitions[1], { rule: 'vibration.velocity.danger', priority: 2, message: /: zone D \(C\/D at 8\.5/ })
  rows(40, 2)
  t.same(told(transitions).slice(2), ['P3 vibration.velocity.warning cleared', 'P2 vibration.velocity.danger cleared'])
})

t.test('off by configuration, and for machines without zones', async t => {
  for (const config of [
    { ...motor, alarm: { ...motor.alarm, zones: 'off' as const } },
    { ...motor, machine: { power: '55kW' } },
  ]) {
    const { engine, transitions } = testEngine([config])
    engine.bound(0, learnt(1.1))
    for (let k = 0; k < 4; k++) engine.sensors(0, at(k), [], [figures(30)])
    t.same(transitions, [])
  }
})
