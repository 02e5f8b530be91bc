import t from 'tap'
import { seededPrng } from '../../../agent/core/prng.ts'
import type { FitData } from '../../../agent/models/contract.ts'
import { findOutliers, withoutOutliers } from '../../../agent/models/families/outliers.ts'
import { fitModel } from '../../../agent/models/fit/fit.ts'
import { fitData, fitOptions, machine, skabAnomalyFree, skabRuns, windowAt } from '../../support/model-data.ts'
import { fitVarShort, referenceVar } from '../../support/model-var-reference.ts'

const rowsOf = (data: FitData) => ({ ...data, channels: data.channels.length })
const SPIKES = [30, 31, 130, 250, 333]

/** `by` standard deviations added to channel 1 in the rows of SPIKES. */
function spiked(data: FitData, by: number): FitData {
  const channels = data.channels.length
  const values = data.values.slice()
  const column = Array.from({ length: data.rows }, (_, r) => values[r * channels + 1]!)
  const mean = column.reduce((sum, value) => sum + value, 0) / data.rows
  const deviation = Math.sqrt(column.reduce((sum, value) => sum + (value - mean) ** 2, 0) / data.rows)
  for (const [i, r] of SPIKES.entries()) values[r * channels + 1]! += (i % 2 ? -by : by) * deviation
  return { ...data, values }
}

/** A score of the same rows by a model of either baseline: channel 1 shifted by 10 %. */
function scoreOfFault(data: FitData, healthy: FitData): number {
  const cleaned = withoutOutliers(rowsOf(data), findOutliers(rowsOf(data)))
  const model = fitVarShort({ ...cleaned, channels: data.channels }, 3, 5)
  const window = windowAt(healthy, 200, 8)
  for (let s = 3; s < 8; s++) window[8 + s]! *= 1.1
  return referenceVar(model, window).score
}

t.test('wild samples are found, counted and left out; the fault is seen as without them', async t => {
  for (const seed of [1, 2, 3]) {
    const data = machine(400, 4, seed)
    t.equal(findOutliers(rowsOf(data)).count, 0)
    const wild = spiked(data, 20)
    const found = findOutliers(rowsOf(wild))
    t.same(
      SPIKES.map(r => found.rows[r]),
      [1, 1, 1, 1, 1],
    )
    t.same([found.count, found.perChannel], [5, [0, 5, 0, 0]])
    const [clean, mended] = [scoreOfFault(data, data), scoreOfFault(wild, data)]
    t.ok(mended > 0.8 * clean, `seed ${seed}: ${clean.toFixed(2)} without, ${mended.toFixed(2)} with spikes`)
  }
})

t.test('a row left out is a break, and the rows beside it stay as they are', async t => {
  const data = spiked(machine(400, 2, 5), 20)
  data.breaks[100] = 1
  const left = withoutOutliers(rowsOf(data), findOutliers(rowsOf(data)))
  t.equal(left.rows, 395)
  const breaks = [...left.breaks].flatMap((mark, r) => (mark === 1 ? [r] : []))
  t.same(breaks, [0, 30, 98, 128, 247, 329])
  t.same([...left.values.subarray(30 * 2, 31 * 2)], [...data.values.subarray(32 * 2, 33 * 2)])
})

t.test('the manifest and the warnings say what was left out', async t => {
  const { manifest, warnings } = fitModel(spiked(machine(400, 3, 1), 20), fitOptions)
  t.match(manifest.fitted, { rows: 395, outliers: 5 })
  t.match(warnings[0], '5 of 400 rows left out as outliers (c1 5)')
  t.equal(fitModel(machine(400, 3, 1), fitOptions).manifest.fitted?.outliers, undefined)
})

t.test(
  'what the machine does is no outlier: steps, modes, bursts, flicker, and rare motion of what else stands still',
  async t => {
    const prng = seededPrng(9)
    const of = (value: (r: number) => number): number => {
      const values = Float64Array.from({ length: 2_000 }, (_, r) => value(r))
      return findOutliers(rowsOf(fitData(values, 1))).count
    }
    t.equal(
      of(r => (Math.floor(r / 300) % 2 ? 100 : 10) + prng.normal()),
      0,
      'steps',
    )
    t.equal(
      of(() => (prng.next() < 0.1 ? 50 : 10) + prng.normal()),
      0,
      'two modes, row by row',
    )
    t.equal(
      of(r => (r % 500 < 9 ? 80 : 10) + prng.normal()),
      0,
      'excursions that last',
    )
    t.equal(
      of(() => prng.normal() ** 7),
      0,
      'heavy tails',
    )
    t.equal(
      of(() => Math.round(50 + 0.4 * prng.normal())),
      0,
      'flicker of the last digit',
    )
    t.equal(
      of(r => (r % 700 === 0 ? 1 : 0)),
      0,
      'a valve that opens now and then',
    )
    t.equal(
      of(() => 7),
      0,
      'constant',
    )
  },
)

const runs = skabRuns()
const skip = runs ? false : 'no recordings: set WEARWATCH_DATA to a folder that holds skab/'
t.test('recorded healthy machines have none, so their models are what they were', { skip }, async t => {
  for (const run of runs ?? [])
    t.equal(findOutliers(rowsOf(fitData(run.values.slice(0, 400 * 8), 8))).count, 0, run.name)
  t.equal(findOutliers(rowsOf(fitData(skabAnomalyFree()!.slice(0, 4_000 * 8), 8))).count, 0)
})
