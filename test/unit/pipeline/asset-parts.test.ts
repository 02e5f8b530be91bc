// What of an asset's data goes to the history.
import t from 'tap'
import { Counters } from '../../../agent/core/counters.ts'
import { newLine } from '../../../agent/pipeline/asset-parts.ts'
import type { BuildOptions } from '../../../agent/pipeline/parts.ts'
import { asset, channel } from '../../support/assets.ts'
import { block, SECOND_US } from '../../support/blocks.ts'
import { manualClock } from '../../support/manual-clock.ts'

const FROM_US = 1_700_000_000 * SECOND_US

function bench(pump: ReturnType<typeof asset>) {
  const stored: { columns: readonly string[]; rows: number[][] }[] = []
  const history = {
    append(
      _asset: string,
      _cls: string,
      columns: readonly string[],
      rows: number,
      times: Float64Array,
      values: Float64Array,
    ) {
      const width = columns.length
      const copied = Array.from({ length: rows }, (_, r) => [
        (times[r]! - FROM_US) / SECOND_US,
        ...values.subarray(r * width, (r + 1) * width),
      ])
      stored.push({ columns, rows: copied })
    },
  }
  const counters = new Counters()
  const parts = {
    history,
    counters,
    engine: { rows() {} },
    scoring: [{ gated() {} }],
    host: {},
    desk: {},
    captures: [],
  }
  const line = newLine({ clock: manualClock() } as unknown as BuildOptions, pump, parts as never)
  return { line, stored, counters }
}

t.test('rows that came late or twice are not stored; what is out of range is, as it came', async t => {
  const { line, stored, counters } = bench(asset([channel('flow', { range: { low: 0, high: 10 } })]))
  line.samples(block([[1], [2], [2], [1.5], [99]], [0, 2, 2, 1, 3]))
  line.samples(block([[99], [4]], [3, 4]))
  line.samples(block([[4]], [4]))
  t.same(
    stored.map(({ rows }) => rows),
    [
      [
        [0, 1],
        [2, 2],
        [3, 99],
      ],
      [[4, 4]],
    ],
  )
  t.equal(counters.snapshot()['windows.p-101.late_rows'], 4)
})

t.test('a waveform channel has no column among the samples', async t => {
  const waveform = { type: 'int16' as const, rateHz: 25_600 }
  const { line, stored } = bench(asset([channel('de-h', { waveform }), channel('current'), channel('winding')]))
  line.samples(
    block(
      [
        [Number.NaN, 8, 60],
        [Number.NaN, 9, 61],
      ],
      [0, 1],
    ),
  )
  t.same(stored, [
    {
      columns: ['current', 'winding'],
      rows: [
        [0, 8, 60],
        [1, 9, 61],
      ],
    },
  ])
})
