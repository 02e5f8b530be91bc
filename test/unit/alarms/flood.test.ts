import t from 'tap'
import type { AlarmTransition } from '../../../agent/alarms/contract.ts'
import { type AlarmState, newAlarmState, restore, snapshot } from '../../../agent/alarms/state.ts'
import { gated, testEngine } from '../../support/alarm-parts.ts'
import { asset, channel } from '../../support/assets.ts'
import { manualClock } from '../../support/manual-clock.ts'

const MINUTE_MS = 60_000
const pumps = Array.from({ length: 4 }, (_, index) =>
  asset(
    Array.from({ length: 5 }, (_, i) => channel(`c${i}`, { max: 9 })),
    { id: `p-${index}`, index, suppress: [] },
  ),
)

function plant(state: AlarmState = newAlarmState()) {
  const clock = manualClock()
  const { engine, transitions } = testEngine(pumps, { watchFloods: true, clock, state })
  let second = 0
  /** Rows of one asset: `high` of its five channels beyond their limit. */
  const row = (index: number, high: number): void => {
    const values = Array.from({ length: 5 }, (_, i) => (i < high ? 10 : 1))
    engine.rows({ ...gated([values], { fromS: second++, first: false }), asset: index })
  }
  const wait = (ms: number): void => {
    clock.advance(ms)
    engine.tick()
  }
  return { engine, transitions, row, wait, state }
}

const floods = (transitions: readonly AlarmTransition[]): AlarmTransition[] =>
  transitions.filter(made => made.kind === 'system')

t.test('ten alarms within ten minutes are a flood: it says whence, groups what follows, ends below five', async t => {
  const { transitions, row, wait, engine } = plant()
  row(0, 5)
  wait(5 * MINUTE_MS)
  row(1, 4)
  t.same(floods(transitions), [], 'nine are none')
  row(2, 3)
  const [flood] = floods(transitions)
  t.match(flood, {
    rule: 'flood',
    asset: '_gateway',
    transition: 'raised',
    value: 10,
    message: 'flood: 10 alarms within 5 min, p-0 5, p-1 4, p-2 1; those that follow are grouped under this one',
    evidence: [{ channel: 'p-0', value: 5, share: 0.5 }],
  })
  const after = transitions.slice(transitions.indexOf(flood!) + 1)
  t.same(
    after.map(made => [made.asset, made.flood]),
    [
      ['p-2', flood!.id],
      ['p-2', flood!.id],
    ],
  )
  wait(5 * MINUTE_MS)
  t.equal(floods(transitions).length, 1, 'seven within ten minutes: still a flood')
  wait(5 * MINUTE_MS)
  t.match(floods(transitions)[1], {
    transition: 'cleared',
    message: /^flood is over after 15 min: 12 alarms, p-0 5, p-1 4, p-2 3$/,
  })
  row(3, 1)
  t.notOk(transitions.at(-1)?.flood, 'what comes later belongs to none')
  t.match(
    engine.standing().find(({ kind }) => kind === 'system'),
    { active: false, acked: false },
  )
})

t.test('nine in ten minutes, again and again, are no flood', async t => {
  const { transitions, row, wait } = plant()
  for (let i = 0; i < 10; i++) {
    row(0, 5)
    row(1, 4)
    row(0, 0)
    row(1, 0)
    wait(10 * MINUTE_MS)
  }
  t.same(floods(transitions), [])
  t.equal(transitions.filter(({ transition }) => transition === 'raised').length, 90)
})

t.test('what is suppressed and drills make no flood', async t => {
  const { engine, transitions, row } = plant()
  for (const index of [0, 1, 2]) engine.desk.outOfService({ target: `p-${index}` }, { actor: 'operator', by: 'kim' })
  for (const index of [0, 1, 2]) row(index, 5)
  t.same(floods(transitions), [])
})

t.test('over a restart a flood stands until ten minutes were quiet', async t => {
  const first = plant()
  for (const index of [0, 1]) first.row(index, 5)
  const again = plant(restore(structuredClone(snapshot(first.state))))
  again.wait(9 * MINUTE_MS)
  again.row(2, 1)
  t.match(again.transitions, [{ flood: floods(first.transitions)[0]!.id }])
  again.wait(MINUTE_MS)
  t.match(floods(again.transitions), [{ transition: 'cleared', rule: 'flood' }])
})
