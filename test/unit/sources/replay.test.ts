import { writeFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import type { AssetConfig, ReplaySourceConfig } from '../../../agent/config/contract.ts'
import type { Source } from '../../../agent/sources/contract.ts'
import { createSource } from '../../../agent/sources/registry.ts'
import { type ManualClock, manualClock } from '../../support/manual-clock.ts'
import { testAsset } from '../../support/source-assets.ts'
import { type TestDeps, testDeps } from '../../support/source-deps.ts'
import { npyBytes } from '../../support/source-npy.ts'
import { until } from '../../support/waiting.ts'

const T0 = 1_764_000_000_000_000
const NAN = Number.NaN

interface Played {
  source: Source
  deps: TestDeps
  clock: ManualClock
}

async function play(
  t: Test,
  asset: AssetConfig,
  files: string[],
  over: Partial<ReplaySourceConfig> = {},
): Promise<Played> {
  const clock = manualClock(T0)
  const deps = testDeps([asset], clock)
  const source = await createSource({ kind: 'replay', id: 'line', files, speed: 'max', ...over }, deps)
  t.teardown(() => source.stop())
  source.start()
  return { source, deps, clock }
}

function csv(t: Test, name: string, text: string): string {
  const path = `${t.testdir()}/${name}`
  writeFileSync(path, text)
  return path
}

const seconds = (...rows: [number, string][]): string =>
  `time,Flow,p\n${rows.map(([s, cells]) => `${1764000000 + s},${cells}\n`).join('')}`

t.test('columns go to channels by name or id, scaled, at their recorded times; files in order', async t => {
  const asset = testAsset(0, [{ id: 'p' }, { id: 'flow', scale: 10, binding: { column: 'Flow' } }, { id: 'gone' }])
  const file = csv(t, 'a.csv', seconds([0, '1,2'], [1, '3,x']))
  const { source, deps } = await play(t, asset, [file, file])
  await source.ended
  t.same(deps.sink.rows.slice(0, 2), [
    { asset: 0, timeUs: T0, values: [2, 10, NAN] },
    { asset: 0, timeUs: T0 + 1e6, values: [NAN, 30, NAN] },
  ])
  t.equal(deps.sink.rows.length, 4)
  t.match(source.status(), { state: 'ended', detail: /played 2 of 2/ })
  t.equal(deps.counters.get('sources.line.bad_cells').n, 2)
})

t.test('at a speed, rows come when they are due', async t => {
  const asset = testAsset(0, [{ id: 'p' }])
  const file = csv(t, 'a.csv', seconds([0, '0,0'], [1, '0,1'], [2, '0,2'], [12, '0,3']))
  const { source, deps, clock } = await play(t, asset, [file], { speed: 2 })
  for (const [rows, waitMs] of [
    [1, 500],
    [2, 500],
    [3, 4999],
  ] as const) {
    await until(() => deps.sink.rows.length === rows && clock.pending === 1, `row ${rows} and the wait after it`)
    clock.advance(waitMs)
  }
  t.equal(deps.sink.rows.length, 3, 'the fourth is due 1 ms later')
  await until(() => clock.pending === 1, 'the wait for the fourth')
  clock.advance(10)
  await source.ended
  t.equal(deps.sink.rows.length, 4)
})

t.test('a bad file is shown, the others are played', async t => {
  const asset = testAsset(0, [{ id: 'p' }])
  const dir = t.testdir({ 'a.csv': seconds([0, '1,2']), 'b.csv': 'time,x\n1764000000,1\n' })
  const [good, other] = [`${dir}/a.csv`, `${dir}/b.csv`]
  const { source, deps } = await play(t, asset, [`${good}.none`, other, good])
  await source.ended
  t.equal(deps.sink.rows.length, 1)
  t.match(
    source.status().detail,
    /played 1 of 3; .*cannot be read.*; .*no channel of source line is among its columns x/,
  )
})

t.test('a long file never holds the loop for long, and stop() ends it at once', async t => {
  const asset = testAsset(0, [{ id: 'v' }])
  const lines = Array.from({ length: 60_000 }, (_, i) => `${i},${i}`)
  const { source, deps } = await play(t, asset, [csv(t, 'a.csv', `time,v\n${lines.join('\n')}\n`)])
  let turns = 0
  while (deps.sink.rows.length < 20_000) {
    await new Promise(resolve => setImmediate(resolve))
    turns++
  }
  t.ok(turns >= 20_000 / 256 / 2, `${turns} turns of the loop for 20,000 rows`)
  await source.stop()
  const { length } = deps.sink.rows
  t.ok(length < 60_000)
  await new Promise(resolve => setImmediate(resolve))
  t.equal(deps.sink.rows.length, length)
  t.equal(source.status().state, 'stopped')
})

t.test('an array plays as waveform blocks: captures apart are gaps, captures that join are not', async t => {
  const wave = { waveform: { type: 'int16', rateHz: 1000 }, scale: 0.5 } as const
  const asset = testAsset(0, [
    { id: 'x', ...wave, binding: { index: 1 } },
    { id: 'y', binding: { index: 5 } },
  ])
  const path = `${t.testdir()}/w.npy`
  writeFileSync(
    path,
    npyBytes(
      Int16Array.from({ length: 2 * 2 * 5000 }, (_, i) => i),
      [2, 2, 5000],
    ),
  )
  const apart = await play(t, asset, [path], { rateHz: 1000, intervalS: 60 })
  await apart.source.ended
  t.same(
    apart.deps.sink.waves.map(w => [w.startUs - T0, w.samples.length, w.samples[0], w.gap, w.scale]),
    [
      [0, 4096, 5000, true, 0.5],
      [4_096_000, 904, 9096, false, 0.5],
      [60_000_000, 4096, 15_000, true, 0.5],
      [64_096_000, 904, 19_096, false, 0.5],
    ],
  )
  const joined = await play(t, asset, [path], { rateHz: 1000 })
  await joined.source.ended
  t.same(
    joined.deps.sink.waves.map(w => w.gap),
    [true, false, false, false],
  )
})

t.test('an array plays as rows where the channels are no waveforms', async t => {
  const asset = testAsset(0, [
    { id: 'b', binding: { index: 1 } },
    { id: 'a', binding: { index: 0 } },
  ])
  const path = `${t.testdir()}/r.npy`
  writeFileSync(path, npyBytes(Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]))
  const { source, deps } = await play(t, asset, [path], { rateHz: 10 })
  await source.ended
  t.same(
    deps.sink.rows.map(r => [r.timeUs - T0, r.values]),
    [
      [0, [4, 1]],
      [100_000, [5, 2]],
      [200_000, [6, 3]],
    ],
  )
})

t.test('a channel whose column the file does not have is told, with the names of the header', async t => {
  const asset = testAsset(0, [{ id: 'p' }, { id: 'gone', binding: { column: 'Temp' } }])
  const { source } = await play(t, asset, [csv(t, 'a.csv', seconds([0, '1,2']))])
  await source.ended
  t.match(source.status().detail, /played 1 of 1; .*a.csv: no column of numbers for \S+ gone \(column Temp\)/)
  t.match(source.status().detail, /the header names time, Flow, p; set column/)
})
