import t from 'tap'
import type { JournalRecord } from '../../../agent/journal/contract.ts'
import { gapRecord } from '../../../agent/journal/losses.ts'
import { AlertLedger } from '../../../agent/uplink/alert-ledger.ts'
import { explainRefusal } from '../../../agent/uplink/explain.ts'
import { GapWatch } from '../../../agent/uplink/gap-watch.ts'
import { OrderedAcks } from '../../../agent/uplink/ordered-acks.ts'
import { Signal } from '../../../agent/uplink/signal.ts'
import { MemoryJournal } from '../../support/uplink-journal.ts'

const loss = { fromSeq: 3, toSeq: 5, reason: 'space' as const, detail: 'dropped' }

/** A record that says nothing, under that number. */
function at(seq: number): JournalRecord {
  return { seq, kind: 'operator', priority: 1, payload: new Uint8Array(0) }
}

t.test('a hole in the journal becomes a gap of alerts when the next alert tells', async t => {
  const gaps = new GapWatch(3, 2, () => [loss])
  gaps.record(at(6))
  t.match(gaps.alertsUpTo(4), { from: 3, to: 4, journalFrom: 3, journalTo: 5, reason: 'space', detail: 'dropped' })
  t.equal(gaps.alertsUpTo(4), undefined, 'stated once')
  gaps.alert(5)
  gaps.record(at(7))
  t.equal(gaps.alertsUpTo(5), undefined)
})

t.test('a hole that held no alert is no gap', async t => {
  const gaps = new GapWatch(3, 2, () => [loss])
  gaps.record(at(6))
  t.equal(gaps.alertsUpTo(2), undefined)
  t.equal(gaps.atHead(), undefined)
})

t.test('a gap record in place of what was dropped is a hole, one in place of what was done with is none', async t => {
  for (const [reason, stated] of [
    ['space', { from: 3, to: 4, journalFrom: 3, journalTo: 5 }],
    ['done', { from: 3, to: 4, journalFrom: null, journalTo: null }],
  ] as const) {
    const gaps = new GapWatch(3, 2, () => [])
    gaps.record({ ...at(3), ...gapRecord({ fromSeq: 3, toSeq: 5, reason, detail: '' }) })
    gaps.record(at(6))
    t.match(gaps.alertsUpTo(4), stated)
  }
})

t.test('a hole with nothing behind it is stated without an end, and with it later', async t => {
  const gaps = new GapWatch(3, 2, () => [loss])
  t.match(gaps.atHead(), { from: 3, to: null, journalFrom: 3, journalTo: 5, reason: 'space' })
  t.equal(gaps.atHead(), undefined)
  gaps.record(at(6))
  t.match(gaps.alertsUpTo(3), { from: 3, to: 3, reason: 'space' })
})

t.test('numbers lost without a hole in the journal are stated as well', async t => {
  const gaps = new GapWatch(3, 2, () => [])
  gaps.record(at(3))
  t.match(gaps.alertsUpTo(9), { from: 3, to: 9, journalFrom: null, reason: 'unknown' })
})

t.test('a gateway that does not know what it delivered says so', async t => {
  const fresh = new GapWatch(1, undefined, () => [])
  fresh.record(at(1))
  t.equal(fresh.alertsUpTo(7), undefined, 'nothing is missing')
  const holed = new GapWatch(1, undefined, () => [])
  holed.record(at(4))
  t.match(holed.alertsUpTo(7), { from: null, to: 7, journalFrom: 1, journalTo: 3 })
  const started = new GapWatch(1, undefined, () => [])
  started.record(at(4))
  t.equal(started.alertsUpTo(0), undefined, 'alert 1 follows: none was lost')
})

t.test('the cursor moves only over what is acknowledged without a hole', async t => {
  const journal = new MemoryJournal()
  const acks = new OrderedAcks(await journal.cursor('uplink'), () => {})
  const done: number[] = []
  const flights = [1, 2, 3].map(seq => acks.add(seq, flight => done.push(flight.seq)))
  acks.acked(flights[2]!)
  await acks.flush()
  t.equal(journal.cursorSeq(), 0)
  acks.acked(flights[0]!)
  await acks.flush()
  t.same([journal.cursorSeq(), acks.length], [1, 2])
  acks.acked(flights[1]!)
  await acks.flush()
  t.same([journal.cursorSeq(), acks.length], [3, 0])
  t.same(done, [1, 2, 3])
  acks.acked(flights[1]!)
  t.same(done, [1, 2, 3], 'a late answer to a forgotten publish moves nothing')
})

t.test('what settles in the turn in which the cursor was stored is stored too', async t => {
  const journal = new MemoryJournal()
  const acks = new OrderedAcks(await journal.cursor('uplink'), () => {})
  for (let seq = 1; seq <= 50; seq++) {
    acks.acked(acks.add(seq, () => {}))
    for (let turns = 0; turns < seq % 7; turns++) await undefined
  }
  await acks.flush()
  t.equal(journal.cursorSeq(), 50)
})

t.test('a cursor that cannot be stored is reported and tried again with the next', async t => {
  const journal = new MemoryJournal()
  const errors: unknown[] = []
  const acks = new OrderedAcks(await journal.cursor('uplink'), error => errors.push(error))
  journal.failing = new Error('EIO')
  acks.acked(acks.add(1, () => {}))
  await acks.flush()
  t.match(errors, [{ message: 'EIO' }])
  journal.failing = undefined
  acks.acked(acks.add(2, () => {}))
  await acks.flush()
  t.equal(journal.cursorSeq(), 2)
})

t.test('a signal is not lost between looking and waiting', async t => {
  const signal = new Signal()
  signal.notify()
  t.equal(signal.pending, true)
  await signal.wait()
  t.equal(signal.pending, false)
  const waiting = signal.wait()
  signal.notify()
  await waiting
  t.equal(signal.pending, false)
})

t.test('a consumer drops repeats, reports gaps and wrong order, per gateway', async t => {
  const ledger = new AlertLedger()
  const take = (gateway: string, seq: number): string => ledger.take(gateway, `id${seq}`, seq).verdict
  t.same(
    [7, 8, 8, 7].map(seq => take('a', seq)),
    ['new', 'new', 'duplicate', 'duplicate'],
  )
  t.same(ledger.take('a', 'id11', 11), { verdict: 'new', gap: { from: 9, to: 10 } })
  t.equal(ledger.missing, 2)
  t.equal(take('a', 9), 'late')
  t.equal(take('b', 3), 'new')
  t.match(ledger, { received: 5, duplicates: 2, missing: 1, outOfOrder: 1 })
})

t.test('what is wrong with a publish and what to do', async t => {
  t.match(
    explainRefusal(Object.assign(new Error('Not authorized'), { code: 0x87 }), 'a/b'),
    /messages on a\/b .*access list/,
  )
})
