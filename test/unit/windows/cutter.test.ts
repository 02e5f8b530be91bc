import fc from 'fast-check'
import t from 'tap'
import type { WaveformBlock } from '../../../agent/core/types.ts'
import type { GatedBlock } from '../../../agent/windows/contract.ts'
import { Cutter } from '../../../agent/windows/cutter.ts'
import { WaveformCutter } from '../../../agent/windows/waveform-cutter.ts'
import { collectingQueue } from '../../support/window-queue.ts'

interface Row {
  values: [number, number]
  state: number
  broken: boolean
}

function gatedBlock(rows: readonly Row[], firstTime: number): GatedBlock {
  return {
    asset: 0,
    rows: rows.length,
    columns: 2,
    timesUs: Float64Array.from(rows, (_, i) => firstTime + i),
    values: Float64Array.from(rows.flatMap(row => row.values)),
    states: Uint8Array.from(rows, row => row.state),
    breaks: Uint8Array.from(rows, row => (row.broken ? 1 : 0)),
    quality: new Uint8Array(rows.length * 2),
    runningUs: Float64Array.from(rows, row => (row.state === 2 ? 1 : 0)),
  }
}

/** The same rule said the slow way: a window is `samples` successive good running rows without a break inside. */
function naiveWindows(rows: readonly Row[], samples: number, hop: number): { timeUs: number; values: number[] }[] {
  const windows: { timeUs: number; values: number[] }[] = []
  let sinceCut = 0
  rows.forEach((row, end) => {
    const good = row.state === 2 && row.values.every(value => !Number.isNaN(value))
    if (!good) return
    sinceCut++
    const window = rows.slice(Math.max(0, end - samples + 1), end + 1)
    const whole =
      window.length === samples &&
      window.every((r, i) => r.state === 2 && !r.values.some(Number.isNaN) && (i === 0 || !r.broken))
    if (!whole || sinceCut < hop) return
    sinceCut = 0
    windows.push({ timeUs: end, values: [0, 1].flatMap(c => window.map(r => r.values[c]!)) })
  })
  return windows
}

const anyRow: fc.Arbitrary<Row> = fc.record({
  values: fc.tuple(
    fc.oneof(
      { weight: 9, arbitrary: fc.integer({ min: -99, max: 99 }) },
      { weight: 1, arbitrary: fc.constant(Number.NaN) },
    ),
    fc.integer({ min: -99, max: 99 }),
  ),
  state: fc.constantFrom(2, 2, 2, 2, 2, 2, 1, 0),
  broken: fc.constantFrom(false, false, false, false, false, true),
})

t.test('windows are those of the rule, however the rows are cut into blocks', async t => {
  fc.assert(
    fc.property(
      fc.array(anyRow, { maxLength: 80 }),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 9 }),
      (rows, samples, hop, step) => {
        const queue = collectingQueue(2 * samples)
        const cutter = new Cutter(0, { columns: [0, 1], samples, hop })
        for (let at = 0; at < rows.length; at += step)
          cutter.push(gatedBlock(rows.slice(at, at + step), at), queue, () => {})
        const got = queue.windows().map(({ timeUs, values }) => ({ timeUs, values }))
        t.same(got, naiveWindows(rows, samples, hop))
      },
    ),
    { numRuns: 200 },
  )
})

t.test('only windows that end after the baseline are cut, and they may reach back into it', async t => {
  const rows = Array.from({ length: 6 }, (_, i): Row => ({ values: [i, i], state: 2, broken: false }))
  const queue = collectingQueue(6)
  new Cutter(0, { columns: [0, 1], samples: 3, hop: 1 }, 3).push(gatedBlock(rows, 0), queue, () => {})
  t.same(
    queue.windows().map(window => window.values),
    [
      [2, 3, 4, 2, 3, 4],
      [3, 4, 5, 3, 4, 5],
    ],
  )
})

t.test('after the clock stepped back windows are cut at once, not when the old time comes round again', async t => {
  const rows = Array.from({ length: 3 }, (_, i): Row => ({ values: [i, i], state: 2, broken: i === 0 }))
  const queue = collectingQueue(6)
  const cutter = new Cutter(0, { columns: [0, 1], samples: 3, hop: 1 }, 1000)
  cutter.push(gatedBlock(rows, 990), queue, () => {})
  cutter.push(gatedBlock(rows, 100), queue, () => {})
  t.same(
    queue.windows().map(window => window.timeUs),
    [102],
  )
})

t.test('waveform windows join across blocks, slide by hop, and a gap voids what was gathered', async t => {
  const queue = collectingQueue(4)
  const cutter = new WaveformCutter(0, 4, 2)
  const piece = (samples: number[], gap = false): WaveformBlock => ({
    asset: 0,
    channel: 0,
    startUs: 0,
    rateHz: 1e6,
    samples: Int16Array.from(samples),
    scale: 2,
    offset: 1,
    gap,
  })
  for (const block of [piece([0, 1, 2]), piece([3, 4, 5, 6]), piece([10, 11, 12], true), piece([13])])
    cutter.push(block, queue, () => {})
  t.same(
    queue.windows().map(window => window.values),
    [
      [1, 3, 5, 7],
      [5, 7, 9, 11],
      [21, 23, 25, 27],
    ],
  )
})

t.test('a hop longer than the window skips samples, across blocks too', async t => {
  const queue = collectingQueue(2)
  const cutter = new WaveformCutter(0, 2, 5)
  for (let at = 0; at < 12; at += 3) {
    cutter.push(
      {
        asset: 0,
        channel: 0,
        startUs: 0,
        rateHz: 1,
        samples: Float32Array.from([at, at + 1, at + 2]),
        scale: 1,
        offset: 0,
        gap: false,
      },
      queue,
      () => {},
    )
  }
  t.same(
    queue.windows().map(window => window.values),
    [
      [0, 1],
      [5, 6],
      [10, 11],
    ],
  )
})
