import t from 'tap'
import type { AlarmTransition } from '../../../agent/alarms/contract.ts'
import { type AlarmState, newAlarmState, restore, snapshot } from '../../../agent/alarms/state.ts'
import type { SuppressConfig } from '../../../agent/config/contract.ts'
import { cronMatcher } from '../../../agent/schedule/schedule.ts'
import { gated, testEngine } from '../../support/alarm-parts.ts'
import { asset, channel } from '../../support/assets.ts'
import { manualClock } from '../../support/manual-clock.ts'

const MINUTE_US = 60_000_000
/** Local time, as the calendar of the gateway is. */
const at = (text: string): number => new Date(`2026-11-21T${text}`).getTime() * 1000
const NIGHT: SuppressConfig = { cron: '0 22 * * *', forMs: 4 * 3_600_000, note: 'night service' }

function engineAt(text: string, suppress: SuppressConfig[], state = newAlarmState()) {
  const pump = asset([channel('flow', { min: 5 }), channel('mode')], { suppress })
  const clock = manualClock(at(text))
  const { engine, transitions } = testEngine([pump], { cronMatcher, clock, state })
  const to = (time: string): void => {
    clock.step(at(time) - clock.nowUs())
    engine.tick()
  }
  return { engine, transitions, clock, to, state }
}

const words = (transitions: readonly AlarmTransition[]): string[] =>
  transitions.map(made => `${made.transition} ${made.rule} ${made.suppression}`)

t.test('a maintenance window begins and ends to the minute, alarms within it are marked', async t => {
  const { engine, transitions, to, clock } = engineAt('21:58:00', [NIGHT])
  to('21:59:59')
  t.same(transitions, [])
  to('22:00:00')
  t.match(transitions[0], { rule: '*', suppression: 'by-design', by: 'agent', note: 'night service' })
  t.equal(transitions[0]?.message, 'all alarms of p-101 suppressed by design: night service')
  engine.rows(gated([[4, 0]]))
  clock.step(2 * 3600 * 1e6)
  engine.tick()
  clock.step(2 * 3600 * 1e6 - MINUTE_US)
  engine.tick()
  t.equal(transitions.length, 2, 'it holds until its end')
  clock.step(MINUTE_US)
  engine.tick()
  t.same(words(transitions), [
    'suppressed * by-design',
    'raised flow.min by-design',
    'unsuppressed * none',
    'unsuppressed flow.min none',
  ])
  t.match(transitions[3], { active: true, acked: false }, 'what was raised meanwhile shows now')
})

t.test('a start within a window knows that it began before; a step of the clock is a new look', async t => {
  const { transitions, to } = engineAt('23:30:00', [NIGHT])
  t.same(words(transitions), ['suppressed * by-design'])
  to('12:00:00')
  to('23:59:00')
  to('12:00:00')
  t.same(words(transitions).slice(1), ['unsuppressed * none', 'suppressed * by-design', 'unsuppressed * none'])
})

t.test('an operating state suppresses the rules it names; a value that is missing changes nothing', async t => {
  const cleaning: SuppressConfig = {
    text: 'mode > 2',
    anyOf: [[{ channel: 1, op: '>', value: 2 }]],
    note: 'cleaning',
    rules: ['flow.min'],
  }
  const { engine, transitions } = engineAt('12:00:00', [cleaning])
  engine.rows(gated([[50, 3]]))
  engine.rows(gated([[4, Number.NaN]], { fromS: 1 }))
  engine.rows(gated([[4, 1]], { fromS: 2 }))
  t.same(words(transitions), [
    'suppressed flow.min by-design',
    'raised flow.min by-design',
    'unsuppressed flow.min none',
  ])
  t.match(transitions[0], { neverRaised: true, active: false, acked: true, priority: 2 })
  t.equal(transitions[1]?.id, transitions[0]?.id, 'the record of the rule goes on')
  t.notOk(transitions[1]?.neverRaised)
})

t.test('a rule that nothing watches is named', async t => {
  const { engine } = engineAt('12:00:00', [{ ...NIGHT, rules: ['flow.min', 'flow.mni', 'model'] }])
  t.same(engine.unknownSuppressed(), ['p-101 flow.mni'])
})

t.test('over a restart: what is still wanted is not recorded again, what no longer is wanted ends', async t => {
  const first = engineAt('22:30:00', [NIGHT])
  t.same(words(first.transitions), ['suppressed * by-design'])
  const again = (): AlarmState => restore(structuredClone(snapshot(first.state)))
  t.same(words(engineAt('22:40:00', [NIGHT], again()).transitions), [])
  t.same(words(engineAt('12:00:00', [NIGHT], again()).transitions), ['unsuppressed * none'])
  t.same(words(engineAt('22:40:00', [], again()).transitions), ['unsuppressed * none'])
})

t.test('what a rule that is gone had suppressed does not stay', async t => {
  const first = engineAt('12:00:00', [])
  first.engine.desk.outOfService({ target: 'p-101', rule: 'flow.min' }, { actor: 'operator', by: 'kim' })
  const state = restore(structuredClone(snapshot(first.state)))
  const { transitions } = testEngine([asset([channel('flow')])], { state })
  t.match(transitions, [{ transition: 'in-service', by: 'agent', note: 'rule removed', suppression: 'none' }])
  t.equal(state.standing.size, 0)
})
