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
