// Minutes and hours are the sums of the rows that are stored, whatever happened on the way: never more, never fewer.
import assert from 'node:assert/strict'
import { cpSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { planSummary } from '../../../agent/history/summary.ts'
import { appendRows, openTestHistory, rowsOf } from '../../support/history-open.ts'
import { bucketsOf, sumsAreOf } from '../../support/history-sums.ts'

const SEED = 5
const MINUTE_US = 60e6
const HOUR_US = 3600e6
const T0 = Math.floor(1_700_000_000_000_000 / HOUR_US) * HOUR_US
const ALL = { asset: 'p', class: 'samples' } as const

t.test('sums equal the stored rows after crashes, flushes and restarts at random', async t => {
  const step = fc.integer({ min: 0, max: 20 * 60_000_000 })
  const act = fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        rows: fc.array(fc.tuple(step, fc.integer({ min: -50, max: 50 })), { minLength: 1, maxLength: 30 }),
      }),
    },
    { weight: 2, arbitrary: fc.constant('flush' as const) },
    { weight: 1, arbitrary: fc.constant('restart' as const) },
    { weight: 1, arbitrary: fc.constant('crash' as const) },
  )
  const base = t.testdir()
  let run = 0
  const property = fc.asyncProperty(fc.array(act, { minLength: 2, maxLength: 12 }), async acts => {
    let dir = `${base}/${run++}/a`
    let { history } = await openTestHistory(dir)
    let stored: [number, number][] = []
    let held: [number, number][] = []
    let time = T0
    for (const act of acts) {
      if (typeof act === 'object') {
        const rows = act.rows.map(([step, value]): [number, number] => {
          time = Math.min(time + step, T0 + 9 * HOUR_US)
          return [time, value]
        })
        appendRows(history, 'p', rows, ['x'])
        held.push(...rows)
        continue
      }
      if (act !== 'crash') {
        await (act === 'flush' ? history.flush() : history.close())
        stored = [...stored, ...held]
        held = []
      }
      if (act === 'flush') continue
      // What the disk holds now, as a kill would leave it.
      const copy = `${dir}a`
      cpSync(dir, copy, { recursive: true })
      await history.close()
      dir = copy
      history = (await openTestHistory(dir)).history
      // Rows that filled a chunk are there too: all that is there is what counts.
      stored = (await rowsOf(history.query({ ...ALL, fromUs: 0, toUs: 1e18 }))) as [number, number][]
      held = []
    }
    await sumsAreOf(history, [...stored, ...held], T0, 10)
    await history.close()
  })
  await fc.assert(property, { seed: SEED, numRuns: 40 })
  t.pass(`seed ${SEED}`)
})

t.test('a change of columns, missing values and rows out of order are summed up right', async t => {
  const { history } = await openTestHistory(`${t.testdir()}/history`)
  const rows = [
    [T0, 1, 10],
    [T0 + 59e6, 2, Number.NaN],
    [T0 + 61e6, 3, 30],
    [T0 + 58e6, 4, 40],
  ] as const
  appendRows(history, 'p', rows, ['a', 'b'])
  appendRows(history, 'p', [[T0 + 62e6, 7]], ['a'])
  for (const when of ['in memory', 'on the disk']) {
    const summary = await history.summary({ ...ALL, fromUs: T0, toUs: T0 + 2 * MINUTE_US, points: 2 })
    t.same(summary.columns, ['a', 'b'])
    t.equal(summary.bucketUs, MINUTE_US)
    t.match(
      bucketsOf(summary, 0),
      [
        { startUs: T0, count: 3, min: 1, max: 4 },
        { startUs: T0 + MINUTE_US, count: 2, min: 3, max: 7, mean: 5, last: 7 },
      ],
      when,
    )
    t.match(
      bucketsOf(summary, 1),
      [
        { count: 2, min: 10, max: 40, mean: 25 },
        { count: 1, min: 30, max: 30 },
      ],
      when,
    )
    await t.rejects(history.summary({ ...ALL, fromUs: T0, toUs: T0 + HOUR_US, points: 1, columns: ['nix'] }), {
      code: 'NOT_FOUND',
      message: /no column nix among the samples of p in that time; there are a, b/,
    })
    await history.flush()
  }
  const only = await history.summary({ ...ALL, fromUs: T0, toUs: T0 + HOUR_US, points: 1, columns: ['b'] })
  t.match(bucketsOf(only), [{ startUs: T0, count: 3, min: 10, max: 40 }])
  await t.rejects(history.summary({ ...ALL, fromUs: T0, toUs: T0 + HOUR_US, points: 300_000 }), {
    code: 'USAGE',
    message: /at most 200000 points/,
  })
  await history.close()
})

t.test('buckets are whole minutes or hours, no more of them than asked for', async t => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 2e15 }),
      fc.integer({ min: 1, max: 1e14 }),
      fc.integer({ min: 1, max: 2000 }),
      (from, length, points) => {
        const plan = planSummary(from, from + length, points)
        assert.ok(plan.buckets >= 1 && plan.buckets <= points, `${plan.buckets} of ${points}`)
        assert.ok(plan.fromUs <= from && plan.fromUs + plan.buckets * plan.bucketUs >= from + length)
        const unit = plan.tier === 'hours' ? HOUR_US : plan.tier === 'minutes' ? MINUTE_US : 1
        assert.equal(plan.bucketUs % unit, 0)
        assert.equal(plan.fromUs % unit, 0)
      },
    ),
    { seed: SEED, numRuns: 500 },
  )
  t.pass(`seed ${SEED}`)
})
