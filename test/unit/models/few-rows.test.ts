// Baselines of a handful of rows: what is fitted then, and what it is worth.
import t from 'tap'
import type { FitData } from '../../../agent/models/contract.ts'
import { stretchOf } from '../../../agent/models/families/rows.ts'
import { tQuantile } from '../../../agent/models/families/student.ts'
import { scoreModel } from '../../../agent/models/fit/combine.ts'
import { fitHealthy, fitModel } from '../../../agent/models/fit/fit.ts'
import { fitData, fitOptions, machine } from '../../support/model-data.ts'
import { compareGraph } from '../../support/model-graph.ts'

const options = { ...fitOptions, order: 5, mean: 10 }
const MACHINES = 20
const CHANNELS = 4

function part(data: FitData, from: number, to: number): FitData {
  const channels = data.channels.length
  return fitData(data.values.slice(from * channels, to * channels), channels)
}

/** Share of the rows beyond the setpoint, of those that end a window. */
function beyond(rows: number, data: FitData): number {
  const { fit } = fitHealthy(part(data, 0, rows), options)
  const rest = { ...part(data, rows, data.rows), channels: data.channels.length }
  const scores = scoreModel(fit.model, stretchOf(rest, fit.model.standard)).filter(score => !Number.isNaN(score))
  return scores.filter(score => score >= 1).length / scores.length
}

t.test('from 8 rows on every baseline is fitted; below, the least is named', async t => {
  for (const channels of [1, 4, 40]) {
    for (const rows of [8, 23, 25, 40, 59, 60, 61, 62, 66, 99, 100, 111]) {
      const { manifest, sufficiency, warnings } = fitModel(machine(rows, channels, 3), options)
      t.ok(manifest.selfTest.scores.every(Number.isFinite), `${channels} channels, ${rows} rows: ${manifest.family}`)
      t.equal(sufficiency.enough, false)
      t.ok(warnings.includes(sufficiency.reason))
    }
    t.throws(() => fitModel(machine(7, channels, 3), options), {
      code: 'FIT_INSUFFICIENT',
      message: /7 rows are there; it takes 8 at the least/,
    })
  }
})

t.test('which family: levels, then a regression of the smallest shape, then larger ones', async t => {
  const familyOf = (rows: number, channels = CHANNELS) => {
    const { manifest } = fitModel(machine(rows, channels, 3), options)
    return [manifest.family, manifest.samples, manifest.keeps]
  }
  t.same(familyOf(24), ['levels', 1, undefined], 'a handful of rows is no reference to bound a drift by')
  t.same(familyOf(25), ['var', 3, undefined])
  t.same(familyOf(61), ['var', 3, undefined])
  t.same(familyOf(62), ['var', 3, 'baseline'])
  t.same(familyOf(65), ['var', 6, 'baseline'])
  t.same(familyOf(111), ['var', 11, 'baseline'])
  t.same(familyOf(80, 60), ['levels', 1, undefined], 'too many channels for a regression')
})

t.test('healthy rows stay below the setpoint, a channel far off goes beyond', async t => {
  for (const [rows, healthyMost, faulty, caught] of [
    [8, 0.1, 3, 0.9],
    [25, 0.1, 1.5, 0.9],
    [60, 0.05, 1.15, 0.5],
  ] as const) {
    const healthy: number[] = []
    const ill: number[] = []
    for (let seed = 1; seed <= MACHINES; seed++) {
      const data = machine(600, CHANNELS, seed)
      healthy.push(beyond(rows, data))
      for (let r = rows; r < data.rows; r++) data.values[r * CHANNELS]! *= faulty
      ill.push(beyond(rows, data))
    }
    const sorted = (shares: number[]) => shares.sort((a, b) => a - b)
    t.ok(sorted(healthy)[Math.floor(0.8 * MACHINES)]! < healthyMost, `${rows} rows: ${healthy.join(' ')}`)
    t.ok(sorted(ill)[Math.floor(MACHINES / 2)]! > caught, `${rows} rows, x ${faulty}: ${ill.join(' ')}`)
  }
})

t.test('the graph of levels equals its definition', async t => {
  const rows = 12
  const data = machine(rows, 3, 5)
  const { fit } = fitHealthy(data, options)
  t.same(fit.families, ['levels'])
  const column = (c: number) => Array.from({ length: rows }, (_, r) => data.values[r * 3 + c]!)
  const mean = (values: number[]) => values.reduce((sum, x) => sum + x, 0) / values.length
  const channels = [0, 1, 2].map(c => {
    const centre = mean(column(c))
    return { centre, deviation: Math.sqrt(mean(column(c).map(x => (x - centre) ** 2))) }
  })
  const correlations = channels.map(({ centre, deviation }, c) => {
    const z = column(c).map(x => (x - centre) / deviation)
    const seen = z.slice(1).reduce((sum, x, i) => sum + x * z[i]!, 0) / rows
    return Math.min(1, Math.max(0, (rows * seen + 1) / (rows - 4)))
  })
  const r = Math.max(...correlations)
  const n = Math.max(3, (rows * (1 - r)) / (1 + r))
  const limit = tQuantile(1 - 0.01 / 6, n - 1) * Math.sqrt(n / (n - 1)) * Math.sqrt(1 + 1 / n)
  const windows = Array.from({ length: 40 }, (_, w) =>
    Float32Array.from(channels, ({ centre, deviation }, c) => centre + (w - 20.5) * Math.sin(w + c) * deviation),
  )
  await compareGraph(t, fit.model, windows, window => {
    const shares = channels.map(({ centre, deviation }, c) => Math.abs(window[c]! - centre) / deviation / limit)
    const total = shares.reduce((sum, share) => sum + share ** 2, 0)
    return {
      score: Math.max(...shares),
      contributions: shares.map(share => share ** 2 / total),
      features: [...channels.map(({ centre }, c) => window[c]! - centre), ...channels.map(({ centre }) => centre)],
    }
  })
})

t.test('quantiles of t', async t => {
  for (const [p, freedom, expected] of [
    [0.975, 1, 12.7062],
    [0.99, 2, 6.9646],
    [0.995, 7, 3.4995],
    [0.99875, 4.3, 6.3223],
    [0.99, 58, 2.3924],
  ] as const) {
    t.ok(Math.abs(tQuantile(p, freedom) / expected - 1) < 1e-4, `${p}, ${freedom}`)
  }
})

t.test('a provisional model is of whatever can be fitted; one that is carried forward never of a handful', async t => {
  const data = machine(40, CHANNELS, 3)
  const asked = { ...options, family: 'var' as const }
  t.throws(() => fitModel(data, asked), { code: 'FIT_INSUFFICIENT' })
  const provisional = { widened: 1.5, missing: '1 d of running time' }
  t.match(fitModel(data, { ...asked, provisional }).manifest, { family: 'var', samples: 3, provisional })
  const { reference } = fitModel(data, options).manifest
  t.throws(() => fitModel(data, { ...options, reference: reference! }), {
    code: 'FIT_INSUFFICIENT',
    message: /40 rows are too few to carry a baseline forward/,
  })
})

t.test(
  'a channel that never moved: the change that is named is the one that takes the score to the setpoint',
  async t => {
    for (const rows of [10, 40, 400]) {
      const data = machine(rows, 3, 3)
      for (let r = 0; r < rows; r++) data.values[r * 3 + 1] = 4
      const { fit } = fitHealthy(data, options)
      const [text = ''] = fitModel(data, options).warnings
      const by = Number(/of c1 by (\S+) \(/.exec(text)?.[1])
      // Of the rows of the baseline with that channel moved, about half are beyond.
      const shareAt = (change: number): number => {
        const moved = { ...data, values: data.values.map((x, i) => (i % 3 === 1 ? x + change : x)) }
        const stretch = stretchOf({ ...moved, channels: 3 }, fit.model.standard)
        const scores = scoreModel(fit.model, stretch).filter(score => !Number.isNaN(score))
        return scores.filter(score => score >= 1).length / scores.length
      }
      t.ok(shareAt(1.3 * by) > 0.5 && shareAt(0.7 * by) < 0.5, `${rows} rows: ${text}`)
    }
  },
)
