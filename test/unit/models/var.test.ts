import { Matrix, QR } from 'ml-matrix'
import t, { type Test } from 'tap'
import type { FitData } from '../../../agent/models/contract.ts'
import { stretchOf } from '../../../agent/models/families/rows.ts'
import { type ProcessModel, scoreModel } from '../../../agent/models/fit/combine.ts'
import { fitData, machine, skabRuns, windowAt } from '../../support/model-data.ts'
import { compareGraph, openGraph, runGraph, worst } from '../../support/model-graph.ts'
import {
  type FittedVar,
  fitVarShort as fit,
  fitVarLong,
  referenceNorms,
  referenceVar,
} from '../../support/model-var-reference.ts'

const scoresOf = (model: ProcessModel, data: FitData): Float64Array =>
  scoreModel(model, stretchOf({ ...data, channels: data.channels.length }, model.standard)).filter(
    x => !Number.isNaN(x),
  )
const known = (scores: Float64Array): Float64Array => scores.filter(score => !Number.isNaN(score))

const compare = (t: Test, data: FitData, fitted: FittedVar, ends: readonly number[]): Promise<void> =>
  compareGraph(
    t,
    fitted.process,
    ends.map(end => windowAt(data, end, fitted.process.samples)),
    window => referenceVar(fitted, window),
  )

for (const [channels, order, mean, rows] of [
  [8, 5, 10, 600],
  [1, 3, 5, 300],
  [38, 2, 3, 500],
  [4, 1, 1, 200],
] as const) {
  t.test(`the graph equals the definition: ${channels} channels, order ${order}, mean ${mean}`, async t => {
    const data = machine(rows, channels, 42)
    const model = fit(data, order, mean)
    await compare(t, data, model, [order + mean - 1, 100, 150, rows - 1])
  })
}

t.test('any batch size, row by row the same', async t => {
  const data = machine(400, 6, 7)
  const model = fit(data, 3, 5)
  const session = await openGraph(model.process)
  const windows = Array.from({ length: 64 }, (_, i) => windowAt(data, 100 + 3 * i, 8))
  const alone = (await Promise.all(windows.map(window => runGraph(session, model.process, [window])))).flatMap(
    out => out.scores,
  )
  for (const size of [1, 2, 7, 64]) {
    const out = await runGraph(session, model.process, windows.slice(0, size))
    t.same(out.dims, [[size], [size, 6], [size, 12]])
    t.ok(worst(out.scores, alone.slice(0, size), () => 1) < 1e-5)
  }
  await session.release()
})

t.test('norms: the graph equals the definition, with two means and with three', async t => {
  for (const [rows, parts] of [
    [2_500, 2],
    [5_500, 3],
  ] as const) {
    const data = machine(rows, 6, 42)
    const fitted = fitVarLong(data, 3, 5)
    t.equal(fitted.parts.length, parts)
    t.equal(fitted.process.samples, 3 + (parts === 3 ? 15 : 5))
    const windows = [20, 100, 777, rows - 1].map(end => windowAt(data, end, fitted.process.samples))
    windows[1]![3] = windows[1]![3]! * 2
    windows[2]![fitted.process.samples - 1] = windows[2]![fitted.process.samples - 1]! * 3
    await compareGraph(t, fitted.process, windows, window => referenceNorms(fitted, window))
  }
})

t.test('a constant channel is no channel to fail on, and is seen when it moves', async t => {
  const data = machine(500, 4, 3)
  for (let r = 0; r < data.rows; r++) {
    data.values[r * 4 + 1] = 50
    data.values[r * 4 + 2] = 0
  }
  const model = fit(data, 3, 5)
  t.same([...model.standard.constant], [0, 1, 1, 0])
  t.ok(known(model.heldOut).every(Number.isFinite))
  await compare(t, data, model, [50, 200, 499])
  const window = windowAt(data, 300, 8)
  for (let s = 3; s < 8; s++) window[8 + s] = 60
  const moved = referenceVar(model, window)
  t.ok(moved.score > 1.5, `20 % away scores ${moved.score}`)
  t.ok(moved.contributions[1]! > 0.9)
})

t.test('only constant channels give score 0 and equal shares', async t => {
  const data = fitData(new Float64Array(300 * 2).fill(7), 2)
  const model = fit(data, 2, 3)
  const session = await openGraph(model.process)
  const out = await runGraph(session, model.process, [windowAt(data, 100, 5)])
  t.same(out.scores, [0])
  t.ok(worst(out.contributions[0]!, [0.5, 0.5], () => 1) < 1e-6)
  await session.release()
})

t.test('two copies of one sensor do not blow up, and disagree visibly when one fails', async t => {
  const data = machine(600, 4, 11)
  for (let r = 0; r < data.rows; r++) data.values[r * 4 + 3] = data.values[r * 4 + 2]!
  const model = fit(data, 3, 5)
  await compare(t, data, model, [50, 300, 599])
  const window = windowAt(data, 300, 8)
  const before = referenceVar(model, window)
  for (let s = 3; s < 8; s++) window[3 * 8 + s]! *= 1.2
  const after = referenceVar(model, window)
  t.ok(after.score > 2 && before.score < 1, `${before.score} -> ${after.score}`)
  t.ok(after.contributions[2]! + after.contributions[3]! > 0.9)
})

t.test('the weights are those of least squares, and no row is predicted across a break', t => {
  const data = machine(2_000, 3, 5)
  // A regression across the break would learn the jump there.
  for (let i = 1_000 * 3; i < data.values.length; i++) data.values[i]! *= 1.5
  data.breaks[1_000] = 1
  const model = fit(data, 2, 4)
  const { centre, inverse } = model.standard
  const z = (r: number, c: number): number => (Math.fround(data.values[r * 3 + c]!) - centre[c]!) * inverse[c]!
  const targets = Array.from({ length: 2_000 }, (_, r) => r).filter(r => r >= 2 && r !== 1_000 && r !== 1_001)
  const ridge = Math.sqrt(1e-3 * targets.length)
  const penalty = Array.from({ length: 6 }, (_, i) => Array.from({ length: 7 }, (_, j) => (i === j ? ridge : 0)))
  const inputs = targets.map(r => [...[1, 2].flatMap(lag => [0, 1, 2].map(c => z(r - lag, c))), 1])
  const outputs = targets.map(r => [0, 1, 2].map(c => z(r, c)))
  const stacked = new Matrix([...inputs, ...penalty])
  const want = new QR(stacked).solve(new Matrix([...outputs, ...penalty.map(() => [0, 0, 0])])).to1DArray()
  t.ok([...model.model.weights].every((weight, i) => Math.abs(weight - want[i]!) < 1e-6))
  t.end()
})

t.test('hardly any held-out score exceeds the setpoint, and healthy rows after the baseline stay below it', t => {
  const data = machine(6_000, 6, 17)
  const head = fitData(data.values.slice(0, 3_000 * 6), 6)
  const model = fit(head, 3, 5)
  const heldOut = known(model.heldOut)
  const beyond = heldOut.filter(score => score >= 1).length / heldOut.length
  t.ok(beyond < 0.003 && Math.max(...heldOut) > 0.9, `${(100 * beyond).toFixed(2)} % of held-out rows beyond it`)
  const scores = scoresOf(model.process, fitData(data.values.slice(3_000 * 6), 6))
  const share = scores.filter(score => score >= 1).length / scores.length
  t.ok(share < 0.005, `${(100 * share).toFixed(2)} % of healthy rows beyond the setpoint`)
  t.end()
})

t.test('one wild spike in the baseline does not make the model blind', t => {
  const data = machine(3_000, 4, 23)
  const clean = fit(data, 3, 5)
  const spiked = { ...data, values: data.values.slice() }
  spiked.values[1_500 * 4] = spiked.values[1_500 * 4]! * 1_000
  const model = fit(spiked, 3, 5)
  const window = windowAt(data, 500, 8)
  for (let s = 3; s < 8; s++) window[2 * 8 + s]! *= 1.5
  t.ok(referenceVar(clean, window).score > 1)
  t.ok(referenceVar(model, window).score > 1, 'a shift of the third channel still alarms')
  t.end()
})

t.test('a deviation says how far a channel is from what the others predict, in its own unit', async t => {
  const data = machine(3_000, 5, 31)
  const model = fit(data, 3, 20)
  const window = windowAt(data, 2_000, 23)
  const level = model.standard.centre[2]!
  for (let s = 3; s < 23; s++) window[2 * 23 + s]! -= 0.2 * level
  const { features, contributions } = referenceVar(model, window)
  const deviation = features[2]!
  t.ok(
    Math.abs(deviation / level + 0.2) < 0.05,
    `deviation ${(100 * deviation) / level} % of the level, lowered by 20 %`,
  )
  t.equal(contributions.indexOf(Math.max(...contributions)), 2)
})

const runs = skabRuns()
const skip = runs ? false : 'no recordings: set WEARWATCH_DATA to a folder that holds skab/'
t.test('recorded machines: the graph equals the definition, and faults are found', { skip }, async t => {
  const counts = { hit: 0, false: 0, missed: 0, quiet: 0 }
  for (const run of runs ?? []) {
    const head = fitData(run.values.slice(0, 400 * 8), 8)
    const model = fit(head, 5, 10)
    const rest = fitData(run.values.slice((400 - 14) * 8), 8)
    const scores = scoresOf(model.process, rest)
    scores.forEach((score, i) => {
      const fault = run.labels[400 + i]
      counts[score >= 1 ? (fault ? 'hit' : 'false') : fault ? 'missed' : 'quiet']++
    })
    await compare(t, rest, model, [14, 200, rest.rows - 1])
  }
  const f1 = (2 * counts.hit) / (2 * counts.hit + counts.false + counts.missed)
  const far = counts.false / (counts.false + counts.quiet)
  t.ok(f1 > 0.84 && far < 0.15, `F1 ${f1.toFixed(3)}, false alarm rate ${(100 * far).toFixed(1)} %`)
})
