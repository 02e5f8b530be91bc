import t from 'tap'
import { spectrumText } from '../../../agent/cli/history-text.ts'
import { vibrationTexts } from '../../../agent/cli/vibration-text.ts'

const at = '2026-11-22T06:44:00.000Z'
const axis = { channel: 'de-h', unit: 'g', rms: 0.45123, velocityMmPerS: 3.1234 }

t.test('what is shown of the newest capture', async t => {
  t.same(vibrationTexts({}), [])
  const [line, zone, ...rest] = vibrationTexts({
    vibration: {
      at,
      axes: [axis, { channel: 'de-v', unit: 'g', sensorFault: 'dead' }],
      severity: { zone: 'C', text: 'zone C: …' },
    },
  })
  t.match(line, /^vibration 2026-11-22 .*: de-h 0.451 g rms, 3.12 mm\/s; de-v .*sensor: dead/)
  t.match(zone, /zone C: …/)
  t.same(rest, [])
})

t.test('why there is no velocity, and that nobody looks at the machine', async t => {
  const texts = vibrationTexts({
    vibration: {
      at,
      axes: [{ channel: 'de-h', unit: 'g', rms: 1, noVelocity: 'the capture is 1 s long, velocity takes 4 s' }],
    },
    unwatched: { since: at, reason: 'every capture came to nothing (de-h dead)' },
  })
  t.match(texts, [
    /NOT WATCHED since 2026.*: every capture/,
    /^vibration/,
    'no vibration velocity: the capture is 1 s long, velocity takes 4 s',
  ])
})

t.test('a spectrum, as a table and as CSV', async t => {
  const axes = [
    { channel: 'de-h', fromHz: 1.25, lineHz: 0.625, mmPerS: [0.5, 0.25] },
    { channel: 'de-v', fromHz: 1.25, lineHz: 0.625, mmPerS: [1e-9, 2] },
  ]
  t.same([...spectrumText({ at, axes }, 'csv')], ['Hz,de-h,de-v', '1.25,0.5,1e-9', '1.875,0.25,2'])
  t.match(
    [...spectrumText({ at, axes }, 'table')],
    [/^velocity rms in mm\/s of lines of 0.625 Hz, 2026/, /Hz +de-h +de-v$/, /1.25 +0.5 +1e-9/],
  )
})
