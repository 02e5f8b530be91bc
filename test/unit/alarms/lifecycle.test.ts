import fc from 'fast-check'
import t from 'tap'
import { type AlarmTransition, type IsaState, isaState, stands, WHOLE_ASSET } from '../../../agent/alarms/contract.ts'
import { applyTransition, foldRecord, newAlarmState, restore, ruleKey, snapshot } from '../../../agent/alarms/state.ts'
import { inEffect } from '../../../agent/alarms/suppression.ts'
import type { JournalRecord } from '../../../agent/journal/contract.ts'
import { histories, OPS, type Op, Plant } from '../../support/alarm-histories.ts'
import { holds } from '../../support/alarm-property.ts'

t.test('replaying the journal gives the same state: whole, twice over, and from any checkpoint on', async t => {
  holds(
    t,
    fc.property(histories, ops => {
      const { state, records } = new Plant().play(ops)
      // Key order of the facts is that of their arrival; a checkpoint keeps it.
      const expected = JSON.stringify(snapshot(state))
      const fold = (of: readonly JournalRecord[]): string => {
        const folded = newAlarmState()
        for (const record of of) if (foldRecord(folded, record) !== 'applied') return 'damaged'
        return JSON.stringify(snapshot(folded))
      }
      const starts = [0, ...records.flatMap((record, i) => (record.kind === 'checkpoint' ? [i] : []))]
      return (
        starts.every(from => fold(records.slice(from)) === expected) &&
        fold([...records, ...records]) === expected &&
        JSON.stringify(snapshot(restore(JSON.parse(expected)))) === expected
      )
    }),
    1_000,
  )
})

t.test(
  'alert numbers are gap-free; of a rule at most one occurrence stands, and each says what suppresses it',
  async t => {
    holds(
      t,
      fc.property(histories, ops => {
        const { made, state } = new Plant().play(ops)
        const standing = [...state.standing.values()]
        const keys = standing.map(alarm => ruleKey(alarm.asset, alarm.rule))
        const told = standing.every(alarm => {
          const own = state.suppressions.get(ruleKey(alarm.asset, alarm.rule))
          const whole =
            alarm.rule === WHOLE_ASSET ? undefined : state.suppressions.get(ruleKey(alarm.asset, WHOLE_ASSET))
          const now = inEffect(own, whole)
          const same = now.suppression === alarm.suppression && now.shelvedUntilUs === alarm.shelvedUntilUs
          return same && JSON.stringify(own) === JSON.stringify(alarm.suppressions)
        })
        const shown = [...state.suppressions.keys()].every(key => keys.includes(key))
        return told && shown && made.every((alarm, i) => alarm.alertSeq === i + 1) && new Set(keys).size === keys.length
      }),
      1_000,
    )
  },
)

/** What may be before each transition, and what is after it: of active, acked. */
const MOVES: Record<
  AlarmTransition['transition'],
  (before: AlarmTransition | undefined, t: AlarmTransition) => boolean
> = {
  raised: (before, t) =>
    (before === undefined || before.neverRaised === true) && t.active && !t.acked && !t.latched && !t.neverRaised,
  cleared: (before, t) => before?.active === true && !t.active && t.acked === before.acked && !t.latched,
  acknowledged: (before, t) => before?.acked === false && t.acked && t.active === before.active,
  latched: (before, t) => before?.active === true && !before.latched && t.latched === true && t.active && !t.acked,
  superseded: (before, t) => before !== undefined && !stands(t),
  shelved: kept,
  unshelved: kept,
  suppressed: kept,
  unsuppressed: kept,
  'out-of-service': kept,
  'in-service': kept,
  labelled: (before, t) => kept(before, t) && before !== undefined && t.label !== undefined,
}

/** Suppression and labels never change the condition; of a rule that is normal they begin a record. */
function kept(before: AlarmTransition | undefined, t: AlarmTransition): boolean {
  const { active, acked, latched } = before ?? { active: false, acked: true, latched: undefined }
  return t.active === active && t.acked === acked && t.latched === latched
}

t.test('every transition is one that the table knows, says who and when, and changes something', async t => {
  holds(
    t,
    fc.property(histories, ops => {
      const { made } = new Plant().play(ops)
      const state = newAlarmState()
      return made.every(transition => {
        const before = state.standing.get(transition.id)
        applyTransition(state, transition)
        const byValues = ['raised', 'cleared', 'latched'].includes(transition.transition)
        const who = byValues || (transition.by !== undefined && transition.actor !== undefined)
        return MOVES[transition.transition](before, transition) && who && changes(before, transition)
      })
    }),
    1_000,
  )
})

/** Beyond its number and time; the same label, and the same end of shelving, may be given twice. */
function changes(before: AlarmTransition | undefined, t: AlarmTransition): boolean {
  const facts = ({ active, acked, latched, suppression, suppressions }: AlarmTransition): string =>
    JSON.stringify([active, acked, latched, suppression, suppressions])
  const again = t.transition === 'labelled' || t.transition === 'shelved'
  return before === undefined || again || facts(before) !== facts(t)
}

t.test('nothing gets stuck: from anywhere calm values and people lead back to normal', async t => {
  holds(
    t,
    fc.property(histories, ops => {
      const plant = new Plant().play(ops)
      plant.calm()
      return plant.state.standing.size === 0 && plant.state.suppressions.size === 0 && plant.state.byRule.size === 0
    }),
    1_000,
  )
})

t.test('every state and every transition is reached', async t => {
  const seen = new Set<IsaState>()
  const transitions = new Set<string>()
  const numbers = fc.sample(histories, { numRuns: 400, seed: 20261123 })
  for (const ops of numbers) {
    for (const { active, acked, suppression, transition } of new Plant().play(ops).made) {
      seen.add(isaState(active, acked, suppression))
      transitions.add(transition)
    }
  }
  const names = [
    'Normal',
    'Unacknowledged',
    'Acknowledged',
    'RtnUnacknowledged',
    'Shelved',
    'SuppressedByDesign',
    'OutOfService',
  ]
  t.same([...seen].sort(), names.sort())
  t.same([...transitions].sort(), Object.keys(MOVES).sort())
  t.equal(OPS.length, 12)
})

t.test('by hand: a shelved asset, an alarm within it, a clock that goes back', async t => {
  const at = (op: Op['op'], more: Partial<Op> = {}): Op => ({ op, at: 0, whole: false, minutes: 0, ...more })
  const plant = new Plant().play([
    at('raise'),
    at('shelve', { whole: true }),
    at('clear'),
    at('raise'),
    at('wait', { minutes: 11 }),
  ])
  t.match(
    plant.made.map(({ transition, rule, suppression, active }) => [transition, rule, suppression, active]),
    [
      ['raised', 'r0', 'none', true],
      ['shelved', '*', 'shelved', false],
      ['shelved', 'r0', 'shelved', true],
      ['cleared', 'r0', 'shelved', false],
      ['superseded', 'r0', 'none', false],
      ['raised', 'r0', 'shelved', true],
      ['unshelved', '*', 'none', false],
      ['unshelved', 'r0', 'none', true],
    ],
  )
  t.match(plant.made[6], {
    by: 'agent',
    note: 'the time is up',
    message: 'all alarms of p-101 unshelved after 11 min by agent: the time is up',
  })
  const back = new Plant().play([at('shelve'), at('wait', { minutes: -1 })])
  t.match(back.made.at(-1), { transition: 'unshelved', note: /clock was set back/, suppression: 'none' })
})

t.test('a latching alarm waits for a person, and goes with the acknowledgement', async t => {
  const at = (op: Op['op']): Op => ({ op, at: 1, whole: false, minutes: 0 })
  const names = (...ops: Op['op'][]): string[] =>
    new Plant()
      .play(ops.map(at))
      .made.map(made => `${made.transition} ${isaState(made.active, made.acked, made.suppression)}`)
  t.same(names('raise', 'clear', 'clear', 'ack'), [
    'raised Unacknowledged',
    'latched Unacknowledged',
    'acknowledged Acknowledged',
    'cleared Normal',
  ])
  t.same(names('raise', 'ack', 'clear'), ['raised Unacknowledged', 'acknowledged Acknowledged', 'cleared Normal'])
  t.same(names('raise', 'clear', 'raise').slice(2), ['superseded Normal', 'raised Unacknowledged'])
})
