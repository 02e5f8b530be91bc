// The nearest setpoint that would have kept an alarm quiet, found by stepping the rule through its rows.
import fc from 'fast-check'
import t from 'tap'
import type { AlarmRule } from '../../../agent/alarms/contract.ts'
import { atSetpoint, quietSetpoint, type RuleRows, raisedAt, roundedPast } from '../../../agent/alarms/proposal.ts'
import { rule, SECOND_US, START_US } from '../../support/alarm-parts.ts'

/** One a second, always running. */
function series(values: readonly number[]): RuleRows {
  return {
    timesUs: Float64Array.from(values, (_, row) => START_US + row * SECOND_US),
    values: Float64Array.from(values),
    runningUs: Float64Array.from(values, (_, row) => (row === 0 ? 0 : SECOND_US)),
  }
}

t.test('rounded past a value, to a step people would write', async t => {
  const above = (value: number, setpoint = 1): number => roundedPast(value, { side: 'above', setpoint })
  const below = (value: number, setpoint = 1): number => roundedPast(value, { side: 'below', setpoint })
  t.same(
    [above(10), above(1.42), above(95.3), above(9.4), above(1482), above(0.0123, 0.01)],
    [10.5, 1.45, 96, 9.6, 1500, 0.0125],
  )
  t.same([below(10), below(4.93, 5), below(0.3), below(-40)], [9.5, 4.8, 0.25, -42])
  t.ok(above(0, 0) > 0 && below(0, 0) < 0)
  fc.assert(
    fc.property(
      fc.double({ min: -1e6, max: 1e6, noNaN: true }),
      fc.double({ min: 0.01, max: 1e6, noNaN: true }),
      (value, setpoint) => {
        const size = Math.max(Math.abs(value), setpoint)
        if (!(above(value, setpoint) > value && above(value, setpoint) - value <= 0.0501 * size))
          t.fail(`above ${value}`)
        if (!(below(value, setpoint) < value && value - below(value, setpoint) <= 0.0501 * size))
          t.fail(`below ${value}`)
      },
    ),
    { seed: 2, numRuns: 500 },
  )
})

t.test('without a delay past the peak; with one only past what lasted', async t => {
  const rows = series([8, 9.1, 12, 9.4, 9.4, 9.4, 8])
  t.equal(quietSetpoint(rule(), rows, false), 12.5)
  t.equal(quietSetpoint(rule({ onDelayUs: 3 * SECOND_US }), rows, false), 9.6)
  t.equal(quietSetpoint(rule({ setpoint: 20 }), rows, false), undefined, 'it raises nothing as it is')
  t.equal(quietSetpoint(rule({ side: 'below', setpoint: 8.5 }), rows, false), 7.8)
  t.equal(quietSetpoint(rule(), series([]), false), undefined)
})

t.test('of a score the deadband is a share of the setpoint', async t => {
  const model = rule({ id: 'model', setpoint: 1, deadband: 0.1 })
  t.match(atSetpoint(model, 2, true), { setpoint: 2, deadband: 0.2 })
  t.match(atSetpoint(model, 2, false), { setpoint: 2, deadband: 0.1 })
})

t.test('quiet at what is proposed and at everything beyond it; loud at what is one value nearer', async () => {
  const side = fc.constantFrom('above' as const, 'below' as const)
  const values = fc.array(fc.integer({ min: -60, max: 60 }), { minLength: 1, maxLength: 60 })
  const delayS = fc.integer({ min: 0, max: 6 })
  fc.assert(
    fc.property(
      side,
      values,
      delayS,
      fc.integer({ min: 0, max: 10 }),
      fc.boolean(),
      (side, values, delay, deadband, share) => {
        const own: AlarmRule = rule({
          side,
          setpoint: side === 'above' ? 10 : -10,
          deadband,
          onDelayUs: delay * SECOND_US,
        })
        const rows = series(values)
        const found = quietSetpoint(own, rows, share)
        if (found === undefined) return raisedAt(own, rows) === undefined
        const at = (setpoint: number): number | undefined => raisedAt(atSetpoint(own, setpoint, share), rows)
        const out = side === 'above' ? 1 : -1
        for (const further of [0, 0.5, 3, 20, 200]) if (at(found + out * further) !== undefined) return false
        // Every value that is beyond the setpoint and nearer than the proposal, rounded past it, would still alarm.
        const nearer = values.filter(v => out * v >= 10 && out * roundedPast(v, own) < out * found)
        return nearer.every(v => at(roundedPast(v, own)) !== undefined)
      },
    ),
    { seed: 8, numRuns: 400 },
  )
})
