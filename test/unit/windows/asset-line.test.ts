import t from 'tap'
import type { AssetConfig } from '../../../agent/config/contract.ts'
import { Counters } from '../../../agent/core/counters.ts'
import { AssetLine } from '../../../agent/windows/asset-line.ts'
import { asset, channel } from '../../support/assets.ts'
import { block } from '../../support/blocks.ts'
import { manualClock } from '../../support/manual-clock.ts'

function lineOf(config: AssetConfig) {
  const clock = manualClock()
  const taps = { stored() {}, gated() {}, waveform() {} }
  return { clock, line: new AssetLine(config, clock, new Counters(), taps) }
}

t.test('machine: unknown before the first row and after a silence longer than the gap', async t => {
  const running = { text: 'speed > 300', anyOf: [[{ channel: 0, op: '>' as const, value: 300 }]], settleMs: 0 }
  const { clock, line } = lineOf(asset([channel('speed')], { running, gapMs: 10_000 }))
  t.equal(line.machineNow(), 'unknown')
  line.samples(block([[1000]], [0]))
  t.equal(line.machineNow(), 'running')
  clock.advance(10_000)
  t.equal(line.machineNow(), 'running', 'a gap may be that long')
  clock.advance(1)
  t.equal(line.machineNow(), 'unknown')
  line.samples(block([[0]], [20]))
  t.equal(line.machineNow(), 'stopped')
})

t.test('machine: an asset without `running` is unknown without rows too', async t => {
  const { line } = lineOf(asset([channel('speed')]))
  t.equal(line.machineNow(), 'unknown')
  line.samples(block([[1000]], [0]))
  t.equal(line.machineNow(), 'running')
})

t.test('machine: waveforms alone count for as long as their max-age', async t => {
  const { clock, line } = lineOf(
    asset([channel('de-h', { waveform: { type: 'int16', rateHz: 1000 } as never, maxAgeMs: 600_000 })]),
  )
  t.equal(line.machineNow(), 'unknown')
  line.waveform({
    asset: 0,
    channel: 0,
    startUs: 0,
    rateHz: 1000,
    scale: 1,
    offset: 0,
    samples: new Int16Array(8),
  } as never)
  clock.advance(600_000)
  t.equal(line.machineNow(), 'running')
  clock.advance(1)
  t.equal(line.machineNow(), 'unknown')
})

/** Batches of ten rows, `everyMs` apart, from now on; what is shown right before each of them. */
function deliver({ clock, line }: ReturnType<typeof lineOf>, batches: number, everyMs: number): string[] {
  return Array.from({ length: batches }, (_, i) => {
    clock.advance(everyMs)
    const shown = line.machineNow()
    for (let row = 0; row < 10; row++) {
      line.samples(block([[1000]], [clock.monotonicMs() / 1000 + row + 100 * i]))
      clock.advance(1)
    }
    return shown
  })
}

t.test('machine: batches further apart than the gap are no silence once it is seen how they come', async t => {
  const it = lineOf(asset([channel('speed')], { gapMs: 10_000 }))
  t.same(deliver(it, 6, 60_000), ['unknown', 'unknown', 'running', 'running', 'running', 'running'])
  t.same(deliver(it, 3, 90_000), ['running', 'running', 'running'], 'late ones')
  t.equal(it.line.machineNow(), 'running')
  it.clock.advance(3 * 90_100)
  t.equal(it.line.machineNow(), 'unknown', 'nothing comes any more')
})

t.test('machine: after an outage of batches, silence is soon noticed as before', async t => {
  const it = lineOf(asset([channel('speed')], { gapMs: 10_000 }))
  deliver(it, 3, 60_000)
  t.same(deliver(it, 1, 2 * 3_600_000), ['unknown'])
  it.clock.advance(3_600_000 + 1)
  t.equal(it.line.machineNow(), 'unknown', 'an hour of 10 s gaps is the most')
  deliver(it, 8, 60_000)
  it.clock.advance(3 * 61_000)
  t.equal(it.line.machineNow(), 'unknown')
})

t.test('machine: an outage of a stream of rows does not teach that silence is usual', async t => {
  const it = lineOf(asset([channel('speed')], { gapMs: 10_000 }))
  for (let outage = 0; outage < 3; outage++) {
    deliver(it, 60, 1000)
    it.clock.advance(10_001)
    t.equal(it.line.machineNow(), 'unknown', `silence ${outage}`)
    it.clock.advance(600_000)
  }
  deliver(it, 2, 60_000)
  deliver(it, 60, 1000)
  it.clock.advance(10_001)
  t.equal(it.line.machineNow(), 'unknown', 'batches once, a stream now')
})
