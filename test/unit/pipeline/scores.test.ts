import t from 'tap'
import type { AgentConfig } from '../../../agent/config/contract.ts'
import type { History } from '../../../agent/history/contract.ts'
import { ScoreKeeper } from '../../../agent/pipeline/scores.ts'
import { model, START_US, scored } from '../../support/alarm-parts.ts'
import { asset, channel } from '../../support/assets.ts'

interface Appended {
  asset: string
  cls: string
  columns: readonly string[]
  rows: number[][]
}

function bench() {
  const appended: Appended[] = []
  const history = {
    append(
      id: string,
      cls: string,
      columns: readonly string[],
      rows: number,
      times: Float64Array,
      values: Float64Array,
    ) {
      const width = columns.length
      const copied = Array.from({ length: rows }, (_, i) => [times[i]!, ...values.subarray(i * width, (i + 1) * width)])
      appended.push({ asset: id, cls, columns: [...columns], rows: copied })
    },
  } as unknown as History
  const assets = ['p-101', 'p-102'].map((id, index) => asset([channel('flow'), channel('current')], { id, index }))
  return { appended, keeper: new ScoreKeeper({ assets } as unknown as AgentConfig, history) }
}

const near = (values: readonly number[], expected: readonly number[]): boolean =>
  values.length === expected.length && values.every((value, i) => Math.abs(value - expected[i]!) < 1e-6)

t.test('scores, shares and features go to the history under their names', async t => {
  const { appended, keeper } = bench()
  keeper.keep(scored([1.5, 0.5], [0, 1]))
  t.same(
    appended.map(({ asset, cls }) => `${asset} ${cls}`),
    ['p-101 scores', 'p-101 features', 'p-101 scores', 'p-101 features'],
  )
  t.same(appended[0]!.columns, ['score', 'contribution:flow', 'contribution:current'])
  t.same(appended[1]!.columns, ['flow deviation', 'flow prediction', 'current deviation', 'current prediction'])
  t.ok(near(appended[0]!.rows[0]!, [START_US, 1.5, 0.58, 0.27]))
  t.ok(near(appended[1]!.rows[0]!, [START_US, -9, 50, 0.5, 10]))
  t.ok(near(appended[2]!.rows[0]!, [START_US + 1e6, 0.5, 0.58, 0.27]))
})

t.test('features that only their role tells apart have it in their name', async t => {
  const { appended, keeper } = bench()
  const given = model()
  const features = given.manifest.features.map(feature => ({ ...feature, name: feature.channel ?? '' }))
  keeper.keep(scored([1], [0], { ...given, sha256: '12'.repeat(32), manifest: { ...given.manifest, features } }))
  t.same(appended[1]!.columns.slice(0, 2), ['flow deviation', 'flow prediction'])
})

t.test('the tag says whose score it is; one of nobody is left out', async t => {
  const { appended, keeper } = bench()
  const batch = scored([1, 2, 3], [0, 1, 2])
  batch.tags.set([1, 0, 9])
  keeper.keep(batch)
  t.same(
    appended.filter(({ cls }) => cls === 'scores').map(({ asset }) => asset),
    ['p-102', 'p-101'],
  )
  t.equal(keeper.latest(1)?.score, 1)
  t.equal(keeper.latest(0)?.score, 2)
})

t.test('a model without features: scores alone', async t => {
  const { appended, keeper } = bench()
  keeper.keep(scored([1], [0], model(false)))
  t.same(
    appended.map(({ cls }) => cls),
    ['scores'],
  )
  t.match(keeper.featuresMessage(0), { score: 1, features: [] })
})

t.test('the newest score of each asset, for the features topic', async t => {
  const { keeper } = bench()
  t.equal(keeper.featuresMessage(0), undefined, 'nothing before the first score')
  const batch = scored([0.25, 0.75], [0, 1])
  keeper.keep(batch)
  // Batches are borrowed: what comes next may use the same memory.
  batch.contributions.fill(9)
  batch.features.fill(9)
  const message = keeper.featuresMessage(0)
  t.match(message, {
    at: new Date((START_US + 1e6) / 1000).toISOString(),
    score: 0.75,
    setpoint: 1,
    contributions: { flow: Math.fround(0.58), current: Math.fround(0.27) },
    model: { name: 'p-101-var', release: 2, origin: 'local' },
  })
  t.match(message, { features: [{ name: 'flow deviation', channel: 'flow', value: -9 }] })
  t.equal(keeper.featuresMessage(1), undefined)
})

t.test('another model: its own names and widths at once', async t => {
  const { appended, keeper } = bench()
  keeper.keep(scored([1], [0]))
  const other = model(false)
  const narrow = { ...other, sha256: 'ef'.repeat(32), manifest: { ...other.manifest, contributions: ['flow'] } }
  keeper.keep({ ...scored([2], [1], narrow), contributions: Float32Array.of(0.5), contributionCount: 1 })
  t.same(appended.at(-1)?.columns, ['score', 'contribution:flow'])
  t.same(appended.at(-1)?.rows, [[START_US + 1e6, 2, 0.5]])
  t.same(keeper.featuresMessage(0)?.contributions, { flow: 0.5 })
})
