// A drill goes the way of an alarm, is marked, ends by itself, and counts nowhere.
import t from 'tap'
import { applyTransition, newAlarmState } from '../../../agent/alarms/state.ts'
import { AlarmCounts } from '../../../agent/alarms/statistics.ts'
import { testEngine } from '../../support/alarm-parts.ts'
import { asset, channel } from '../../support/assets.ts'

const KIM = { actor: 'operator', by: 'kim', note: 'new pager' } as const
const pump = asset([channel('discharge', { max: 9 })], { tag: 'P-101A' })
const last = <T>(all: readonly T[]): T => all.at(-1)!

t.test('raised with its mark, ended by the time, with nothing left to acknowledge', async t => {
  const { engine, transitions, clock } = testEngine([pump])
  const made = engine.drills.raise('P-101A', 60_000, KIM)
  t.match(made, {
    test: true,
    transition: 'raised',
    active: true,
    kind: 'machine',
    rule: 'test',
    asset: 'p-101',
    ...KIM,
  })
  t.match(made.message, /TEST by kim: this is a drill, nothing is wrong with P-101A/)
  t.throws(() => engine.drills.raise('p-101', 60_000, KIM), { code: 'COMMAND_REFUSED', message: /goes on/ })
  t.notOk(engine.inAlarm(0), 'the machine is not in alarm')
  clock.advance(59_000)
  engine.tick()
  t.equal(engine.standing().length, 1)
  clock.advance(1_000)
  engine.tick()
  t.same(
    transitions.map(({ transition, actor, active, acked }) => [transition, actor, active, acked]),
    [
      ['raised', 'operator', true, false],
      ['cleared', 'agent', false, false],
      ['acknowledged', 'agent', false, true],
    ],
  )
  t.match(last(transitions), { note: 'the drill is over', test: true, id: made.id })
  t.same(engine.standing(), [])
  engine.tick()
  t.equal(transitions.length, 3, 'ended once')
  t.ok(engine.drills.raise('p-101', 60_000, KIM).id !== made.id, 'and another can follow')
})

t.test('acknowledged by somebody it ends at the next tick', async t => {
  const { engine, transitions, clock } = testEngine([pump])
  const { id } = engine.drills.raise('p-101', 60_000, KIM)
  engine.desk.acknowledge(id, { actor: 'command', by: 'control room' })
  clock.advance(1_000)
  engine.tick()
  t.same(
    transitions.map(({ transition, by }) => [transition, by]),
    [
      ['raised', 'kim'],
      ['acknowledged', 'control room'],
      ['cleared', 'agent'],
    ],
  )
  t.same(engine.standing(), [])
})

t.test('a step of the clock neither ends it nor keeps it', async t => {
  const { engine, clock } = testEngine([pump])
  engine.drills.raise('p-101', 60_000, KIM)
  clock.step(-3_600e6)
  engine.tick()
  clock.step(7_200e6)
  engine.tick()
  t.equal(engine.standing().length, 1)
  clock.advance(60_000)
  engine.tick()
  t.same(engine.standing(), [])
})

t.test('one that a restart left behind ends at the start, also of an asset that is gone', async t => {
  for (const assets of [[pump], []]) {
    const first = testEngine([pump])
    first.engine.drills.raise('p-101', 60_000, KIM)
    const state = newAlarmState()
    for (const made of first.transitions) applyTransition(state, made)
    const { engine, transitions } = testEngine(assets, { state })
    t.same(
      transitions.map(({ transition, test }) => [transition, test]),
      [
        ['cleared', true],
        ['acknowledged', true],
      ],
    )
    t.same(engine.standing(), [])
  }
})

t.test('it counts nowhere; what cannot be one is refused', async t => {
  const { engine, transitions, clock } = testEngine([pump], { watchFloods: true })
  const counts = new AlarmCounts()
  for (let i = 0; i < 12; i++) {
    engine.drills.raise('p-101', 1_000, KIM)
    clock.advance(1_000)
    engine.tick()
  }
  for (const made of transitions) counts.add(made)
  t.equal(counts.statistics(clock.nowUs(), ['p-101'], []).lastHour, 0)
  t.notOk(
    transitions.some(({ kind }) => kind === 'system'),
    'no flood',
  )
  t.throws(() => engine.drills.raise('p-9', 1_000, KIM), { code: 'NOT_FOUND', message: /assets: p-101/ })
  t.throws(() => engine.drills.raise('p-101', 0, KIM), { code: 'COMMAND_REFUSED' })
  t.throws(() => engine.drills.raise('p-101', 3_600_000, KIM), { code: 'COMMAND_REFUSED', message: /at most 10 min/ })
})
