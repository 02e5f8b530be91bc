// Fits the demonstrators of models/ on simulated machines: `npm run build && node scripts/make-models.mjs [--out DIR] [--faults]`.
// Seeded, so the same build makes the same bytes. --faults scores them on machines that they were not fitted on, healthy and
// failing, and prints the tables of the cards.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { motorModels, motorScores } from './models/motor.mjs'
import { pumpModels, pumpScores } from './models/pump.mjs'

const { values } = parseArgs({ options: { out: { type: 'string' }, faults: { type: 'boolean' } } })
const folder = values.out ?? fileURLToPath(new URL('../models', import.meta.url))
mkdirSync(folder, { recursive: true })

const show = score => score.toFixed(2)
const models = [
  ...pumpModels().map(model => ({ ...model, scores: pumpScores })),
  ...motorModels().map(model => ({ ...model, scores: motorScores })),
]
for (const { name, bytes, manifest, warnings, scores } of models) {
  writeFileSync(join(folder, `${name}.onnx`), bytes)
  const quantiles = Object.entries(manifest.quantiles).map(([q, score]) => `${q}: ${show(score)}`)
  console.log(
    `${name}.onnx  ${bytes.length} bytes  fitted on ${manifest.fitted.rows}  held-out scores ${quantiles.join('  ')}`,
  )
  for (const warning of warnings) console.log(`  ${warning}`)
  if (!values.faults) continue
  for (const line of await scores(bytes, manifest)) console.log(line)
}
