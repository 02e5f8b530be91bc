import t from 'tap'
import type { Manifest, ModelFile } from '../../../agent/models/contract.ts'
import { CaptureScores } from '../../../agent/pipeline/capture-scores.ts'
import type { ScoredBatch, WindowDoubt } from '../../../agent/scoring/contract.ts'
import { asset, channel } from '../../support/assets.ts'

const START_US = 1_700_000_000e6
const SAMPLES = 512
/** Windows of a capture. */
const OF = 4
const waveform = {
  type: 'int16' as const,
  rateHz: 5_120,
  capture: { lengthMs: 100 * OF, everyMs: 60_000, settleMs: 0 },
}
const AXES = ['de-h', 'de-v', 'de-a']
const motor = asset([
  ...AXES.map(id => channel(id, { unit: 'g', waveform })),
  channel('speed', { unit: '1/min' }),
  channel('current', { unit: 'A' }),
])
const pump = asset([channel('flow')], { id: 'p-101', index: 1 })

function modelOf(ids: readonly string[], samples = SAMPLES): ModelFile {
  const channels = ids.map(id => ({ id, unit: id === 'speed' ? '1/min' : 'g' }))
  const manifest = { name: 'm', release: 1, family: 'bands', channels, samples } as Manifest
  return { bytes: new Uint8Array(), sha256: 'ab'.repeat(32), manifest, origin: 'local' }
}

interface Scored {
  timeUs: number
  score: number
  shares: number[]
  features: number[]
}

function batchOf(model: ModelFile, windows: readonly Scored[], tag = 0): ScoredBatch {
  return {
    key: 'm-204',
    model,
    count: windows.length,
    tags: new Int32Array(windows.length).fill(tag),
    timesUs: Float64Array.from(windows, ({ timeUs }) => timeUs),
    scores: Float32Array.from(windows, ({ score }) => score),
    contributions: Float32Array.from(windows.flatMap(({ shares }) => shares)),
    contributionCount: windows[0]!.shares.length,
    features: Float32Array.from(windows.flatMap(({ features }) => features)),
    featureCount: windows[0]!.features.length,
  }
}

/** Windows of capture `k`: a share and a feature of each axis, and which baseline spoke. */
function capture(k: number, windows = OF): Scored[] {
  return Array.from({ length: windows }, (_, w) => ({
    timeUs: START_US + k * 60e6 + w,
    score: k + w,
    shares: [0.5, 0.25 + w / 16, 0.25 - w / 16],
    features: [w, 10 * w, 100 * w, 2],
  }))
}

function bench(doubts = new Map<number, WindowDoubt>()): { scores: CaptureScores; out: ScoredBatch[] } {
  const out: ScoredBatch[] = []
  const doubtAt = (_: number, endUs: number): WindowDoubt | undefined => doubts.get(endUs)
  return { scores: new CaptureScores({ assets: [motor, pump] }, doubtAt, batch => out.push(batch)), out }
}

for (const ids of [AXES, [...AXES, 'speed']]) {
  t.test(`the windows of a capture come out as their mean: ${ids.join(', ')}`, async t => {
    const { scores, out } = bench()
    const model = modelOf(ids)
    // Batches end where they like, and hold pieces of several captures.
    const all = [...capture(0), ...capture(1)]
    for (const [from, to] of [
      [0, 3],
      [3, 6],
      [6, 8],
    ] as const)
      scores.push(batchOf(model, all.slice(from, to)))
    t.equal(out.length, 2)
    for (const [k, batch] of out.entries()) {
      t.match(batch, { count: 1, model, contributionCount: 3, featureCount: 4 })
      t.same([...batch.tags], [0])
      t.same([...batch.timesUs], [START_US + k * 60e6])
      t.equal(batch.scores[0], k + 1.5)
      t.same([...batch.contributions], [0.5, 0.25 + 1.5 / 16, 0.25 - 1.5 / 16], 'shares of the axes, still 1 in all')
      t.same([...batch.features], [1.5, 15, 150, 2])
    }
  })
}

t.test('a capture of which a window was lost comes to nothing, and the next is whole', async t => {
  const { scores, out } = bench()
  const model = modelOf(AXES)
  scores.push(batchOf(model, [...capture(0, OF - 1), ...capture(1)]))
  t.same(
    out.map(batch => batch.timesUs[0]),
    [START_US + 60e6],
  )
  t.equal(out[0]!.scores[0], 2.5)
})

t.test('windows of two models are not one capture', async t => {
  const { scores, out } = bench()
  const [before, after] = [modelOf(AXES), modelOf([...AXES, 'speed'])]
  scores.push(batchOf(before, capture(0, 2)))
  scores.push(batchOf(after, capture(0).slice(2)))
  t.same(out, [])
  scores.push(batchOf(after, capture(1)))
  t.equal(out.length, 1)
})

t.test('what is not of captures passes as it is', async t => {
  const { scores, out } = bench()
  const rows = batchOf(modelOf(['flow'], 5), capture(0), 1)
  scores.push(rows)
  // A model of the motor's telemetry.
  const telemetry = batchOf(modelOf(['current'], 5), capture(0))
  scores.push(telemetry)
  t.same(out.length, 2)
  t.ok(out[0] === rows && out[1] === telemetry)
})

t.test('what is left in doubt goes along; an axis that was not looked at has no share and no features', async t => {
  const doubt = { unwatched: ['de-v'], clipped: ['de-a'] }
  const { scores, out } = bench(new Map([[START_US + 60e6, doubt]]))
  const model = modelOf(AXES, OF * SAMPLES)
  Object.assign(model.manifest, {
    contributions: AXES.map(id => `${id} 0-200 Hz`),
    features: [...AXES.map(id => ({ name: 'rms', unit: 'g', channel: id })), { name: 'bin of speed', unit: '1' }],
  })
  // One window is the whole capture; two captures come in one batch.
  const batch = batchOf(model, [...capture(0, 1), ...capture(1, 1)])
  scores.push(batch)
  t.same(
    out.map(({ doubts }) => doubts),
    [[undefined], [doubt]],
  )
  t.same([...out[0]!.contributions], [0.5, 0.25, 0.25])
  t.same([...out[1]!.contributions], [Math.fround(2 / 3), 0, Math.fround(1 / 3)])
  t.same([...out[1]!.features], [0, Number.NaN, 0, 2])
  t.same([...batch.contributions.subarray(3)], [0.5, 0.25, 0.25], 'what was borrowed stays as it is')
})
