import t from 'tap'
import { AlarmCounts } from '../../../agent/alarms/statistics.ts'
import { seededPrng } from '../../../agent/core/prng.ts'
import { MINUTE_US, START_US, transition } from '../../support/alarm-parts.ts'

const HOUR_US = 60 * MINUTE_US
const DAY_US = 24 * HOUR_US

t.test('episodes per asset and month, alarms per hour', async t => {
  const counts = new AlarmCounts()
  const nowUs = START_US + 15 * DAY_US
  counts.add(transition({ atUs: START_US, asset: 'p-101' }))
  for (const days of [3, 9, 14.9, 14.99]) counts.add(transition({ atUs: START_US + days * DAY_US, asset: 'p-101' }))
  counts.add(transition({ atUs: nowUs - 5 * MINUTE_US, asset: 'p-102', kind: 'sensor' }))
  for (const not of [{ test: true }, { suppression: 'shelved' }, { transition: 'cleared' }, { rule: '*' }] as const)
    counts.add(transition({ atUs: nowUs, ...not }))
  const { assets, lastHour, perHour, since } = counts.statistics(nowUs, ['p-101', 'p-102'], [])
  t.same(assets, [
    { asset: 'p-101', episodes: 5, perMonth: 10, observedDays: 15 },
    { asset: 'p-102', episodes: 0, perMonth: 0, observedDays: 15 },
  ])
  t.equal(since, START_US)
  t.equal(perHour, 3 / 24)
  t.ok(lastHour >= 1 && lastHour <= 3, 'by hours of the clock')
})

t.test('chattering: three times within ten minutes; a day later it is forgotten', async t => {
  const counts = new AlarmCounts()
  for (const minutes of [0, 4, 9]) counts.add(transition({ atUs: START_US + minutes * MINUTE_US, rule: 'flow.max' }))
  for (const minutes of [0, 4, 15]) counts.add(transition({ atUs: START_US + minutes * MINUTE_US, rule: 'flow.min' }))
  const at = (us: number) => counts.statistics(START_US + us, ['p-101'], []).chattering
  t.same(at(20 * MINUTE_US), [{ asset: 'p-101', rule: 'flow.max', times: 3, withinUs: 9 * MINUTE_US }])
  t.same(at(2 * DAY_US), [])
})

t.test('stale after a day, the longest standing first; what is suppressed is neither', async t => {
  const old = transition({ id: 'A', raisedUs: START_US })
  const older = transition({ id: 'B', raisedUs: START_US - DAY_US })
  const hidden = transition({ id: 'C', raisedUs: START_US - 9 * DAY_US, suppression: 'out-of-service' })
  const over = transition({ id: 'D', raisedUs: START_US - 9 * DAY_US, active: false })
  const young = transition({ id: 'E', raisedUs: START_US + DAY_US })
  const nowUs = START_US + DAY_US + 1
  const { stale, longest } = new AlarmCounts().statistics(nowUs, [], [old, older, hidden, over, young])
  t.same(
    stale.map(({ id }) => id),
    ['B', 'A'],
  )
  t.equal(longest?.id, 'B')
})

t.test('a checkpoint holds all of it, in few bytes whatever came', async t => {
  const prng = seededPrng(5)
  const counts = new AlarmCounts()
  let atUs = START_US
  for (let i = 0; i < 20_000; i++) {
    // A clock that steps, by years at times.
    atUs += prng.next() < 0.001 ? (prng.next() - 0.5) * 20 * 365 * DAY_US : prng.next() * 10 * MINUTE_US
    counts.add(
      transition({
        atUs: Math.round(atUs),
        asset: `pump-of-line-${Math.floor(prng.next() * 1000)}`,
        rule: `c${i % 7}.max`,
      }),
    )
  }
  const text = JSON.stringify(counts.snapshot())
  t.ok(text.length < 9_000, `${text.length} bytes`)
  const again = new AlarmCounts()
  again.restore(JSON.parse(text))
  const nowUs = Math.round(atUs)
  const ids = ['pump-of-line-1', 'pump-of-line-2']
  t.same(again.statistics(nowUs, ids, []), counts.statistics(nowUs, ids, []))
  t.same(again.snapshot(), counts.snapshot())
})
