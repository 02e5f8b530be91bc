// One alarm's own story: what is folded twice changes nothing, nothing of it is lost but events in the middle.
import fc from 'fast-check'
import t from 'tap'
import { type AlarmCase, foldCase, parseCase } from '../../../agent/alarms/case.ts'
import type { AlarmTransition } from '../../../agent/alarms/contract.ts'
import { SECOND_US, START_US, transition } from '../../support/alarm-parts.ts'

const at = (s: number): number => START_US + s * SECOND_US
const fold = (...all: AlarmTransition[]): AlarmCase | undefined =>
  all.reduce<AlarmCase | undefined>((found, t) => foldCase(found, t), undefined)

const raised = transition()
const seen = transition({
  alertSeq: 2,
  transition: 'acknowledged',
  acked: true,
  atUs: at(9),
  actor: 'operator',
  by: 'kim',
  note: 'on my way',
})
const gone = transition({
  alertSeq: 3,
  transition: 'cleared',
  active: false,
  acked: true,
  atUs: at(60),
  message: 'back within prediction',
  evidence: [],
})
const labelled = transition({
  ...gone,
  alertSeq: 4,
  transition: 'labelled',
  atUs: at(99),
  actor: 'command',
  by: 'ann',
  label: 'false',
  note: 'sun',
})

t.test('raised, seen, cleared, labelled', async t => {
  const found = fold(raised, seen, gone, labelled)!
  t.same(found.raised, raised, 'as it was raised, whatever came after')
  t.equal(found.last.alertSeq, 4)
  t.equal(found.clearedUs, at(60))
  t.match(found.acknowledged, { by: 'kim', note: 'on my way', atUs: at(9) })
  t.match(found.labelled, { label: 'false', by: 'ann', actor: 'command', note: 'sun' })
  t.same(
    found.events.map(event => event.transition),
    ['raised', 'acknowledged', 'cleared', 'labelled'],
  )
  t.same(parseCase(JSON.stringify(found)), found)
})

t.test('a latch holds the alarm, its condition went all the same; a new label takes the place of the old', async t => {
  const latched = transition({ alertSeq: 2, transition: 'latched', latched: true, atUs: at(30) })
  const found = fold(raised, latched, { ...gone, alertSeq: 5 }, labelled, {
    ...labelled,
    alertSeq: 6,
    label: 'confirmed',
  })!
  t.equal(found.clearedUs, at(30))
  t.equal(found.labelled?.label, 'confirmed')
})

t.test('what was only suppressed is no alarm; what the journal no longer tells begins with what it tells', async t => {
  t.equal(fold(transition({ neverRaised: true, active: false, acked: true, transition: 'shelved' })), undefined)
  const found = fold(gone, labelled)!
  t.match(found, { raised: { alertSeq: 3 }, clearedUs: at(60), labelled: { label: 'false' } })
})

t.test('folded twice, and in overlapping runs, it is the same', async t => {
  const all = [raised, seen, gone, labelled]
  fc.assert(
    fc.property(fc.nat({ max: 4 }), fc.nat({ max: 4 }), (cut, back) => {
      const from = Math.max(0, cut - back)
      t.same(fold(...all.slice(0, cut), ...all.slice(from)), fold(...all))
    }),
    { seed: 3, numRuns: 30 },
  )
})

t.test('it does not grow without end', async t => {
  const many = Array.from({ length: 500 }, (_, i) =>
    transition({ alertSeq: i + 1, transition: i === 0 ? 'raised' : i % 2 ? 'shelved' : 'unshelved', atUs: at(i) }),
  )
  const found = fold(...many)!
  t.equal(found.events.length, 32)
  t.equal(found.omitted, 468)
  t.equal(found.events[0]?.transition, 'raised')
  t.equal(found.events.at(-1)?.atUs, at(499))
})

t.test('a text that is no case is none', async t => {
  for (const text of ['', '{', 'null', '{}', '[]', '{"schema":"wearwatch.alarm-case/1"}'])
    t.equal(parseCase(text), undefined, text)
})
