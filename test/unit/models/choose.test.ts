import t from 'tap'
import { seededPrng } from '../../../agent/core/prng.ts'
import type { FitData, FitOptions } from '../../../agent/models/contract.ts'
import { stretchOf } from '../../../agent/models/families/rows.ts'
import { scoreModel } from '../../../agent/models/fit/combine.ts'
import { fitHealthy, fitModel } from '../../../agent/models/fit/fit.ts'
import { fitData, fitOptions, machine } from '../../support/model-data.ts'

const options: FitOptions = { ...fitOptions, order: 5, mean: 10 }

const chosen = (data: FitData) => {
  const { fit } = fitHealthy(data, options)
  return { families: fit.families.join('+'), reason: fit.choice.reason, order: fit.choice.settings.order, fit }
}

/** Three modes, each with its own levels and its own relations between the channels. */
function modal(rows: number, channels: number, seed: number): FitData {
  const prng = seededPrng(seed)
  const levels = Array.from({ length: 3 }, () => Array.from({ length: channels }, () => 100 + 10 * prng.normal()))
  const values = new Float64Array(rows * channels)
  let mode = 0
  let load = 0
  for (let r = 0; r < rows; r++) {
    if (prng.next() < 1 / 150) mode = Math.floor(prng.next() * 3)
    load = 0.9 * load + 0.3 * prng.normal()
    for (let c = 0; c < channels; c++) {
      values[r * channels + c] = levels[mode]![c]! + load * (1 + ((mode + c) % 3)) * 0.5 + 0.5 * prng.normal()
    }
  }
  return fitData(values, channels)
}

/** A walk that is pulled back: slow, and never the same. */
function slow(rows: number, channels: number, seed: number): FitData {
  const prng = seededPrng(seed)
  const state = new Float64Array(channels)
  const values = new Float64Array(rows * channels)
  for (let at = 0; at < values.length; at++) {
    const c = at % channels
    state[c] = 0.995 * state[c]! + prng.normal()
    values[at] = 50 + state[c]!
  }
  return fitData(values, channels)
}

t.test('says which family and why', async t => {
  t.match(chosen(slow(900, 1, 1)), { families: 'aakr', reason: /^one channel: / })
  t.match(chosen(slow(900, 3, 1)), { families: 'aakr', reason: /^3 slow channels: / })
  t.match(chosen(slow(900, 4, 1)), { families: 'var', reason: /^4 channels are read together/ })
  t.match(chosen(machine(900, 3, 1)), { families: 'var', reason: /^3 channels are read together/ })
  t.match(chosen(machine(4_600, 3, 1)), { families: 'var+aakr', reason: /, and against remembered rows beside$/ })
  const { manifest } = fitModel(machine(900, 3, 1), options)
  t.match(manifest, { family: 'var', familyReason: /^3 channels/, keeps: 'baseline' })
  const { alarm: _, ...backtest } = options
  t.match(fitModel(slow(900, 1, 1), { ...backtest, everyMs: 300_000 }).manifest, {
    familyReason: /^one channel/,
    keeps: 'all',
    alarm: { onDelayMs: 600_000, offDelayMs: 18_000_000, deadband: 0.1 },
  })
})

t.test('operating modes: remembered rows see a fault that hides between the modes', async t => {
  const data = modal(6_000, 6, 3)
  const head = fitData(data.values.slice(0, 3_000 * 6), 6)
  const { families, reason, fit } = chosen(head)
  t.equal(families, 'aakr')
  t.match(reason, /changes between operating modes \(\d+ times, the rarer ones \d+ % of the rows\)/)
  const rest = fitData(data.values.slice(3_000 * 6), 6)
  for (let r = 1_500; r < 3_000; r++) rest.values[r * 6 + 2] = rest.values[r * 6 + 2]! + 4
  const scores = scoreModel(fit.model, stretchOf({ ...rest, channels: 6 }, fit.model.standard))
  const share = (from: number, to: number): number =>
    scores.subarray(from, to).filter(score => score >= 1).length / (to - from)
  t.ok(share(0, 1_500) < 0.02 && share(1_500, 3_000) > 0.8, `${share(0, 1_500)} healthy, ${share(1_500, 3_000)} faulty`)
})

t.test('too few rows for the order: a lower one, or remembered rows, and it is said', async t => {
  const lower = chosen(machine(200, 20, 2))
  t.match(lower, { families: 'var', order: 4, reason: /200 rows are too few to look back on 5, so it looks back on 4/ })
  t.match(chosen(machine(150, 90, 2)), {
    families: 'aakr',
    reason: /150 rows of 90 channels are too few for a regression/,
  })
  t.match(chosen(machine(200, 300, 2)).families, 'aakr')
  const { manifest, sufficiency, bytes } = fitModel(machine(200, 900, 2), options)
  t.equal(manifest.channels.length, 900)
  t.ok(bytes.length < 1_000_000, `${bytes.length} bytes`)
  t.equal(typeof sufficiency.enough, 'boolean')
  t.throws(() => fitModel(machine(7, 4, 2), options), {
    code: 'FIT_INSUFFICIENT',
    message: /7 rows are there; it takes 8/,
  })
})

t.test('no shape of a recording is a crash: still, doubled, stepped, chopped, tiny', async t => {
  const still = (channels: number): FitData => fitData(new Float64Array(400 * channels).fill(3), channels)
  const doubled = machine(400, 4, 1)
  for (let r = 0; r < 400; r++) for (let c = 1; c < 4; c++) doubled.values[r * 4 + c] = doubled.values[r * 4]!
  const oneMoves = machine(400, 5, 1)
  for (let i = 0; i < oneMoves.values.length; i++) if (i % 5 !== 2) oneMoves.values[i] = i % 5
  const stepped = fitData(
    Float64Array.from({ length: 800 }, (_, i) => (i < 400 ? 0 : 1)),
    2,
  )
  const chopped = machine(600, 3, 1)
  for (let r = 0; r < 600; r += 7) chopped.breaks[r] = 1
  const huge = machine(400, 3, 1)
  for (let i = 0; i < huge.values.length; i++) huge.values[i] = huge.values[i]! * 1e30
  for (const data of [still(1), still(4), doubled, oneMoves, stepped, chopped, huge]) {
    for (const family of ['auto', 'var', 'aakr', 'autoencoder'] as const) {
      try {
        const { manifest } = fitModel(data, { ...options, family })
        t.ok(manifest.selfTest.scores.every(Number.isFinite), `${family}: ${manifest.selfTest.scores.join(' ')}`)
      } catch (error) {
        t.match(error, { code: 'FIT_INSUFFICIENT' })
      }
    }
  }
  for (let rows = 0; rows < 80; rows += 13) {
    for (const channels of [1, 5]) {
      try {
        fitModel(machine(rows, channels, 1), options)
      } catch (error) {
        t.match(error, { code: 'FIT_INSUFFICIENT' })
      }
    }
  }
})
