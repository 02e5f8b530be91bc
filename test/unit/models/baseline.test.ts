import t from 'tap'
import { Counters } from '../../../agent/core/counters.ts'
import type { History, HistoryRows } from '../../../agent/history/contract.ts'
import { collectBaseline } from '../../../agent/models/live/baseline.ts'
import { Gate } from '../../../agent/windows/gate.ts'
import { asset } from '../../support/assets.ts'
import { SECOND_US } from '../../support/blocks.ts'
import { CHANNELS, rowOf } from '../../support/scoring-life.ts'

/** One row a second from 0; row i holds rowOf(i). */
function historyOf(rows: number): History {
  return {
    async *query(): AsyncGenerator<HistoryRows> {
      const numbers = Array.from({ length: rows }, (_, i) => i)
      const timesUs = Float64Array.from(numbers, i => i * SECOND_US)
      yield { timesUs, columns: ['c0', 'c1'], values: Float64Array.from(numbers.flatMap(rowOf)) }
    },
  } as unknown as History
}

async function collect(stored: number, expected: number): Promise<{ rows: number; first: number; last: number }> {
  const pump = asset(CHANNELS, { gapMs: 2500 })
  const gate = (config: typeof pump, out: ConstructorParameters<typeof Gate>[2]) =>
    new Gate(config, new Counters(), out)
  const { rows, values } = await collectBaseline(historyOf(stored), pump, gate, {
    fromUs: 0,
    toUs: stored * SECOND_US,
    expectedRows: expected,
  })
  return { rows, first: values[0]!, last: values[(rows - 1) * 2]! }
}

t.test('more rows in the range than were counted leave room for the newest', async t => {
  t.same(await collect(5000, 300), { rows: 5000, first: 0, last: 4999 })
})

t.test('far more than memory has room for: spread over the whole range', async t => {
  const { rows, first, last } = await collect(250_000, 300)
  t.ok(rows <= 100_000 + 2048 && rows > 80_000, `${rows} rows`)
  t.equal(first, 0)
  t.ok(last > 240_000, `the newest is ${last}`)
})
