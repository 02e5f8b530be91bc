import t from 'tap'
import { durationText, parseDuration, parseRate, parseSize, sizeText } from '../../../agent/config/quantities.ts'

t.test('durations carry a unit', async t => {
  for (const [text, ms] of [
    ['500ms', 500],
    ['1s', 1000],
    ['2min', 120_000],
    ['10 min', 600_000],
    ['24h', 86_400_000],
    ['7d', 604_800_000],
    ['1.5h', 5_400_000],
    ['0s', 0],
  ] as const) {
    t.same(parseDuration(text), { value: ms }, text)
  }
  for (const [text, hint] of [
    ['10', 'units: ms, s, min, h, d'],
    ['10m', 'write 10min'],
    ['3 hours', 'write 3h'],
    ['5sec', 'write 5s'],
    ['1h30min', 'units: ms, s, min, h, d'],
    ['-1s', 'units: ms, s, min, h, d'],
    ['1e3s', 'units: ms, s, min, h, d'],
    ['10MiB', 'units: ms, s, min, h, d'],
    ['10constructor', 'units: ms, s, min, h, d'],
  ] as const) {
    t.match(parseDuration(text), { message: /^expected a duration with its unit/, hint }, text)
  }
})

t.test('sizes know 1000 from 1024', async t => {
  t.same(parseSize('512MiB'), { value: 512 * 2 ** 20 })
  t.same(parseSize('2GB'), { value: 2e9 })
  t.same(parseSize('64kB'), { value: 64_000 })
  t.match(parseSize('64M'), { hint: 'write 64MiB' })
  t.match(parseSize('64mb'), { hint: 'write 64MB' })
})

t.test('rates are Hz, with or without saying so', async t => {
  t.same(parseRate(25600), { value: 25_600 })
  t.same(parseRate('25.6kHz'), { value: 25_600 })
  t.same(parseRate('10Hz'), { value: 10 })
  t.match(parseRate('10khz'), { hint: 'write 10kHz' })
})

t.test('what is written back reads the same', async t => {
  for (const text of ['0s', '1ms', '1500ms', '90s', '2min', '36h', '7d']) {
    const parsed = parseDuration(text)
    t.same(parseDuration(durationText('value' in parsed ? parsed.value : Number.NaN)), parsed, text)
  }
  t.equal(durationText(1_800_000), '30min')
  t.equal(durationText(333.333333), '333.333333ms')
  t.equal(sizeText(64 * 2 ** 20), '64MiB')
  t.equal(sizeText(2e9), '2GB')
  t.equal(sizeText(1025), '1025B')
})
