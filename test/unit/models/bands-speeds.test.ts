import t from 'tap'
import { seededPrng } from '../../../agent/core/prng.ts'
import type { CaptureData } from '../../../agent/models/contract.ts'
import { capturesOf, fitBands as fitLevels } from '../../../agent/models/families/bands.ts'
import { bandsGraph } from '../../../agent/models/families/bands-graph.ts'
import { bandsShape } from '../../../agent/models/families/bands-shape.ts'
import { binAt, speedBins, speedEdges } from '../../../agent/models/families/bands-speeds.ts'
import { inspectModel } from '../../../agent/models/file/contract-points.ts'
import { checkManifest } from '../../../agent/models/file/manifest.ts'
import { parseModelFile } from '../../../agent/models/file/model-file.ts'
import { fitBands, measure } from '../../../agent/models/fit/fit-bands.ts'
import { runBands, worstOf } from '../../support/bands-run.ts'
import { type CaptureShape, captureOf, machineCaptures } from '../../support/captures.ts'
import { referenceBands } from '../../support/model-bands-reference.ts'

const RELATIVE = 1e-4
const options = { name: 'm-204-bands', release: 1 }
const SHAPE: CaptureShape = { count: 48, channels: 1, samples: 2_560, rateHz: 25_600, seed: 21 }

/** A machine with a line at 40 x its speed and noise that grows with it; speeds as given, 0.5 % about them. */
function atSpeeds(shape: CaptureShape, perMin: (capture: number) => number): CaptureData {
  const prng = seededPrng(shape.seed)
  const speeds = Float64Array.from({ length: shape.count }, (_, k) => perMin(k) * (1 + 0.005 * (prng.next() - 0.5)))
  const data = machineCaptures(shape, (k, _, s) => {
    const hz = (40 * speeds[k]!) / 60
    return (speeds[k]! / 3_000) * (Math.sin(2 * Math.PI * hz * s) + 0.2 * Math.sin(2 * Math.PI * 3.01 * hz * s + k))
  })
  return { ...data, speed: { channel: 'speed', perMin: speeds } }
}

const TWO = (k: number): number => (k % 2 === 0 ? 1_480 : 2_950)

/** [channels + 1, samples] */
function withSpeed(window: Float32Array, samples: number, perMin: number): Float32Array {
  const out = new Float32Array(window.length + samples).fill(perMin)
  out.set(window)
  return out
}

t.test('bins of neighbouring speeds, cut at the widest gaps, none wider than 10 %', async t => {
  const two = [1_480, 1_470, 990, 1_490, 985, 0, 995, Number.NaN]
  t.same(speedBins(two), [
    { fromPerMin: 985, toPerMin: 995, captures: [2, 4, 6] },
    { fromPerMin: 1_470, toPerMin: 1_490, captures: [0, 1, 3] },
  ])
  const ramp = speedBins(Array.from({ length: 100 }, (_, k) => 1_000 + 5 * k))
  t.ok(ramp.length >= 4 && ramp.every(bin => bin.toPerMin <= 1.1 * bin.fromPerMin))
})

t.test('a baseline speaks for 5 % beyond its own captures, and for half the way to the next', async t => {
  const bins = [
    { fromPerMin: 900, toPerMin: 950 },
    { fromPerMin: 970, toPerMin: 1_000 },
    { fromPerMin: 1_480, toPerMin: 1_500 },
  ]
  const speeds = [0, Number.NaN, 850, 870, 930, 959, 961, 1_040, 1_060, 1_400, 1_420, 1_570, 1_580]
  t.same(
    speeds.map(speed => binAt(bins, speed)),
    [-1, -1, -1, 0, 0, 0, 1, 1, -1, -1, 2, 2, -1],
  )
  const edges = speedEdges(bins)
  t.ok(
    edges.every((edge, i) => i === 0 || edge >= edges[i - 1]!),
    'rising',
  )
})

for (const [channels, speeds] of [
  [1, TWO],
  [3, (k: number): number => [600, 1_480, 1_620, 2_950][k % 4]!],
] as const) {
  t.test(`the graph equals the definition at its speed: ${channels} axes`, async t => {
    const shape = { ...SHAPE, channels, count: 60 }
    const data = atSpeeds(shape, speeds)
    const perMin = data.speed!.perMin
    const bins = speedBins(perMin)
    const levels = measure(data, bandsShape(channels, shape.samples, shape.rateHz)!)
    const models = bins.map(bin => fitLevels(capturesOf(levels, bin.captures)).model)
    const prng = seededPrng(5)
    const random = Float32Array.from({ length: channels * shape.samples }, () => 0.3 * prng.normal())
    const cases = bins.flatMap(({ captures, fromPerMin, toPerMin }, b) =>
      [captureOf(data, captures[1]!), random].map((window, i) => ({
        model: models[b]!,
        window,
        speed: i === 0 ? fromPerMin * 0.97 : toPerMin * 1.02,
        bin: b + 1,
      })),
    )
    const got = await runBands(
      bandsGraph(models, bins).toBytes(),
      channels + 1,
      cases.map(({ window, speed }) => withSpeed(window, shape.samples, speed)),
    )
    for (const [i, { model, window, bin, speed }] of cases.entries()) {
      const want = referenceBands(model, window)
      const errors = [
        worstOf([got.scores[i]!], [want.score], 0.1),
        worstOf(got.contributions[i]!, want.contributions, 0.1),
        worstOf(got.features[i]!, [...want.features, bin], 1e-3 * Math.max(...want.features)),
      ]
      t.ok(
        errors.every(error => error < RELATIVE),
        `${Math.round(speed)}/min, score ${want.score.toPrecision(3)}: ${errors.map(e => e.toExponential(1)).join(', ')}`,
      )
    }
  })
}

t.test('a speed that no baseline knows scores 0, with the same share for all', async t => {
  const data = atSpeeds(SHAPE, TWO)
  const { bytes, manifest } = fitBands(data, options)
  const loud = captureOf(data, 3).map(value => 10 * value)
  const speeds = [0, -1, Number.NaN, 1_000, 1_830, 3_500, Number.POSITIVE_INFINITY]
  const windows = speeds.map(speed => withSpeed(loud, SHAPE.samples, speed))
  const { scores, contributions, features } = await runBands(bytes, 2, windows)
  t.same(
    scores,
    speeds.map(() => 0),
  )
  const even = 1 / manifest.contributions.length
  t.ok(contributions.flat().every(share => Math.abs(share - even) < 1e-6))
  t.ok(features.every(row => row.at(-1) === 0))
  const known = await runBands(bytes, 2, [withSpeed(loud, SHAPE.samples, 2_950)])
  t.ok(known.scores[0]! > 2, `${known.scores[0]}`)
  t.equal(known.features[0]!.at(-1), 2)
})

t.test('at its edges to the last bit the graph picks the bin that the agent does', async t => {
  const data = atSpeeds(SHAPE, TWO)
  const { bytes, manifest } = fitBands(data, options)
  const { bins } = manifest.speed!
  // The float32 next to it, either way.
  const near = (edge: number, step: number): number => {
    const bits = new Int32Array(Float32Array.of(edge).buffer)
    bits[0]! += step
    return new Float32Array(bits.buffer)[0]!
  }
  const speeds = [...speedEdges(bins)].flatMap(edge => [near(edge, -1), edge, near(edge, 1)])
  const window = captureOf(data, 3)
  const { features } = await runBands(
    bytes,
    2,
    speeds.map(speed => withSpeed(window, SHAPE.samples, speed)),
  )
  t.same(
    features.map(row => row.at(-1)),
    speeds.map(speed => binAt(bins, speed) + 1),
  )
})

t.test('what is usual at one speed is a fault at the other', async t => {
  const data = atSpeeds(SHAPE, TWO)
  const { bytes } = fitBands(data, options)
  const fast = captureOf(data, 21)
  const { scores } = await runBands(bytes, 2, [
    withSpeed(fast, SHAPE.samples, 2_950),
    withSpeed(fast, SHAPE.samples, 1_480),
  ])
  t.ok(scores[0]! < 1 && scores[1]! > 2, scores.join(', '))
})

t.test('the file says for which speeds it speaks, keeps the contract and passes its own self-test', async t => {
  const data = atSpeeds(SHAPE, TWO)
  data.speed!.perMin[4] = Number.NaN
  data.speed!.perMin[6] = 2_000
  const { bytes, manifest, sufficiency, warnings } = fitBands(data, options)
  t.same(
    manifest.channels.map(({ id, unit }) => `${id} ${unit}`),
    ['de-h g', 'speed 1/min'],
  )
  t.match(manifest.speed, { channel: 'speed', bins: [{ captures: 22 }, { captures: 24 }] })
  t.match(manifest.fitted, { rows: 46, outliers: 2 })
  t.equal(sufficiency.enough, true, sufficiency.reason)
  t.match(warnings, [
    /^1 of 48 captures left out: speed is not known, or moved by more than 2 %/,
    /^too few captures for a baseline, it takes 10: 2000\/min \(1\)\. Such/,
    /^22 captures at 14\d\d–14\d\d\/min; 60 or more/,
    /^24 captures at 29\d\d–29\d\d\/min/,
  ])
  const band = manifest.features.find(({ name }) => name === 'rms 1800-2000 Hz')!
  t.equal(band.baseline, undefined)
  t.equal(band.baselines?.length, 2)
  t.ok(band.baselines![1]! > 3 * band.baselines![0]!, `the line at 40 x 2950/min: ${band.baselines}`)
  t.match(manifest.features.at(-1), { name: 'bin of speed', role: 'bin' })
  t.match(manifest.reference!.centre[1], Number)

  const points = inspectModel(bytes, 'file').points.filter(({ status }) => status !== 'pass')
  t.same(points, [])
  const read = parseModelFile(bytes, 'file').manifest
  t.same(read.speed, manifest.speed)
  const windows = new Float32Array(new Uint8Array(Buffer.from(read.selfTest.windows, 'base64')).buffer)
  const size = 2 * read.samples
  const { scores } = await runBands(
    bytes,
    2,
    read.selfTest.scores.map((_, i) => windows.slice(i * size, (i + 1) * size)),
  )
  t.ok(worstOf(scores, read.selfTest.scores, 1) < RELATIVE)
  t.ok(Math.max(...scores) > 1.5, 'one of them alarms')
  const tested = new Set(read.selfTest.scores.map((_, i) => binAt(read.speed!.bins, windows[(i + 1) * size - 1]!)))
  t.same([...tested].sort(), [0, 1], 'windows of every speed are among them')
})

t.test('a constant speed makes the graph that no speed makes', async t => {
  const data = atSpeeds(SHAPE, () => 1_480)
  const { speed: _, ...without } = data
  const [one, none] = [fitBands(data, options), fitBands(without, options)]
  t.same(
    one.manifest.channels.map(({ id }) => id),
    ['de-h'],
  )
  t.match(one.manifest.speed, { channel: 'speed', bins: [{ captures: 48 }] })
  t.same({ ...one.manifest, speed: undefined }, { ...none.manifest, speed: undefined })
  // Of two speeds one is too seldom: one baseline, that speaks for its own speed alone.
  const seldom = fitBands(
    atSpeeds(SHAPE, k => (k < 5 ? 2_950 : 1_480)),
    options,
  )
  t.equal(seldom.manifest.channels.length, 1)
  t.equal(seldom.manifest.speed?.bins.length, 1)
  t.match(seldom.warnings, [/^too few captures for a baseline, it takes 10: 29\d\d–29\d\d\/min \(5\)\. Such/])
})

t.test('sufficiency is judged at each speed; one seldom run at keeps nobody waiting', async t => {
  const seldom = fitBands(
    atSpeeds(SHAPE, k => (k % 4 === 0 ? 2_950 : 1_480)),
    options,
  )
  t.equal(seldom.sufficiency.enough, true)
  t.match(seldom.sufficiency.reason, /^too few captures at 29\d\d–29\d\d\/min .* 12 of 20/)
  const wearing = atSpeeds(SHAPE, TWO)
  for (let k = 25; k < 48; k += 2) {
    for (let i = 0; i < SHAPE.samples; i++)
      wearing.captures[k * SHAPE.samples + i]! += 0.5 * Math.sin((2 * Math.PI * 5_100 * i) / SHAPE.rateHz)
  }
  t.match(fitBands(wearing, options).sufficiency, {
    enough: false,
    exceeding: 1,
    reason: /^100 % of the second half of the baseline at 29\d\d–29\d\d\/min exceed/,
  })
})

t.test('every capture at another speed: no baseline, and what would make one', async t => {
  const data = atSpeeds(SHAPE, k => 500 * 1.12 ** (k % 12))
  t.throws(() => fitBands(data, options), {
    code: 'FIT_INSUFFICIENT',
    message: /it takes 10: \d+–50\d\/min \(4\), 5\d\d–5\d\d\/min \(4\), .* and 6 more speeds\. .* Learn longer\.$/,
  })
  const unknown = { ...data, speed: { channel: 'speed', perMin: new Float64Array(48).fill(Number.NaN) } }
  t.throws(() => fitBands(unknown, options), { code: 'FIT_INSUFFICIENT', message: /48 of 48 captures left out: speed/ })
})

t.test('many axes, long captures, many speeds: below 1 MB', async t => {
  for (const shape of [
    { ...SHAPE, channels: 1, samples: 16_384, count: 24 },
    { ...SHAPE, channels: 3, samples: 4_096, count: 96 },
  ]) {
    const bins = Math.floor(shape.count / 12)
    const { bytes, manifest } = fitBands(
      atSpeeds(shape, k => 300 * 1.11 ** (k % bins)),
      options,
    )
    t.ok(bytes.length < 1e6, `${shape.channels} x ${shape.samples}, ${bins} bins: ${bytes.length} bytes`)
    t.equal(manifest.speed?.bins.length, bins)
  }
})

t.test('a manifest whose speeds cannot be is refused', async t => {
  const { manifest } = fitBands(atSpeeds(SHAPE, TWO), options)
  const bins = manifest.speed!.bins
  const wrong = (speed: unknown): unknown => checkManifest({ ...manifest, speed })
  t.match(wrong({ channel: 'speed', bins: [bins[1], bins[0]] }), [/bins that rise/])
  t.match(wrong({ channel: 'current', bins }), [/current is not the last channel/])
  t.match(wrong({ channel: 'speed', bins: [bins[0]] }), [/2 baselines for 1 bins/])
  t.match(wrong({ channel: 'speed', bins: [] }), [/^speed\.bins: /])
})
