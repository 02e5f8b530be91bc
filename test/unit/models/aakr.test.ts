import t from 'tap'
import { seededPrng } from '../../../agent/core/prng.ts'
import type { FitData } from '../../../agent/models/contract.ts'
import { AAKR_WINDOWS, fitRows, fitWindows } from '../../../agent/models/families/aakr.ts'
import { baselineOf, standardOf, stretchOf } from '../../../agent/models/families/rows.ts'
import { type ProcessModel, scoreModel } from '../../../agent/models/fit/combine.ts'
import { fitHealthy, fitModel } from '../../../agent/models/fit/fit.ts'
import { fitAakr as fitted, referenceAakr as reference } from '../../support/model-aakr-reference.ts'
import { fitData, fitOptions, machine, skabRuns, windowAt } from '../../support/model-data.ts'
import { compareGraph } from '../../support/model-graph.ts'

/** Daily curve with noise, a row every 5 minutes. */
function season(rows: number, seed: number): FitData {
  const prng = seededPrng(seed)
  const values = Float64Array.from(
    { length: rows },
    (_, r) => 60 + 8 * Math.sin((2 * Math.PI * r) / 288) + 3 * Math.sin((2 * Math.PI * r) / 96) + 0.5 * prng.normal(),
  )
  return fitData(values, 1)
}

const scoresOf = (model: ProcessModel, data: FitData): Float64Array =>
  scoreModel(model, stretchOf({ ...data, channels: data.channels.length }, model.standard))

const share = (scores: Float64Array): number => scores.filter(score => score >= 1).length / scores.length

for (const [channels, rows] of [
  [8, 4_500],
  [3, 400],
] as const) {
  t.test(`rows: the graph equals the definition, ${channels} channels, ${rows} rows`, async t => {
    const data = machine(rows, channels, 5)
    const model = fitted(data, fitRows)
    t.equal(model.process.samples, 1)
    const windows = [0, 10, 200, rows - 1].map(end => windowAt(data, end, 1))
    windows[2]![1] = windows[2]![1]! * 1.4
    await compareGraph(t, model.process, windows, window => reference(model, window))
  })
}

t.test('windows: the graph equals the definition', async t => {
  for (const data of [season(1_000, 3), machine(600, 2, 8)]) {
    const model = fitted(data, fitWindows)
    t.same(
      model.parts.map(part => part.samples),
      [36, 12],
    )
    const windows = [40, 100, 333, data.rows - 1].map(end => windowAt(data, end, 36))
    for (let s = 30; s < 36; s++) windows[2]![s] = windows[2]![s]! * 1.3
    await compareGraph(t, model.process, windows, window => reference(model, window))
  }
})

t.test('a seasonal channel: quiet while it goes on, loud when its level shifts by less than it swings', t => {
  const data = season(4_000, 7)
  const head = fitData(data.values.slice(0, 2_000), 1)
  const { fit } = fitHealthy(head, fitOptions)
  t.same(fit.families, ['aakr'])
  const rest = fitData(data.values.slice(2_000), 1)
  const healthy = scoresOf(fit.model, rest)
  t.ok(share(healthy) < 0.02, `${(100 * share(healthy)).toFixed(1)} % of healthy rows exceed the setpoint`)
  for (let r = 1_000; r < 1_060; r++) rest.values[r] = rest.values[r]! - 6
  t.ok(share(scoresOf(fit.model, rest).subarray(1_010, 1_060)) > 0.5)
  t.end()
})

t.test('one channel: windows of what its gaps leave, else the refusal says what is missing', t => {
  const gaps = season(400, 9)
  for (let r = 0; r < 400; r += 20) gaps.breaks[r] = 1
  t.equal(fitHealthy(gaps, fitOptions).fit.model.samples, 12)
  t.throws(() => fitModel(season(50, 9), { ...fitOptions, family: 'aakr' }), {
    code: 'FIT_INSUFFICIENT',
    message: /50 rows are there.* 65 rows at least/,
  })
  t.equal(AAKR_WINDOWS.rowsNeeded(1, { order: 5, mean: 10 }), 65)
  t.end()
})

t.test('what a refit looks at does not grow with the history', async t => {
  const windowsRead = (rows: number) => {
    const data = { ...season(rows, 11), channels: 1 }
    const { z, ...baseline } = baselineOf(data, standardOf(data))
    let reads = 0
    // Each window is read off the rows once: where it is remembered, and where it is scored.
    const counted = {
      ...baseline,
      get z() {
        reads++
        return z
      },
    }
    const { heldOut } = fitWindows(counted)
    return { reads, scored: heldOut.filter(score => !Number.isNaN(score)).length }
  }
  const month = windowsRead(9_000)
  const two = windowsRead(18_000)
  // Two lengths, six memories of 4,000 windows each and 5,000 held out.
  t.ok(two.reads < 2 * (6 * 4_000 + 5_000) + 100, `${two.reads} windows read of 18,000 rows`)
  t.ok(month.reads < 2 * (6 * 4_000 + 5_000) + 100, `${month.reads} windows read of 9,000 rows`)
  t.ok(two.scored <= 5_000 && two.scored > 4_000, `${two.scored} rows held out`)
})

t.test('a channel that never moves, and copies of a sensor, do not hurt', t => {
  const still = fitHealthy(fitData(new Float64Array(300).fill(7), 1), fitOptions).fit.model
  t.same([...scoresOf(still, fitData(new Float64Array(50).fill(7), 1)).subarray(36, 39)], [0, 0, 0])
  const data = machine(500, 4, 2)
  for (let r = 0; r < data.rows; r++) {
    data.values[r * 4 + 1] = 5
    data.values[r * 4 + 3] = data.values[r * 4 + 2]!
  }
  const { fit } = fitHealthy(data, { ...fitOptions, family: 'aakr' })
  t.ok(scoresOf(fit.model, data).every(Number.isFinite))
  t.end()
})

t.test('several channels and a long baseline: both families, each as second opinion of the other', async t => {
  const data = machine(2_600, 5, 4)
  const { manifest, bytes } = fitModel(data, fitOptions)
  t.equal(manifest.family, 'var+aakr')
  t.equal(Buffer.compare(fitModel(data, fitOptions).bytes, bytes), 0, 'the same rows give the same bytes')
})

const runs = skabRuns()
const skip = runs ? false : 'no recordings: set WEARWATCH_DATA to a folder that holds skab/'
t.test('recorded machines: the graph equals the definition', { skip }, async t => {
  for (const run of runs!.slice(0, 3)) {
    const data = fitData(run.values, 8)
    const model = fitted(fitData(run.values.slice(0, 400 * 8), 8), fitRows)
    const windows = [0, 500, 700, data.rows - 1].map(end => windowAt(data, end, 1))
    await compareGraph(t, model.process, windows, window => reference(model, window))
    // One channel alone, as slow ones are: windows of its past.
    for (const channel of [3, 7]) {
      const values = Float64Array.from({ length: data.rows }, (_, r) => data.values[r * 8 + channel]!)
      const alone = fitted(fitData(values.slice(0, 400), 1), fitWindows)
      const all = fitData(values, 1)
      const pieces = [40, 500, 700, all.rows - 1].map(end => windowAt(all, end, 36))
      await compareGraph(t, alone.process, pieces, window => reference(alone, window))
    }
  }
})

t.test('a day that repeats itself to the digit raises nothing, however many of them are remembered', async t => {
  // Every k-th window would be one of the same few hours of each day at some lengths of the history, and blind to the rest.
  const day = 288
  const days = (count: number): FitData =>
    fitData(
      Float64Array.from({ length: count }, (_, r) => (r % day < day / 3 ? 20 : 68 + ((r % day) % 5))),
      1,
    )
  for (const rows of [600, 1_464, 2_040, 2_617, 2_904]) {
    const { process } = fitted(days(rows), fitWindows)
    const next = scoresOf(process, days(rows + 2 * day)).subarray(rows)
    t.equal(share(next), 0, `${rows} rows`)
  }
})
