import t from 'tap'
import type { IsaState, Suppression } from '../../../agent/alarms/contract.ts'
import { applyTransition, foldRecord, isaState, newAlarmState, standingOf } from '../../../agent/alarms/state.ts'
import type { JournalRecord } from '../../../agent/journal/contract.ts'
import { transition } from '../../support/alarm-parts.ts'

const isaTable: [active: boolean, acked: boolean, suppression: Suppression, name: IsaState][] = [
  [false, true, 'none', 'Normal'],
  [true, false, 'none', 'Unacknowledged'],
  [true, true, 'none', 'Acknowledged'],
  [false, false, 'none', 'RtnUnacknowledged'],
  [true, false, 'shelved', 'Shelved'],
  [false, true, 'shelved', 'Shelved'],
  [true, true, 'by-design', 'SuppressedByDesign'],
  [false, false, 'by-design', 'SuppressedByDesign'],
  [true, false, 'out-of-service', 'OutOfService'],
  [false, true, 'out-of-service', 'OutOfService'],
]
for (const [active, acked, suppression, name] of isaTable) {
  t.test(`active ${active}, acked ${acked}, ${suppression}: ${name}`, async t => {
    t.equal(isaState(active, acked, suppression), name)
  })
}

t.test('an alarm stands until it is both cleared and acknowledged, in either order', async t => {
  for (const last of ['cleared', 'acknowledged'] as const) {
    const state = newAlarmState()
    applyTransition(state, transition())
    const [a, b] = last === 'cleared' ? [{ acked: true }, { active: false }] : [{ active: false }, { acked: true }]
    applyTransition(state, transition({ alertSeq: 2, ...a }))
    t.equal(state.standing.size, 1)
    applyTransition(state, transition({ alertSeq: 3, ...a, ...b, transition: last }))
    t.equal(state.standing.size, 0)
    t.equal(standingOf(state, 'p-101', 'model'), undefined)
    t.equal(state.alertSeq, 3, 'an empty list does not restart the numbering')
  }
})

t.test('records that are not what they say are named, not thrown', async t => {
  const record = (kind: JournalRecord['kind'], text: string): JournalRecord => ({
    seq: 1,
    kind,
    priority: 1,
    payload: Buffer.from(text),
  })
  const state = newAlarmState()
  t.equal(foldRecord(state, record('alarm', '{"id":')), 'damaged')
  t.equal(foldRecord(state, record('alarm', 'null')), 'damaged')
  t.equal(foldRecord(state, record('alarm', '{"id":"x"}')), 'damaged')
  t.equal(foldRecord(state, record('checkpoint', '{"schema":"wearwatch.checkpoint/1"}')), 'damaged')
  t.equal(foldRecord(state, record('checkpoint', '{"schema":"other"}')), 'other')
  t.equal(foldRecord(state, record('model', '{}')), 'other')
  t.equal(state.alertSeq, 0)
})
