import t from 'tap'
import { type AssetLine, assetText } from '../../../agent/cli/status-text.ts'

const ASSET: AssetLine = {
  id: 'p-101',
  machine: 'running',
  channelsGood: 8,
  channels: 8,
  bad: [],
  mode: 'scoring',
  model: { name: 'p-101-var', release: 1, provider: 'cpu' },
  score: 1.31,
  alarms: 0,
}
const PLAIN = '8/8 channels good · running · scoring p-101-var release 1 on cpu, score 1.31'

t.test('windows that wait are shown where there are any', t => {
  t.equal(assetText(ASSET), PLAIN)
  t.equal(assetText({ ...ASSET, windowsWaiting: 0 }), PLAIN)
  t.equal(assetText({ ...ASSET, windowsWaiting: 1 }), `${PLAIN} · 1 window not scored yet`)
  t.equal(assetText({ ...ASSET, windowsWaiting: 64 }), `${PLAIN} · 64 windows not scored yet`)
  t.end()
})

t.test('what is on its way to an alarm is shown with how far it is', t => {
  const pending = { rule: 'model', value: 1.3149, elapsedUs: 4.5 * 60e6, delayUs: 10 * 60e6 }
  t.equal(assetText({ ...ASSET, pending }), `${PLAIN} · pending: score 1.31 for 4/10 min`)
  const limit = { rule: 'pressure.max', value: 9.25, elapsedUs: 2e6, delayUs: 5e6 }
  t.equal(assetText({ ...ASSET, pending: limit }), `${PLAIN} · pending: pressure.max 9.25 for 2/5 s`)
  t.end()
})
