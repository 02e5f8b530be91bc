import t from 'tap'
import { modelCleared, modelEvidence, modelRaised } from '../../../agent/alarms/message.ts'
import type { ManifestFeature } from '../../../agent/models/contract.ts'
import { MINUTE_US, model, scored } from '../../support/alarm-parts.ts'
import { channel } from '../../support/assets.ts'

const band = (id: string, fromHz: number, toHz: number, baseline: number): ManifestFeature => ({
  name: `rms ${fromHz}-${toHz} Hz`,
  unit: 'g',
  channel: id,
  fromHz,
  toHz,
  baseline,
})
const features = [
  { name: 'kurtosis', unit: '1', channel: 'de-h' },
  band('de-h', 400, 600, 0.2),
  band('de-h', 3_400, 3_600, 0.1),
  band('de-v', 3_400, 3_600, 0.1),
]
const file = model(false)
const bands = {
  ...file,
  manifest: {
    ...file.manifest,
    everyMs: 600_000,
    contributions: ['de-h 400-600 Hz', 'de-h 3400-3600 Hz', 'de-v 3400-3600 Hz'],
    features,
  },
}
const batch = {
  ...scored([1.42], [0], bands),
  contributions: Float32Array.of(0.1, 0.62, 0.28),
  contributionCount: 3,
  features: Float32Array.of(3, 0.28, 0.31, 0.14),
  featureCount: 4,
}
const waveform = { type: 'int16', rateHz: 25_600 } as const
const channels = [
  channel('de-h', { waveform, point: 'DE', axis: 'horizontal' }),
  channel('de-v', { waveform, point: 'DE', axis: 'vertical' }),
]

t.test('a band of a spectrum is named in Hz, with its ratio to the baseline', async t => {
  const evidence = modelEvidence(batch, 0)
  t.match(evidence[0], { channel: 'de-h', feature: 'rms 3400-3600 Hz', baseline: 0.1, unit: 'g' })
  t.ok(Math.abs(evidence[0]!.value - 0.31) < 1e-6 && Math.abs(evidence[0]!.share - 0.62) < 1e-6)
  t.equal(
    modelRaised(evidence, 1.42, 1, channels, bands.manifest, 20 * MINUTE_US),
    'DE horizontal 3.4–3.6 kHz 3.1 x baseline, 3 captures (3.4–3.6 kHz 62 %, DE vertical 3.4–3.6 kHz 28 %, 400–600 Hz 10 %)',
  )
  t.match(modelRaised(evidence, 1.42, 1, channels, bands.manifest), /^DE horizontal 3.4–3.6 kHz 3.1 x baseline \(/)
  t.equal(
    modelCleared(evidence, 50 * MINUTE_US, 2.1, channels),
    'DE horizontal 3.4–3.6 kHz back within baseline after 50 min, peak score 2.1',
  )
})

t.test('no rise is claimed where the band did not rise', async t => {
  const lower = { ...batch, features: Float32Array.of(3, 0.28, 0.09, 0.14) }
  t.match(modelRaised(modelEvidence(lower, 0), 1.42, 1, channels, bands.manifest), /^score 1.42, setpoint 1 \(/)
})

t.test('of several baselines by speed, the ratio is to the one that spoke', async t => {
  const bySpeed = features.map(({ baseline, ...feature }) =>
    baseline === undefined ? feature : { ...feature, baselines: [baseline, 10 * baseline] },
  )
  const manifest = {
    ...bands.manifest,
    features: [...bySpeed, { name: 'bin of speed', unit: '1', role: 'bin' as const }],
  }
  const at = (bin: number): Parameters<typeof modelEvidence>[0] => ({
    ...batch,
    model: { ...bands, manifest },
    features: Float32Array.of(3, 0.28, 0.31, 0.14, bin),
    featureCount: 5,
  })
  t.match(modelEvidence(at(1), 0)[0], { feature: 'rms 3400-3600 Hz', baseline: 0.1 })
  t.match(modelEvidence(at(2), 0)[0], { feature: 'rms 3400-3600 Hz', baseline: 1 })
  t.match(modelEvidence(at(0), 0)[0], { feature: 'share of score' }, 'no baseline, no ratio')
})
