import t from 'tap'
import { Counters } from '../../../agent/core/counters.ts'
import { type MemoryDisk, memoryDisk } from '../../support/journal-disk.ts'
import { alarm, openTestJournal } from '../../support/journal-open.ts'

t.test('a kill at any call of the first advance leaves no damaged cursor behind', async t => {
  const left: MemoryDisk[] = []
  const disk = memoryDisk()
  const journal = await openTestJournal('/j', disk, {})
  const cursor = await journal.cursor('uplink')
  await journal.append(alarm('a'))
  disk.refuse = () => {
    // A kill forgets nothing that was written.
    left.push(disk.powerCut(() => true))
    return undefined
  }
  await cursor.advance(1)
  left.push(disk.powerCut(() => true))
  t.ok(left.length >= 5, `${left.length} moments`)
  for (const [moment, after] of left.entries()) {
    const counters = new Counters()
    const again = await openTestJournal('/j', after, { counters })
    const { seq } = await again.cursor('uplink')
    t.equal(counters.get('journal.damaged_cursors').n, 0, `moment ${moment}`)
    t.ok(seq <= 1)
    // What the kill left half-made is not in the way.
    await (await again.cursor('uplink')).advance(1)
    t.equal((await again.cursor('uplink')).seq, 1)
    await again.close()
  }
  await journal.close()
})

t.test('a cursor keeps what it has not passed, a mark keeps nothing', async t => {
  for (const [name, kept] of [
    ['late', true],
    ['late-mark', false],
  ] as const) {
    const journal = await openTestJournal('/j', memoryDisk(), { bytesMax: 65_536 })
    const done = await journal.cursor('uplink')
    const late = await journal.cursor(name)
    for (let i = 0; i < 300; i++) {
      const seq = await journal.append(alarm('x'.repeat(1_000)))
      await done.advance(seq)
      if (i === 0) await late.advance(seq)
    }
    t.equal(journal.status().losses.length > 0, kept, name)
    t.equal(late.seq, 1)
    await journal.close()
  }
})
