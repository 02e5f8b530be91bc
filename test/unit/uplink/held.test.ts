import fc from 'fast-check'
import t from 'tap'
import { Held } from '../../../agent/uplink/held.ts'

t.test('ranges are what a set of numbers would be', async () => {
  const range = fc.tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 8 }))
  fc.assert(
    fc.property(fc.array(range, { maxLength: 20 }), ranges => {
      const held = new Held()
      const all = new Set<number>()
      for (const [from, more] of ranges) {
        held.add(from, from + more)
        for (let n = from; n <= from + more; n++) all.add(n)
      }
      for (let n = 0; n <= 70; n++) if (held.has(n) !== all.has(n)) return false
      const missing = held.missing(5, 50).flatMap(([a, b]) => Array.from({ length: b - a + 1 }, (_, i) => a + i))
      const wanted = Array.from({ length: 46 }, (_, i) => 5 + i).filter(n => !all.has(n))
      const apart = held.ranges.every(([a, b], i) => a <= b && a > (held.ranges[i - 1]?.[1] ?? -5) + 1)
      return apart && missing.join() === wanted.join() && (held.top ?? -1) === Math.max(-1, ...all)
    }),
  )
})

t.test('nothing is in an empty one, and an empty range adds nothing', async t => {
  const held = new Held()
  held.add(5, 4)
  t.same([held.low, held.top, held.has(5), held.missing(1, 2)], [undefined, undefined, false, [[1, 2]]])
})
