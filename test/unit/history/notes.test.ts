// Texts beside the black box: there after a restart, a kill and a salvage, gone with the age and the size of the black box.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import type { HistoryNotes } from '../../../agent/history/contract.ts'
import { noteKey } from '../../../agent/history/keys.ts'
import { NOTE_BYTES_MAX, openNote } from '../../../agent/history/notes.ts'
import { openLevel } from '../../../agent/history/place.ts'
import { collect, openTestHistory, refusing, retain } from '../../support/history-open.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { until } from '../../support/waiting.ts'

const T0 = 1_700_000_000_000_000
const DAY_MS = 86_400_000
const names = async (notes: HistoryNotes): Promise<string[]> => (await collect(notes.newestFirst())).map(n => n.name)

t.test('the last word of each name, newest name first, also after a restart', async t => {
  const dir = `${t.testdir()}/history`
  let { history } = await openTestHistory(dir)
  t.same(await names(history.notes), [])
  t.equal(await history.notes.get('A'), undefined)
  for (const [name, version] of [
    ['B', 1],
    ['A', 2],
    ['B', 3],
  ] as const)
    history.notes.keep({ name, version, timeUs: T0, text: `${name} ${version} µ` })
  t.equal(history.notes.version('B'), 3, 'known at once')
  t.same(await history.notes.get('B'), { name: 'B', version: 3, timeUs: T0, text: 'B 3 µ' })
  t.same(await names(history.notes), ['B', 'A'])
  await history.close()
  history = (await openTestHistory(dir)).history
  t.equal(history.notes.version('A'), 2)
  t.equal(history.notes.version('C'), undefined)
  t.same(await names(history.notes), ['B', 'A'])
  t.equal((await history.notes.get('B'))?.text, 'B 3 µ')
  history.notes.keep({ name: 'C', version: 1, timeUs: T0, text: 'x'.repeat(NOTE_BYTES_MAX) })
  t.equal(history.notes.version('C'), undefined, 'one that is too long is not kept')
  await history.close()
})

t.test('they go with the age of the black box, unless the clock is in doubt', async t => {
  const clock = manualClock(T0)
  const retention = retain({ 'black-box': { ageMs: 30 * DAY_MS, bytes: 1 << 30 } })
  const { history } = await openTestHistory(`${t.testdir()}/history`, { clock, retention })
  const { notes } = history
  notes.keep({ name: 'A', version: 1, timeUs: T0, text: '' })
  await history.enforceRetention()
  for (let day = 0; day < 20; day++) clock.advance(DAY_MS)
  notes.keep({ name: 'B', version: 1, timeUs: clock.nowUs(), text: '' })
  await history.enforceRetention()
  t.same(await names(notes), ['B', 'A'])
  for (let day = 0; day < 11; day++) clock.advance(DAY_MS)
  await history.enforceRetention()
  t.same(await names(notes), ['B'])
  t.equal(notes.version('A'), undefined)
  clock.step(-400 * DAY_MS * 1000)
  await history.enforceRetention()
  clock.step(800 * DAY_MS * 1000)
  await history.enforceRetention()
  t.same(await names(notes), ['B'], 'a step of the clock takes none')
  await history.close()
})

t.test('they stay within their part of the black box, the oldest go first', async t => {
  const part = 16
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 10, max: 400 }), { minLength: 1, maxLength: 30 }), async lengths => {
      const retention = retain({ 'black-box': { ageMs: 30 * DAY_MS, bytes: 2_000 * part } })
      const dir = `${t.testdir()}/history`
      const { history } = await openTestHistory(dir, { clock: manualClock(T0), retention })
      const named = lengths.map((length, i) => ({ name: `N${String(i).padStart(3, '0')}`, length }))
      for (const { name, length } of named)
        history.notes.keep({ name, version: 1, timeUs: T0, text: 'x'.repeat(length) })
      await history.enforceRetention()
      const kept = await names(history.notes)
      await history.close()
      const weight = (rows: typeof named): number => rows.reduce((sum, { length }) => sum + length + 5 + 20, 0)
      const most = named.findIndex((_, i) => weight(named.slice(i)) <= 2_000)
      t.same(
        kept,
        named
          .slice(most)
          .map(({ name }) => name)
          .reverse(),
      )
    }),
    { numRuns: 20, seed: 4 },
  )
})

t.test('a flipped bit is never read as a text', async t => {
  const dir = `${t.testdir()}/history`
  let { history } = await openTestHistory(dir)
  history.notes.keep({ name: 'A', version: 1, timeUs: T0, text: 'confirmed by kim' })
  history.notes.keep({ name: 'B', version: 1, timeUs: T0, text: 'false' })
  await history.close()
  const db = await openLevel(dir, false)
  const key = noteKey('A')
  const value = Buffer.from((await db.get(key))!)
  t.equal(openNote(key, value)?.text, 'confirmed by kim')
  for (let bit = 0; bit < 8 * value.length; bit++) {
    const flipped = Buffer.from(value)
    flipped[bit >> 3]! ^= 1 << (bit & 7)
    if (openNote(key, flipped)) t.fail(`bit ${bit} is not noticed`)
  }
  t.equal(openNote(noteKey('C'), value), undefined, 'nor is one under another name')
  value[20]! ^= 1
  await db.put(key, value)
  await db.close()
  history = (await openTestHistory(dir)).history
  t.equal(await history.notes.get('A'), undefined)
  t.same(await names(history.notes), ['B'])
  await history.close()
})

t.test('what the disk refuses is written later, and asked for meanwhile it says why it cannot be told', async t => {
  const dir = `${t.testdir()}/history`
  const disk = refusing()
  const clock = manualClock(T0)
  const { history } = await openTestHistory(dir, { clock, openLevel: disk.open })
  disk.what.add('batch')
  history.notes.keep({ name: 'A', version: 1, timeUs: T0, text: 'a' })
  await t.rejects(history.notes.get('A'), { code: 'HISTORY_IO' })
  await t.rejects(names(history.notes), { code: 'HISTORY_IO' })
  disk.what.clear()
  clock.advance(10_000)
  await history.enforceRetention()
  t.equal((await history.notes.get('A'))?.text, 'a')
  await history.close()
})

t.test('they come back out of a store that was damaged', async t => {
  const root = t.testdir()
  const dir = join(root, 'history')
  let { history } = await openTestHistory(dir)
  for (const name of ['A', 'B']) history.notes.keep({ name, version: 1, timeUs: T0, text: `${name} before` })
  history.append('p', 'samples', ['x'], 1, Float64Array.of(T0), Float64Array.of(1))
  await history.close()
  const current = readdirSync(dir).find(name => name.startsWith('MANIFEST'))!
  writeFileSync(join(dir, current), readFileSync(join(dir, current)).subarray(0, 3))
  history = (await openTestHistory(dir)).history
  history.notes.keep({ name: 'B', version: 2, timeUs: T0, text: 'B after' })
  await until(() => /carried over/.test(history.stats().lossAtOpen ?? ''), 'the salvage to end')
  t.equal((await history.notes.get('A'))?.text, 'A before', 'without a restart')
  await history.close()
  history = (await openTestHistory(dir)).history
  t.equal((await history.notes.get('B'))?.text, 'B after')
  t.equal((await history.notes.get('A'))?.text, 'A before')
  await history.close()
})
