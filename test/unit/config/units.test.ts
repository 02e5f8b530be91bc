import t from 'tap'
import { conversion, dimensionOf, isUnit, unitHint, unitTable } from '../../../agent/config/units.ts'

t.test('conversions', async t => {
  for (const [value, from, to, expected] of [
    [1, 'bar', 'kPa', 100],
    [1, 'mbar', 'Pa', 100],
    [0, 'Cel', 'K', 273.15],
    [0, 'K', 'Cel', -273.15],
    [212, 'degF', 'Cel', 100],
    [-40, 'degF', 'Cel', -40],
    [100, 'Cel', '[degF]', 212],
    [1000, 'l/min', 'm3/h', 60],
    [50, 'Hz', '1/min', 3000],
    [1, 'g', 'm/s2', 9.80665],
    [12.5, '%', '1', 0.125],
    [14.503773773, 'psi', 'bar', 1],
    [1, 'km/h', 'm/s', 1 / 3.6],
    [7, 'mm/s', 'mm/s', 7],
  ] as const) {
    const converted = conversion(from, to)
    if (!converted) return t.fail(`${from} -> ${to}`)
    const got = value * converted.factor + converted.offset
    t.ok(Math.abs(got - expected) <= 1e-9 * Math.max(1, Math.abs(expected)), `${value} ${from} = ${got} ${to}`)
  }
})

t.test('what measures something else does not convert', async t => {
  t.equal(conversion('Cel', 'bar'), undefined)
  t.equal(conversion('mm/s', 'm/s2'), undefined)
  t.equal(conversion('bar', 'nonsense'), undefined)
  t.equal(dimensionOf('Cel'), 'a temperature')
})

t.test('every unit converts to every other of its kind, and back', async t => {
  const off: string[] = []
  for (const { codes } of unitTable()) {
    for (const from of codes) {
      for (const to of codes) {
        const there = conversion(from, to)
        const back = conversion(to, from)
        if (!there || !back) return t.fail(`${from} <-> ${to}`)
        const value = (10 * there.factor + there.offset) * back.factor + back.offset
        if (Math.abs(value - 10) > 1e-6) off.push(`${from} -> ${to} -> ${from}: 10 became ${value}`)
      }
    }
  }
  t.same(off, [])
})

t.test('unknown units and what was meant', async t => {
  for (const [code, meant] of [
    ['rpm', '1/min'],
    ['RPM', '1/min'],
    ['°C', 'Cel'],
    ['C', 'Cel'],
    ['celsius', 'Cel'],
    ['m³/h', 'm3/h'],
    ['m3/hr', 'm3/h'],
    ['Bar', 'bar'],
    ['kpa', 'kPa'],
    ['ips', '[in_i]/s'],
    ['kWh', 'kW.h'],
    ['L/min', 'l/min'],
  ] as const) {
    t.notOk(isUnit(code), code)
    t.equal(unitHint(code), `did you mean "${meant}"?`, code)
  }
  t.match(unitHint('furlong'), /docs\/config.md/)
  t.match(unitHint('constructor'), /docs\/config.md/)
})
