import t from 'tap'
import type { Reference } from '../../../agent/models/contract.ts'
import { DRIFT_MAX, judgeRebaseline } from '../../../agent/models/live/drift.ts'
import { RebaselineMeter, type RebaselineShape, type RebaselineState } from '../../../agent/models/live/rebaseline.ts'

const SHAPE: RebaselineShape = { baselineRows: 200, everyUs: 1e6, onDelayRows: 5, keeps: 'baseline' }

/** Rows [from, to) with one score and alarm state. */
function feed(meter: RebaselineMeter, from: number, to: number, score = 0.5, inAlarm = false): void {
  for (let row = from; row < to; row++) meter.row(row, score, inAlarm)
}

function started(shape: Partial<RebaselineShape> = {}): RebaselineMeter {
  const meter = new RebaselineMeter({ ...SHAPE, ...shape })
  meter.begin({ from: 0, to: 199, rows: 200 })
  return meter
}

t.test('due after the first baseline, or a day where that is shorter', async t => {
  t.equal(started().rowsToDue, 200)
  t.equal(started({ everyUs: 3600e6 }).rowsToDue, 24)
  const meter = started()
  feed(meter, 200, 399)
  t.equal(meter.rowsToDue, 1)
  feed(meter, 399, 400)
  t.equal(meter.rowsToDue, 0)
  t.same(meter.take(), {
    ready: true,
    stretches: [
      { from: 0, to: 199, rows: 200 },
      { from: 200, to: 399, rows: 200 },
    ],
    takeLast: 200,
  })
  t.equal(meter.rowsToDue, 200, 'and again')
})

t.test('what leads up to an alarm is left out with it, and the margin grows with the on-delay', async t => {
  for (const [onDelayRows, healthyTo] of [
    [5, 259],
    [50, 199],
  ] as const) {
    const meter = started({ onDelayRows })
    feed(meter, 200, 300)
    feed(meter, 300, 310, 2, true)
    feed(meter, 310, 400)
    const due = meter.take()
    const second = due.ready ? due.stretches[1] : undefined
    if (onDelayRows === 5) {
      t.match(second, { from: 200, to: healthyTo, rows: 60 })
      t.match(due, { stretches: [{}, {}, { from: 310, to: 399 }] })
    } else t.match(due, { stretches: [{}, { from: 310, to: 399, rows: 90 }] })
  }
})

t.test('not while the alarm stands, not with many rows beyond the setpoint, not with little that is new', async t => {
  const standing = started()
  feed(standing, 200, 390)
  feed(standing, 390, 400, 2, true)
  t.same(standing.take(), { ready: false, reason: 'the alarm stands' })

  const busy = started()
  for (let row = 200; row < 400; row++) busy.row(row, row % 12 === 0 ? 1 : 0.5, false)
  t.match(busy.take(), { ready: false, reason: /8\.\d % of the new rows outside alarms exceed the setpoint/ })

  const stale = started()
  feed(stale, 200, 370, 2, true)
  feed(stale, 370, 400)
  t.match(stale.take(), { ready: false, reason: /only 30 of the 200 new rows/ })
})

t.test('an alarm on its way: the rows before it are left out, now and later', async t => {
  const meter = started()
  feed(meter, 200, 398)
  feed(meter, 398, 400, 1.5)
  t.match(meter.take(), { ready: true, stretches: [{}, { from: 200, to: 359, rows: 160 }] })
  feed(meter, 400, 410, 1.5, true)
  feed(meter, 410, 600)
  t.match(meter.take(), {
    ready: true,
    stretches: [
      { from: 200, to: 359 },
      { from: 410, to: 599, rows: 190 },
    ],
  })
})

t.test('old stretches go where only one baseline is kept, stay where all is, and survive a restart', async t => {
  const short = started()
  const all = started({ keeps: 'all' })
  for (const meter of [short, all]) {
    feed(meter, 200, 300)
    feed(meter, 300, 310, 2, true)
    feed(meter, 310, 600)
  }
  t.same(
    short.state.stretches.map(({ from }) => from),
    [310],
  )
  t.same(
    all.state.stretches.map(({ from }) => from),
    [0, 200, 310],
  )
  const saved = JSON.parse(JSON.stringify(all.state)) as RebaselineState
  const again = new RebaselineMeter({ ...SHAPE, keeps: 'all' }, saved)
  t.same(again.state, all.state)
  feed(again, 600, 650)
  const due = again.take()
  t.match(due, { ready: true, takeLast: 200 + 60 + 250 + 50 }, 'rows that waited at the restart are lost')
})

t.test('a clock set back: what lies after the new time is forgotten', async t => {
  const meter = started({ keeps: 'all' })
  feed(meter, 200, 500)
  feed(meter, 150, 400)
  t.same(meter.state.stretches, [{ from: 150, to: 359, rows: 210 }])
})

t.test('the drift of every channel is told, and one beyond the bound refuses', async t => {
  const channels = ['flow', 'temperature', 'still'].map(id => ({ id, unit: '1' }))
  const reference: Reference = { fromUs: 0, toUs: 1, rows: 4, centre: [10, 50, 200], deviation: [1, 2, 0] }
  const rows = (flow: number, temperature: number, still: number): Float64Array =>
    Float64Array.from({ length: 30 }, (_, i) => [flow, temperature, still][i % 3]!)
  const at = (values: Float64Array) => judgeRebaseline(reference, { values, rows: 10, channels })
  t.match(at(rows(12, 44, 200)), {
    ok: true,
    drift: [
      { channel: 'temperature', deviations: -3 },
      { channel: 'flow', deviations: 2 },
      { channel: 'still', deviations: 0 },
    ],
    reason: 'temperature lies 3.0 standard deviations below the first baseline',
  })
  t.match(at(rows(10, 50 + 2 * DRIFT_MAX + 0.2, 200)), {
    ok: false,
    reason: /temperature lies .* above .*further than/,
  })
  t.match(at(rows(10, 50, 214)), { ok: false, reason: /still lies 7\.0/ }, '1 % of a constant counts as one')
  const late = rows(10, 50, 200)
  for (let row = 6; row < 10; row++) late[row * 3] = 30
  t.match(at(late), { ok: false, reason: /flow lies 20\.0/ }, 'the newest rows tell, not the mean over all history')
})
