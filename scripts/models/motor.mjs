// The demonstrator of family `bands`: a motor with an accelerometer. A shaft with its harmonics, a resonance that broadband noise
// excites, and noise of the sensor; the fault is a train of impacts that rings the same resonance, as a defect in an outer race does.
import * as ort from 'onnxruntime-node'
import { seededPrng } from '../../dist/core/prng.js'
import { fitBands } from '../../dist/models/fit/fit-bands.js'

const RATE_HZ = 10_240
const SAMPLES = 4_096
/** Captures of the baseline, ten minutes apart: 20 hours. */
const BASELINE = 120
const EVERY_US = 600e6
/** g. Amplitudes of 1x, 2x and 3x, and of the noises. */
const HARMONICS = [0.06, 0.03, 0.015]
const NOISE = 0.02
const RING = 0.05
/** Resonance of the bearing housing. */
const RING_HZ = 3_100
const RING_DAMPING = 0.03
/** Impacts per revolution: the outer race of a bearing with nine balls. */
const IMPACTS = 3.58
const SEEDS = [2, 3, 4]
const FAULTS = [
  { label: 'healthy', peak: 0 },
  { label: 'impacts of 0.1 g', peak: 0.1 },
  { label: 'impacts of 0.3 g', peak: 0.3 },
  { label: 'impacts of 1 g', peak: 1 },
  { label: 'unbalance: 1x of 0.18 g', peak: 0, unbalance: 3 },
]
const PER_SEED = 40

/** Captures [count, 1, samples] in g, each with its own speed, load and phase. `peak`: of an impact where it rings, in g. */
function record(seed, count, { peak = 0, unbalance = 1 } = {}) {
  const prng = seededPrng(seed)
  const captures = new Float32Array(count * SAMPLES)
  const turn = (2 * Math.PI) / RATE_HZ
  const decay = Math.exp(-RING_DAMPING * RING_HZ * turn)
  const [a1, a2] = [2 * decay * Math.cos(RING_HZ * turn), -decay * decay]
  // What white noise of 1 becomes in the resonator, so that RING is its rms.
  const gain = Math.sqrt(((1 + a2) * ((1 - a2) ** 2 - a1 ** 2)) / (1 - a2))
  for (let k = 0; k < count; k++) {
    const shaftHz = 24.7 * (1 + 0.004 * prng.normal())
    const load = 1 + 0.05 * prng.normal()
    const phases = HARMONICS.map(() => 2 * Math.PI * prng.next())
    const everySamples = RATE_HZ / (IMPACTS * shaftHz)
    let next = everySamples * prng.next()
    let [y1, y2] = [0, 0]
    // The first samples let the resonator swing in.
    for (let i = -1_000; i < SAMPLES; i++) {
      let force = RING * gain * load * prng.normal()
      while (i + 1_000 >= next) {
        force += peak * load * (1 + 0.1 * prng.normal())
        // Balls slip: no two distances are the same.
        next += everySamples * (1 + 0.01 * prng.normal())
      }
      const y = a1 * y1 + a2 * y2 + force
      y2 = y1
      y1 = y
      if (i < 0) continue
      const shaft = HARMONICS.map(
        (g, h) => (h === 0 ? unbalance : 1) * g * load * Math.sin((h + 1) * shaftHz * turn * i + phases[h]),
      )
      captures[k * SAMPLES + i] = y + NOISE * prng.normal() + shaft.reduce((sum, value) => sum + value, 0)
    }
  }
  return captures
}

export function motorModels() {
  const data = {
    captures: record(1, BASELINE),
    count: BASELINE,
    samples: SAMPLES,
    rateHz: RATE_HZ,
    channels: [{ id: 'de-h', unit: 'g' }],
    timesUs: Float64Array.from({ length: BASELINE }, (_, k) => k * EVERY_US),
    source: 'simulated motor, seed 1',
  }
  const options = { name: 'motor-bands', release: 1, assetClass: 'motor' }
  return [{ name: 'motor-bands', ...fitBands(data, options) }]
}

/** Lines of a table: what the model says of captures it has not seen. */
export async function motorScores(bytes, manifest) {
  const session = await ort.InferenceSession.create(bytes, { intraOpNumThreads: 1 })
  const lines = ['| machine | above the setpoint | median score | largest share |', '|---|---|---|---|']
  for (const { label, ...fault } of FAULTS) {
    const scores = []
    const shares = new Float64Array(manifest.contributions.length)
    for (const seed of SEEDS) {
      const input = record(seed, PER_SEED, fault)
      const window = new ort.Tensor('float32', input, [PER_SEED, 1, SAMPLES])
      const { score, contributions } = await session.run({ window })
      scores.push(...score.data)
      contributions.data.forEach((share, i) => {
        shares[i % shares.length] += share
      })
    }
    const beyond = scores.filter(score => score >= 1).length / scores.length
    const median = scores.toSorted((a, b) => a - b)[scores.length >> 1]
    const first = shares.indexOf(Math.max(...shares))
    const blamed =
      label === 'healthy'
        ? ''
        : `${manifest.contributions[first]} ${((100 * shares[first]) / scores.length).toFixed(0)} %`
    lines.push(`| ${label} | ${(100 * beyond).toFixed(2)} % | ${median.toFixed(2)} | ${blamed} |`)
  }
  await session.release()
  return lines
}
