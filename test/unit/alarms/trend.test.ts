// Made-up scores of 30 days by the hour: what is said of rises, and that nothing is said where there is none.
import t from 'tap'
import { type Trend, trendOf } from '../../../agent/alarms/trend.ts'
import { type Prng, seededPrng } from '../../../agent/core/prng.ts'

const HOUR_US = 3600e6
const DAY_US = 24 * HOUR_US
const HOURS = 720
const NOW_US = HOURS * HOUR_US
const OPTIONS = { setpoint: 1, horizonUs: 30 * DAY_US }
const SERIES = 500

interface Wander {
  prng: Prng
  /** Of neighbouring hours. */
  correlation: number
  deviation: number
}

function scores({ prng, correlation, deviation }: Wander, mean: (day: number) => number): [Float64Array, Float64Array] {
  const timesUs = Float64Array.from({ length: HOURS }, (_, i) => i * HOUR_US)
  let wander = prng.normal() * deviation
  const values = timesUs.map((_, i) => {
    wander = correlation * wander + Math.sqrt(1 - correlation ** 2) * deviation * prng.normal()
    return mean(i / 24) + wander
  })
  return [timesUs, values]
}

function told(correlation: number, deviation: number, mean: (day: number) => number): Trend[] {
  const wander = { prng: seededPrng(11), correlation, deviation }
  return Array.from({ length: SERIES }, () => trendOf(...scores(wander, mean), NOW_US, OPTIONS)).flatMap(
    trend => trend ?? [],
  )
}

for (const correlation of [0, 0.5, 0.8, 0.95, 0.99]) {
  t.test(`no rise, correlation ${correlation}: silent`, async t => {
    const rises = told(correlation, 0.1, () => 0.5).length
    t.ok(rises <= 2, `${rises} of ${SERIES}`)
  })
}

t.test('a daily course, and one that falls: silent', async t => {
  t.equal(told(0.5, 0.1, day => 0.5 + 0.1 * Math.sin(day * 2 * Math.PI)).length, 0)
  t.equal(told(0.5, 0.05, day => 0.9 - 0.02 * day).length, 0)
})

const RISES: [what: string, startDay: number, perDay: number, correlation: number][] = [
  ['for 30 days', 0, 0.015, 0],
  ['for 30 days', 0, 0.015, 0.8],
  ['for 10 days', 20, 0.03, 0.5],
  ['for 10 days', 20, 0.03, 0.8],
  ['for 5 days', 25, 0.06, 0.5],
]
for (const [what, startDay, perDay, correlation] of RISES) {
  t.test(`a rise ${what}, correlation ${correlation}: the true time lies within the interval`, async t => {
    const mean = (day: number): number => 0.4 + perDay * Math.max(0, day - startDay)
    const truthUs = NOW_US + ((1 - mean(30)) / perDay) * DAY_US
    const trends = told(correlation, 0.05, mean)
    const inside = trends.filter(({ reach }) => reach.earliestUs <= truthUs && truthUs <= (reach.latestUs ?? Infinity))
    t.comment(`said ${trends.length} of ${SERIES}, inside ${inside.length}`)
    t.ok(trends.length >= SERIES / 3, `${trends.length} told`)
    t.ok(inside.length >= 0.75 * trends.length, `${inside.length} of ${trends.length} inside`)
    for (const { perDayRange, perDay: slope } of trends)
      if (!(perDayRange[0] <= slope && slope <= perDayRange[1])) t.fail('slope outside')
  })
}

t.test('nothing is said at the setpoint, beyond the horizon, or of few scores', async t => {
  const quiet = { prng: seededPrng(3), correlation: 0, deviation: 0.01 }
  const [timesUs, rising] = scores(quiet, day => 0.4 + 0.015 * day)
  const said = trendOf(timesUs, rising, NOW_US, OPTIONS)
  t.ok(said, 'told as such')
  t.ok(Math.abs(said!.reach.atUs - NOW_US - 10 * DAY_US) < DAY_US)
  t.equal(trendOf(timesUs, rising, NOW_US, { ...OPTIONS, horizonUs: 5 * DAY_US }), undefined)
  t.equal(trendOf(timesUs, rising, NOW_US, { ...OPTIONS, setpoint: 0.6 }), undefined)
  const few = rising.map((value, i) => (i % 100 < 60 ? Number.NaN : value))
  t.equal(trendOf(timesUs.slice(0, 200), rising.slice(0, 200), NOW_US, OPTIONS), undefined)
  t.ok(trendOf(timesUs, few, NOW_US, OPTIONS), 'pauses do not matter while bins have scores')
  t.equal(trendOf(new Float64Array(0), new Float64Array(0), NOW_US, OPTIONS), undefined)
})
