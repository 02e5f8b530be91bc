import fc from 'fast-check'
import t from 'tap'
import { numberOf, readingOf } from '../../../agent/decode/numbers.ts'
import { epochUs, isoUs, timeUsOf } from '../../../agent/decode/times.ts'

t.test('ISO 8601: without a zone it is UTC, fractions go down to the microsecond', async t => {
  const zero = Date.UTC(2026, 10, 22, 6, 14, 0) * 1000
  for (const [text, us] of [
    ['2026-11-22T06:14:00Z', zero],
    ['2026-11-22T06:14:00', zero],
    ['2026-11-22 06:14:00', zero],
    ['2026-11-22t06:14z', zero],
    ['2026-11-22T06:14:00.5Z', zero + 500_000],
    ['2026-11-22T06:14:00,123456', zero + 123_456],
    ['2026-11-22T06:14:00.123456789Z', zero + 123_456],
    ['2026-11-22T07:14:00+01:00', zero],
    ['2026-11-22T07:14:00+0100', zero],
    ['2026-11-22T07:14:00+01', zero],
    ['2026-11-22T00:44:00-05:30', zero],
    ['2026-11-22', Date.UTC(2026, 10, 22) * 1000],
    ['2024-02-29T00:00:00Z', Date.UTC(2024, 1, 29) * 1000],
    ['1969-12-31T23:59:59Z', -1e6],
    ['2016-12-31T23:59:60Z', Date.UTC(2017, 0, 1) * 1000],
  ] as const) {
    t.equal(isoUs(text), us, text)
  }
})

t.test('what is no ISO time is NaN', async t => {
  for (const text of [
    '',
    '2026',
    '2026-13-01',
    '2026-02-29',
    '2026-11-22T25:00:00Z',
    '2026-11-22T06:60:00Z',
    '2026-11-22T06:14:00X',
    '2026-11-22T06:14:00Zz',
    '2026-11-22T06:14:00+1',
    '2026-11-22T06:14:00+01:000',
    '2026-11-22_06:14:00',
    '2026/11/22 06:14:00',
    '20a6-11-22',
  ]) {
    t.ok(Number.isNaN(isoUs(text)), JSON.stringify(text))
  }
})

t.test('any date agrees with the platform', async t => {
  const property = fc.property(fc.integer({ min: -62_000_000_000_000, max: 250_000_000_000_000 }), ms => {
    const text = new Date(ms).toISOString()
    return text.length !== 24 || isoUs(text) === ms * 1000
  })
  t.doesNotThrow(() => fc.assert(property, { seed: 7 }))
})

t.test('epoch times find their unit by magnitude, as numbers and as text', async t => {
  const us = 1_764_000_000_123_456
  t.equal(epochUs(1_764_000_000.5), 1_764_000_000_500_000)
  t.equal(epochUs(1_764_000_000_123), 1_764_000_000_123_000)
  t.equal(epochUs(us), us)
  t.equal(epochUs(us * 1000), us, 'nanoseconds')
  t.equal(timeUsOf('1764000000123'), 1_764_000_000_123_000)
  t.equal(timeUsOf(' 1764000000.25 '), 1_764_000_000_250_000)
  for (const bad of [0, -5, Number.NaN, Number.POSITIVE_INFINITY, 1e21, '', 'soon', null, {}, true]) {
    t.ok(Number.isNaN(timeUsOf(bad)), String(bad))
  }
})

t.test('readings: decimal numbers, numeric text, booleans; nothing else', async t => {
  t.equal(numberOf(' 12.5 '), 12.5)
  t.equal(numberOf('-1e3'), -1000)
  t.equal(readingOf(true), 1)
  t.equal(readingOf(false), 0)
  t.equal(readingOf('0'), 0)
  for (const bad of ['', '  ', '0x10', '0b1', 'NaN', 'Infinity', '1,5', '12 bar'])
    t.ok(Number.isNaN(numberOf(bad)), bad)
  for (const bad of [null, undefined, {}, [1], Number.NaN, Number.POSITIVE_INFINITY]) t.ok(Number.isNaN(readingOf(bad)))
})
