// What every History must do, here on LevelDB.
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { History } from '../../agent/history/contract.ts'
import { appendRows, collect, openTestHistory, piece, rowsOf } from '../support/history-open.ts'
import { manualClock } from '../support/manual-clock.ts'
import { shortDir } from '../support/short-dir.ts'
import { until } from '../support/waiting.ts'

const T0 = 1_700_000_000_000_000
const ALL = { fromUs: -1e18, toUs: 1e18 }

async function place(t: Test): Promise<{ history: History; reopen: () => Promise<History> }> {
  const dir = join(shortDir(t), 'deep', 'history')
  let current = (await openTestHistory(dir)).history
  t.teardown(() => current.close())
  const reopen = async (): Promise<History> => {
    await current.close()
    current = (await openTestHistory(dir)).history
    return current
  }
  return { history: current, reopen }
}

t.test('rows come back as they were, from the buffer, from the disk, and across both', async t => {
  const { history, reopen } = await place(t)
  const rows = Array.from({ length: 10 }, (_, i): [number, number, number] => [T0 + i * 1e5, i, -i])
  appendRows(history, 'p-101', rows.slice(0, 6))
  t.same(await rowsOf(history.query({ asset: 'p-101', class: 'samples', ...ALL })), rows.slice(0, 6))
  await history.flush()
  appendRows(history, 'p-101', rows.slice(6))
  t.same(await rowsOf(history.query({ asset: 'p-101', class: 'samples', ...ALL })), rows)
  const range = { asset: 'p-101', class: 'samples', fromUs: T0 + 2e5, toUs: T0 + 8e5 } as const
  t.same(await rowsOf(history.query(range)), rows.slice(2, 8), 'from inclusive, to exclusive')
  const again = await reopen()
  t.same(await rowsOf(again.query(range)), rows.slice(2, 8))
  // One of the rows, one of their minute, one of their hour.
  t.match(again.stats(), { chunks: 3, oldestUs: T0, corruptChunks: 0, lostRows: 0, failing: undefined })
})

t.test('columns: chosen, in the order asked, NaN where a chunk has none; a change begins a new chunk', async t => {
  const { history } = await place(t)
  appendRows(history, 'p', [[T0, 1, 2]], ['a', 'b'])
  appendRows(history, 'p', [[T0 + 1, 3, 4, 5]], ['b', 'a', 'c'])
  appendRows(history, 'p', [[T0 + 2, 6]], ['z'])
  const query = { asset: 'p', class: 'samples', ...ALL } as const
  t.same(await rowsOf(history.query({ ...query, columns: ['c', 'a'] })), [
    [T0, Number.NaN, 1],
    [T0 + 1, 5, 4],
  ])
  t.same(
    (await collect(history.query(query))).map(rows => rows.columns),
    [['a', 'b'], ['b', 'a', 'c'], ['z']],
  )
})

t.test(
  'a column that is not there is an error that names those that are; where nothing is stored, nothing comes',
  async t => {
    const { history } = await place(t)
    const query = { asset: 'p', class: 'samples', ...ALL } as const
    t.same(await rowsOf(history.query({ ...query, columns: ['nix'] })), [])
    appendRows(history, 'p', [[T0, 1, 2]], ['a', 'b'])
    appendRows(history, 'p', [[T0 + 1, 3]], ['c'])
    for (const columns of [['nix'], ['c', 'nix']]) {
      await t.rejects(rowsOf(history.query({ ...query, columns })), {
        code: 'NOT_FOUND',
        message: /no column nix among the samples of p in that time; there are a, b, c/,
      })
    }
  },
)

t.test('a query gives what was there when its first chunk was asked for, not what comes meanwhile', async t => {
  const { history } = await place(t)
  appendRows(history, 'p', [[T0, 1]], ['a'])
  await history.flush()
  appendRows(history, 'p', [[T0 + 1, 2]], ['a'])
  const rows = rowsOf(history.query({ asset: 'p', class: 'samples', ...ALL }))
  appendRows(history, 'p', [[T0 + 2, 3]], ['a'])
  await history.flush()
  t.same(await rows, [
    [T0, 1],
    [T0 + 1, 2],
  ])
})

t.test('classes and assets are apart, even when one name begins with the other', async t => {
  const { history } = await place(t)
  appendRows(history, 'p-1', [[T0, 1, 1]])
  appendRows(history, 'p-10', [[T0, 2, 2]])
  history.append('p-1', 'scores', ['score'], 2, Float64Array.of(T0, T0 + 1), Float64Array.of(0.5, 0.6))
  history.append('p-1', 'features', ['rms'], 1, Float64Array.of(T0), Float64Array.of(7))
  await history.flush()
  t.same(await rowsOf(history.query({ asset: 'p-1', class: 'samples', ...ALL })), [[T0, 1, 1]])
  t.same(await rowsOf(history.query({ asset: 'p-1', class: 'scores', ...ALL })), [
    [T0, 0.5],
    [T0 + 1, 0.6],
  ])
  t.same(await rowsOf(history.query({ asset: 'p-1', class: 'features', ...ALL })), [[T0, 7]])
  t.same(await rowsOf(history.query({ asset: 'p-10', class: 'samples', ...ALL })), [[T0, 2, 2]])
  t.same(await rowsOf(history.query({ asset: 'none', class: 'samples', ...ALL })), [])
  const { bytes } = history.stats()
  t.ok(bytes.samples > 0 && bytes.scores > 0 && bytes.features > 0 && bytes.waveforms === 0)
})

t.test('the clock steps back and forward by years: no row is lost, each is found by its own time', async t => {
  const { history, reopen } = await place(t)
  const year = 365 * 86_400e6
  const times = [T0, T0 + 1e6, T0 - 2 * year, T0 - 2 * year + 1e6, 0, 5, -3, T0 + 9 * year, T0 + 2e6, T0 + 1e6]
  appendRows(
    history,
    'p',
    times.map((time, i): [number, number, number] => [time, i, 0]),
  )
  for (const open of [async () => history, reopen]) {
    const one = await open()
    const found = await rowsOf(one.query({ asset: 'p', class: 'samples', ...ALL }))
    t.same(
      found.map(row => row[1]).sort((a, b) => a! - b!),
      times.map((_, i) => i),
    )
    const near = await rowsOf(one.query({ asset: 'p', class: 'samples', fromUs: T0 + 1e6, toUs: T0 + 2e6 }))
    t.same(
      near.map(row => row[1]),
      [1, 9],
    )
    t.same(
      (await rowsOf(one.query({ asset: 'p', class: 'samples', fromUs: -10, toUs: 1 }))).map(row => row[1]),
      [6, 4],
    )
  }
})

t.test('rows without a time are counted, not stored', async t => {
  const { history } = await place(t)
  appendRows(history, 'p', [
    [Number.NaN, 1, 1],
    [T0, 2, 2],
    [Number.POSITIVE_INFINITY, 3, 3],
  ])
  t.same(await rowsOf(history.query({ asset: 'p', class: 'samples', ...ALL })), [[T0, 2, 2]])
  t.equal(history.stats().lostRows, 2)
})

t.test('waveforms: contiguous blocks join, gaps and changes stay apart, pieces are cut to the range', async t => {
  const { history, reopen } = await place(t)
  history.appendWaveform('m', 'de-h', piece(T0, [1, 2, 3, 4]))
  history.appendWaveform('m', 'de-h', piece(T0 + 4_000, [5, 6]))
  history.appendWaveform('m', 'de-h', piece(T0 + 50_000, [7, 8]))
  history.appendWaveform('m', 'de-h', piece(T0 + 52_000, [], { samples: Float32Array.of(0.25), scale: 1, offset: 0 }))
  history.appendWaveform('m', 'nde-h', piece(T0, [9]))
  for (const open of [async () => history, reopen]) {
    const one = await open()
    t.same(await collect(one.waveforms('m', 'de-h', T0, T0 + 1e6)), [
      piece(T0, [1, 2, 3, 4, 5, 6]),
      piece(T0 + 50_000, [7, 8]),
      piece(T0 + 52_000, [], { samples: Float32Array.of(0.25), scale: 1, offset: 0 }),
    ])
    t.same(await collect(one.waveforms('m', 'de-h', T0 + 1_000, T0 + 3_500)), [piece(T0 + 1_000, [2, 3, 4])])
    const query = { asset: 'm', class: 'waveforms', fromUs: T0 + 4_000, toUs: T0 + 51_000 } as const
    t.same(await rowsOf(one.query({ ...query, columns: ['de-h'] })), [
      [T0 + 4_000, 3.5],
      [T0 + 5_000, 4],
      [T0 + 50_000, 4.5],
    ])
    await t.rejects(collect(one.query(query)), { code: 'USAGE' })
  }
})

t.test('long waveforms are split and lose nothing', async t => {
  const { history } = await place(t)
  const samples = Int16Array.from({ length: 150_000 }, (_, i) => i % 30_000)
  history.appendWaveform('m', 'c', piece(T0, samples, { rateHz: 25_600 }))
  history.appendWaveform('m', 'slow', piece(T0, samples.subarray(0, 2_000), { rateHz: 1 }))
  await history.flush()
  const fast = await collect(history.waveforms('m', 'c', T0, T0 + 1e9))
  t.same(
    fast.flatMap(one => [...one.samples]),
    [...samples],
  )
  const slow = await collect(history.waveforms('m', 'slow', T0 + 700e6, T0 + 705e6))
  t.same(
    slow.flatMap(one => [...one.samples]),
    [700, 701, 702, 703, 704],
  )
})

t.test('a query left early, and one while rows keep coming, do no harm', async t => {
  const { history } = await place(t)
  for (let i = 0; i < 5; i++) {
    appendRows(
      history,
      'p',
      Array.from({ length: 500 }, (_, j): [number, number, number] => [T0 + (i * 500 + j) * 1e5, i, j]),
    )
    await history.flush()
  }
  for await (const rows of history.query({ asset: 'p', class: 'samples', ...ALL })) {
    t.equal(rows.timesUs.length, 2_500)
    break
  }
  let seen = 0
  for await (const rows of history.query({ asset: 'p', class: 'samples', ...ALL })) {
    seen += rows.timesUs.length
    appendRows(history, 'p', [[T0 + 1e12, 0, 0]])
    await history.flush()
  }
  t.equal(seen, 2_500, 'a query sees the moment it began')
})

t.test('buffers reach the disk by themselves after five seconds', async t => {
  const clock = manualClock()
  const dir = join(shortDir(t), 'history')
  const { history } = await openTestHistory(dir, { clock })
  t.teardown(() => history.close())
  appendRows(history, 'p', [[T0, 1, 2]])
  clock.advance(4_000)
  t.equal(history.stats().bytes.samples, 0)
  clock.advance(2_000)
  await until(() => history.stats().bytes.samples > 0, 'the row to be saved')
  const { bytes } = history.stats()
  appendRows(history, 'p', [[T0 + 1e6, 1, 2]])
  await history.flush()
  t.ok(history.stats().bytes.samples > bytes.samples, 'a later one is saved beside it')
  t.equal(history.stats().chunks, 0, 'until a chunk is full')
})
