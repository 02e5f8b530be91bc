import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { systemClock } from '../../../agent/core/clock.ts'
import type { CaptureData } from '../../../agent/models/contract.ts'
import { type BandsModel, fitBands as fitLevels, scoreCapture } from '../../../agent/models/families/bands.ts'
import { bandsGraph } from '../../../agent/models/families/bands-graph.ts'
import { bandsShape } from '../../../agent/models/families/bands-shape.ts'
import { parseModelFile } from '../../../agent/models/file/model-file.ts'
import { fitBands, measure, windowOf } from '../../../agent/models/fit/fit-bands.ts'
import { fitCapturesInWorker } from '../../../agent/models/fit/fit-worker.ts'
import { runBands as run, worstOf as worst } from '../../support/bands-run.ts'
import { type CaptureShape, captureOf, machineCaptures } from '../../support/captures.ts'
import { referenceBands } from '../../support/model-bands-reference.ts'
import { femtoBearings, noise } from '../../support/vibration.ts'

const RELATIVE = 1e-4
const options = { name: 'm-204-bands', release: 1 }
const PLAIN: CaptureShape = { count: 24, channels: 1, samples: 4_096, rateHz: 25_600, seed: 1 }

function modelOf(data: CaptureData): BandsModel {
  const window = windowOf(data.channels.length, data.samples)
  return fitLevels(measure(data, bandsShape(window.channels, window.samples, data.rateHz)!)).model
}

async function compare(t: Test, model: BandsModel, windows: readonly Float32Array[]): Promise<void> {
  const got = await run(bandsGraph([model]).toBytes(), model.shape.channels, windows)
  for (const [i, window] of windows.entries()) {
    const want = referenceBands(model, window)
    const rms = Math.max(...want.features)
    const errors = [
      worst([got.scores[i]!], [want.score], 0.1),
      worst(got.contributions[i]!, want.contributions, 0.1),
      worst(got.features[i]!, want.features, 1e-3 * rms),
    ]
    const text = errors.map(error => error.toExponential(1)).join(', ')
    t.ok(
      errors.every(error => error < RELATIVE),
      `score ${want.score.toPrecision(3)}: relative errors ${text}`,
    )
    t.ok(Math.abs(got.contributions[i]!.reduce((sum, share) => sum + share, 0) - 1) < 1e-5, 'shares sum to 1')
  }
}

for (const shape of [
  PLAIN,
  { ...PLAIN, samples: 2_560, seed: 2 },
  { ...PLAIN, channels: 3, samples: 3_000, rateHz: 20_000, seed: 3 },
  { ...PLAIN, channels: 2, samples: 1_000, rateHz: 1_000, seed: 4 },
  { ...PLAIN, samples: 700, rateHz: 51_200, seed: 5 },
]) {
  const { channels, samples, rateHz } = shape
  t.test(`the graph equals the definition: ${channels} x ${samples} at ${rateHz} Hz`, async t => {
    const data = machineCaptures(shape)
    const model = modelOf(data)
    const healthy = captureOf(data, 5)
    const changed = captureOf(
      machineCaptures(shape, (_, c, s) => (c === 0 ? 0.3 * Math.sin(2 * Math.PI * 0.21 * rateHz * s) : 0)),
      7,
    )
    const offset = healthy.map((value, i) => value + 3 + i / samples)
    await compare(t, model, [healthy, changed, offset, Float32Array.from(noise(healthy.length, 0.2, 9))])
  })
}

t.test('any batch size, row by row the same', async t => {
  const data = machineCaptures(PLAIN)
  const { bytes } = fitBands(data, options)
  const windows = Array.from({ length: 24 }, (_, k) => captureOf(data, k))
  const all = (await run(bytes, 1, windows)).scores
  const alone = (await run(bytes, 1, windows.slice(7, 8))).scores
  t.ok(Math.abs(all[7]! - alone[0]!) < 1e-5)
})

t.test('a rising line is named by its band, with its ratio to the baseline', async t => {
  const data = machineCaptures({ ...PLAIN, channels: 2 })
  const { bytes, manifest } = fitBands(data, options)
  const faulty = machineCaptures({ ...PLAIN, channels: 2, seed: 8 }, (_, c, s) =>
    c === 0 ? 0.05 * Math.sin(2 * Math.PI * 3_500 * s) : 0,
  )
  const { scores, contributions, features } = await run(bytes, 2, [captureOf(faulty, 0)])
  t.ok(scores[0]! > 1, `score ${scores[0]}`)
  const top = contributions[0]!.indexOf(Math.max(...contributions[0]!))
  t.equal(manifest.contributions[top], 'de-h 3400-3600 Hz')
  const at = manifest.features.findIndex(({ name, channel }) => channel === 'de-h' && name === 'rms 3400-3600 Hz')
  const feature = manifest.features[at]!
  t.match(feature, { unit: 'g', fromHz: 3_400, toHz: 3_600 })
  const want = Math.hypot(0.05 / Math.SQRT2, feature.baseline!) / feature.baseline!
  t.ok(
    Math.abs(features[0]![at]! / feature.baseline! / want - 1) < 0.2,
    `${features[0]![at]! / feature.baseline!} x, ${want}`,
  )
})

t.test('what falls, or is silent, does not score; nothing gives what is no number', async t => {
  const data = machineCaptures(PLAIN)
  const { bytes } = fitBands(data, options)
  const half = captureOf(data, 3).map(value => value / 2)
  const { scores, contributions, features } = await run(bytes, 1, [
    half,
    new Float32Array(4_096),
    new Float32Array(4_096).fill(9),
  ])
  t.ok(
    scores.every(score => score < 0.5),
    scores.join(', '),
  )
  t.ok([...contributions, ...features].flat().every(Number.isFinite))
})

t.test('the file is whole, below 1 MB and says what it was fitted on', async t => {
  for (const shape of [
    PLAIN,
    { ...PLAIN, channels: 3 },
    { ...PLAIN, count: 20, samples: 40_000 },
    { ...PLAIN, samples: 8_192, rateHz: 51_200 },
  ]) {
    const data = machineCaptures(shape)
    const { bytes, warnings, sufficiency } = fitBands(data, options)
    t.ok(bytes.length < 1e6, `${shape.channels} x ${shape.samples} at ${shape.rateHz}: ${bytes.length} bytes`)
    const { manifest } = parseModelFile(bytes, 'file')
    const { perCapture, samples } = windowOf(shape.channels, shape.samples)
    t.match(manifest, {
      family: 'bands',
      samples,
      hop: samples,
      everyMs: 600_000,
      fitted: { rows: shape.count },
      alarm: { onDelayMs: 540_000, offDelayMs: 1_740_000, deadband: 0.1 },
    })
    t.equal(perCapture, shape.samples === 40_000 ? 2 : 1)
    t.equal(sufficiency.enough, true, sufficiency.reason)
    t.match(warnings, [/^2\d captures; 60 or more/])
    const test = new Float32Array(new Uint8Array(Buffer.from(manifest.selfTest.windows, 'base64')).buffer)
    const size = shape.channels * samples
    const windows = manifest.selfTest.scores.map((_, i) => test.slice(i * size, (i + 1) * size))
    const { scores } = await run(bytes, shape.channels, windows)
    t.ok(worst(scores, manifest.selfTest.scores, 1) < RELATIVE)
    t.ok(Math.max(...scores) > 2, 'one of them alarms')
  }
})

t.test('the same captures give the same file; a provisional one has a wider setpoint', async t => {
  const data = machineCaptures(PLAIN)
  const first = fitBands(data, options)
  t.equal(Buffer.compare(first.bytes, fitBands(data, options).bytes), 0)
  const wide = fitBands(data, { ...options, provisional: { widened: 1.5, missing: '20 captures' } })
  const window = [captureOf(data, 2)]
  const [plain, widened] = [await run(first.bytes, 1, window), await run(wide.bytes, 1, window)]
  t.ok(Math.abs(plain.scores[0]! / widened.scores[0]! - 1.5) < 1e-4)
  t.same(wide.manifest.provisional, { widened: 1.5, missing: '20 captures' })
})

t.test('healthy captures after the baseline stay below the setpoint', async t => {
  const data = machineCaptures({ ...PLAIN, count: 160, samples: 2_560, seed: 12 })
  const head = { ...data, count: 60, captures: data.captures.slice(0, 60 * 2_560), timesUs: data.timesUs.slice(0, 60) }
  const { bytes, manifest } = fitBands(head, options)
  t.equal(manifest.quantiles['1']! < 1, true)
  const { scores } = await run(
    bytes,
    1,
    Array.from({ length: 100 }, (_, i) => captureOf(data, 60 + i)),
  )
  t.equal(scores.filter(score => score >= 1).length, 0, `largest ${Math.max(...scores)}`)
})

t.test('captures of a machine that stood are left out; a second half that is louder is not enough', async t => {
  const stood = machineCaptures(PLAIN)
  for (let i = 0; i < 4_096; i++) stood.captures[7 * 4_096 + i]! *= 0.02
  const { manifest, warnings } = fitBands(stood, options)
  t.match(manifest.fitted, { rows: 23, outliers: 1 })
  t.match(warnings, [/^1 of 24 captures left out/])
  const rising = machineCaptures(PLAIN, (k, _, s) => (k >= 12 ? 0.2 * Math.sin(2 * Math.PI * 5_100 * s) : 0))
  t.match(fitBands(rising, options).sufficiency, { enough: false, exceeding: 1, reason: /^100 % of the second half/ })
})

t.test(
  'two captures and more are fitted, the fewer the wider: a few healthy ones stay below, a loud line goes beyond',
  async t => {
    const shape = bandsShape(1, PLAIN.samples, PLAIN.rateHz)!
    const ill = [2, 3, 4].map(count => {
      const data = machineCaptures({ ...PLAIN, count })
      const { manifest, sufficiency } = fitBands(data, options)
      t.match([manifest.fitted?.rows, sufficiency.enough], [count, false])
      const model = modelOf(data)
      const scores = (louder: number): number[] => {
        const later = machineCaptures({ ...PLAIN, seed: 9 }, (_, __, s) => louder * Math.sin(2 * Math.PI * 3_100 * s))
        const levels = measure(later, shape)
        return Array.from({ length: later.count }, (_, k) => scoreCapture(model, levels, k))
      }
      t.ok(Math.max(...scores(0)) < 1, `${count} captures: ${Math.max(...scores(0))}`)
      t.ok(Math.min(...scores(3)) > 1, `${count} captures: ${Math.min(...scores(3))}`)
      return Math.min(...scores(3))
    })
    t.ok(ill[0]! < ill[2]!, ill.join(', '))
  },
)

t.test('refuses what cannot be fitted, and says why', async t => {
  const few = machineCaptures({ ...PLAIN, count: 1 })
  t.throws(() => fitBands(few, options), { code: 'FIT_INSUFFICIENT', message: /1 captures .* it takes 2/ })
  t.throws(() => fitBands(machineCaptures({ ...PLAIN, samples: 100 }), options), {
    code: 'FIT_INSUFFICIENT',
    message: /100 samples are too short/,
  })
  const dead = { ...machineCaptures(PLAIN), captures: new Float32Array(24 * 4_096).fill(1) }
  t.throws(() => fitBands(dead, options), { code: 'FIT_INSUFFICIENT', message: /de-h has no signal/ })
  const holes = machineCaptures(PLAIN)
  holes.captures[5_000] = Number.NaN
  t.throws(() => fitBands(holes, options), { code: 'FIT_INSUFFICIENT', message: /capture 1 of de-h holds NaN/ })
})

t.test('a fit in a worker gives the same file and moves the captures', async t => {
  const data = machineCaptures(PLAIN)
  const here = fitBands(data, options)
  const there = await fitCapturesInWorker(data, options, { deadlineMs: 60_000, clock: systemClock() })
  t.equal(Buffer.compare(there.bytes, here.bytes), 0)
  t.equal(data.captures.length, 0)
  const few = machineCaptures({ ...PLAIN, count: 1 })
  await t.rejects(fitCapturesInWorker(few, options, { deadlineMs: 60_000, clock: systemClock() }), {
    code: 'FIT_INSUFFICIENT',
  })
})

t.test('the golden model: the same file gives the same scores, and so does the same fit', async t => {
  const bytes = readFileSync('test/golden/models/bands-1-channel.onnx')
  const golden = JSON.parse(readFileSync('test/golden/models/bands-1-channel.json', 'utf8'))
  const { manifest, sha256 } = parseModelFile(bytes, 'file')
  t.equal(sha256, golden.sha256)
  const windows = new Float32Array(new Uint8Array(Buffer.from(manifest.selfTest.windows, 'base64')).buffer)
  const of = (i: number): Float32Array => windows.slice(i * manifest.samples, (i + 1) * manifest.samples)
  const { scores } = await run(
    bytes,
    1,
    golden.scores.map((_: number, i: number) => of(i)),
  )
  t.ok(worst(scores, golden.scores, 1) < RELATIVE)
  const again = fitBands(machineCaptures(golden.captures), { name: 'golden-bands', release: 1 })
  t.ok(worst(again.manifest.selfTest.scores, golden.scores, 1) < RELATIVE)
})

const bearings = femtoBearings()
const skip = bearings ? false : 'no recordings: set WEARWATCH_DATA to a folder that holds femto/'
t.test(
  'recorded bearings: the graph equals the definition, and every failure is found before the end',
  { skip },
  async t => {
    for (const bearing of bearings ?? []) {
      const count = Math.min(60, Math.floor(bearing.captures / 4))
      const captures = new Float32Array(count * bearing.samples)
      for (let k = 0; k < count; k++) captures.set(bearing.capture(k), k * bearing.samples)
      const data: CaptureData = {
        captures,
        count,
        samples: bearing.samples,
        channels: [{ id: 'h', unit: 'g' }],
        rateHz: bearing.rateHz,
        timesUs: Float64Array.from({ length: count }, (_, k) => k * 60_000_000),
        source: bearing.name,
      }
      await compare(t, modelOf(data), [
        bearing.capture(0),
        bearing.capture(bearing.captures >> 1),
        bearing.capture(bearing.captures - 1),
      ])
      const rest = Array.from({ length: bearing.captures - count }, (_, i) => bearing.capture(count + i))
      const { scores } = await run(fitBands(data, options).bytes, 1, rest)
      const alarm = scores.findIndex((score, i) => i > 0 && score >= 1 && scores[i - 1]! >= 1)
      t.ok(
        alarm >= 0 && count + alarm >= 0.4 * bearing.captures,
        `${bearing.name}: ${rest.length - 1 - alarm} min before the end`,
      )
    }
  },
)
