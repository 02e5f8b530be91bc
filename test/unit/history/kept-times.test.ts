// Which times the black box keeps, against the plain list of what was asked for.
import fc from 'fast-check'
import t from 'tap'
import { silentLogger } from '../../../agent/core/logger.ts'
import { BlackBox } from '../../../agent/history/black-box.ts'
import { KeptTimes } from '../../../agent/history/kept-times.ts'

const time = (asset: string, fromUs: number, toUs: number) => ({
  key: Buffer.from(`${asset}${fromUs}`),
  asset,
  fromUs,
  toUs,
})

/** Asks for the ranges; what is written down in the end, by key. */
function writtenDown(asked: readonly (readonly [from: number, to: number])[]): [from: number, to: number][] {
  const box = new BlackBox(silentLogger)
  const records = new Map<string, [number, number]>()
  for (const [from, to] of asked) {
    for (const { key, value } of box.keep('p', from, to)?.puts ?? []) {
      const old = records.get(key.toString('hex'))
      records.set(key.toString('hex'), [old?.[0] ?? from, value.readDoubleLE(0)])
    }
  }
  return [...records.values()]
}

t.test('what is written down covers what was asked for, and nothing else', async t => {
  const seed = 11
  const range = fc.tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 1, max: 20 }))
  fc.assert(
    fc.property(fc.array(range, { maxLength: 30 }), ranges => {
      const asked = ranges.map(([from, length]) => [from, from + length] as const)
      const kept = writtenDown(asked)
      for (let at = 0.5; at < 100; at++) {
        const covers = ([from, to]: readonly [number, number]): boolean => from <= at && at <= to
        if (asked.some(covers) !== kept.some(covers)) return false
      }
      return true
    }),
    { seed, numRuns: 500 },
  )
  t.pass(`seed ${seed}`)
})

t.test('an alarm that comes back before its time is over prolongs it', async t => {
  const chattering = Array.from({ length: 1_000 }, (_, i) => [i * 10, i * 10 + 15] as const)
  t.same(writtenDown(chattering), [[0, 9_990 + 15]])
  t.same(writtenDown([[5, 5]]), [], 'no time at all')
})

t.test('the oldest go first, over all assets', async t => {
  const times = new KeptTimes()
  for (let i = 0; i < 5; i++) times.set(time(i % 2 ? 'p' : 'q', i, i + 1))
  times.set(time('q', 0, 9))
  t.same(
    times.takeBeyond(3).map(({ asset, fromUs }) => [asset, fromUs]),
    [
      ['p', 1],
      ['q', 2],
    ],
    'one that was prolonged is new again',
  )
  t.same(
    times.of('q').map(({ fromUs, toUs }) => [fromUs, toUs]),
    [
      [0, 9],
      [4, 5],
    ],
  )
  t.equal(times.at('q', 4.5)?.toUs, 9)
  t.equal(times.at('p', 1.5), undefined)
  t.equal(times.takeBefore(6).length, 2)
  t.same(times.takeAll().length, 1)
  t.same(times.of('q'), [])
})
