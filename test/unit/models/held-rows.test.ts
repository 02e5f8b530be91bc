import t from 'tap'
import { Counters } from '../../../agent/core/counters.ts'
import { HeldRows } from '../../../agent/models/live/held-rows.ts'
import type { GatedBlock } from '../../../agent/windows/contract.ts'
import { Gate } from '../../../agent/windows/gate.ts'
import { asset, channel } from '../../support/assets.ts'
import { block, keep } from '../../support/blocks.ts'

/** Row numbers as values and times of asset `index`. */
function source(index: number): (from: number, count: number) => GatedBlock {
  let last: GatedBlock | undefined
  const gate = new Gate(asset([channel('flow')], { index }), new Counters(), rows => {
    last = keep(rows)
  })
  return (from, count) => {
    const rows = Array.from({ length: count }, (_, i) => from + i)
    gate.push({
      ...block(
        rows.map(row => [row]),
        rows,
      ),
      asset: index,
    })
    return last!
  }
}

const CHUNK_BYTES = 256 * 27

function drain(held: HeldRows, index: number): { rows: number[]; breaks: number[] } {
  const all = { rows: [] as number[], breaks: [] as number[] }
  for (let chunk = held.take(index); chunk; chunk = held.take(index)) {
    all.rows.push(...chunk.values.subarray(0, chunk.rows))
    all.breaks.push(
      ...[...chunk.breaks.subarray(0, chunk.rows)].flatMap((mark, r) => (mark ? [chunk!.values[r]!] : [])),
    )
  }
  return all
}

t.test('rows come out per asset in the order they went in, with everything judged about them', async t => {
  const held = new HeldRows(['a', 'b'], new Counters())
  const [a, b] = [source(0), source(1)]
  const first = a(0, 3)
  held.push(first)
  held.push(b(100, 300))
  held.push(a(3, 300))
  const chunk = held.take(0)
  t.equal(chunk?.rows, 256)
  t.same([...chunk!.timesUs.subarray(0, 3)], [...first.timesUs])
  t.same([...chunk!.states.subarray(0, 3)], [...first.states])
  t.same([...chunk!.runningUs.subarray(0, 3)], [...first.runningUs])
  t.same(drain(held, 0), { rows: Array.from({ length: 47 }, (_, i) => 256 + i), breaks: [] })
  t.equal(drain(held, 1).rows.length, 300)
  t.equal(held.take(0), undefined)
})

t.test('all assets together are bounded in bytes: the oldest go, are counted, and leave a break', async t => {
  const counters = new Counters()
  const held = new HeldRows(['a', 'b'], counters, 4 * CHUNK_BYTES)
  const [a, b] = [source(0), source(1)]
  held.push(a(0, 10))
  held.push(b(0, 5 * 256))
  t.same(counters.snapshot(), { 'models.a.pending_rows_dropped': 10, 'models.b.pending_rows_dropped': 256 })
  held.push(a(10, 2))
  t.same(drain(held, 0), { rows: [10, 11], breaks: [10] })
  t.same(drain(held, 1).breaks, [512], 'a chunk more went for those two rows')
})
