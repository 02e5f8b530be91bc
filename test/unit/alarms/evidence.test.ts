// Captures of sensors with faults through the alarm rule: what may raise, and what may clear.
import t from 'tap'
import type { Manifest, ModelFile } from '../../../agent/models/contract.ts'
import type { WindowDoubt } from '../../../agent/scoring/contract.ts'
import { START_US, testEngine } from '../../support/alarm-parts.ts'
import { asset, channel } from '../../support/assets.ts'

const EVERY_US = 600e6
const waveform = {
  type: 'int16' as const,
  rateHz: 25_600,
  capture: { lengthMs: 1_000, everyMs: 600_000, settleMs: 0 },
}
const motor = asset(
  ['de-h', 'de-v'].map(id => channel(id, { unit: 'g', waveform })),
  {
    alarm: {
      onDelayMs: 540_000,
      offDelayMs: 1_740_000,
      deadband: 0.1,
      priority: 3,
      trendHorizonMs: 0,
      shelveMaxMs: 604_800_000,
    },
  },
)
const BAND = '3400-3600 Hz'
const model = {
  sha256: 'ab'.repeat(32),
  origin: 'local',
  manifest: {
    name: 'm',
    release: 1,
    everyMs: 600_000,
    contributions: [`de-h ${BAND}`, `de-v ${BAND}`],
    channels: ['de-h', 'de-v'].map(id => ({ id, unit: 'g' })),
    features: ['de-h', 'de-v'].flatMap(id => [
      { name: 'rms', unit: 'g', channel: id },
      { name: `rms ${BAND}`, unit: 'g', channel: id, fromHz: 3_400, toHz: 3_600, baseline: 0.1 },
    ]),
    reference: { deviation: [0.5, 0.5] },
  } as unknown as Manifest,
} as unknown as ModelFile

const DEAD_H: WindowDoubt = { unwatched: ['de-h'], clipped: [] }
const DEAD_V: WindowDoubt = { unwatched: ['de-v'], clipped: [] }
const CLIPS: WindowDoubt = { unwatched: [], clipped: ['de-h'] }

/** One capture after the other, about `axis` when beyond the setpoint. */
function bench() {
  const { engine, transitions } = testEngine([motor])
  let k = 0
  const take = (score: number, doubt?: WindowDoubt, axis = 0): void =>
    engine.scores({
      key: 'm-204',
      model,
      count: 1,
      tags: new Int32Array(1),
      timesUs: Float64Array.of(START_US + k++ * EVERY_US),
      scores: Float32Array.of(score),
      contributions: Float32Array.of(1 - axis, axis),
      contributionCount: 2,
      features: Float32Array.of(1.2, 0.31, 1.2, 0.31),
      featureCount: 4,
      doubts: [doubt],
    })
  return { engine, take, said: () => transitions.map(({ transition, message }) => `${transition}: ${message}`) }
}

t.test('a sensor that clips raises, and says that it is more than that', async t => {
  const { take, said } = bench()
  take(2, CLIPS)
  t.same(said(), [])
  take(2, CLIPS)
  t.same(said(), ['raised: de-h at least 2.4 x its usual rms, 2 captures; de-h clips'], 'no band: cutting fills others')
})

t.test('below the setpoint it neither clears nor ends what is on its way, and its time does not count', async t => {
  const { engine, take, said } = bench()
  take(2)
  take(0.5, CLIPS)
  t.ok(engine.pending(0), 'still on its way')
  take(2)
  t.equal(said().length, 1)
  for (let k = 0; k < 20; k++) take(0.5, CLIPS)
  t.ok(engine.inAlarm(0))
  take(0.5)
  for (let k = 0; k < 5; k++) take(0.5, CLIPS)
  take(0.5)
  t.ok(engine.inAlarm(0), 'two good ones of four')
  take(0.5)
  take(0.5)
  t.match(said()[1], /^cleared: de-h/)
})

t.test('an alarm does not clear because the axis that it is about died', async t => {
  const { engine, take, said } = bench()
  take(2)
  take(2)
  for (let k = 0; k < 20; k++) take(0.3, DEAD_H)
  t.ok(engine.inAlarm(0))
  for (let k = 0; k < 4; k++) take(0.3)
  t.notOk(engine.inAlarm(0))
  t.equal(said().length, 2)
})

t.test('with another axis dead for good it is raised and cleared as ever', async t => {
  const { engine, take, said } = bench()
  take(2, DEAD_V)
  take(0.3, DEAD_V)
  t.notOk(engine.pending(0), 'a lorry passed')
  take(2, DEAD_V)
  take(2, DEAD_V)
  t.match(said(), [/^raised: de-h 3.4–3.6 kHz 3.1 x baseline, .*; de-v is not watched, its sensor has a fault$/])
  for (let k = 0; k < 4; k++) take(0.3, DEAD_V)
  t.notOk(engine.inAlarm(0))
  take(2, DEAD_H, 1)
  take(2, DEAD_H, 1)
  t.match(said().at(-1), /^raised: de-v/)
  for (let k = 0; k < 4; k++) take(0.3, DEAD_H)
  t.notOk(engine.inAlarm(0), 'what an alarm before was about is forgotten')
})
