import t from 'tap'
import { type Capture, CaptureCutter } from '../../../agent/windows/capture-cutter.ts'

const RATE = 1000
const START = 1_700_000_000e6

/** `count` samples of a channel from sample number `from` on; each holds its number. */
function piece(from: number, count: number, more: { channel?: number; gap?: boolean } = {}) {
  const { channel = 0, gap = false } = more
  const samples = Int16Array.from({ length: count }, (_, i) => (from + i) % 30_000)
  return { asset: 0, channel, startUs: START + from * 1000, rateHz: RATE, samples, scale: 1, offset: 0, gap }
}

function cutter(samples: number, everyMs: number, axes = 1, settleMs = 0) {
  const taken: { from: number; axes: number[][] }[] = []
  const made = new CaptureCutter(
    Array.from({ length: axes }, (_, channel) => ({ channel, type: 'int16', samples })),
    everyMs * 1000,
    settleMs * 1000,
  )
  const push = (block: ReturnType<typeof piece>): void =>
    made.push(block, ({ startUs, axes }: Capture) =>
      taken.push({ from: (startUs - START) / 1000, axes: axes.map(axis => [...axis.samples]) }),
    )
  return { made, taken, push }
}

t.test('one contiguous piece every so often, whatever the blocks', async t => {
  for (const size of [1, 7, 10, 64, 1000]) {
    const { taken, push } = cutter(10, 50)
    for (let at = 0; at < 200; at += size) push(piece(at, Math.min(size, 200 - at)))
    t.same(
      taken.map(({ from }) => from),
      [0, 50, 100, 150],
    )
    t.same(taken[1]!.axes, [[50, 51, 52, 53, 54, 55, 56, 57, 58, 59]])
  }
})

t.test('a gap or a stop voids it, and the next contiguous stretch is taken at once', async t => {
  const { made, taken, push } = cutter(10, 50)
  push(piece(0, 6))
  push(piece(8, 6, { gap: true }))
  push(piece(14, 3))
  made.void()
  push(piece(20, 12))
  t.same(
    taken.map(({ from }) => from),
    [20],
  )
  push(piece(32, 60))
  t.same(
    taken.map(({ from }) => from),
    [20, 70],
  )
})

t.test('axes begin together; a gap in one voids all; one that falls silent holds up nothing for good', async t => {
  const { taken, push } = cutter(10, 50, 2)
  push(piece(0, 12))
  push(piece(3, 5, { channel: 1 }))
  push(piece(9, 5, { channel: 1, gap: true }))
  push(piece(20, 12))
  push(piece(20, 12, { channel: 1 }))
  t.match(taken, [{ axes: [{}, {}] }])
  t.ok(taken[0]!.from >= 9)
  for (let at = 3000; at < 9000; at += 10) push(piece(at, 10))
  push(piece(9000, 10))
  push(piece(9000, 10, { channel: 1 }))
  push(piece(9010, 10))
  push(piece(9010, 10, { channel: 1 }))
  t.ok(taken.length >= 2)
})

t.test('a clock that is set back', async t => {
  const { taken, push } = cutter(10, 5000)
  push(piece(100_000, 20))
  push(piece(0, 20, { gap: true }))
  t.same(
    taken.map(({ from }) => from),
    [100_000, 0],
  )
})

t.test(
  'none begins while the supply of a sensor settles: after the begin of a stream, and after a silence in it',
  async t => {
    const { taken, push } = cutter(1_000, 5_000, 1, 10_000)
    for (let at = 0; at < 30_000; at += 100) push(piece(at, 100))
    // A frame was lost, and a silence of less than 3 s: the supply stayed on.
    for (let at = 31_000; at < 40_000; at += 100) push(piece(at, 100, { gap: at === 31_000 }))
    for (let at = 60_000; at < 80_000; at += 100) push(piece(at, 100, { gap: at === 60_000 }))
    t.same(
      taken.map(({ from }) => from),
      [10_000, 15_000, 20_000, 25_000, 31_000, 36_000, 70_000, 75_000],
    )
  },
)

t.test('a sender that keeps silent between its captures is heard, but for the first', async t => {
  const { taken, push } = cutter(1_000, 5_000, 1, 10_000)
  for (let burst = 0; burst < 4; burst++) push(piece(burst * 60_000, 1_000, { gap: true }))
  t.same(
    taken.map(({ from }) => from),
    [60_000, 120_000, 180_000],
  )
})

t.test('a clock that is set back while a supply settles moves its end', async t => {
  const { taken, push } = cutter(1_000, 5_000, 1, 10_000)
  push(piece(1_000_000, 4_000))
  for (let at = 0; at < 12_000; at += 100) push(piece(at, 100, { gap: at === 0 }))
  t.same(
    taken.map(({ from }) => from),
    [6_000, 11_000],
  )
})

t.test('one more when asked for, and those that are due come as they would', async t => {
  const { made, taken, push } = cutter(10, 50)
  for (let at = 0; at < 200; at += 10) {
    if (at === 20) made.takeNow()
    if (at === 120) {
      made.takeNow()
      made.takeNow(false)
    }
    push(piece(at, 10))
  }
  t.same(
    taken.map(({ from }) => from),
    [0, 20, 50, 100, 150],
  )
  await t.test('while one is being taken that is it', async t => {
    const { made, taken, push } = cutter(10, 50)
    push(piece(0, 5))
    made.takeNow()
    for (let at = 5; at < 60; at += 5) push(piece(at, 5))
    t.same(
      taken.map(({ from }) => from),
      [0, 50],
    )
  })
})
