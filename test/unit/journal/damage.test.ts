// Damage of every kind to the files of a closed journal: found or harmless, never a wrong payload, never a number twice.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import type { Journal, JournalStatus } from '../../../agent/journal/contract.ts'
import { type MemoryDisk, memoryDisk } from '../../support/journal-disk.ts'
import { alarm, openTestJournal, readAll, textOf } from '../../support/journal-open.ts'

const SEED = 20261122
const RECORDS = 10
const checkpoint = (): ReturnType<typeof alarm> => ({ ...alarm('the fold'), kind: 'checkpoint' })
const segmentsOf = (disk: MemoryDisk): string[] => disk.paths().filter(path => path.endsWith('.wwj'))

/** seq -> text of all that was acknowledged. */
async function written(disk: MemoryDisk, texts: readonly string[]): Promise<Map<number, string>> {
  const journal = await openTestJournal('/j', disk)
  const acked = new Map<number, string>()
  for (const text of texts) acked.set(await journal.append(alarm(text)), text)
  await journal.close()
  return acked
}

/** Every record read is one that was written; every one that is not read is in a stated loss. */
async function verify(journal: Journal, acked: ReadonlyMap<number, string>, what: string): Promise<Set<number>> {
  const records = await readAll(journal)
  const { losses } = journal.status()
  let before = 0
  for (const record of records) {
    if (record.seq <= before) throw new Error(`${what}: ${record.seq} after ${before}`)
    before = record.seq
    const text = acked.get(record.seq)
    if (text !== undefined && text !== textOf(record)) throw new Error(`${what}: wrong payload at ${record.seq}`)
  }
  const seen = new Set(records.map(record => record.seq))
  const covered = (seq: number): boolean => losses.some(loss => loss.fromSeq <= seq && seq <= loss.toSeq)
  for (const seq of acked.keys()) {
    if (!seen.has(seq) && !covered(seq)) throw new Error(`${what}: ${seq} is gone and nobody says so`)
  }
  return seen
}

t.test('every byte of a journal flipped, one at a time', async t => {
  const disk = memoryDisk()
  const acked = await written(
    disk,
    Array.from({ length: RECORDS }, (_, i) => `record ${i}`),
  )
  const [path] = segmentsOf(disk)
  const intact = disk.peek(path!)
  let lost = 0
  for (let at = 0; at < intact.length; at++) {
    const copy = memoryDisk()
    await (await copy.open(path!, 'wx')).write(intact, 0)
    copy.poke(path!, data => {
      data[at]! ^= 1 << (at % 8)
      return data
    })
    const journal = await openTestJournal('/j', copy, { checkpoint })
    const seen = await verify(journal, acked, `byte ${at}`)
    if (at >= 32) {
      assert.equal(seen.size, RECORDS - 1, `byte ${at} costs one record`)
      lost++
    } else assert.equal(seen.size, RECORDS, 'a damaged header costs none')
    const next = await journal.append(alarm('after'))
    assert.ok(next > RECORDS, `${next} is new`)
    await journal.close()
    const again = await openTestJournal('/j', copy)
    assert.equal((await verify(again, acked, `byte ${at} again`)).has(next), true)
    assert.deepEqual(
      again.status().losses.length,
      journal.status().losses.length,
      'stated once, not again at each start',
    )
    assert.ok(copy.paths().filter(one => one.includes('.damaged-')).length <= 1)
    await again.close()
  }
  t.equal(lost, intact.length - 32)
})

t.test('a journal cut off at each byte keeps what is before, and reuses no number a cursor has passed', async t => {
  const disk = memoryDisk()
  await written(
    disk,
    Array.from({ length: RECORDS }, (_, i) => `record ${i}`),
  )
  const [path] = segmentsOf(disk)
  const intact = disk.peek(path!)
  const size = (intact.length - 32) / RECORDS
  for (let length = 0; length < intact.length; length++) {
    const copy = memoryDisk()
    await (await copy.open(path!, 'wx')).write(intact.subarray(0, length), 0)
    if (length === 0) copy.poke(path!, () => Buffer.alloc(0))
    const whole = Math.max(0, Math.floor((length - 32) / size))
    const journal = await openTestJournal('/j', copy)
    assert.equal((await readAll(journal)).length, whole)
    const partial = length > 32 && (length - 32) % size !== 0
    assert.equal(journal.status().losses.length, partial ? 1 : 0, `${length} bytes: a part of a record is stated`)
    assert.ok((await journal.append(alarm('after'))) > whole + (partial ? 1 : 0), 'its number is not used again')
    await journal.close()
  }
  const passed = memoryDisk()
  const first = await openTestJournal('/j', passed)
  for (let i = 0; i < 5; i++) await first.append(alarm('x'))
  await (await first.cursor('uplink')).advance(5)
  await first.close()
  passed.poke(path!, data => data.subarray(0, 32 + 2 * 25))
  const second = await openTestJournal('/j', passed)
  t.match(second.status(), { nextSeq: 6, losses: [{ fromSeq: 3, toSeq: 5, reason: 'damage' }] })
  t.equal(await second.append(alarm('y')), 7, '6 is the gap record that says so')
  await second.close()
  t.ok(intact.length, 'bytes, each a place to cut')
})

t.test('a record quoted inside a damaged payload, or left over from another segment, is not taken for one', async t => {
  const disk = memoryDisk()
  const journal = await openTestJournal('/j', disk)
  await journal.append(alarm('first'))
  const [path] = segmentsOf(disk)
  const foreign = memoryDisk()
  await written(foreign, ['from another journal', 'second of it'])
  const quoted = disk.peek(path!).subarray(32)
  await journal.append({ kind: 'alarm', priority: 1, payload: quoted })
  await journal.append(alarm('third'))
  await journal.close()
  disk.poke(path!, data => {
    data[32 + 24 + 5] = 0 // the magic of the record that quotes
    return data
  })
  const again = await openTestJournal('/j', disk)
  t.same((await readAll(again)).map(textOf), ['first', 'third'])
  t.match(again.status().losses, [{ fromSeq: 2, toSeq: 2 }])
  await again.close()
})

t.test('random damage to several segments and both cursor slots', async t => {
  const change = fc.record({
    file: fc.nat(),
    at: fc.nat(),
    kind: fc.constantFrom('flip', 'zeros', 'cut', 'garbage', 'remove'),
    length: fc.integer({ min: 1, max: 600 }),
  })
  const texts = fc.array(fc.string({ maxLength: 400 }), { minLength: 1, maxLength: 60 })
  const property = fc.asyncProperty(
    fc.array(texts, { minLength: 1, maxLength: 3 }),
    fc.array(change, { minLength: 1, maxLength: 4 }),
    async (sessions, changes) => {
      const disk = memoryDisk()
      const acked = new Map<number, string>()
      let status: JournalStatus | undefined
      for (const session of sessions) {
        const journal = await openTestJournal('/j', disk, { checkpoint })
        for (const text of session) acked.set(await journal.append(alarm(text)), text)
        await (await journal.cursor('uplink')).advance(Math.ceil(acked.size / 2))
        status = journal.status()
        await journal.close()
      }
      for (const one of changes) damage(disk, one)
      const journal = await openTestJournal('/j', disk, { checkpoint })
      // A last segment cut off between two records, or removed, cannot be told from a crash: only its numbers may be missing.
      const { nextSeq } = journal.status()
      const known = new Map([...acked].filter(([seq]) => seq < nextSeq))
      await verify(journal, known, 'after damage')
      const cursor = await journal.cursor('uplink')
      if (cursor.seq > Math.ceil(acked.size / 2)) throw new Error('a cursor moved on by itself')
      const next = await journal.append(alarm('after'))
      if (next <= cursor.seq || (status && next < nextSeq)) throw new Error(`${next} was used before`)
      await journal.close()
      const again = await openTestJournal('/j', disk, { checkpoint })
      const seen = await verify(again, known, 'once more')
      if (!seen.has(next)) throw new Error('an append after damage is lost')
      await again.close()
    },
  )
  await fc.assert(property, { seed: SEED, numRuns: 150 })
  t.pass(`seed ${SEED}`)
})

function damage(disk: MemoryDisk, one: { file: number; at: number; kind: string; length: number }): void {
  const files = disk.paths().filter(path => path.endsWith('.wwj') || path.endsWith('.wwc'))
  const path = files[one.file % files.length]!
  disk.poke(path, data => {
    if (data.length === 0) return data
    const at = one.at % data.length
    const end = Math.min(data.length, at + one.length)
    if (one.kind === 'cut') return data.subarray(0, at)
    if (one.kind === 'flip') data[at]! ^= 1 << (one.length % 8)
    if (one.kind === 'zeros') data.fill(0, at, end)
    if (one.kind === 'garbage') for (let i = at; i < end; i++) data[i] = (i * 197 + one.at) & 0xff
    if (one.kind === 'remove') return Buffer.concat([data.subarray(0, at), data.subarray(end)])
    return data
  })
}

t.test('a segment written by a newer version is refused, not destroyed', async t => {
  const disk = memoryDisk()
  await written(disk, ['a'])
  const { crc32 } = await import('../../../agent/core/crc.ts')
  const [path] = segmentsOf(disk)
  disk.poke(path!, data => {
    data.writeUInt16LE(2, 4)
    data.writeUInt32LE(crc32(data.subarray(0, 28)), 28)
    return data
  })
  await t.rejects(openTestJournal('/j', disk), { code: 'JOURNAL_CORRUPT', message: /newer version/ })
})

t.test('damage that appears while running is stated by the read that meets it', async t => {
  const disk = memoryDisk()
  const journal = await openTestJournal('/j', disk)
  for (const text of ['a', 'b', 'c']) await journal.append(alarm(text))
  const file = await disk.open(segmentsOf(disk)[0]!, 'r+')
  await file.write(Buffer.from('!'), 32 + 25 + 24)
  t.same((await readAll(journal)).map(textOf), ['a', 'c'])
  t.match(journal.status().losses, [{ fromSeq: 2, toSeq: 2, reason: 'damage', detail: /found while reading/ }])
  t.equal((await readAll(journal)).length, 2)
  t.equal(journal.status().losses.length, 1)
  await journal.close()
})
