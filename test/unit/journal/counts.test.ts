// Each undelivered record that goes for want of space is stated once: not twice, and not only until the next restart.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { Counters } from '../../../agent/core/counters.ts'
import { seededPrng } from '../../../agent/core/prng.ts'
import type { Journal, NewRecord } from '../../../agent/journal/contract.ts'
import { recordsIn } from '../../../agent/journal/losses.ts'
import { type MemoryDisk, memoryDisk } from '../../support/journal-disk.ts'
import { alarm, openTestJournal, readAll } from '../../support/journal-open.ts'

const SEED = 29
const BYTES_MAX = 65_536
const checkpoint = (): NewRecord => ({ kind: 'checkpoint', priority: 1, payload: Buffer.alloc(500, 'c') })

function alarmOf(priority: number, bytes: number): NewRecord {
  return { kind: 'alarm', priority: priority as NewRecord['priority'], payload: Buffer.alloc(bytes, 'x') }
}

async function seqsIn(journal: Journal): Promise<Set<number>> {
  return new Set((await readAll(journal, 500)).filter(({ kind }) => kind === 'alarm').map(({ seq }) => seq))
}

function statedIn(journal: Journal): number {
  return journal.status().losses.reduce((sum, loss) => sum + recordsIn(loss), 0)
}

t.test('with a cursor inside of a segment that is thinned and then removed, and after restarts', async t => {
  const property = fc.asyncProperty(fc.integer(), async seed => {
    const prng = seededPrng(seed)
    const disk = memoryDisk()
    const counters = new Counters()
    const open = (): Promise<Journal> => openTestJournal('/j', disk, { bytesMax: BYTES_MAX, checkpoint, counters })
    let journal = await open()
    let cursor = await journal.cursor('uplink')
    const acked: number[] = []
    const gone = new Set<number>()
    for (let i = 0; i < 400; i++) {
      const deliveredSeq = cursor.seq
      const record = alarmOf(1 + Math.floor(prng.next() * 4), 60 + Math.floor(prng.next() * 1_500))
      acked.push(await journal.append(record))
      const there = await seqsIn(journal)
      for (const seq of acked) if (seq > deliveredSeq && !there.has(seq)) gone.add(seq)
      assert.equal(counters.snapshot()['journal.lost_space'] ?? 0, gone.size, `append ${i}`)
      if (prng.next() < 0.05) {
        const [first] = await journal.read(cursor.seq + 1 + Math.floor(prng.next() * 10), 1)
        if (first) await cursor.advance(first.seq)
      }
      if (prng.next() > 0.02) continue
      await journal.close()
      journal = await open()
      cursor = await journal.cursor('uplink')
      const { losses } = journal.status()
      const left = [...gone].filter(seq => seq > cursor.seq)
      for (const seq of left)
        assert.ok(
          losses.some(({ fromSeq, toSeq }) => fromSeq <= seq && seq <= toSeq),
          `${seq} is forgotten`,
        )
      assert.ok(statedIn(journal) >= left.length, `${left.length} records went, ${statedIn(journal)} are stated`)
      assert.ok(statedIn(journal) <= gone.size, `${gone.size} records went, ${statedIn(journal)} are stated`)
    }
    assert.ok(gone.size > 0)
    await journal.close()
  })
  await fc.assert(property, { seed: SEED, numRuns: 4 })
  t.pass(`seed ${SEED}`)
})

t.test('what was damaged goes on being stated when the segment goes whose gap record says so', async t => {
  const disk = memoryDisk()
  const first = await openTestJournal('/j', disk, { bytesMax: BYTES_MAX, checkpoint })
  for (let i = 0; i < 8; i++) await first.append(alarmOf(1, 900))
  await first.close()
  const [path] = disk.paths().filter(path => path.endsWith('.wwj'))
  for (const at of [1_000, 4_000]) disk.poke(path!, data => Buffer.from(data.fill(0xff, at, at + 10)))
  const second = await openTestJournal('/j', disk, { bytesMax: BYTES_MAX, checkpoint })
  const damaged = statedIn(second)
  t.ok(damaged >= 2)
  for (let i = 0; i < 200; i++) await second.append(alarmOf(1, 900))
  t.ok(second.status().firstSeq > 100)
  await second.close()
  const third = await openTestJournal('/j', disk, { bytesMax: BYTES_MAX, checkpoint })
  const damages = third.status().losses.filter(({ reason }) => reason === 'damage')
  t.equal(
    damages.reduce((sum, loss) => sum + recordsIn(loss), 0),
    damaged,
  )
  await third.close()
})

t.test('a crash before the segments go that a gap record names, the first of them delivered in part', async t => {
  const disk = memoryDisk()
  const journal = await openTestJournal('/j', disk, { bytesMax: BYTES_MAX })
  const cursor = await journal.cursor('uplink')
  for (let i = 0; i < 6; i++) await journal.append(alarm('x'.repeat(2_000)))
  await cursor.advance(2)
  let cut: MemoryDisk | undefined
  disk.refuse = (_call, what, path) => {
    if (what === 'unlink' && path.endsWith('.wwj')) cut ??= disk.powerCut(() => false)
    return undefined
  }
  while (!cut) await journal.append(alarm('x'.repeat(2_000)))
  await journal.close()
  const again = await openTestJournal('/j', cut, { bytesMax: BYTES_MAX })
  const there = await seqsIn(again)
  for (const { fromSeq, toSeq } of again.status().losses) {
    const both = [...there].filter(seq => fromSeq <= seq && seq <= toSeq)
    t.same(both, [], `stated as lost (${fromSeq} to ${toSeq}), and there`)
  }
  t.ok(again.status().losses.length > 0)
  await again.close()
})
