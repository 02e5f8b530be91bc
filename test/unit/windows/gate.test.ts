import t from 'tap'
import type { RunningTerm } from '../../../agent/config/contract.ts'
import { Counters } from '../../../agent/core/counters.ts'
import type { GatedBlock } from '../../../agent/windows/contract.ts'
import { Gate } from '../../../agent/windows/gate.ts'
import { asset, channel } from '../../support/assets.ts'
import { block, keep, SECOND_US } from '../../support/blocks.ts'

const speedAbove300 = { text: 'speed > 300', anyOf: [[{ channel: 0, op: '>' as const, value: 300 }]], settleMs: 2000 }

function gated(pump: ReturnType<typeof asset>): { gate: Gate; out: GatedBlock[]; counters: Counters } {
  const out: GatedBlock[] = []
  const counters = new Counters()
  return { gate: new Gate(pump, counters, rows => out.push(keep(rows))), out, counters }
}

t.test('a machine settles after its start; only then it runs and its time counts', async t => {
  const { gate, out } = gated(asset([channel('speed')], { running: speedAbove300 }))
  gate.push(block([[0], [1480], [1480], [1480], [1480], [0]], [0, 1, 2, 3, 4, 5]))
  t.same([...out[0]!.states], [0, 1, 1, 2, 2, 0])
  t.same([...out[0]!.breaks], [1, 0, 0, 1, 0, 0])
  t.same([...out[0]!.runningUs], [0, 0, 0, 0, SECOND_US, 0])
  t.equal(gate.starts, 1)
})

t.test('a value out of range is no value, and cannot make the machine run', async t => {
  const speed = channel('speed', { range: { low: 0, high: 3000 } })
  const { gate, out } = gated(asset([speed, channel('flow')], { running: speedAbove300 }))
  gate.push(
    block(
      [
        [65535, 10],
        [Number.NaN, 10],
      ],
      [0, 1],
    ),
  )
  t.same([...out[0]!.quality], [2, 0, 1, 0])
  t.same([...out[0]!.states], [3, 3], 'it has never been known')
  t.ok(Number.isNaN(out[0]!.values[0]))
})

t.test('late and doubled rows are dropped and counted', async t => {
  const { gate, out, counters } = gated(asset([channel('flow')]))
  gate.push(block([[1], [2], [2], [1.5], [3]], [0, 2, 2, 1, 3]))
  t.same([...out[0]!.values], [1, 2, 3])
  t.same(counters.snapshot(), { 'windows.p-101.late_rows': 2 })
})

t.test('a clock that steps back a day breaks windows but does not silence the asset', async t => {
  const { gate, out } = gated(asset([channel('flow')]))
  gate.push(block([[1], [2]], [0, 1]))
  gate.push(block([[3], [4]], [-86_400, -86_399]))
  t.equal(out[1]!.rows, 2)
  t.same([...out[1]!.breaks], [1, 0])
  t.same([...out[1]!.runningUs], [0, SECOND_US])
})

t.test('a gap breaks windows and its time does not count as running', async t => {
  const { gate, out, counters } = gated(asset([channel('flow')], { gapMs: 5000 }))
  gate.push(block([[1], [1], [1]], [0, 5, 11]))
  t.same([...out[0]!.breaks], [1, 0, 1])
  t.same([...out[0]!.runningUs], [0, 5 * SECOND_US, 0])
  t.same(counters.snapshot(), { 'windows.p-101.gaps': 1 })
})

t.test('a start may hide in a gap: the machine settles again', async t => {
  const { gate, out } = gated(asset([channel('speed')], { running: speedAbove300 }))
  gate.push(block([[1480], [1480], [1480], [1480], [1480]], [0, 1, 2, 30, 32]))
  t.same([...out[0]!.states], [1, 1, 2, 1, 2])
})

t.test(
  'a missing or bad value of the deciding channel neither stops nor starts the machine, for as long as it may be held',
  async t => {
    const speed = channel('speed', { range: { low: 0, high: 3000 }, maxAgeMs: 3000 })
    const { gate, out, counters } = gated(asset([speed], { running: speedAbove300 }))
    const [on, none, bad] = [[1480], [Number.NaN], [65535]]
    gate.push(block([[0], on, on, on, none, bad, none, on], [0, 1, 2, 3, 4, 5, 6, 7]))
    t.same([...out[0]!.states], [0, 1, 1, 2, 2, 2, 2, 2])
    t.same([...out[0]!.breaks], [1, 0, 0, 1, 0, 0, 0, 0])
    gate.push(block([none, none, none, none, none, on, on, on], [8, 9, 10, 11, 12, 13, 14, 15]))
    t.same([...out[1]!.states], [2, 2, 2, 3, 3, 1, 1, 2], 'unknown after 3 s, then it settles')
    t.equal(gate.starts, 1, 'nobody saw it stop')
    gate.push(block([[0], none, none, none, none, [0], on], [16, 17, 18, 19, 20, 21, 22]))
    t.same([...out[2]!.states], [0, 0, 0, 0, 3, 0, 1])
    t.equal(gate.starts, 2)
    t.equal(counters.snapshot()['windows.p-101.running_unknown_rows'], 3)
  },
)

t.test('a value held is forgotten when the clock steps back before it', async t => {
  const { gate, out } = gated(asset([channel('speed')], { running: speedAbove300 }))
  gate.push(block([[1480]], [0]))
  gate.push(block([[Number.NaN], [1480]], [-86_400, -86_399]))
  t.same([...out[1]!.states], [3, 1])
})

t.test('an unknown value does not matter where the others decide', async t => {
  const a = { channel: 0, op: '>' as const, value: 1 }
  const b = { ...a, channel: 1 }
  const states = (anyOf: RunningTerm[][], rows: number[][]): number[] =>
    rows.flatMap(row => {
      const running = { text: 'a, b', anyOf, settleMs: 0 }
      const { gate, out } = gated(asset([channel('a'), channel('b')], { running }))
      gate.push(block([row], [0]))
      return [...out[0]!.states]
    })
  const rows = [
    [2, Number.NaN],
    [0, Number.NaN],
    [Number.NaN, 2],
    [Number.NaN, 0],
  ]
  t.same(states([[a], [b]], rows), [2, 3, 2, 3], 'a or b')
  t.same(states([[a, b]], rows), [3, 0, 3, 0], 'a and b')
})
