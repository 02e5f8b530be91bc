import t, { type Test } from 'tap'
import { silentLogger } from '../../../agent/core/logger.ts'
import { seededPrng } from '../../../agent/core/prng.ts'
import type { BindingRecord } from '../../../agent/models/live/fold.ts'
import { Trends, trendView } from '../../../agent/pipeline/trends.ts'
import { asset, channel } from '../../support/assets.ts'
import { openTestHistory } from '../../support/history-open.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { shortDir } from '../../support/short-dir.ts'

const HOUR_US = 3600e6
const DAY_US = 24 * HOUR_US
const START_US = 1_760_000_400_000_000
const NOW_US = START_US + 30 * DAY_US

async function seen(
  t: Test,
  binding: Partial<BindingRecord>,
  more: { provisional?: boolean; reference?: number } = {},
) {
  const { history } = await openTestHistory(shortDir(t))
  t.teardown(() => history.close())
  const prng = seededPrng(2)
  for (let i = 0; i < 720; i++) {
    const score = 0.4 + 0.015 * (i / 24) + 0.03 * prng.normal()
    history.append('p-101', 'scores', ['score'], 1, Float64Array.of(START_US + i * HOUR_US), Float64Array.of(score))
  }
  const config = {
    assets: [asset([channel('flow')], { alarm: { ...asset([]).alarm, trendHorizonMs: 30 * 86_400_000 } })],
  }
  const bound = { asset: 'p-101', kind: 'baseline', atUs: START_US, ...binding }
  const reference = more.reference === undefined ? {} : { reference: { atUs: more.reference } }
  const parts = {
    config,
    clock: manualClock(NOW_US),
    history,
    records: { models: { bindings: new Map([['p-101', bound]]), lineage: () => reference } },
    scoring: [{ model: { manifest: more.provisional ? { provisional: {} } : {} } }],
    logger: silentLogger,
  }
  const trends = new Trends(parts as unknown as ConstructorParameters<typeof Trends>[0])
  await trends.refresh()
  return trends.of(0)
}

t.test('a rise since the baseline, shown with its interval', async t => {
  const trend = await seen(t, {})
  const { trend: view } = trendView(trend) as { trend: { perDay: number; setpoint: Record<string, string> } }
  t.ok(Math.abs(view.perDay - 0.015) < 0.003, `${view.perDay} a day`)
  const { at, earliest, latest } = view.setpoint
  t.ok(earliest! < at! && at! < latest!, `${earliest} ${at} ${latest}`)
})

t.test('scores of before the baseline, and provisional models, tell nothing', async t => {
  t.equal(await seen(t, { atUs: NOW_US - DAY_US }), undefined)
  t.equal(await seen(t, {}, { provisional: true }), undefined)
  t.same(trendView(undefined), {})
})

t.test('a model carried forward goes on where the first baseline began, one set anew does not', async t => {
  const late = { atUs: NOW_US - DAY_US }
  t.ok(await seen(t, { ...late, kind: 'rebaseline' }, { reference: START_US }))
  t.equal(await seen(t, { ...late, kind: 'revert' }, { reference: START_US }), undefined)
})
