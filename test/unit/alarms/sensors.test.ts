import t from 'tap'
import { restore } from '../../../agent/alarms/state.ts'
import { MINUTE_US, START_US, testEngine } from '../../support/alarm-parts.ts'
import { asset, channel } from '../../support/assets.ts'

const capture = { lengthMs: 5_000, everyMs: 600_000, settleMs: 10_000 }
const waveform = { type: 'int16' as const, rateHz: 25_600, capture }
const motor = asset(
  [
    channel('de-h', { unit: 'g', waveform, point: 'DE', axis: 'horizontal' }),
    channel('de-v', { unit: 'g', waveform, point: 'DE', axis: 'vertical' }),
  ],
  {
    id: 'm-204',
    alarm: {
      onDelayMs: 600_000,
      offDelayMs: 600_000,
      deadband: 0.1,
      priority: 3,
      trendHorizonMs: 0,
      shelveMaxMs: 604_800_000,
    },
  },
)
const at = (capture: number): number => START_US + capture * 10 * MINUTE_US
const CLIPPING = { channel: 0, fault: 'clipping', text: '0.8 % of samples stand at the end of the range (-16, 16)' }

t.test('the second capture with a fault raises the alarm of that sensor, two good ones clear it', async t => {
  const { engine, transitions } = testEngine([motor])
  engine.sensors(0, at(0), [])
  engine.sensors(0, at(1), [CLIPPING])
  t.equal(transitions.length, 0)
  t.match(engine.pending(0), { rule: 'de-h.sensor', value: 1 })
  engine.sensors(0, at(2), [CLIPPING])
  t.match(transitions, [
    {
      transition: 'raised',
      rule: 'de-h.sensor',
      kind: 'sensor',
      message:
        'DE horizontal: clipping, 0.8 % of samples stand at the end of the range (-16, 16); look at the sensor, cable and mount',
      onsetUs: at(1),
      evidence: [{ channel: 'de-h', feature: 'sensor fault: clipping', share: 1 }],
    },
  ])
  t.notOk(engine.inAlarm(0), 'the machine has none')
  engine.sensors(0, at(3), [{ channel: 1, fault: 'dead', text: 'constant 0' }])
  engine.sensors(0, at(4), [{ channel: 1, fault: 'dead', text: 'constant 0' }])
  t.match(transitions.slice(1), [
    { transition: 'cleared', rule: 'de-h.sensor', message: 'DE horizontal: sensor plausible again after 30 min' },
    { transition: 'raised', rule: 'de-v.sensor', message: /^DE vertical: dead, constant 0/ },
  ])
})

t.test('one spoilt capture raises nothing, and a restart keeps the alarm', async t => {
  const first = testEngine([motor])
  for (const [k, troubles] of [[CLIPPING], [], [CLIPPING], []].entries()) first.engine.sensors(0, at(k), troubles)
  t.equal(first.transitions.length, 0)
  for (const k of [4, 5]) first.engine.sensors(0, at(k), [CLIPPING])
  const [raised] = first.transitions
  const again = testEngine([motor], {
    state: restore({ alertSeq: 1, standing: [raised!] }),
  })
  for (const k of [6, 7]) again.engine.sensors(0, at(k), [CLIPPING])
  t.equal(again.transitions.length, 0, 'not raised again')
  for (const k of [8, 9]) again.engine.sensors(0, at(k), [])
  t.match(again.transitions, [{ transition: 'cleared', id: raised!.id }])
})
