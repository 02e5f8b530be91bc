import t from 'tap'
import { Counters } from '../../../agent/core/counters.ts'
import { Aligner } from '../../../agent/windows/align.ts'
import { asset, channel } from '../../support/assets.ts'
import { block, SECOND_US } from '../../support/blocks.ts'

const NONE = Number.NaN
const START = 1_700_000_000

function aligned(extra: Parameters<typeof asset>[1] = {}): { aligner: Aligner; rows: [number, ...number[]][] } {
  const rows: [number, ...number[]][] = []
  const pump = asset([channel('flow', { maxAgeMs: 3000 }), channel('temp', { maxAgeMs: 60_000 })], {
    layout: 'scattered',
    ...extra,
  })
  const aligner = new Aligner(pump, new Counters(), row =>
    rows.push([row.timesUs[0]! / SECOND_US - START, ...row.values]),
  )
  return { aligner, rows }
}

t.test('the last value is held up to its maximum age', async t => {
  const { aligner, rows } = aligned()
  aligner.push(
    block(
      [
        [1, NONE],
        [NONE, 50],
      ],
      [0, 0.4],
    ),
  )
  aligner.push(block([[2, NONE]], [1.2]))
  aligner.push(block([[NONE, 51]], [6.5]))
  t.same(rows, [
    [0, 1, NONE],
    [1, 1, 50],
    [2, 2, 50],
    [3, 2, 50],
    [4, 2, 50],
    [5, NONE, 50],
    [6, NONE, 50],
  ])
})

t.test('a value exactly on the grid belongs to that row', async t => {
  const { aligner, rows } = aligned()
  aligner.push(
    block(
      [
        [1, 50],
        [2, 51],
        [3, 52],
      ],
      [0, 1, 2],
    ),
  )
  t.same(rows, [
    [0, 1, 50],
    [1, 2, 51],
  ])
})

t.test('a silence of days emits no rows of nothing', async t => {
  const { aligner, rows } = aligned()
  aligner.push(block([[1, 50]], [0]))
  aligner.push(block([[2, 51]], [7 * 86_400 + 0.5]))
  aligner.push(block([[3, 52]], [7 * 86_400 + 1.5]))
  t.same(rows, [
    [0, 1, 50],
    [7 * 86_400 + 1, 2, 51],
  ])
})

t.test('after a clock step back the grid starts again and old values are forgotten', async t => {
  const { aligner, rows } = aligned()
  aligner.push(block([[1, 50]], [0]))
  aligner.push(block([[2, NONE]], [-3600]))
  aligner.push(block([[3, NONE]], [-3598.5]))
  t.same(rows, [], 'one channel alone may be the one that is wrong')
  aligner.push(block([[NONE, 51]], [-3598]))
  aligner.push(block([[4, NONE]], [-3597]))
  t.same(rows, [[-3598, 3, 51]])
})

t.test('a late value does not replace a newer one', async t => {
  const { aligner, rows } = aligned()
  aligner.push(
    block(
      [
        [1, 50],
        [2, NONE],
        [9, NONE],
      ],
      [0, 1.5, 1.4],
    ),
  )
  aligner.push(block([[3, NONE]], [2.5]))
  t.same(rows, [
    [0, 1, 50],
    [1, 1, 50],
    [2, 2, 50],
  ])
})

t.test('a publisher whose clock is minutes slow does not reset the others', async t => {
  const { aligner, rows } = aligned()
  for (let i = 0; i < 3; i++)
    aligner.push(
      block(
        [
          [i, NONE],
          [NONE, 50 + i],
        ],
        [i, i - 30],
      ),
    )
  t.same(rows, [
    [0, 0, 50],
    [1, 1, 51],
  ])
})

t.test('one value with a time of another decade neither moves the grid nor silences the others', async t => {
  for (const wrong of [2e9, -1e9]) {
    const { aligner, rows } = aligned()
    aligner.push(block([[1, 50]], [0]))
    aligner.push(block([[NONE, 99]], [wrong]))
    aligner.push(block([[2, NONE]], [1.5]))
    aligner.push(block([[NONE, 51]], [2.5]))
    aligner.push(block([[3, NONE]], [3.5]))
    t.same(rows, [
      [0, 1, 50],
      [1, 1, 50],
      [2, 2, 50],
      [3, 2, 51],
    ])
  }
})

t.test('a first value with a wrong time is outvoted by those that follow', async t => {
  const { aligner, rows } = aligned()
  aligner.push(block([[NONE, 99]], [2e9]))
  for (let at = 0; at <= 12; at++) aligner.push(block([[at, NONE]], [at]))
  t.same(
    rows,
    [
      [10, 10, NONE],
      [11, 11, NONE],
    ],
    'one against one: after a gap in which nobody spoke for the grid',
  )
})

t.test('a channel whose clock is always wrong does not silence the others', async t => {
  const { aligner, rows } = aligned()
  for (let i = 0; i < 5; i++) {
    aligner.push(block([[i, NONE]], [i]))
    aligner.push(block([[NONE, 50 + i]], [2e9 + i]))
  }
  t.same(
    rows.map(([at, flow]) => [at, flow]),
    [0, 1, 2, 3].map(at => [at, at]),
  )
})
