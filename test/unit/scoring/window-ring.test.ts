import fc from 'fast-check'
import t from 'tap'
import { WindowRing } from '../../../agent/scoring/window-ring.ts'
import { range } from '../../support/scoring-windows.ts'

const shape = { key: 'a', channels: 1, samples: 2 }

t.test('windows leave in the order they came, whatever is taken, released or dropped in between', async t => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 200 }), steps => {
      let dropped = 0
      const ring = new WindowRing(shape, 8, 4, { claimed: () => {}, dropped: n => (dropped += n) })
      const model: number[] = []
      const taken: { slots: Int32Array; count: number; tags: number[] }[] = []
      let next = 0
      let modelDropped = 0
      for (const step of steps) {
        if (step < 7) {
          const offset = ring.claim(next, next)
          ring.input.fill(next, offset, offset + 2)
          model.push(next++)
          if (model.length > 8 && model.shift() !== undefined) modelDropped++
        } else if (step < 9 && taken.length < 2) {
          const slots = new Int32Array(2)
          const count = ring.take(slots, 2)
          taken.push({ slots, count, tags: model.splice(0, count) })
        } else {
          const batch = taken.shift()
          if (!batch) continue
          // A slot with the scorer is never written again before it is released.
          const held = [...batch.slots.subarray(0, batch.count)].map(slot => [ring.tags[slot], ring.input[slot * 2]])
          if (JSON.stringify(held) !== JSON.stringify(batch.tags.map(tag => [tag, tag]))) return false
          ring.release(batch.slots, batch.count)
        }
      }
      return ring.waiting === model.length && dropped === modelDropped && ring.dropped === modelDropped
    }),
    { seed: 11, numRuns: 300 },
  )
  t.pass('seed 11')
})

t.test('a backlog that stays small touches little memory', async t => {
  const ring = new WindowRing(shape, 1000, 4, { claimed: () => {}, dropped: () => {} })
  const slots = new Int32Array(2)
  const offsets = new Set<number>()
  for (const i of range(0, 500)) {
    offsets.add(ring.claim(i, 0))
    if (i % 2 === 1) ring.release(slots, ring.take(slots, 2))
  }
  t.equal(offsets.size, 2)
})

t.test('large windows shorten the queue to 64 MiB', async t => {
  const ring = new WindowRing({ key: 'a', channels: 8, samples: 25_600 }, 4096, 2, {
    claimed: () => {},
    dropped: () => {},
  })
  t.equal(ring.capacity, 81)
})

t.test('a closed ring takes claims, keeps nothing and counts them', async t => {
  const ring = new WindowRing(shape, 4, 2, { claimed: () => t.fail('nothing to pump'), dropped: () => {} })
  t.equal(ring.close(), 0)
  const offset = ring.claim(1, 1)
  t.ok(offset + 2 <= ring.input.length)
  t.equal(ring.waiting, 0)
  t.equal(ring.dropped, 1)
})
