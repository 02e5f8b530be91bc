// Lossless in and out, and every damaged value found.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { Counters } from '../../../agent/core/counters.ts'
import { Codecs, rowsOf as decodeRows, encodeRows, openChunk } from '../../../agent/history/chunk.ts'
import { ALL_CHUNKS, chunkKey, tablePrefix, timeBound, timeOf } from '../../../agent/history/keys.ts'
import { openLevel } from '../../../agent/history/place.ts'
import { appendRows, openTestHistory, rowsOf } from '../../support/history-open.ts'

const SEED = 7
const codecs = new Codecs()
const T0 = 1_700_000_000_000_000

t.test('any float64 comes back bit for bit', async t => {
  const number = fc.oneof(fc.double(), fc.constantFrom(Number.NaN, -0, 0, Infinity, -Infinity, 5e-324))
  const block = fc.integer({ min: 1, max: 6 }).chain(width =>
    fc.record({
      columns: fc.uniqueArray(fc.string({ minLength: 1, maxLength: 12 }), { minLength: width, maxLength: width }),
      rows: fc.array(
        fc.tuple(
          fc.double({ noNaN: true, noDefaultInfinity: true }),
          fc.array(number, { minLength: width, maxLength: width }),
        ),
        {
          minLength: 1,
          maxLength: 50,
        },
      ),
    }),
  )
  fc.assert(
    fc.property(block, ({ columns, rows }) => {
      const key = chunkKey(tablePrefix('scores', 'p', ''), rows[0]![0], 1)
      const timesUs = Float64Array.from(rows, row => row[0])
      const values = Float64Array.from(rows.flatMap(row => row[1]))
      const source = {
        names: columns,
        rows: rows.length,
        timesUs,
        columns: columns.map((_, column) => Float64Array.from(rows, row => row[1][column]!)),
      }
      const chunk = openChunk(key, encodeRows(codecs, key, 'scores', source))
      assert.ok(chunk)
      const back = decodeRows(codecs, chunk, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY)
      assert.deepEqual(back?.columns, columns)
      assert.deepEqual(Buffer.from(back.timesUs.buffer), Buffer.from(timesUs.buffer))
      assert.deepEqual(Buffer.from(back.values.buffer), Buffer.from(values.buffer))
    }),
    { seed: SEED, numRuns: 200 },
  )
  t.pass(`seed ${SEED}`)
})

t.test('keys sort as their times do', async t => {
  const prefix = tablePrefix('samples', 'p', '')
  const time = fc.double({ noNaN: true })
  fc.assert(
    fc.property(time, time, (a, b) => {
      const order = timeBound(prefix, a).compare(timeBound(prefix, b))
      assert.equal(order, Object.is(a, b) ? 0 : a < b || (a === b && Object.is(a, -0)) ? -1 : 1)
      assert.ok(Object.is(timeOf(chunkKey(prefix, a, 1), prefix.length), a))
    }),
    { seed: SEED },
  )
  t.pass(`seed ${SEED}`)
})

t.test('random blocks through LevelDB, over flushes, asked for by random ranges', async t => {
  const step = fc.integer({ min: -90_000_000, max: 700_000_000 })
  const property = fc.asyncProperty(
    fc.array(fc.array(fc.tuple(step, fc.double()), { minLength: 1, maxLength: 40 }), { minLength: 1, maxLength: 4 }),
    fc.nat(1_000_000_000),
    fc.nat(2_000_000_000),
    async (batches, from, length) => {
      const { history } = await openTestHistory(`${t.testdir()}/history`)
      const expected: [number, number][] = []
      let time = T0
      for (const batch of batches) {
        for (const [step, value] of batch) {
          time += step
          expected.push([time, value])
        }
        appendRows(history, 'p', expected.slice(-batch.length), ['x'])
        if (batch.length % 2) await history.flush()
      }
      const range = { fromUs: T0 + from, toUs: T0 + from + length }
      const found = await rowsOf(history.query({ asset: 'p', class: 'samples', ...range }))
      const wanted = expected.filter(([at]) => at >= range.fromUs && at < range.toUs)
      const byTime = (a: number[], b: number[]): number => a[0]! - b[0]! || (Object.is(a[1], b[1]) ? 0 : a[1]! - b[1]!)
      assert.deepEqual(found.sort(byTime), wanted.sort(byTime))
      await history.close()
    },
  )
  await fc.assert(property, { seed: SEED, numRuns: 40 })
  t.pass(`seed ${SEED}`)
})

t.test('every bit of a stored value flipped: the chunk is left out and counted, never read wrong', async t => {
  const key = chunkKey(tablePrefix('samples', 'p', ''), T0, 1)
  const source = {
    names: ['a'],
    rows: 3,
    timesUs: Float64Array.of(T0, T0 + 1, T0 + 2),
    columns: [Float64Array.of(1, 2, 3)],
  }
  const value = encodeRows(codecs, key, 'samples', source)
  for (let bit = 0; bit < value.length * 8; bit++) {
    const flipped = Buffer.from(value)
    flipped[bit >> 3]! ^= 1 << (bit & 7)
    assert.equal(openChunk(key, flipped), undefined, `bit ${bit}`)
  }
  assert.equal(openChunk(chunkKey(tablePrefix('samples', 'q', ''), T0, 1), value), undefined, 'under another key')

  const dir = `${t.testdir()}/history`
  const { history } = await openTestHistory(dir)
  // Other columns each time, so that each row is a chunk.
  for (let i = 0; i < 3; i++) appendRows(history, 'p', [[T0 + i, i]], [`x${i}`])
  await history.close()
  const db = await openLevel(dir, false)
  const [, second] = await db.keys({ gte: tablePrefix('samples', 'p', ''), lt: ALL_CHUNKS.lt }).all()
  const stored = Buffer.from((await db.get(second!))!)
  stored[80]! ^= 4
  await db.put(second!, stored)
  await db.close()
  const counters = new Counters()
  const again = (await openTestHistory(dir, { counters })).history
  t.same(await rowsOf(again.query({ asset: 'p', class: 'samples', fromUs: 0, toUs: 1e18 })), [
    [T0, 0],
    [T0 + 2, 2],
  ])
  t.equal(again.stats().corruptChunks, 1)
  t.match(counters.snapshot(), { 'history.corrupt_chunks': 1 })
  await again.close()
})
