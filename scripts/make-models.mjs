// Fits the demonstrator of models/ on the simulated pump, seed 1: `npm run build && node scripts/make-models.mjs`.
import { writeFileSync } from 'node:fs'
import { fitModel } from '../dist/models/fit.js'
import { PUMP_CHANNELS, PumpModel } from '../dist/sources/pump-model.js'

const UNITS = ['m3/h', 'bar', 'bar', 'A', '1/min', 'Cel', 'Cel', 'mm/s']
const SETTLE_S = 120
const ROWS = 3600

const pump = new PumpModel(1, { fault: 'none', faultAfterS: 0 })
const values = new Float64Array(ROWS * PUMP_CHANNELS.length)
const breaks = new Uint8Array(ROWS)
let runningS = 0
for (let rows = 0; rows < ROWS; ) {
  pump.step(1)
  runningS = pump.running ? runningS + 1 : 0
  if (runningS <= SETTLE_S) continue
  breaks[rows] = runningS === SETTLE_S + 1 ? 1 : 0
  values.set(pump.values, rows++ * PUMP_CHANNELS.length)
}
const { bytes, manifest, warnings } = fitModel(
  {
    values,
    rows: ROWS,
    breaks,
    channels: PUMP_CHANNELS.map((id, i) => ({ id, unit: UNITS[i] })),
    fromUs: 0,
    toUs: ROWS * 1e6,
    source: 'simulated pump, seed 1',
  },
  {
    name: 'pump-var',
    release: 1,
    assetClass: 'pump',
    family: 'var',
    order: 5,
    mean: 10,
    hop: 1,
    everyMs: 1000,
    alarm: { onDelayMs: 600_000, offDelayMs: 1_800_000, deadband: 0.1 },
  },
)
for (const warning of warnings) console.log(warning)
writeFileSync(new URL('../models/pump-var.onnx', import.meta.url), bytes)
console.log(`models/pump-var.onnx  ${bytes.length} bytes  quantiles ${JSON.stringify(manifest.quantiles)}`)
