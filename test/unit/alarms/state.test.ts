import fc from 'fast-check'
import t from 'tap'
import { AlarmBook } from '../../../agent/alarms/book.ts'
import type { AlarmTransition, IsaState, Suppression } from '../../../agent/alarms/contract.ts'
import {
  type AlarmState,
  applyTransition,
  checkpointPayload,
  foldRecord,
  isaState,
  newAlarmState,
  restore,
  snapshot,
  standingOf,
} from '../../../agent/alarms/state.ts'
import { seededPrng } from '../../../agent/core/prng.ts'
import type { JournalRecord } from '../../../agent/journal/contract.ts'
import { rule, START_US, transition } from '../../support/alarm-parts.ts'
import { holds } from '../../support/alarm-property.ts'

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

/** Random operations on three rules, as records of a journal with a checkpoint somewhere. */
const operations = fc.array(
  fc.record({ op: fc.constantFrom('raise', 'clear', 'ack', 'checkpoint'), at: fc.integer({ min: 0, max: 2 }) }),
  { maxLength: 40 },
)

function play(ops: readonly { op: string; at: number }[]): { state: AlarmState; records: JournalRecord[] } {
  const state = newAlarmState()
  const records: JournalRecord[] = []
  const put = (kind: 'alarm' | 'checkpoint', payload: Uint8Array): void => {
    records.push({ seq: records.length + 1, kind, priority: 1, payload })
  }
  const commit = (made: AlarmTransition): void => put('alarm', Buffer.from(JSON.stringify(made)))
  const book = new AlarmBook({ state, prng: seededPrng(1), clockState: () => 'synced', commit })
  for (const [i, { op, at }] of ops.entries()) {
    const of = rule({ id: `r${at}` })
    const finding = { timeUs: START_US + i, value: i, message: 'm', evidence: [] }
    const standing = standingOf(state, of.asset, of.id)
    if (op === 'checkpoint') put('checkpoint', checkpointPayload(state))
    else if (op === 'raise' && !standing?.active) book.raise(of, finding.timeUs, finding)
    else if (op === 'clear') book.clear(of, finding)
    else if (op === 'ack' && standing && !standing.acked) book.acknowledge(standing, finding.timeUs, true, 'anna')
  }
  return { state, records }
}

t.test('replaying the journal gives the same state: whole, twice over, and from any checkpoint on', async t => {
  holds(
    t,
    fc.property(operations, ops => {
      const { state, records } = play(ops)
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
    500,
  )
})

t.test('alert numbers are gap-free and only rise, one occurrence of a rule stands unacknowledged', async t => {
  holds(
    t,
    fc.property(operations, ops => {
      const alarms = play(ops).records.filter(record => record.kind === 'alarm')
      const made = alarms.map(record => JSON.parse(Buffer.from(record.payload).toString()) as AlarmTransition)
      const { standing } = play(ops).state
      const unacked = [...standing.values()].filter(alarm => !alarm.acked).map(alarm => alarm.rule)
      return made.every((alarm, i) => alarm.alertSeq === i + 1) && new Set(unacked).size === unacked.length
    }),
    300,
  )
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
