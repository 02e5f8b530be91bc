import t from 'tap'
import { Counters } from '../../../agent/core/counters.ts'
import { LearnMeter } from '../../../agent/models/live/learn-meter.ts'
import { Gate } from '../../../agent/windows/gate.ts'
import { asset, channel } from '../../support/assets.ts'
import { block, keep, SECOND_US } from '../../support/blocks.ts'

const speedAbove300 = { text: 'speed > 300', anyOf: [[{ channel: 0, op: '>' as const, value: 300 }]], settleMs: 0 }
const channels = [channel('speed'), channel('flow')]
const NONE = Number.NaN

/** Feeds rows through a gate into the meter; the index of the completing row, or -1. */
function feed(meter: LearnMeter, pump: ReturnType<typeof asset>, rows: number[][], fromS = 0): number {
  let completed = -1
  const gate = new Gate(pump, new Counters(), gated => {
    completed = meter.count(keep(gated))
  })
  gate.push(
    block(
      rows,
      rows.map((_, i) => fromS + i),
    ),
  )
  return completed
}

t.test('counts running time and starts, not rows while stopped or with a channel missing', async t => {
  const pump = asset(channels, {
    running: speedAbove300,
    learn: { runningMs: 4000, starts: 2, provisionalAfterMs: 1e9 },
  })
  const meter = new LearnMeter(pump, undefined)
  t.equal(
    feed(meter, pump, [
      [1000, 5],
      [1000, NONE],
      [1000, 5],
      [0, 5],
      [1000, 5],
      [1000, 5],
    ]),
    -1,
  )
  t.match(meter.record, { rows: 4, runningUs: 2 * SECOND_US, starts: 2 })
  t.match(meter.progress(), { share: 0.5, waitingFor: 'more running time' })
})

t.test('complete at the row that fulfils it; later rows are not counted', async t => {
  const pump = asset(channels, { learn: { rows: 3, runningMs: 1e9, starts: 3, provisionalAfterMs: 1e9 } })
  const meter = new LearnMeter(pump, undefined)
  t.equal(
    feed(meter, pump, [
      [1, 1],
      [1, 1],
      [1, 1],
      [1, 1],
    ]),
    2,
  )
  t.equal(meter.record?.rows, 3)
  t.equal(meter.record?.uptoUs, (1_700_000_000 + 2) * SECOND_US)
})

t.test('says what it waits for', async t => {
  const pump = asset(channels, {
    running: speedAbove300,
    learn: { runningMs: 1000, starts: 3, provisionalAfterMs: 1e9 },
  })
  const meter = new LearnMeter(pump, undefined)
  t.equal(meter.progress().waitingFor, 'no data yet')
  feed(meter, pump, [
    [1000, 1],
    [1000, 1],
    [1000, 1],
  ])
  t.equal(meter.progress().waitingFor, '2 more starts of the machine')
  feed(meter, pump, [[1000, NONE]], 10)
  t.equal(meter.progress().waitingFor, 'no good value of flow')
  feed(meter, pump, [[0, 1]], 20)
  t.equal(meter.progress().waitingFor, 'machine is stopped')
})

t.test('goes on from a record', async t => {
  const pump = asset(channels, { learn: { rows: 5, runningMs: 1e9, starts: 0, provisionalAfterMs: 1e9 } })
  const before = new LearnMeter(pump, undefined)
  feed(before, pump, [
    [1, 1],
    [1, 1],
    [1, 1],
  ])
  const after = new LearnMeter(pump, before.record)
  t.equal(
    feed(
      after,
      pump,
      [
        [1, 1],
        [1, 1],
      ],
      30,
    ),
    1,
  )
  t.equal(after.record?.sinceUs, before.record?.sinceUs)
})

t.test('running time with a channel missing is not healthy time: no baseline of no rows', async t => {
  const pump = asset(channels, { learn: { runningMs: 2000, starts: 0, provisionalAfterMs: 1e9 } })
  const meter = new LearnMeter(pump, undefined)
  t.equal(
    feed(
      meter,
      pump,
      [1, 2, 3, 4].map(speed => [speed, NONE]),
    ),
    -1,
  )
  t.match(meter.record, { rows: 0, runningUs: 0 })
  t.equal(meter.progress().waitingFor, 'no good value of flow')
})

t.test('rows beyond a fixed limit are not learnt from', async t => {
  const limited = [channel('speed', { min: 10 }), channel('flow', { max: 9 })]
  const pump = asset(limited, { learn: { rows: 100, runningMs: 1e9, starts: 0, provisionalAfterMs: 1e9 } })
  const meter = new LearnMeter(pump, undefined)
  feed(meter, pump, [
    [50, 1],
    [50, 9],
    [10, 1],
    [50, 8],
  ])
  t.equal(meter.record?.rows, 2)
})

t.test(
  'older rows, of a backlog or after a clock set back, count too: nothing is lost, the range reaches back',
  async t => {
    const pump = asset(channels, { learn: { rows: 8, runningMs: 1e9, starts: 0, provisionalAfterMs: 1e9 } })
    const meter = new LearnMeter(pump, undefined)
    const rows = [1, 2, 3, 4].map(speed => [speed, 1])
    const at = (s: number): number => (1_700_000_000 + s) * SECOND_US
    t.equal(feed(meter, pump, rows, 86_400), -1)
    t.equal(feed(meter, pump, rows, 0), 3, 'the eighth row completes it')
    t.match(meter.record, { rows: 8, sinceUs: at(0), uptoUs: at(86_403) })
  },
)

t.test('a single row of long ago does not stretch the range', async t => {
  const pump = asset(channels, { learn: { rows: 8, runningMs: 1e9, starts: 0, provisionalAfterMs: 1e9 } })
  const meter = new LearnMeter(pump, undefined)
  feed(meter, pump, [[1, 1]], 86_400)
  feed(meter, pump, [[1, 1]], -1e9)
  t.match(meter.record, { sinceUs: (1_700_000_000 + 86_400) * SECOND_US })
})

t.test('a record complete before a restart keeps its range when the first row is older', async t => {
  const pump = asset(channels, { learn: { rows: 3, runningMs: 1e9, starts: 3, provisionalAfterMs: 1e9 } })
  const before = new LearnMeter(pump, undefined)
  const rows = [1, 2, 3].map(value => [value, value])
  t.equal(feed(before, pump, rows, 1000), 2)
  const after = new LearnMeter(pump, before.record)
  t.equal(feed(after, pump, [[1, 1]], 5), 0, 'complete at once')
  t.match(after.record, { sinceUs: before.record!.sinceUs, uptoUs: before.record!.uptoUs })
})

t.test('after a failed fit every row counts towards the next try, however many come in a block', async t => {
  const pump = asset(channels, { learn: { rows: 2, runningMs: 1e9, starts: 0, provisionalAfterMs: 1e9 } })
  const meter = new LearnMeter(pump, undefined)
  const gate = new Gate(pump, new Counters(), gated => {
    t.equal(meter.count(keep(gated), 4), 3)
  })
  const rows = [1, 2, 3, 4, 5].map(speed => [speed, 1])
  gate.push(block(rows, [0, 1, 2, 3, 4]))
  t.equal(meter.record?.rows, 4)
})
