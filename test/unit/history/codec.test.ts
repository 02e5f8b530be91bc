// Every column comes back bit for bit, whatever way it is stored, and takes no more than its content warrants.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { seededPrng } from '../../../agent/core/prng.ts'
import { RowsCodec } from '../../../agent/history/codec/rows.ts'
import { SamplesCodec } from '../../../agent/history/codec/samples.ts'

const SEED = 11
const ROWS_MAX = 512
const codec = new RowsCodec(ROWS_MAX)

function bitsOf(values: ArrayLike<number>): Buffer {
  return Buffer.from(Float64Array.from(values).buffer)
}

/** Through the codec and back; returns the bytes it took. */
function roundTrip(timesUs: Float64Array, columns: readonly Float64Array[]): number {
  const bytes = Buffer.from(codec.encode(timesUs, columns, timesUs.length))
  const all = columns.map((_, column) => column)
  const back = codec.decode(bytes, timesUs.length, all)
  assert.deepEqual(bitsOf(back.timesUs), bitsOf(timesUs), 'times')
  for (const column of all)
    assert.deepEqual(bitsOf(back.columns[column]!), bitsOf(columns[column]!), `column ${column}`)
  return bytes.length
}

/** Columns as sensors give them, and as nothing does. */
const column = (rows: number): fc.Arbitrary<Float64Array> => {
  const of = (value: fc.Arbitrary<number>): fc.Arbitrary<Float64Array> =>
    fc.array(value, { minLength: rows, maxLength: rows }).map(values => Float64Array.from(values))
  const decimals = fc.integer({ min: 0, max: 11 }).chain(digits => of(fc.integer().map(value => value / 10 ** digits)))
  const special = fc.constantFrom(Number.NaN, -0, 0, Infinity, -Infinity, 5e-324, 1e308, 2 ** 53, -(2 ** 60))
  return fc.oneof(
    decimals,
    decimals.map(values => values.map(Math.fround)),
    of(fc.float()),
    of(fc.double()),
    of(fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 0, max: 5 }) }, { weight: 1, arbitrary: special })),
    of(
      fc.oneof(
        fc.constant(Number.NaN),
        fc.integer({ min: -9, max: 9 }).map(value => value / 10),
      ),
    ),
    of(fc.constantFrom(0.1234567890123, Math.PI, Math.E, -1e-9)),
    of(fc.maxSafeInteger()),
  )
}

t.test('any columns and times come back bit for bit', async t => {
  const steps = fc.oneof(
    fc.constant(1e5),
    fc.integer({ min: -1e6, max: 1e7 }),
    fc.double({ min: -1e9, max: 1e9, noNaN: true }),
  )
  const block = fc.integer({ min: 1, max: 300 }).chain(rows =>
    fc.record({
      start: fc.oneof(fc.constant(1.7e15), fc.double({ noNaN: true, noDefaultInfinity: true })),
      steps: fc.array(steps, { minLength: rows, maxLength: rows }),
      columns: fc.array(column(rows), { minLength: 1, maxLength: 4 }),
    }),
  )
  fc.assert(
    fc.property(block, ({ start, steps, columns }) => {
      let time = start
      roundTrip(
        Float64Array.from(steps, step => {
          time += step
          return time
        }),
        columns,
      )
    }),
    { seed: SEED, numRuns: 400 },
  )
  t.pass(`seed ${SEED}`)
})

t.test('NaN keeps its payload: a sensor may say with it what is wrong', async t => {
  const values = new Float64Array(4)
  new BigUint64Array(values.buffer).set([
    0x7ff8000000000000n,
    0x7ff8000000000001n,
    0xfff8000000000000n,
    0x7ff0000000000001n,
  ])
  roundTrip(Float64Array.of(0, 1, 2, 3), [values])
  t.pass()
})

t.test('what a column takes follows from what is in it', async t => {
  const prng = seededPrng(SEED)
  const rows = 512
  const timesUs = Float64Array.from({ length: rows }, (_, row) => 1.7e15 + row * 1e5)
  const of = (value: (row: number) => number): number =>
    roundTrip(timesUs, [Float64Array.from({ length: rows }, (_, row) => value(row))]) / rows
  t.ok(of(() => 21.5) < 0.1, 'a constant takes nothing')
  t.ok(of(row => Math.floor(row / 100) + 0.25) < 0.2, 'steps take next to nothing')
  t.ok(of(row => row * 0.5) < 0.2, 'nor does a ramp')
  const noise = of(() => Math.round(prng.next() * 100) / 10 + 50)
  t.ok(noise < 1.1, `100 levels of noise are 6.7 bits: ${noise.toFixed(2)} bytes`)
  const levels = Float64Array.from({ length: 16 }, () => prng.normal())
  const few = of(() => levels[Math.floor(prng.next() * 16)]!)
  t.ok(few < 1.6, `16 values of full precision are twice 4 bits and a dictionary: ${few.toFixed(2)} bytes`)
  const single = of(() => Math.fround(prng.normal()))
  t.ok(single < 4, `float32 noise takes less than its 4 bytes: ${single.toFixed(2)}`)
  t.ok(of(() => prng.normal()) < 8.1, 'noise of full precision takes what it takes')
})

t.test('one column of many is read without the others, in any order', async t => {
  const columns = [1, 2, 3].map(factor => Float64Array.from({ length: 50 }, (_, row) => row * factor))
  const timesUs = Float64Array.from({ length: 50 }, (_, row) => row)
  const bytes = Buffer.from(codec.encode(timesUs, columns, 50))
  const back = codec.decode(bytes, 50, [2, -1, 0])
  t.same(back.columns[0], columns[2])
  t.ok(back.columns[1]!.every(Number.isNaN), 'one that is not there is NaN')
  t.same(back.columns[2], columns[0])
})

t.test('bytes that are no rows are an error, never a hang or a wrong length', async t => {
  const timesUs = Float64Array.from({ length: 100 }, (_, row) => row * 1e5)
  const values = Float64Array.from({ length: 100 }, (_, row) => Math.round(Math.sin(row) * 1000) / 10)
  const bytes = Buffer.from(codec.encode(timesUs, [values], 100))
  let refused = 0
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = Buffer.from(bytes)
    flipped[bit >> 3]! ^= 1 << (bit & 7)
    try {
      const back = codec.decode(flipped, 100, [0])
      assert.equal(back.columns[0]!.length, 100)
    } catch (error) {
      assert.ok(error instanceof Error)
      refused++
    }
  }
  t.ok(refused > 0, `${refused} of ${bytes.length * 8} refused; the CRC of the chunk catches all`)
  for (let length = 0; length < bytes.length; length++) {
    assert.throws(() => codec.decode(bytes.subarray(0, length), 100, [0]), `cut to ${length} bytes`)
  }
})

t.test('waveforms come back as they came; quiet ones take less', async t => {
  const samples = new SamplesCodec(4096)
  const prng = seededPrng(SEED)
  const there = <T extends Int16Array | Float32Array>(given: T): number => {
    const bytes = Buffer.from(samples.encode(given))
    const back = samples.decode(bytes, given.length, given instanceof Int16Array)
    assert.deepEqual(Buffer.from(back.buffer), Buffer.from(given.slice().buffer))
    return bytes.length / given.length
  }
  there(Int16Array.of(-32768, 32767, 0, -1, 1))
  there(Float32Array.of(Number.NaN, -0, Infinity, 1e-45, -3.5))
  fc.assert(
    fc.property(fc.int16Array({ minLength: 1, maxLength: 4096 }), given => void there(given)),
    { seed: SEED, numRuns: 100 },
  )
  fc.assert(
    fc.property(fc.float32Array({ minLength: 1, maxLength: 500 }), given => void there(given)),
    { seed: SEED, numRuns: 100 },
  )
  const quiet = there(Int16Array.from({ length: 4096 }, () => prng.normal() * 20))
  t.ok(quiet < 1.3, `noise of 20 steps rms is 6.4 bits: ${quiet.toFixed(2)} bytes`)
  const slow = there(Int16Array.from({ length: 4096 }, (_, i) => 20_000 * Math.sin(i / 500)))
  t.ok(slow < 1, `a slow sine is its differences: ${slow.toFixed(2)} bytes`)
})
