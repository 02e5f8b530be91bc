import fc from 'fast-check'
import t from 'tap'
import type { AlarmRule } from '../../../agent/alarms/contract.ts'
import { newRuleState, stepRule } from '../../../agent/alarms/rule.ts'
import { rule, SECOND_US } from '../../support/alarm-parts.ts'
import { holds } from '../../support/alarm-property.ts'

type Row = { value: number; ranS?: number; running?: boolean }

/** Decisions per row; a row is one second after the one before it unless it says otherwise. */
function walk(
  of: AlarmRule,
  rows: readonly (Row | number)[],
): { decisions: string[]; state: ReturnType<typeof newRuleState> } {
  const state = newRuleState()
  const decisions = rows.map((entry, i) => {
    const { value, ranS = i === 0 ? 0 : 1, running = true } = typeof entry === 'number' ? { value: entry } : entry
    return stepRule(of, state, value, i * SECOND_US, ranS * SECOND_US, running)
  })
  return { decisions, state }
}

const stopped = (value: number): Row => ({ value, ranS: 0, running: false })
const cases: [name: string, of: AlarmRule, rows: (Row | number)[], decisions: string][] = [
  ['no delay: raises on the first bad sample', rule(), [8, 9.1], 'none raise'],
  ['the very first sample may raise', rule(), [9.4], 'raise'],
  ['at the setpoint is beyond', rule(), [9], 'raise'],
  ['inside the deadband neither raises nor clears', rule(), [8.9, 9, 8.9, 8.6, 8.5], 'none raise none none clear'],
  [
    'below: mirrored',
    rule({ side: 'below', setpoint: 1, deadband: 0.2 }),
    [1.5, 0.9, 1.1, 1.2],
    'none raise none clear',
  ],
  ['deadband 0 clears just inside', rule({ deadband: 0 }), [9, 8.999], 'raise clear'],
  ['on-delay counts from the first bad row', rule({ onDelayUs: 2e6 }), [9, 9, 9], 'none none raise'],
  ['good during pending starts over', rule({ onDelayUs: 2e6 }), [9, 9, 8, 9, 9, 9], 'none none none none none raise'],
  [
    'deadband during pending holds the count',
    rule({ onDelayUs: 2e6 }),
    [9, 9, 8.8, 8.8, 9],
    'none none none none raise',
  ],
  ['off-delay counts good rows', rule({ offDelayUs: 2e6 }), [9, 8, 8, 8], 'raise none none clear'],
  [
    'beyond while returning starts over',
    rule({ offDelayUs: 2e6 }),
    [9, 8, 8, 9, 8, 8, 8],
    'raise none none none none none clear',
  ],
  ['NaN holds a pending rule', rule({ onDelayUs: 2e6 }), [9, Number.NaN, 9, 9], 'none none none raise'],
  ['NaN never clears', rule(), [9, Number.NaN, Number.NaN], 'raise none none'],
  ['infinity is bad quality too', rule(), [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY], 'none none'],
  ['a stopped machine never raises', rule(), [stopped(99), stopped(99)], 'none none'],
  [
    'a stop holds the on-delay',
    rule({ onDelayUs: 2e6 }),
    [9, 9, stopped(0), stopped(0), 9],
    'none none none none raise',
  ],
  ['a stop holds an alarm', rule(), [9, stopped(0), stopped(0), 9], 'raise none none none'],
  ['raised once while active', rule(), [9, 10, 11, 9], 'raise none none none'],
]
for (const [name, of, rows, expected] of cases) {
  t.test(name, async t => {
    t.equal(walk(of, rows).decisions.join(' '), expected)
  })
}

t.test('onset is the first time beyond, peak the worst value since', async t => {
  const { state } = walk(rule({ onDelayUs: 2e6 }), [8, 9, 12, 9.5, 8, 8])
  t.match(state, { phase: 'normal', onsetUs: 1 * SECOND_US, peak: 12 })
  const low = walk(rule({ side: 'below', setpoint: 1, deadband: 0.1 }), [0.5, 0.2, 0.9]).state
  t.equal(low.peak, 0.2)
})

const rowArbitrary = fc.record({
  value: fc.oneof(fc.constantFrom(8, 8.5, 8.7, 9, 10), fc.constant(Number.NaN)),
  ranUs: fc.integer({ min: 0, max: 3 }).map(s => s * SECOND_US),
  running: fc.boolean(),
})
const delay = fc.integer({ min: 0, max: 6 }).map(s => s * SECOND_US)

t.test('any interleaving with stops: never a decision while stopped, delays exact', async t => {
  holds(
    t,
    fc.property(fc.array(rowArbitrary, { maxLength: 60 }), delay, delay, (rows, onDelayUs, offDelayUs) => {
      const of = rule({ onDelayUs, offDelayUs })
      const state = newRuleState()
      // The specification in its own words: sums of running time over bad (good) rows since the first one of a streak.
      let active = false
      let sumUs = -1
      for (const [i, row] of rows.entries()) {
        const decision = stepRule(of, state, row.value, i, row.ranUs, row.running)
        if (!row.running || Number.isNaN(row.value)) {
          if (decision !== 'none') return false
          continue
        }
        const towards = active ? row.value <= 8.5 : row.value >= 9
        const against = active ? row.value >= 9 : row.value <= 8.5
        if (against) sumUs = -1
        if (towards) sumUs = sumUs < 0 ? 0 : sumUs + row.ranUs
        const due = towards && sumUs >= (active ? offDelayUs : onDelayUs)
        if (decision !== (due ? (active ? 'clear' : 'raise') : 'none')) return false
        if (due) {
          active = !active
          sumUs = -1
        }
      }
      return true
    }),
    2_000,
  )
})
