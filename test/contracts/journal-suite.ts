// What every Journal must do, whatever it is stored on.
import t, { type Test } from 'tap'
import type { Journal, NewRecord } from '../../agent/journal/contract.ts'
import type { JournalOptions } from '../../agent/journal/journal.ts'
import { alarm, readAll, textOf } from '../support/journal-open.ts'

export type OpenForTest = (more?: Partial<JournalOptions>) => Promise<Journal>

/** `place` makes a new empty place and returns how to open (and open again) the journal in it. */
export function journalContract(name: string, place: (t: Test) => OpenForTest): void {
  t.test(`${name}: numbers from 1, in order of the appends`, async t => {
    const journal = await place(t)()
    t.same(await Promise.all(['a', 'b', 'c'].map(text => journal.append(alarm(text)))), [1, 2, 3])
    t.equal(await journal.append(alarm('d')), 4)
    t.same((await journal.read(2, 2)).map(textOf), ['b', 'c'])
    t.match(journal.status(), { firstSeq: 1, nextSeq: 5, segments: 1, losses: [], failing: undefined })
    await journal.close()
    await t.rejects(journal.append(alarm('e')), { code: 'JOURNAL_CLOSED' })
  })

  t.test(`${name}: everything is there after reopening, kind and priority too`, async t => {
    const open = place(t)
    const first = await open()
    const record: NewRecord = { kind: 'operator', priority: 4, payload: Buffer.from([0, 255, 10]) }
    await first.append(record)
    await first.append({ kind: 'model', priority: 1, payload: new Uint8Array(0) })
    await first.close()
    const second = await open()
    t.same(await readAll(second), [
      { seq: 1, ...record, payload: new Uint8Array(record.payload) },
      { seq: 2, kind: 'model', priority: 1, payload: new Uint8Array(0) },
    ])
    t.equal(await second.append(alarm('next')), 3)
    t.same(second.status().losses, [])
    await second.close()
  })

  t.test(`${name}: payloads are copies, both ways`, async t => {
    const journal = await place(t)()
    const payload = Buffer.from('abc')
    const appended = journal.append({ kind: 'alarm', priority: 1, payload })
    payload.fill(0)
    await appended
    const [record] = await journal.read(1, 1)
    record!.payload.fill(0)
    t.equal(textOf((await journal.read(1, 1))[0]!), 'abc')
    await journal.close()
  })

  t.test(`${name}: listeners hear the highest durable number until they unsubscribe`, async t => {
    const journal = await place(t)()
    const heard: number[] = []
    const stop = journal.onAppend(seq => heard.push(seq))
    journal.onAppend(() => {
      throw new Error('a listener that fails harms nobody')
    })
    await Promise.all([journal.append(alarm('a')), journal.append(alarm('b'))])
    await journal.append(alarm('c'))
    stop()
    await journal.append(alarm('d'))
    t.same(heard, [2, 3])
    await journal.close()
  })

  t.test(`${name}: a cursor is durable, never goes back and never passes the end`, async t => {
    const open = place(t)
    const first = await open()
    const cursor = await first.cursor('uplink')
    t.equal(cursor.seq, 0)
    for (const text of ['a', 'b', 'c']) await first.append(alarm(text))
    await Promise.all([cursor.advance(1), cursor.advance(3), cursor.advance(2)])
    t.equal(cursor.seq, 3)
    await t.rejects(cursor.advance(4), { message: /cannot pass the last record/ })
    await first.close()
    await t.rejects(
      cursor.advance(3).then(() => first.append(alarm('d'))),
      { code: 'JOURNAL_CLOSED' },
    )
    const second = await open()
    t.equal((await second.cursor('uplink')).seq, 3)
    t.equal((await second.cursor('other')).seq, 0)
    await second.close()
  })

  t.test(`${name}: a drained journal does not reuse a number`, async t => {
    const open = place(t)
    const first = await open({ bytesMax: 65_536 })
    const cursor = await first.cursor('uplink')
    let last = 0
    for (let i = 0; i < 40; i++) {
      last = await first.append(alarm('x'.repeat(2_000)))
      await cursor.advance(last)
    }
    t.ok(first.status().firstSeq > 1, 'delivered segments were dropped')
    t.same(first.status().losses, [], 'dropping what was delivered is no loss')
    await first.close()
    const second = await open({ bytesMax: 65_536 })
    t.equal(await second.append(alarm('next')), last + 1)
    await second.close()
  })

  t.test(`${name}: undelivered records go oldest first when the limit forces it, and a gap record says so`, async t => {
    const open = place(t)
    const first = await open({ bytesMax: 65_536, checkpoint: () => ({ ...alarm('state'), kind: 'checkpoint' }) })
    const cursor = await first.cursor('uplink')
    for (let i = 0; i < 10; i++) await first.append(alarm('x'.repeat(2_000)))
    await cursor.advance(5)
    for (let i = 0; i < 60; i++) await first.append(alarm('x'.repeat(2_000)))
    const { losses, firstSeq, bytes, checkpointSeq } = first.status()
    t.ok(bytes <= 65_536, `${bytes} bytes`)
    t.match(losses, [{ fromSeq: 6, toSeq: firstSeq - 1, reason: 'space' }])
    const records = await readAll(first)
    t.equal(records[0]?.seq, firstSeq)
    t.equal(records[0]?.kind, 'checkpoint', 'a segment begins with the checkpoint')
    t.equal(checkpointSeq, records.findLast(record => record.kind === 'checkpoint')?.seq)
    const gaps = records.filter(record => record.kind === 'gap').map(record => JSON.parse(textOf(record)))
    t.match(gaps.at(-1), { toSeq: firstSeq - 1, reason: 'space' })
    await first.close()
    const second = await open({ bytesMax: 65_536 })
    t.match(second.status().losses.at(-1), { toSeq: firstSeq - 1, reason: 'space' }, 'still stated after reopening')
    t.equal((await readAll(second)).length, records.length)
    await second.close()
  })

  t.test(`${name}: a record over the limit is refused alone`, async t => {
    const journal = await place(t)({ bytesMax: 16 << 20 })
    const large = journal.append(alarm('x'.repeat((1 << 20) + 1)))
    const largest = journal.append(alarm('x'.repeat(1 << 20)))
    await t.rejects(large, { code: 'JOURNAL_TOO_LARGE' })
    t.equal(await largest, 1)
    t.equal((await journal.read(1, 1))[0]?.payload.length, 1 << 20)
    await journal.close()
  })

  t.test(`${name}: too much waiting is refused, what waits is written`, async t => {
    const journal = await place(t)({ bytesMax: 64 << 20 })
    const appends = Array.from({ length: 20 }, () => journal.append(alarm('x'.repeat(1 << 20))))
    const results = await Promise.allSettled(appends)
    t.equal(results.filter(one => one.status === 'fulfilled').length, 15)
    t.match(results.at(-1), { reason: { code: 'JOURNAL_FULL' } })
    t.equal(journal.status().nextSeq, 16)
    await journal.close()
  })

  t.test(`${name}: the checkpoint holds everything acknowledged before it`, async t => {
    let folded = 0
    const checkpoint = (): NewRecord => ({ kind: 'checkpoint', priority: 1, payload: Buffer.from(String(folded)) })
    const journal = await place(t)({ bytesMax: 65_536, checkpoint })
    const fold = async (): Promise<void> => {
      for (let i = 0; i < 40; i++) {
        await Promise.resolve(journal.append(alarm('x'.repeat(500)))).then(seq => seq)
        folded++
      }
    }
    await Promise.all([fold(), fold(), fold()])
    let before = 0
    for (const record of await readAll(journal)) {
      if (record.kind === 'alarm') before++
      else if (record.kind === 'checkpoint' && before > 0)
        t.ok(Number(textOf(record)) >= before, `${textOf(record)} folded, ${before} written`)
    }
    t.ok(journal.status().segments > 3)
    await journal.close()
  })
}
