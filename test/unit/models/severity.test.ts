import t from 'tap'
import { Counters } from '../../../agent/core/counters.ts'
import { InputMeans } from '../../../agent/models/live/input-drift.ts'
import { learnableRows } from '../../../agent/models/live/learn-meter.ts'
import { severityOf, severityText } from '../../../agent/models/live/severity.ts'
import { Gate } from '../../../agent/windows/gate.ts'
import { asset, channel } from '../../support/assets.ts'
import { block, keep } from '../../support/blocks.ts'

const reference = (...centre: number[]) => ({ fromUs: 0, toUs: 1, rows: 100, centre, deviation: centre.map(() => 1) })
const machine = { standard: 'iso20816-3', group: 2, support: 'rigid' }

t.test('fixed limits: how close the machine ran to them while it was learnt', async t => {
  const pump = asset([
    channel('bearing-temp', { unit: 'Cel', max: 95 }),
    channel('suction', { min: 0.2 }),
    channel('level', { unit: '%', min: 20, max: 80 }),
    channel('flow'),
  ])
  const ids = pump.channels.map(({ id }) => id)
  t.match(severityOf(pump, ids, reference(92.1, 0.21, 50, 3)), [
    { channel: 'bearing-temp', text: 'bearing-temp at 97 % of its max 95 Cel', high: true },
    { channel: 'suction', text: 'suction 0.01 bar from its min 0.2 bar', high: true },
    { channel: 'level', high: false },
    { channel: 'level', high: false },
  ])
  t.match(severityOf(pump, ids, reference(60, 0.5, 79, 3)), [
    { high: false },
    { high: false },
    { text: 'level at 99 % of its max 80 %', high: true },
    { text: /level 59 % from its min/, high: false },
  ])
})

t.test('vibration velocity by zones, only where it is an rms and the machine is known', async t => {
  const found = (mean: number, more: Parameters<typeof channel>[1], known: object | undefined = machine) =>
    severityOf(
      asset([channel('v', { unit: 'mm/s', detector: 'rms', ...more })], known ? { machine: { ...known } } : {}),
      ['v'],
      reference(mean),
    )
  t.match(found(1, {}), [{ zone: 'A', high: false }])
  t.match(found(2, {}), [{ zone: 'B', high: false }])
  t.match(found(3, {}), [{ zone: 'C', high: true, text: /v 3 mm\/s .*20816-3/ }])
  t.match(found(0.006, { unit: 'm/s' }), [{ zone: 'D', high: true }])
  t.same(found(3, { detector: 'peak' }), [])
  t.same(found(3, {}, { group: 3, support: 'rigid' }), [])
  t.match(severityText(found(3, { unit: 'bar' })), /^no absolute reference/)
})

t.test('captures of vibration: the zone of the worst axis; without a machine class the velocity alone', async t => {
  const waveform = { type: 'int16' as const, rateHz: 25_600 }
  const channels = ['de-h', 'de-v'].map(id => channel(id, { unit: 'g', waveform }))
  const levels = (mmPerS: number) => ({ lowRms: 1, highRms: 1, mmPerS })
  const learnt = { ...reference(0, 0), vibration: [levels(1.2), levels(3.1)] }
  t.match(severityOf(asset(channels, { machine }), ['de-h', 'de-v'], learnt), [
    { channel: 'de-v', zone: 'C', high: true, text: /^zone C: de-v 3.1 mm\/s \(B\/C at 2.8; .*group 2, rigid\)$/ },
  ])
  t.same(severityOf(asset(channels), ['de-h', 'de-v'], learnt), [
    {
      channel: 'de-v',
      mean: 3.1,
      text: 'de-v 3.1 mm/s, in no zone without machine: {group, support}, or {category, power} of a pump',
      high: false,
    },
  ])
  const short = {
    ...reference(0, 0),
    vibration: [
      { lowRms: 1, highRms: 1 },
      { lowRms: 1, highRms: 1 },
    ],
  }
  t.same(severityOf(asset(channels, { machine }), ['de-h', 'de-v'], short), [])
})

t.test('inputs of the last day against the first baseline; older hours go', async t => {
  const pump = asset([channel('flow'), channel('level')])
  const means = new InputMeans([0, 1])
  const gate = new Gate(pump, new Counters(), gated => means.push(keep(gated), learnableRows(pump)))
  const hour = 3600
  gate.push(
    block(
      [
        [10, 5],
        [10, 5],
      ],
      [0, 1],
      1_700_002_800e6,
    ),
  )
  gate.push(
    block(
      [
        [14, 5],
        [16, 5],
      ],
      [hour, hour + 1],
      1_700_002_800e6,
    ),
  )
  const manifest = {
    channels: [
      { id: 'flow', unit: 'bar' },
      { id: 'level', unit: 'bar' },
    ],
    reference: { ...reference(10, 5), deviation: [2, 0] },
  }
  const drift = (atS: number) => means.drift(['flow', 'level'], manifest as never, (1_700_002_800 + atS) * 1e6)
  t.same(
    drift(hour + 1),
    { hours: 2, rows: 4, channels: { flow: 1.25 } },
    'of one that never moved there is no measure',
  )
  t.same(drift(24 * hour + 1), { hours: 1, rows: 2, channels: { flow: 2.5 } })
  t.equal(drift(40 * hour), undefined)
})
