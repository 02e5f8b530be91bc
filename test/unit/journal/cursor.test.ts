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
