import { readFileSync } from 'node:fs'
import * as ort from 'onnxruntime-node'
import t from 'tap'
import { systemClock } from '../../../agent/core/clock.ts'
import type { FitData, FitResult, Manifest } from '../../../agent/models/contract.ts'
import { parseModelFile } from '../../../agent/models/file/model-file.ts'
import { fitModel } from '../../../agent/models/fit/fit.ts'
import { fitInWorker } from '../../../agent/models/fit/fit-worker.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { fitData, fitOptions, machine, skabAnomalyFree } from '../../support/model-data.ts'

/** Runs the file's own self-test in onnxruntime; the scores it computed. */
async function selfTest(bytes: Uint8Array, manifest: Manifest): Promise<number[]> {
  const { windows, scores } = manifest.selfTest
  const raw = Buffer.from(windows, 'base64')
  const input = new Float32Array(raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.length))
  const session = await ort.InferenceSession.create(bytes, { intraOpNumThreads: 1 })
  const dims = [scores.length, manifest.channels.length, manifest.samples]
  const out = await session.run({ window: new ort.Tensor('float32', input, dims) })
  await session.release()
  return [...(out.score!.data as Float32Array)]
}

t.test('a fitted file keeps the contract and passes its own self-test', async t => {
  const { bytes, manifest, warnings } = fitModel(machine(2_000, 5, 1), {
    ...fitOptions,
    everyMs: 1000,
    assetClass: 'pump',
  })
  t.same(warnings, [])
  t.same(parseModelFile(bytes, 'local').manifest, manifest)
  t.match(manifest, {
    name: 'p-101-var',
    release: 1,
    family: 'var',
    assetClass: 'pump',
    samples: 8,
    hop: 1,
    everyMs: 1000,
  })
  t.same(manifest.contributions, ['c0', 'c1', 'c2', 'c3', 'c4'])
  const predictors = ['c4', 'c3']
  const spread = manifest.features[1]!.spread!
  t.ok(spread > 0, 'it says what a deviation usually is')
  t.same(manifest.features[1], {
    name: 'c1 deviation',
    unit: 'bar',
    channel: 'c1',
    role: 'deviation',
    predictors,
    spread,
  })
  t.same(manifest.features[6], { name: 'c1 prediction', unit: 'bar', channel: 'c1', role: 'prediction' })
  t.match(manifest.fitted, { rows: 2_000, source: 'test data' })
  t.ok(manifest.quantiles['1']! > 0.9 && manifest.quantiles['1']! < 1, 'the limit lies a little above the largest')
  t.ok(manifest.quantiles['0.5']! < manifest.quantiles['0.99']!)

  const scores = await selfTest(bytes, manifest)
  t.equal(scores.length, 12)
  scores.forEach((score, i) => {
    t.ok(Math.abs(score - manifest.selfTest.scores[i]!) < 1e-4 * Math.max(1, score), `window ${i}: ${score}`)
  })
  t.ok(scores.filter(score => score > 1).length >= 3, 'some of its windows alarm')
})

t.test('too few rows: says how many are there and how many it takes', t => {
  t.throws(() => fitModel(machine(100, 5, 1), { ...fitOptions, family: 'var', order: 10, mean: 5 }), {
    code: 'FIT_INSUFFICIENT',
    message: /100 rows are there, of which 90 follow 10 others .* it takes 150 and 60/,
  })
  t.end()
})

t.test('rows that gaps chop up are not enough, however many', t => {
  const data = machine(2_000, 3, 2)
  for (let r = 0; r < data.rows; r += 6) data.breaks[r] = 1
  const asked = { ...fitOptions, family: 'var' as const }
  t.throws(() => fitModel(data, asked), { code: 'FIT_INSUFFICIENT', message: /2000 rows .* 0 end a window of 8/ })
  t.end()
})

t.test('values that float32 cannot hold, and too many channels, are refused', t => {
  const data = machine(500, 3, 2)
  data.values[31] = 1e39
  t.throws(() => fitModel(data, fitOptions), { code: 'FIT_INSUFFICIENT', message: /row 10 of c1 is 1e\+39/ })
  const asked = { ...fitOptions, family: 'var' as const }
  t.throws(() => fitModel(machine(200, 300, 2), asked), { code: 'FIT_INSUFFICIENT', message: /300 channels/ })
  t.end()
})

t.test('warns of constant channels, few rows, and a second half that is new', t => {
  const constant = machine(1_000, 3, 3)
  for (let r = 0; r < constant.rows; r++) constant.values[r * 3 + 1] = 4
  t.match(fitModel(constant, fitOptions).warnings, [
    /^c1 never moved: a lasting change of c1 by \d\S* \(\d\S* %\) takes the score to the setpoint\. Leave it out/,
  ])

  const far = machine(600, 3, 3)
  for (let r = 0; r < far.rows; r++) far.values[3 * r] = 1e9 + (r % 7)
  t.match(fitModel(far, fitOptions).warnings, [
    /^c0 moves by less than a millionth of its value, which a model cannot see: take an offset off it/,
    /^c0 never moved, as far as a model can see: a lasting change/,
  ])

  t.match(fitModel(machine(170, 12, 3), fitOptions).warnings[0], /^167 usable rows for 37 weights/)

  const drifting = machine(2_000, 3, 3)
  for (let r = 1_000; r < drifting.rows; r++) drifting.values[r * 3]! *= 1.5
  t.match(fitModel(drifting, fitOptions).warnings, [/% of the second half of the baseline exceed/])
  t.end()
})

const free = skabAnomalyFree()
const skip = free ? false : 'no recordings: set WEARWATCH_DATA to a folder that holds skab/'
t.test('400 rows of a rig that is still warming up are called too few', { skip }, t => {
  const head = (rows: number): FitData => fitData(free!.slice(0, rows * 8), 8)
  t.match(fitModel(head(400), { ...fitOptions, order: 5, mean: 10 }).warnings, [/second half of the baseline exceed/])
  t.same(fitModel(head(4_000), { ...fitOptions, order: 5, mean: 10 }).warnings, [])
  t.end()
})

for (const [name, data, options] of [
  ['var-3-channels', machine(600, 3, 77), { order: 2, mean: 3 }],
  ['var-aakr-3-channels', machine(1_600, 3, 77), { order: 2, mean: 3 }],
  ['aakr-2-channels', machine(600, 2, 77), { family: 'aakr' }],
  ['aakr-1-channel', machine(600, 1, 77), {}],
  ['levels-3-channels', machine(12, 3, 77), {}],
  ['var-few-3-channels', machine(40, 3, 77), {}],
] as const) {
  t.test(`golden model ${name}: the same file gives the same scores, and so does the same fit`, async t => {
    const bytes = readFileSync(`test/golden/models/${name}.onnx`)
    const golden = JSON.parse(readFileSync(`test/golden/models/${name}.json`, 'utf8'))
    const { manifest, sha256 } = parseModelFile(bytes, 'file')
    t.equal(sha256, golden.sha256)
    const scores = await selfTest(bytes, manifest)
    const again = fitModel(data, { ...fitOptions, ...options })
    golden.scores.forEach((score: number, i: number) => {
      t.ok(Math.abs(scores[i]! - score) < 1e-4 * Math.max(1, score), `window ${i}: ${scores[i]}`)
      t.ok(Math.abs(again.manifest.selfTest.scores[i]! - score) < 1e-4 * Math.max(1, score), `fitted anew, window ${i}`)
    })
  })
}

const worker = { deadlineMs: 60_000, clock: systemClock() }

t.test('a fit in a worker gives the same file, moves the arrays, and leaves the loop free', async t => {
  const data = machine(1_500, 4, 9)
  const here = fitModel(data, fitOptions)
  let turns = 0
  const spin = (): void => {
    turns++
    if (turns > 0) immediate = setImmediate(spin)
  }
  let immediate = setImmediate(spin)
  const there: FitResult = await fitInWorker(data, fitOptions, worker)
  clearImmediate(immediate)
  t.same(Buffer.compare(there.bytes, here.bytes), 0)
  t.same(there.manifest, here.manifest)
  t.equal(data.values.length, 0, 'moved')
  t.ok(turns > 1, `${turns} turns of the loop meanwhile`)
})

t.test('views into a larger buffer are copied, not moved', async t => {
  const data = machine(800, 4, 9)
  const half = { ...data, rows: 400, values: data.values.subarray(0, 1_600), breaks: data.breaks.subarray(0, 400) }
  await fitInWorker(half, fitOptions, worker)
  t.equal(data.values.length, 3_200)
})

t.test('error codes survive the crossing', async t => {
  await t.rejects(fitInWorker(machine(7, 3, 1), fitOptions, worker), {
    name: 'AgentError',
    code: 'FIT_INSUFFICIENT',
    kind: 'refused',
    message: /7 rows are there/,
  })
})

t.test('a fit ends at its deadline or when told to', async t => {
  const clock = manualClock()
  const late = fitInWorker(machine(20_000, 20, 1), fitOptions, { deadlineMs: 1_000, clock })
  clock.advance(1_000)
  await t.rejects(late, { code: 'FIT_FAILED', message: /took longer than 1 s/ })
  t.equal(clock.pending, 0)

  const stop = new AbortController()
  const stopped = fitInWorker(machine(20_000, 20, 1), fitOptions, { ...worker, signal: stop.signal })
  stop.abort()
  await t.rejects(stopped, { code: 'FIT_FAILED', message: /was stopped/ })
  await t.rejects(fitInWorker(machine(300, 2, 1), fitOptions, { ...worker, signal: stop.signal }), {
    code: 'FIT_FAILED',
  })
})
