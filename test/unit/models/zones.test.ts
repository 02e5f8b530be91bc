import t from 'tap'
import { warningOf, zoneAt, zonesIssues, zonesOf } from '../../../agent/models/vibration/zones.ts'

t.test('the table: every class of machine, its borders, its clause and where the numbers are from', async t => {
  for (const [machine, mmPerS, clause] of [
    [{ group: 1, support: 'rigid' }, [2.3, 4.5, 7.1], 'ISO 20816-3, group 1, rigid'],
    [{ group: '1', support: 'Flexible' }, [3.5, 7.1, 11], 'ISO 20816-3, group 1, flexible'],
    [{ group: 2, support: 'rigid', power: '55kW' }, [1.4, 2.8, 4.5], 'ISO 20816-3, group 2, rigid'],
    [
      { standard: 'ISO 20816-3:2022', group: 2, support: 'flexible' },
      [2.3, 4.5, 7.1],
      'ISO 20816-3, group 2, flexible',
    ],
    [{ category: 1, power: 200 }, [2.5, 4, 6.6], 'ISO 10816-7, category 1, up to 200 kW'],
    [{ category: 'I', power: '0.25 MW' }, [3.5, 5, 7.6], 'ISO 10816-7, category 1, above 200 kW'],
    [{ standard: 'iso10816-7', category: 2, power: '55kW' }, [3.2, 5.1, 8.5], 'ISO 10816-7, category 2, up to 200 kW'],
    [{ category: 'II', power: '201 kW' }, [4.2, 6.1, 9.5], 'ISO 10816-7, category 2, above 200 kW'],
    [{ zones: [1, 2, 3], group: 2, support: 'rigid' }, [1, 2, 3], 'zones of the configuration'],
  ] as const) {
    t.match(zonesOf(machine), { mmPerS, clause, provenance: /\w/ }, clause)
    t.same(zonesIssues(machine), [])
  }
})

t.test('where the machine does not say enough there are no zones, and what is wanting is said', async t => {
  const wanting = (machine: Parameters<typeof zonesOf>[0]): string[] => {
    t.equal(zonesOf(machine), undefined)
    return zonesIssues(machine).map(({ key }) => key)
  }
  t.same(wanting(undefined), [])
  t.same(wanting({ power: '55kW', speed: '1480/min' }), [])
  t.same(wanting({ group: 3, support: 'rigid' }), ['group'])
  t.same(wanting({ group: 1 }), ['support'])
  t.same(wanting({ standard: 'iso10816-7' }), ['category', 'power'])
  t.same(wanting({ category: 3, power: '1 HP' }), ['category', 'power'])
  t.same(wanting({ standard: 'api610', group: 1, support: 'rigid' }), ['standard'])
})

t.test('a warning lies a quarter of B/C above the baseline, and never above 1.25 of it', async t => {
  const zones = zonesOf({ group: 2, support: 'rigid' })!
  for (const [baseline, warning] of [
    [0.5, 1.2],
    [2, 2.7],
    [2.8, 3.5],
    [3.4, 3.5],
    [9, 3.5],
  ] as const) {
    t.ok(Math.abs(warningOf(zones, baseline) - warning) < 1e-12, `${baseline}: ${warning}`)
  }
  t.same(
    [1.39, 1.4, 2.8, 4.49, 4.5].map(velocity => zoneAt(zones, velocity)),
    ['A', 'B', 'C', 'C', 'D'],
  )
})
