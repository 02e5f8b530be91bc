// Out of the history comes what the rule saw: stepped through it, it raises when the live engine did.
import t from 'tap'
import { type AlarmCase, foldCase } from '../../../agent/alarms/case.ts'
import { raisedAt } from '../../../agent/alarms/proposal.ts'
import type { AssetConfig } from '../../../agent/config/contract.ts'
import { Counters } from '../../../agent/core/counters.ts'
import { seededPrng } from '../../../agent/core/prng.ts'
import type { History } from '../../../agent/history/contract.ts'
import { rowsOfCase, watchedRule } from '../../../agent/pipeline/rule-rows.ts'
import { Gate, RUNNING } from '../../../agent/windows/gate.ts'
import { SECOND_US, START_US, scored, testEngine } from '../../support/alarm-parts.ts'
import { ALARM, asset, channel } from '../../support/assets.ts'
import { openTestHistory } from '../../support/history-open.ts'

const limit = { onDelayMs: 5_000, offDelayMs: 3_000, deadband: 0.5, priority: 2 as const }
const pump: AssetConfig = asset([channel('speed'), channel('flow', { max: 9, min: 1, limit })], {
  alarm: { ...ALARM, onDelayMs: 8_000, offDelayMs: 4_000 },
  running: { text: 'speed > 300', anyOf: [[{ channel: 0, op: '>', value: 300 }]], settleMs: 4_000 },
})

/** Two hours of a machine that stops and starts, and of values and scores that wander. */
async function live(history: History, seed: number): Promise<AlarmCase[]> {
  const prng = seededPrng(seed)
  const { engine, transitions } = testEngine([pump])
  const gate = new Gate(pump, new Counters(), block => {
    engine.rows(block)
    for (let row = 0; row < block.rows; row++) {
      if (block.states[row] !== RUNNING) continue
      const second = Math.round((block.timesUs[row]! - START_US) / SECOND_US)
      const time = Float64Array.of(block.timesUs[row]!)
      history.append('p-101', 'scores', ['score'], 1, time, Float64Array.of(Math.fround(score)))
      engine.scores(scored([score], [second]))
    }
  })
  let [speed, flow, score] = [1, 5, 0.5]
  for (let second = 0; second < 7_200; second++) {
    if (prng.next() < 0.01) speed = 1 - speed
    flow += 0.2 * (5 - flow) * prng.next() + 1.5 * prng.normal()
    score = Math.abs(0.95 * score + 0.25 * prng.normal())
    const timesUs = Float64Array.of(START_US + second * SECOND_US)
    const values = Float64Array.of(1_000 * speed, flow)
    history.append('p-101', 'samples', ['speed', 'flow'], 1, timesUs, values)
    gate.push({ asset: 0, rows: 1, columns: 2, timesUs, values })
  }
  const cases = new Map<string, AlarmCase>()
  for (const made of transitions) {
    const found = foldCase(cases.get(made.id), made)
    if (found) cases.set(made.id, found)
  }
  return [...cases.values()]
}

t.test('limits and scores, over stops and starts', async t => {
  for (const seed of [1, 2, 3]) {
    const { history } = await openTestHistory(`${t.testdir()}/history`)
    const cases = await live(history, seed)
    for (const rule of ['flow.max', 'flow.min', 'model']) {
      const watched = watchedRule(pump, rule)!
      const own = cases.filter(({ raised }) => raised.rule === rule)
      t.ok(own.length > 1, `${own.length} alarms of ${rule}`)
      for (const one of own) {
        const rows = await rowsOfCase(history, watched, one, START_US + 7_200 * SECOND_US)
        t.equal(raisedAt(watched.rule, rows), one.raised.raisedUs, `${rule} ${one.raised.id}`)
      }
    }
    await history.close()
  }
})

t.test('rules without rows of their own are watched elsewhere', async t => {
  for (const rule of ['flow.sensor', 'nothing', '*', 'test']) t.equal(watchedRule(pump, rule), undefined, rule)
})

t.test('where nothing is stored there are no rows', async t => {
  const { history } = await openTestHistory(`${t.testdir()}/history`)
  const other = await openTestHistory(`${t.testdir()}/other/history`)
  const [first] = await live(other.history, 1)
  await other.history.close()
  for (const rule of ['flow.max', 'model'])
    t.equal((await rowsOfCase(history, watchedRule(pump, rule)!, first!, START_US + 1e12)).values.length, 0)
  await history.close()
})
