// Cases follow the journal: whatever of them a crash kept from the disk is there again after the next start.
import fc from 'fast-check'
import t from 'tap'
import { type AlarmCase, foldCase } from '../../../agent/alarms/case.ts'
import { type AlarmTransition, stands } from '../../../agent/alarms/contract.ts'
import { silentLogger } from '../../../agent/core/logger.ts'
import type { HistoryNote, HistoryNotes } from '../../../agent/history/contract.ts'
import { AlarmCases } from '../../../agent/pipeline/alarm-cases.ts'
import { SECOND_US, START_US, transition } from '../../support/alarm-parts.ts'
import { collect, openTestHistory } from '../../support/history-open.ts'

/** Transitions of three alarms after each other and at once, one label after the end. */
function story(): AlarmTransition[] {
  const made: AlarmTransition[] = []
  const add = (id: string, change: Partial<AlarmTransition>): void => {
    const alertSeq = made.length + 1
    const before = made.findLast(t => t.id === id) ?? transition({ id, rule: id, raisedUs: START_US + alertSeq })
    made.push({ ...before, alertSeq, atUs: START_US + alertSeq * SECOND_US, ...change })
  }
  add('A', {})
  add('B', { asset: 'p-2' })
  add('A', { transition: 'acknowledged', acked: true, by: 'kim', actor: 'operator' })
  add('S', { transition: 'shelved', neverRaised: true, active: false, acked: true, suppressions: {} })
  add('A', { transition: 'cleared', active: false })
  add('C', {})
  add('A', { transition: 'labelled', label: 'false', by: 'kim', actor: 'operator', note: 'sun' })
  add('C', { transition: 'superseded', active: false, acked: true })
  add('B', { transition: 'labelled', label: 'confirmed', by: 'ann', actor: 'operator' })
  return made
}

function expected(all: readonly AlarmTransition[]): AlarmCase[] {
  const cases = new Map<string, AlarmCase>()
  for (const t of all) {
    const found = foldCase(cases.get(t.id), t)
    if (found) cases.set(t.id, found)
  }
  return [...cases.values()].sort((a, b) => (a.raised.id < b.raised.id ? 1 : -1))
}

const standingAfter = (all: readonly AlarmTransition[]): AlarmTransition[] =>
  [...new Map(all.map(t => [t.id, t])).values()].filter(stands)

/** The same notes, of which the disk gets no more than the first `most`. */
function onlyFirst(notes: HistoryNotes, most: number): HistoryNotes {
  let left = most
  return {
    keep: note => void (left-- > 0 && notes.keep(note)),
    version: name => notes.version(name),
    get: name => notes.get(name),
    newestFirst: () => notes.newestFirst(),
    settled: () => notes.settled(),
  }
}

t.test('killed anywhere behind the journal, they are the same after the next start', async t => {
  const all = story()
  await fc.assert(
    fc.asyncProperty(
      fc.nat({ max: all.length }),
      fc.nat({ max: all.length }),
      fc.nat({ max: all.length }),
      async (journalled, written, from) => {
        const dir = `${t.testdir()}/history`
        let { history } = await openTestHistory(dir)
        const first = new AlarmCases(onlyFirst(history.notes, written), silentLogger)
        for (const t of all.slice(0, journalled)) {
          // The case of one that stands no more is looked up before it is labelled.
          await first.with(t.id, async () => first.add(t))
        }
        await history.close()
        history = (await openTestHistory(dir)).history
        const again = new AlarmCases(history.notes, silentLogger)
        // The journal may have given up its oldest records, where their notes were written.
        const oldest = Math.min(from, written, journalled)
        for (const t of all.slice(oldest, journalled)) await again.recover(t)
        await again.resume(standingAfter(all.slice(0, journalled)))
        for (const t of all.slice(journalled)) await again.with(t.id, async () => again.add(t))
        const found = await collect(again.newestFirst())
        await history.close()
        t.same(found, expected(all), `${journalled} journalled, ${written} written, read from ${oldest}`)
      },
    ),
    { seed: 9, numRuns: 60 },
  )
})

t.test('asked for by asset, rule, time and verdict', async t => {
  const { history } = await openTestHistory(`${t.testdir()}/history`)
  const cases = new AlarmCases(history.notes, silentLogger)
  for (const t of story()) await cases.with(t.id, async () => cases.add(t))
  const ids = async (query: Parameters<AlarmCases['newestFirst']>[0]): Promise<string[]> =>
    (await collect(cases.newestFirst(query))).map(({ raised }) => raised.id)
  t.same(await ids({}), ['C', 'B', 'A'])
  t.same(await ids({ asset: 'p-2' }), ['B'])
  t.same(await ids({ rule: 'A' }), ['A'])
  t.same(await ids({ verdicts: ['false'] }), ['A'])
  t.same(await ids({ verdicts: ['confirmed', 'none'] }), ['C', 'B'])
  t.same(await ids({ sinceUs: START_US + 2, untilUs: START_US + 6 }), ['B'])
  t.match(await cases.get('b'), { raised: { id: 'B' } })
  t.equal(await cases.get('S'), undefined, 'what was never raised is no alarm')
  await history.close()
})

t.test('a note that cannot be read costs what it said, not the start', async t => {
  const notes: HistoryNotes = {
    keep: note => void kept.push(note),
    version: () => 1,
    get: () => Promise.reject(new Error('the disk refuses')),
    newestFirst: () => (async function* () {})(),
    settled: () => Promise.reject(new Error('the disk refuses')),
  }
  const kept: HistoryNote[] = []
  const cases = new AlarmCases(notes, silentLogger)
  for (const t of story()) await cases.recover(t)
  await cases.resume(standingAfter(story()))
  t.ok(kept.some(({ name }) => name === 'A'))
  t.match(await cases.get('B'), { labelled: { label: 'confirmed' } })
})
