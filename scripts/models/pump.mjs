// The demonstrators of process families: all know the same simulated pump, from more or fewer hours of it.
import * as ort from 'onnxruntime-node'
import { fitModel } from '../../dist/models/fit/fit.js'
import { PUMP_CHANNELS, PumpModel } from '../../dist/sources/pump-model.js'

const UNITS = ['m3/h', 'bar', 'bar', 'A', '1/min', 'Cel', 'Cel', 'mm/s']
const SETTLE_S = 120
const HOUR = 3_600
const WIDTH = PUMP_CHANNELS.length
const MODELS = [
  { name: 'pump-var', family: 'var', rows: HOUR },
  { name: 'pump-aakr', family: 'aakr', rows: 4 * HOUR },
  { name: 'pump-autoencoder', family: 'autoencoder', rows: 4 * HOUR },
]
const FAULTS = ['none', 'clogged-strainer', 'bearing-wear', 'impeller-wear']
/** Of the machines that are scored; the baseline is seed 1. */
const SEEDS = [2, 3, 4]
/** Rows that the settled machine runs before the fault begins; it is fully developed 900 s of machine time later. */
const BEFORE_S = 1_800
const BATCH = 64

/** Rows of a pump that runs and has settled. */
function record(pump, rows) {
  const values = new Float64Array(rows * WIDTH)
  const breaks = new Uint8Array(rows)
  const timesS = new Float64Array(rows)
  for (let row = 0, runningS = 0, timeS = 1; row < rows; timeS++) {
    pump.step(1)
    runningS = pump.running ? runningS + 1 : 0
    if (runningS <= SETTLE_S) continue
    breaks[row] = runningS === SETTLE_S + 1 ? 1 : 0
    timesS[row] = timeS
    values.set(pump.values, row++ * WIDTH)
  }
  return { values, breaks, timesS, rows }
}

/** Fitted anew, in the order of the README: name, bytes, manifest, warnings. */
export function pumpModels() {
  return MODELS.map(({ name, family, rows }) => {
    const { values, breaks } = record(new PumpModel(1, { fault: 'none', faultAfterS: 0 }), rows)
    const channels = PUMP_CHANNELS.map((id, i) => ({ id, unit: UNITS[i] }))
    const data = { values, rows, breaks, channels, fromUs: 0, toUs: rows * 1e6, source: 'simulated pump, seed 1' }
    const { bytes, manifest, warnings } = fitModel(data, {
      name,
      release: 1,
      assetClass: 'pump',
      family,
      order: 5,
      mean: 10,
      hop: 1,
      everyMs: 1000,
      alarm: { onDelayMs: 600_000, offDelayMs: 1_800_000, deadband: 0.1 },
    })
    return { name, bytes, manifest, warnings }
  })
}

/** Lines of a table: what the model says of pumps it has not seen, by fault. */
export async function pumpScores(bytes, manifest) {
  const session = await ort.InferenceSession.create(bytes, { intraOpNumThreads: 1 })
  const lines = ['| machine | above the setpoint | median score | highest share |', '|---|---|---|---|']
  for (const fault of FAULTS) {
    const scores = []
    const shares = new Float64Array(WIDTH)
    for (const seed of SEEDS) {
      const rows = record(new PumpModel(seed, { fault, faultAfterS: BEFORE_S }), 2 * HOUR)
      // A fault counts from when it is fully developed; a healthy machine all the time.
      const fromS = fault === 'none' ? 0 : BEFORE_S + 900
      await scoreRows(session, manifest, rows, fromS, (score, contributions) => {
        scores.push(score)
        for (const [c, share] of contributions.entries()) shares[c] += share
      })
    }
    const beyond = scores.filter(score => score >= 1).length / scores.length
    const median = scores.toSorted((a, b) => a - b)[scores.length >> 1]
    const first = shares.indexOf(Math.max(...shares))
    const blamed =
      fault === 'none' ? '' : `${PUMP_CHANNELS[first]} ${((100 * shares[first]) / scores.length).toFixed(0)} %`
    lines.push(
      `| ${fault === 'none' ? 'healthy' : fault} | ${(100 * beyond).toFixed(2)} % | ${median.toFixed(2)} | ${blamed} |`,
    )
  }
  await session.release()
  return lines
}

async function scoreRows(session, { samples }, { values, breaks, timesS, rows }, fromS, take) {
  const ends = []
  for (let row = 0, run = 0; row < rows; row++) {
    run = breaks[row] ? 1 : run + 1
    if (run >= samples && timesS[row] >= fromS) ends.push(row)
  }
  for (let at = 0; at < ends.length; at += BATCH) {
    const batch = ends.slice(at, at + BATCH)
    const input = new Float32Array(batch.length * WIDTH * samples)
    for (const [w, end] of batch.entries()) {
      for (let c = 0; c < WIDTH; c++) {
        for (let s = 0; s < samples; s++) {
          input[(w * WIDTH + c) * samples + s] = values[(end - samples + 1 + s) * WIDTH + c]
        }
      }
    }
    const { score, contributions } = await session.run({
      window: new ort.Tensor('float32', input, [batch.length, WIDTH, samples]),
    })
    for (let w = 0; w < batch.length; w++) take(score.data[w], contributions.data.subarray(w * WIDTH, (w + 1) * WIDTH))
  }
}
