import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { seededPrng } from '../../../agent/core/prng.ts'
import { alarmMetrics, tallyAlarms } from '../../../agent/models/backtest/alarm-metrics.ts'
import { curveMetrics } from '../../../agent/models/backtest/curves.ts'
import { rangesOf, vusPr } from '../../../agent/models/backtest/vus.ts'
import { recordings } from '../../support/skab.ts'

interface Golden {
  name: string
  slidingWindow: number
  label: number[]
  score: number[]
  aucRoc: number
  aucPr: number
  bestF1: number
  vusPr: number
}

const close = (a: number, b: number): boolean => Math.abs(a - b) <= 1e-9

t.test('curves by hand: ties are one threshold', async t => {
  const labels = Uint8Array.of(0, 0, 1, 1)
  const { aucRoc, aucPr, bestF1, bestF1Threshold } = curveMetrics(labels, Float64Array.of(0.1, 0.4, 0.35, 0.8))
  t.ok(close(aucRoc, 0.75) && close(aucPr, 0.5 + 0.5 * (2 / 3)), `${aucRoc} ${aucPr}`)
  t.ok(close(bestF1, 0.8), String(bestF1))
  t.equal(bestF1Threshold, 0.35)
  const tied = curveMetrics(labels, Float64Array.of(1, 1, 1, 1))
  t.same([tied.aucRoc, tied.aucPr, tied.bestF1], [0.5, 0.5, 2 / 3])
  const none = curveMetrics(Uint8Array.of(0, 0), Float64Array.of(1, 2))
  t.ok(Number.isNaN(none.aucRoc) && Number.isNaN(none.bestF1))
})

t.test('AUC-ROC is the share of pairs in the right order', async t => {
  const prng = seededPrng(4)
  const labels = Uint8Array.from({ length: 300 }, () => (prng.next() < 0.2 ? 1 : 0))
  const scores = Float64Array.from(labels, label => Math.round(10 * (prng.normal() + label)) / 10)
  let [right, pairs] = [0, 0]
  labels.forEach((a, i) => {
    labels.forEach((b, j) => {
      if (a === 0 || b === 1) return
      pairs++
      right += scores[i]! > scores[j]! ? 1 : scores[i] === scores[j] ? 0.5 : 0
    })
  })
  t.ok(close(curveMetrics(labels, scores).aucRoc, right / pairs))
})

t.test('a perfect score has a volume near 1, none at all without labels', async t => {
  const labels = Uint8Array.from({ length: 1000 }, (_, i) => ((i >= 400 && i < 450) || i >= 990 ? 1 : 0))
  t.same(rangesOf(labels), [
    { from: 400, to: 449 },
    { from: 990, to: 999 },
  ])
  t.ok(vusPr(labels, Float64Array.from(labels), 20) > 0.85)
  t.ok(
    vusPr(
      labels,
      Float64Array.from(labels, label => -label),
      20,
    ) < 0.1,
  )
  t.ok(Number.isNaN(vusPr(new Uint8Array(10), new Float64Array(10), 5)))
})

t.test('alarms against labels: rows, events, episodes', async t => {
  const labels = Uint8Array.of(0, 0, 1, 1, 1, 0, 0, 0, 1, 0)
  const alarms = Uint8Array.of(1, 0, 0, 1, 1, 1, 0, 1, 0, 0)
  const timesUs = Float64Array.from(labels, (_, i) => i * 2e6)
  const tally = tallyAlarms(labels, alarms, timesUs, 400)
  t.match(tally, { truePositives: 2, falsePositives: 3, falseNegatives: 2, trueNegatives: 3, spanUs: 18e6 })
  t.same(tally.events, [
    { fromRow: 402, toRow: 404, delayRows: 1, delayS: 2 },
    { fromRow: 408, toRow: 408 },
  ])
  const metrics = alarmMetrics([tally, tally])
  t.match(metrics, { precision: 0.4, recall: 0.5, farPercent: 50, marPercent: 50, episodes: 6, falseEpisodes: 4 })
  t.ok(close(metrics.f1, 8 / 18))
  t.ok(Math.abs(metrics.falseEpisodesPerMonth - (4 / 36) * 30.4375 * 86_400) < 1e-6)
})

const golden = join(recordings() ?? '', 'metrics-golden.json')
const skip = existsSync(golden) ? false : 'no recordings (WEARWATCH_DATA)'
t.test('equal to the reference implementations', { skip }, async t => {
  for (const { name, slidingWindow, label, score, ...right } of JSON.parse(readFileSync(golden, 'utf8')) as Golden[]) {
    const labels = Uint8Array.from(label)
    const scores = Float64Array.from(score)
    const got = { ...curveMetrics(labels, scores), vusPr: vusPr(labels, scores, slidingWindow) }
    for (const key of ['aucRoc', 'aucPr', 'bestF1', 'vusPr'] as const)
      t.ok(Math.abs(got[key] - right[key]) <= 1e-6, `${name} ${key}: ${got[key]} for ${right[key]}`)
  }
})
