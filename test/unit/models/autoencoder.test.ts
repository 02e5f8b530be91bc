import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as ort from 'onnxruntime-node'
import t, { type Test } from 'tap'
import { AUTOENCODER, fitAutoencoder } from '../../../agent/models/families/autoencoder.ts'
import type { Baseline } from '../../../agent/models/families/family.ts'
import { runLengths, type Standard, standardise, standardOf } from '../../../agent/models/families/rows.ts'
import { GraphBuilder } from '../../../agent/models/file/graph.ts'
import { parseModelFile } from '../../../agent/models/file/model-file.ts'
import { fitModel } from '../../../agent/models/fit/fit.ts'
import { referenceAutoencoder } from '../../support/model-autoencoder-reference.ts'
import { fitData, fitOptions, machine, skabAnomalyFree, windowAt } from '../../support/model-data.ts'

const SETTINGS = { order: 5, mean: 10 }
const SAMPLES = 12

type Data = ReturnType<typeof machine>

function baselineOf(data: Data): { baseline: Baseline; standard: Standard } {
  const rows = { ...data, channels: data.channels.length }
  const standard = standardOf(rows)
  const runs = runLengths(data.breaks, data.rows)
  return {
    standard,
    baseline: {
      z: standardise(rows, standard),
      rows: data.rows,
      channels: rows.channels,
      runs,
      constant: standard.constant,
    },
  }
}

/** Both parts side by side, as a model would hold them: score_0, blame_0, score_1, blame_1. */
async function openParts(baseline: Baseline, standard: Standard): Promise<ort.InferenceSession> {
  const { channels } = baseline
  const graph = new GraphBuilder('autoencoder')
  graph.input('window', ['batch', channels, SAMPLES])
  const offset = graph.node('Sub', ['window', graph.constant('centre', [channels, 1], standard.centre)])
  const z = graph.node('Mul', [offset, graph.constant('inverse', [channels, 1], standard.inverse)])
  AUTOENCODER.fit(baseline, SETTINGS).parts.forEach((part, i) => {
    const { score, blame } = part.addTo(graph, z, SAMPLES)
    graph.node('Identity', [score], {}, `score_${i}`)
    graph.output(`score_${i}`, ['batch'])
    graph.node('Identity', [blame], {}, `blame_${i}`)
    graph.output(`blame_${i}`, ['batch', channels])
  })
  return ort.InferenceSession.create(graph.toBytes(), { intraOpNumThreads: 1 })
}

async function compare(t: Test, data: Data, learnt: Data, ends: readonly number[]): Promise<void> {
  const { baseline, standard } = baselineOf(learnt)
  const { model } = fitAutoencoder(baseline)
  const session = await openParts(baseline, standard)
  const channels = baseline.channels
  const windows = ends.map(end => windowAt(data, end, SAMPLES))
  const input = Float32Array.from(windows.flatMap(window => [...window]))
  const out = await session.run({ window: new ort.Tensor('float32', input, [windows.length, channels, SAMPLES]) })
  let worst = 0
  windows.forEach((window, w) => {
    const want = referenceAutoencoder(model, standard, window)
    for (const part of [0, 1] as const) {
      const score = (out[`score_${part}`]!.data as Float32Array)[w]!
      worst = Math.max(worst, Math.abs(score - want.scores[part]) / Math.max(0.1, want.scores[part]))
      const blame = [...(out[`blame_${part}`]!.data as Float32Array)].slice(w * channels, (w + 1) * channels)
      const total = Math.max(...want.blame[part])
      for (let c = 0; c < channels; c++) worst = Math.max(worst, Math.abs(blame[c]! - want.blame[part][c]!) / total / 2)
    }
  })
  t.ok(
    worst < 1e-4,
    `${windows.length} windows of ${channels} channels: worst relative error ${worst.toExponential(1)}`,
  )
  await session.release()
}

for (const channels of [2, 8, 38]) {
  t.test(`the graph equals the definition: ${channels} channels`, async t => {
    const data = machine(5_000, channels, 42)
    await compare(t, data, data, [SAMPLES - 1, 100, 2_500, 4_999])
  })
}

t.test('far from the baseline the graph still equals the definition, and the score keeps growing', async t => {
  const learnt = machine(5_000, 6, 3)
  const { baseline, standard } = baselineOf(learnt)
  const { model } = fitAutoencoder(baseline)
  const away = structuredClone(learnt)
  const scores: number[] = []
  for (const [i, deviations] of [10, 30, 100].entries()) {
    const row = 1_000 * (i + 1)
    // Every channel the same way: what a linear code would follow without a residual.
    for (let c = 0; c < 6; c++) away.values[row * 6 + c] = standard.centre[c]! + deviations / standard.inverse[c]!
    scores.push(referenceAutoencoder(model, standard, windowAt(away, row, SAMPLES)).scores[0])
  }
  t.ok(scores[0]! > 1 && scores[1]! > 2 * scores[0]! && scores[2]! > 2 * scores[1]!, scores.join(', '))
  await compare(t, away, learnt, [1_000, 2_000, 3_000])
})

t.test('the scores of rows are those of windows, and none where a run is too short', async t => {
  const data = machine(5_000, 5, 8)
  data.breaks[2_000] = 1
  const { baseline, standard } = baselineOf(data)
  const { model } = fitAutoencoder(baseline)
  const { parts } = AUTOENCODER.fit(baseline, SETTINGS)
  t.same(
    parts.map(({ name, samples }) => [name, samples]),
    [
      ['reconstruction', 1],
      ['reconstruction mean 10', 10],
    ],
  )
  const rows = parts.map(part => part.scoreRows(baseline))
  t.ok(Number.isNaN(rows[1]![2_008]!) && rows[1]![2_009]! > 0 && rows[0]![2_000]! > 0)
  for (const end of [500, 2_011, 4_999]) {
    const { scores } = referenceAutoencoder(model, standard, windowAt(data, end, SAMPLES))
    for (const part of [0, 1] as const) t.ok(Math.abs(rows[part]![end]! / scores[part] - 1) < 1e-9)
  }
})

t.test('deterministic, calibrated on rows the fit has not seen, and blind to none', async t => {
  const { baseline, standard } = baselineOf(machine(6_000, 8, 5))
  const first = fitAutoencoder(baseline)
  t.same(fitAutoencoder(baseline), first)
  const beyond = first.heldOut.reduce((count, score) => count + (score >= 1 ? 1 : 0), 0)
  t.ok(beyond > 0 && beyond < 0.02 * 6_000, `${beyond} of 6000 held-out rows beyond the setpoint`)
  const fresh = machine(6_000, 8, 5)
  const channel = 3
  const clean = referenceAutoencoder(first.model, standard, windowAt(fresh, 3_000, SAMPLES))
  for (let r = 2_980; r <= 3_000; r++) fresh.values[r * 8 + channel]! += 8 / standard.inverse[channel]!
  const shifted = referenceAutoencoder(first.model, standard, windowAt(fresh, 3_000, SAMPLES))
  t.ok(clean.scores[0] < 1 && clean.scores[1] < 1)
  t.ok(shifted.scores[0] > 1 && shifted.scores[1] > 1, `${shifted.scores}`)
  t.equal(shifted.blame[0].indexOf(Math.max(...shifted.blame[0])), channel)
})

t.test('a channel that never moved is blamed when it does, and no other with it', async t => {
  const data = machine(5_000, 4, 3)
  for (let r = 0; r < data.rows; r++) data.values[r * 4 + 2] = 50
  const { baseline, standard } = baselineOf(data)
  const { model } = fitAutoencoder(baseline)
  const quiet = referenceAutoencoder(model, standard, windowAt(data, 900, SAMPLES))
  for (let r = 880; r <= 900; r++) data.values[r * 4 + 2] = 60
  const moved = referenceAutoencoder(model, standard, windowAt(data, 900, SAMPLES))
  t.ok(moved.scores[0] > 1)
  t.ok(moved.blame[0][2]! > 100)
  for (const c of [0, 1, 3]) t.ok(Math.abs(moved.blame[0][c]! - quiet.blame[0][c]!) < 1e-9)
})

t.test('too few rows and channels without relations are refused in numbers', async t => {
  const lacks = (data: Data): string | undefined => AUTOENCODER.lacks(baselineOf(data).baseline, SETTINGS)
  t.equal(lacks(machine(5_000, 2, 3)), undefined)
  t.match(lacks(machine(4_999, 2, 3)), /4999 rows are there, and an autoencoder takes 5000/)
  const flat = machine(5_000, 3, 3)
  for (let r = 0; r < flat.rows; r++) flat.values.fill(7, r * 3 + 1, r * 3 + 3)
  t.match(lacks(flat), /compares channels with each other, and 1 of 3 moves/)
})

t.test('the golden model: the same file gives the same scores, and so does the same fit', async t => {
  const bytes = readFileSync('test/golden/models/autoencoder-3-channels.onnx')
  const golden = JSON.parse(readFileSync('test/golden/models/autoencoder-3-channels.json', 'utf8'))
  const { manifest, sha256 } = parseModelFile(bytes, 'file')
  t.equal(sha256, golden.sha256)
  const { windows } = manifest.selfTest
  const session = await ort.InferenceSession.create(bytes, { intraOpNumThreads: 1 })
  const input = new Float32Array(new Uint8Array(Buffer.from(windows, 'base64')).buffer)
  const out = await session.run({
    window: new ort.Tensor('float32', input, [golden.scores.length, 3, manifest.samples]),
  })
  await session.release()
  const scores = out.score!.data as Float32Array
  const again = fitModel(machine(5_000, 3, golden.seed), { ...fitOptions, family: 'autoencoder' })
  golden.scores.forEach((score: number, i: number) => {
    t.ok(Math.abs(scores[i]! - score) < 1e-4 * Math.max(1, score), `window ${i}: ${scores[i]}`)
    t.ok(Math.abs(again.manifest.selfTest.scores[i]! - score) < 1e-4 * Math.max(1, score), `fitted anew, window ${i}`)
  })
})

const smd = join(process.env.WEARWATCH_DATA ?? join('..', 'shared', 'data'), 'smd')
const noSmd = existsSync(smd) ? false : 'no recordings: set WEARWATCH_DATA to a folder that holds smd/'
t.test('recorded servers: the graph equals the definition', { skip: noSmd }, async t => {
  const read = (part: string): Data => {
    const bytes = readFileSync(join(smd, `machine-2-1.${part}.f32`))
    return fitData(
      Float64Array.from({ length: 8_000 * 38 }, (_, i) => bytes.readFloatLE(i * 4)),
      38,
    )
  }
  await compare(t, read('test'), read('train'), [11, 1_000, 3_000, 5_000, 7_999])
})

const healthy = skabAnomalyFree()
const noSkab = healthy ? false : 'no recordings: set WEARWATCH_DATA to a folder that holds skab/'
t.test('a recorded water rig: the graph equals the definition', { skip: noSkab }, async t => {
  const all = healthy ?? new Float64Array()
  const rest = fitData(all.slice(5_000 * 8), 8)
  await compare(t, rest, fitData(all.slice(0, 5_000 * 8), 8), [11, 2_000, rest.rows - 1])
})
