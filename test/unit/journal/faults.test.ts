// A disk that refuses, writes short, or loses power: at every call in turn.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import type { Journal } from '../../../agent/journal/contract.ts'
import { type MemoryDisk, memoryDisk } from '../../support/journal-disk.ts'
import { alarm, openTestJournal, readAll, textOf } from '../../support/journal-open.ts'
import { type ManualClock, manualClock } from '../../support/manual-clock.ts'
import { until } from '../../support/waiting.ts'

const SEED = 41
const CALLS = 60
const checkpoint = (): ReturnType<typeof alarm> => ({ ...alarm('the fold'), kind: 'checkpoint' })

interface Outcome {
  acked: Map<number, string>
  refused: Set<string>
  codes: Set<string>
}

/** Appends `groups` groups of three; each append is acknowledged or refused, none stays open. */
async function load(journal: Journal, groups: number, name: string, outcome: Outcome): Promise<void> {
  for (let i = 0; i < groups; i++) {
    const texts = ['a', 'b', 'c'].map(part => `${name}-${i}-${part}-${'x'.repeat(600)}`)
    const results = await Promise.allSettled(texts.map(text => journal.append(alarm(text))))
    for (const [at, result] of results.entries()) {
      if (result.status === 'rejected') {
        outcome.refused.add(texts[at]!)
        outcome.codes.add(result.reason.code)
      } else {
        assert.ok(!outcome.acked.has(result.value), `${result.value} acknowledged twice`)
        outcome.acked.set(result.value, texts[at]!)
      }
    }
  }
}

async function recovered(journal: Journal, clock: ManualClock): Promise<void> {
  await until(() => {
    clock.advance(1_000)
    return journal.status().failing === undefined
  }, 'the journal to accept appends again')
}

/** What was acknowledged is there under its number, what was refused is not, and no number is there twice. */
async function verify(disk: MemoryDisk, outcome: Outcome): Promise<void> {
  disk.refuse = () => undefined
  const journal = await openTestJournal('/j', disk, { checkpoint })
  const records = await readAll(journal)
  const texts = new Map(records.map(record => [record.seq, textOf(record)]))
  assert.equal(texts.size, records.length, 'a number is there twice')
  for (const [seq, text] of outcome.acked) assert.equal(texts.get(seq), text, `${seq} was acknowledged`)
  for (const text of texts.values()) assert.ok(!outcome.refused.has(text), 'a refused record is there')
  assert.deepEqual(journal.status().losses, [])
  await journal.close()
}

for (const errno of ['ENOSPC', 'EIO', 'short']) {
  t.test(`${errno} at each of the first ${CALLS} calls, once`, async t => {
    for (let n = 1; n <= CALLS; n++) {
      const disk = memoryDisk()
      const clock = manualClock()
      const journal = await openTestJournal('/j', disk, { clock, bytesMax: 65_536, checkpoint })
      const first = disk.calls
      if (errno === 'short') disk.shorten = call => (call >= first + n ? 100 : undefined)
      else disk.refuse = call => (call === first + n ? errno : undefined)
      const outcome: Outcome = { acked: new Map(), refused: new Set(), codes: new Set() }
      await load(journal, 8, 'first', outcome)
      await recovered(journal, clock)
      await load(journal, 2, 'then', outcome)
      assert.ok(outcome.acked.size >= 6)
      if (errno === 'short') assert.equal(outcome.refused.size, 0, 'short writes are gone on with')
      await journal.close()
      await verify(disk, outcome)
    }
    t.pass(`${CALLS} places`)
  })

  if (errno === 'short') continue
  t.test(`${errno} from each of the first ${CALLS} calls on, until the disk is well again`, async t => {
    const codes = new Set<string>()
    for (let n = 1; n <= CALLS; n++) {
      const disk = memoryDisk()
      const clock = manualClock()
      const journal = await openTestJournal('/j', disk, { clock, bytesMax: 65_536, checkpoint })
      const first = disk.calls
      disk.refuse = (call, what) => (call >= first + n && what !== 'unlink' ? errno : undefined)
      const outcome: Outcome = { acked: new Map(), refused: new Set(), codes }
      await load(journal, 8, 'first', outcome)
      if (outcome.refused.size > 0) assert.match(journal.status().failing ?? '', /goes on by itself/)
      clock.advance(10_000)
      disk.refuse = () => undefined
      await recovered(journal, clock)
      await load(journal, 2, 'then', outcome)
      assert.ok(outcome.acked.size >= 6, 'no restart needed')
      await journal.close()
      await verify(disk, outcome)
    }
    t.same([...codes], [errno === 'ENOSPC' ? 'JOURNAL_FULL' : 'JOURNAL_IO'])
  })
}

t.test('one failed write is masked: the group goes to a new segment, once', async t => {
  const disk = memoryDisk()
  const journal = await openTestJournal('/j', disk, { checkpoint })
  await journal.append(alarm('a'))
  disk.refuse = (_call, what) => (what === 'datasync' ? 'EIO' : undefined)
  const appended = journal.append(alarm('b'))
  let syncs = 0
  disk.refuse = (_call, what) => (what === 'datasync' && ++syncs === 1 ? 'EIO' : undefined)
  t.equal(await appended, 4, '3 is the checkpoint of the new segment')
  t.same((await readAll(journal)).map(textOf), ['the fold', 'a', 'the fold', 'b'])
  await journal.close()
  const again = await openTestJournal('/j', disk)
  t.same((await readAll(again)).map(textOf), ['the fold', 'a', 'the fold', 'b'])
  await again.close()
})

t.test('a power cut at any call loses nothing acknowledged and tells no number twice', async t => {
  const property = fc.asyncProperty(
    fc.integer({ min: 1, max: 120 }),
    fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }),
    async (n, coins) => {
      const disk = memoryDisk()
      const acked = new Map<number, string>()
      let atCut: Map<number, string> | undefined
      let cut: MemoryDisk | undefined
      let flip = 0
      disk.refuse = call => {
        if (call === n) {
          cut = disk.powerCut(() => coins[flip++ % coins.length]!)
          atCut = new Map(acked)
        }
        return undefined
      }
      const journal = await openTestJournal('/j', disk, { bytesMax: 65_536, checkpoint })
      const cursor = await journal.cursor('uplink')
      let cursorSeq = 0
      let cursorAtCut = 0
      for (let i = 0; i < 12; i++) {
        const texts = ['a', 'b'].map(part => `${i}-${part}-${'y'.repeat(700)}`)
        await Promise.all(texts.map(async text => acked.set(await journal.append(alarm(text)), text)))
        if (i % 3 === 0) {
          await cursor.advance(Math.max(...acked.keys()))
          cursorSeq = cursor.seq
        }
        if (!cut) cursorAtCut = cursorSeq
      }
      await journal.close()
      if (!cut || !atCut) return
      const again = await openTestJournal('/j', cut, { bytesMax: 65_536, checkpoint })
      const records = await readAll(again)
      const texts = new Map(records.map(record => [record.seq, textOf(record)]))
      assert.equal(texts.size, records.length)
      const { firstSeq } = again.status()
      assert.ok(firstSeq <= cursorAtCut + 1 || acked.size === 0 || firstSeq <= (await again.cursor('uplink')).seq + 1)
      for (const [seq, text] of atCut)
        if (seq >= firstSeq) assert.equal(texts.get(seq), text, `${seq} was acknowledged`)
      for (const [seq, text] of texts) if (acked.has(seq) && atCut.has(seq)) assert.equal(text, acked.get(seq))
      assert.ok((await again.cursor('uplink')).seq >= cursorAtCut, 'a durable cursor went back')
      assert.ok((await again.append(alarm('after'))) > Math.max(0, ...atCut.keys()))
      await again.close()
    },
  )
  await fc.assert(property, { seed: SEED, numRuns: 400 })
  t.pass(`seed ${SEED}`)
})

t.test('a segment that could be neither begun nor removed is no loss later', async t => {
  const disk = memoryDisk()
  const clock = manualClock()
  const journal = await openTestJournal('/j', disk, { bytesMax: 65_536, clock, checkpoint })
  const cursor = await journal.cursor('uplink')
  disk.refuse = (_call, what, path) =>
    path.includes('segment-000000000002') && ['write', 'truncate', 'unlink'].includes(what) ? 'EIO' : undefined
  const refused: unknown[] = []
  for (let i = 0; i < 100; i++) {
    const seq = await journal.append(alarm('x'.repeat(2_000))).catch(error => refused.push(error) && undefined)
    if (seq === undefined) {
      disk.refuse = () => undefined
      await recovered(journal, clock)
    } else await cursor.advance(seq)
  }
  t.equal(refused.length, 1)
  t.ok(journal.status().firstSeq > 50)
  await journal.close()
  const again = await openTestJournal('/j', disk, { bytesMax: 65_536 })
  t.same(again.status().losses, [])
  await again.close()
})

t.test('a delivered segment that the disk does not let go at first leaves no hole behind it', async t => {
  const disk = memoryDisk()
  const journal = await openTestJournal('/j', disk, { bytesMax: 65_536, checkpoint })
  const cursor = await journal.cursor('uplink')
  let refused = 0
  disk.refuse = (_call, what, path) =>
    what === 'unlink' && path.endsWith('.wwj') && ++refused === 1 ? 'EIO' : undefined
  for (let i = 0; i < 60; i++) await cursor.advance(await journal.append(alarm('x'.repeat(2_000))))
  t.ok(refused > 3)
  await journal.close()
  const again = await openTestJournal('/j', disk, { bytesMax: 65_536 })
  t.same(again.status().losses, [])
  await again.close()
})

t.test('a disk with room for a few hundred bytes is still full: no segment is begun for each attempt', async t => {
  const disk = memoryDisk()
  const clock = manualClock()
  const journal = await openTestJournal('/j', disk, { clock, checkpoint })
  await journal.append(alarm('a'))
  disk.shorten = (_call, bytes) => Math.min(bytes, 400)
  let written = 0
  disk.refuse = (_call, what) => (what === 'write' && ++written % 2 === 0 ? 'ENOSPC' : undefined)
  await t.rejects(journal.append(alarm('x'.repeat(2_000))), { code: 'JOURNAL_FULL' })
  for (let i = 0; i < 50; i++) {
    clock.advance(5_000)
    await new Promise(resolve => setImmediate(resolve))
    await journal.append(alarm('x'.repeat(2_000))).catch(() => {})
  }
  t.match(journal.status(), { segments: 1, failing: /free space/ })
  disk.refuse = () => undefined
  await recovered(journal, clock)
  t.notOk(
    disk.paths().some(path => path.endsWith('.tmp')),
    'the probe is removed',
  )
  await journal.close()
})

t.test('a directory that cannot be read is an error that says what to do', async t => {
  const disk = memoryDisk()
  disk.refuse = (_call, what) => (what === 'readdir' ? 'EACCES' : undefined)
  await t.rejects(openTestJournal('/j', disk), { code: 'JOURNAL_IO', message: /owner/ })
})

t.test('a cursor on a full disk keeps its place and goes on when there is room', async t => {
  const disk = memoryDisk()
  const journal = await openTestJournal('/j', disk)
  for (const text of ['a', 'b', 'c']) await journal.append(alarm(text))
  const cursor = await journal.cursor('uplink')
  disk.refuse = (_call, what, path) => (path.includes('.wwc') && what === 'write' ? 'ENOSPC' : undefined)
  await t.rejects(cursor.advance(1), { code: 'JOURNAL_IO' })
  t.equal(cursor.seq, 0)
  disk.refuse = () => undefined
  await cursor.advance(2)
  await journal.close()
  const damaged = disk.paths().find(path => path.endsWith('.wwc'))!
  disk.poke(damaged, data => {
    data[4096 + 12]! ^= 1
    return data
  })
  const again = await openTestJournal('/j', disk)
  t.equal((await again.cursor('uplink')).seq, 0, 'the newer slot is damaged: back to the older, never beyond')
  await (await again.cursor('uplink')).advance(3)
  await again.close()
  const third = await openTestJournal('/j', disk)
  t.equal((await third.cursor('uplink')).seq, 3)
  await third.close()
})
