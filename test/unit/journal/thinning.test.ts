// What goes when space runs out: the lowest priority first, oldest first, each number stated, whatever happens meanwhile.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { Counters } from '../../../agent/core/counters.ts'
import { seededPrng } from '../../../agent/core/prng.ts'
import type { Journal, JournalRecord, NewRecord } from '../../../agent/journal/contract.ts'
import { parseGap } from '../../../agent/journal/contract.ts'
import { notStated } from '../../../agent/journal/losses.ts'
import { type MemoryDisk, memoryDisk } from '../../support/journal-disk.ts'
import { openTestJournal, readAll, textOf } from '../../support/journal-open.ts'

const SEED = 23
const BYTES_MAX = 65_536
/** What goes must be larger than the gap record in its place. */
const SIZE_MIN = 100
type Priority = NewRecord['priority']

const checkpoint = (): NewRecord => ({ kind: 'checkpoint', priority: 1, payload: Buffer.alloc(900, 'c') })

function record(priority: Priority, text: string): NewRecord {
  return { kind: 'alarm', priority, payload: Buffer.from(text) }
}

interface Sent {
  priority: Priority
  text: string
}

/** Appends `sizes.length` records one after the other; their priorities turn with their sizes. */
async function fill(journal: Journal, sizes: readonly number[], acked: Map<number, Sent>): Promise<void> {
  for (const [i, size] of sizes.entries()) {
    const sent = { priority: (1 + ((size + i) % 4)) as Priority, text: `${i} ${'x'.repeat(size)}` }
    acked.set(await journal.append(record(sent.priority, sent.text)), sent)
  }
}

/** What was acknowledged is there as it was, or its number is stated as gone for want of space. Returns those that are gone. */
function accounted(records: readonly JournalRecord[], firstSeq: number, acked: ReadonlyMap<number, Sent>): number[] {
  const there = new Map(records.map(one => [one.seq, one]))
  assert.equal(there.size, records.length, 'a number is there twice')
  const stated = records.flatMap(one => (one.kind === 'gap' ? (parseGap(one) ?? []) : []))
  const gone: number[] = []
  for (const [seq, { priority, text }] of acked) {
    const one = there.get(seq)
    if (one && one.kind !== 'gap') {
      assert.equal(textOf(one), text)
      assert.equal(one.priority, priority)
    } else {
      gone.push(seq)
      assert.ok(seq < firstSeq || notStated(seq, seq, stated).length === 0, `${seq} is gone in silence`)
    }
  }
  return gone
}

t.test('the lowest priority goes first, oldest first, and each that goes is counted', async t => {
  const property = fc.asyncProperty(fc.integer(), fc.integer({ min: 100, max: 2_000 }), async (seed, max) => {
    const prng = seededPrng(seed)
    const sizes: number[] = []
    for (let bytes = 0; bytes < 4 * BYTES_MAX; bytes += sizes.at(-1)!)
      sizes.push(SIZE_MIN + Math.floor(prng.next() * max))
    const disk = memoryDisk()
    let peak = 0
    disk.refuse = () => {
      const bytes = disk
        .paths()
        .filter(path => path.includes('segment'))
        .reduce((sum, path) => sum + disk.peek(path).length, 0)
      peak = Math.max(peak, bytes)
      return undefined
    }
    const counters = new Counters()
    const journal = await openTestJournal('/j', disk, { bytesMax: BYTES_MAX, checkpoint, counters })
    const acked = new Map<number, Sent>()
    await fill(journal, sizes, acked)
    const { losses, firstSeq } = journal.status()
    const records = await readAll(journal)
    const gone = accounted(records, firstSeq, acked)
    assert.ok(gone.length > 0, 'space ran out')
    assert.ok(peak <= BYTES_MAX, `${peak} bytes on the disk`)
    const lost = counters.snapshot()['journal.lost_space'] ?? 0
    assert.equal(lost, gone.length)
    for (const seq of gone) {
      const { priority } = acked.get(seq)!
      const kept = [...acked].find(([other, sent]) => other < seq && sent.priority > priority && !gone.includes(other))
      assert.equal(
        kept,
        undefined,
        `${seq} of priority ${priority} went, ${kept?.[0]} of ${kept?.[1].priority} did not`,
      )
    }
    assert.ok(losses.every(({ reason }) => reason === 'space'))
    await journal.close()
    const again = await openTestJournal('/j', disk, { bytesMax: BYTES_MAX, checkpoint })
    assert.deepEqual(await readAll(again), records)
    assert.ok(again.status().losses.every(({ reason }) => reason === 'space'))
    await again.close()
  })
  await fc.assert(property, { seed: SEED, numRuns: 15 })
  t.pass(`seed ${SEED}`)
})

t.test('a power cut, or a refusal, at any call of it', async t => {
  const sizes = Array.from({ length: 160 }, (_, i) => 40 + ((i * 977) % 1_900))
  const calls = await callsOf(sizes)
  const property = fc.asyncProperty(
    fc.integer({ min: Math.floor(calls / 2), max: calls }),
    fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }),
    fc.boolean(),
    async (n, coins, refuses) => {
      const disk = memoryDisk()
      const acked = new Map<number, Sent>()
      const cut: { disk?: MemoryDisk; acked?: Map<number, Sent> } = {}
      let flip = 0
      disk.refuse = call => {
        if (call !== n) return undefined
        if (refuses) return 'EIO'
        cut.disk = disk.powerCut(() => coins[flip++ % coins.length]!)
        cut.acked = new Map(acked)
        return undefined
      }
      const journal = await openTestJournal('/j', disk, { bytesMax: BYTES_MAX, checkpoint })
      await fill(journal, sizes, acked).catch(error => assert.equal(error.code, 'JOURNAL_IO'))
      accounted(await readAll(journal), journal.status().firstSeq, acked)
      await journal.close()
      const left = cut.disk ?? disk
      const again = await openTestJournal('/j', left, { bytesMax: BYTES_MAX, checkpoint })
      accounted(await readAll(again), again.status().firstSeq, cut.acked ?? acked)
      const lastSeq = Math.max(...(cut.acked ?? acked).keys())
      const damages = again.status().losses.filter(({ reason, fromSeq }) => reason === 'damage' && fromSeq <= lastSeq)
      assert.deepEqual(damages, [], 'beyond what was acknowledged a write may have been cut short')
      assert.deepEqual(
        left.paths().filter(path => path.endsWith('.thin')),
        [],
      )
      await again.close()
    },
  )
  await fc.assert(property, { seed: SEED, numRuns: 120 })
  t.pass(`seed ${SEED}, ${calls} calls`)
})

async function callsOf(sizes: readonly number[]): Promise<number> {
  const disk = memoryDisk()
  const journal = await openTestJournal('/j', disk, { bytesMax: BYTES_MAX, checkpoint })
  await fill(journal, sizes, new Map())
  await journal.close()
  return disk.calls
}

t.test('what is read while a segment is thinned is whole', async t => {
  const disk = memoryDisk()
  const journal = await openTestJournal('/j', disk, { bytesMax: BYTES_MAX, checkpoint })
  const acked = new Map<number, Sent>()
  let reading = true
  const reads = (async () => {
    let passes = 0
    while (reading) {
      await new Promise(resolve => setImmediate(resolve))
      const { firstSeq } = journal.status()
      for (const one of await journal.read(firstSeq, 50)) {
        const sent = acked.get(one.seq)
        if (sent && one.kind !== 'gap') assert.equal(textOf(one), sent.text)
      }
      passes++
    }
    return passes
  })()
  await fill(
    journal,
    Array.from({ length: 400 }, (_, i) => 40 + ((i * 977) % 1_900)),
    acked,
  )
  reading = false
  t.ok((await reads) > 10)
  t.same(
    journal.status().losses.filter(({ reason }) => reason !== 'space'),
    [],
  )
  await journal.close()
})

t.test('what is delivered goes without being called lost', async t => {
  const disk = memoryDisk()
  const journal = await openTestJournal('/j', disk, { bytesMax: BYTES_MAX, checkpoint })
  const cursor = await journal.cursor('uplink')
  const acked = new Map<number, Sent>()
  await fill(journal, Array(10).fill(1_000), acked)
  await cursor.advance(8)
  for (let i = 0; i < 100; i++) await journal.append(record(((i % 2) + 3) as Priority, 'x'.repeat(1_000)))
  const { losses, firstSeq } = journal.status()
  t.ok(losses.length > 0)
  t.ok(
    losses.every(({ fromSeq }) => fromSeq > 8),
    JSON.stringify(losses),
  )
  const there = (await readAll(journal)).filter(({ kind, priority }) => kind === 'alarm' && priority <= 2)
  t.ok(there.length > 0 || firstSeq > 8)
  await journal.close()
})
