import t from 'tap'
import { DRIFT_MAX } from '../../../agent/models/live/drift.ts'
import { watchPump } from '../../support/model-creeping.ts'

// A day of minutes as the baseline, then three weeks; the same weather in all three.
const PUMP = { seed: 1, baselineRows: 1500, lengths: 20 }

t.test('a sound pump is followed through its weather, and never alarms', async t => {
  const { raised, log } = watchPump({ ...PUMP, channel: 'flow', deviations: 0 })
  t.same(raised, [])
  t.ok(log.length >= PUMP.lengths && log.every(({ taken }) => taken), JSON.stringify(log))
})

for (const channel of ['bearing-temp', 'flow'] as const) {
  t.test(`${channel} that creeps away to 10 standard deviations is alarmed, and never learnt`, async t => {
    const { raised, rowsInAlarm, log } = watchPump({ ...PUMP, channel, deviations: 10 })
    t.ok(raised[0] !== undefined && 10 * raised[0] < DRIFT_MAX, `first alarm at ${10 * (raised[0] ?? 1)} deviations`)
    t.ok(rowsInAlarm > 0.8 * PUMP.lengths * PUMP.baselineRows, `${rowsInAlarm} rows in alarm`)
    const late = log.filter(({ at }) => 10 * at > DRIFT_MAX)
    t.ok(late.length > 0 && late.every(({ taken }) => !taken), JSON.stringify(late))
  })
}
