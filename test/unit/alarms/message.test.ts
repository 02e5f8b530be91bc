import t from 'tap'
import { limitCleared, limitRaised, modelCleared, modelEvidence, modelRaised } from '../../../agent/alarms/message.ts'
import { differenceText, durationText, numberText, quantityText } from '../../../agent/alarms/text.ts'
import type { ScoredBatch } from '../../../agent/scoring/contract.ts'
import { MINUTE_US, model, rule, SECOND_US, scored } from '../../support/alarm-parts.ts'
import { channel } from '../../support/assets.ts'

const table = <In extends unknown[]>(name: string, of: (...args: In) => string, rows: [...In, string][]): void => {
  t.test(name, async t => {
    for (const row of rows) t.equal(of(...(row.slice(0, -1) as In)), row.at(-1))
  })
}

table('numbers', numberText, [
  [9.4, '9.4'],
  [58.249, '58.2'],
  [1482.3, '1482'],
  [-0.00001234, '-0.0000123'],
  [0, '0'],
  [-0.0, '0'],
  [99.96, '100'],
  [Number.NaN, '?'],
])
table('quantities', quantityText, [
  [41.5, 'm3/h', '41.5 m³/h'],
  [71.25, 'Cel', '71.3 °C'],
  [2, '1', '2'],
])
table('durations', durationText, [
  [0, '0 ms'],
  [0.25 * SECOND_US, '250 ms'],
  [10 * SECOND_US, '10 s'],
  [34 * MINUTE_US, '34 min'],
  [125 * MINUTE_US, '2 h 5 min'],
  [48 * 60 * MINUTE_US, '2 d'],
  [76 * 60 * MINUTE_US, '3 d 4 h'],
  [-5, '0 ms'],
])
table('differences', differenceText, [
  [41, 50, 'm3/h', '18 % below'],
  [60, 50, 'm3/h', '20 % above'],
  [77.2, 71, 'Cel', '6.2 °C above'],
  [5, 0.01, 'bar', '4.99 bar above'],
  [0.3, 0, 'mm/s', '0.3 mm/s above'],
  [-0.3, -0.2, 'bar', '0.1 bar below'],
  [40, 55, '%', '15 points below'],
])

const channels = [channel('flow', { unit: 'm3/h' }), channel('current', { unit: 'A' })]

t.test('a model with predictions says which way and how far', async t => {
  const evidence = modelEvidence(scored([1.42], [0]), 0)
  t.equal(modelRaised(evidence, 1.42, 1, channels), 'flow 18 % below prediction (flow 58 %, current 27 %)')
  t.match(evidence, [
    { channel: 'flow', feature: 'deviation from prediction', value: 41, baseline: 50, unit: 'm3/h' },
    { channel: 'current', value: 10.5, baseline: 10, unit: 'A' },
  ])
  t.equal(
    modelCleared(evidence, 34 * MINUTE_US, 2.1, channels),
    'flow back within prediction after 34 min, peak score 2.1',
  )
})

t.test('a model without features claims no direction', async t => {
  const evidence = modelEvidence(scored([1.42], [0], model(false)), 0)
  t.equal(modelRaised(evidence, 1.42, 1, channels), 'score 1.42, setpoint 1 (flow 58 %, current 27 %)')
  t.match(evidence[0], { feature: 'share of score', baseline: 0.5, unit: '1' })
  t.equal(modelCleared(evidence, SECOND_US, 2.1, channels), 'score back below setpoint after 1 s, peak score 2.1')
})

t.test('a model without contributions says its score', async t => {
  const batch = { ...scored([1.42], [0]), contributions: new Float32Array(), contributionCount: 0 }
  t.same(modelEvidence(batch, 0), [])
  t.equal(modelRaised([], 1.42, 1, channels), 'score 1.42, setpoint 1')
})

t.test('features that are not finite are no evidence', async t => {
  const batch = scored([1.42], [0])
  batch.features[0] = Number.NaN
  t.equal(modelRaised(modelEvidence(batch, 0), 1.42, 1, channels), 'score 1.42, setpoint 1 (flow 58 %, current 27 %)')
})

t.test('a deviation that healthy rows show, too, is no claim', async t => {
  const spread = (value: number): ScoredBatch => {
    const { manifest, ...rest } = model()
    const features = manifest.features.map(f => (f.role === 'deviation' ? { ...f, spread: value } : f))
    return scored([1.42], [0], { ...rest, manifest: { ...manifest, features } })
  }
  // It lies 9 m3/h from its prediction.
  t.match(modelRaised(modelEvidence(spread(2.9), 0), 1.42, 1, channels), /^flow 18 % below prediction/)
  const evidence = modelEvidence(spread(3.1), 0)
  t.equal(modelRaised(evidence, 1.42, 1, channels), 'score 1.42, setpoint 1 (flow 58 %, current 27 %)')
  t.match(modelCleared(evidence, SECOND_US, 2.1, channels), /^score back below setpoint/)
})

t.test('a vibration channel is named by its measuring point', async t => {
  const daq = channel('flow', { waveform: { type: 'int16', rateHz: 25_600 }, point: 'DE', axis: 'horizontal' })
  const evidence = modelEvidence(scored([1.42], [0]), 0)
  t.match(modelRaised(evidence, 1.42, 1, [daq]), /^DE horizontal 18 % below/)
})

t.test('limits', async t => {
  const discharge = channel('discharge')
  const max = rule()
  const min = rule({ side: 'below', setpoint: 1 })
  t.equal(limitRaised(max, discharge, 9.4, 10 * SECOND_US), 'discharge 9.4 bar above limit 9 bar for 10 s')
  t.equal(limitRaised(max, discharge, 9.4, 0), 'discharge 9.4 bar above limit 9 bar')
  t.equal(limitRaised(max, discharge, 9, 0), 'discharge 9 bar at limit 9 bar')
  t.equal(limitRaised(min, discharge, 0.5, 0), 'discharge 0.5 bar below limit 1 bar')
  t.equal(
    limitCleared(max, discharge, 34 * MINUTE_US, 9.8),
    'discharge back within limit 9 bar after 34 min, peak 9.8 bar',
  )
  t.equal(
    limitCleared(min, discharge, 2 * SECOND_US, 0.4),
    'discharge back within limit 1 bar after 2 s, lowest 0.4 bar',
  )
})
