import t from 'tap'
import type { AssetLine, Status } from '../../../agent/cli/status-text.ts'
import { cut, screen, sparkline } from '../../../agent/cli/watch-screen.ts'

const asset = (i: number, more: Partial<AssetLine> = {}): AssetLine => ({
  id: `p-${i}`,
  machine: 'running',
  channelsGood: 8,
  channels: 8,
  bad: [],
  mode: 'scoring',
  score: 0.5,
  alarms: 0,
  ...more,
})

const status = (more: Partial<Status> = {}): Status =>
  ({
    version: '0.1.0',
    site: 'hall',
    gateway: 'gw-1',
    clock: 'synced',
    now: '2026-11-23T12:00:00.000Z',
    since: '2026-11-23T09:00:00.000Z',
    assets: Array.from({ length: 50 }, (_, i) => asset(i)),
    alarms: [],
    alarmRates: { lastHour: 0, perHour: 0, chattering: 0, stale: 0 },
    sources: [{ id: 'plant', kind: 'mqtt', state: 'up', detail: '' }],
    scorer: { state: 'up', placements: [], windowsScored: 7, windowsDropped: 0, restarts: 0 },
    uplink: { state: 'up', detail: 'connected', lastAlertSeq: 3, deliveredAlertSeq: 1 },
    memoryMb: 100,
    ...more,
  }) as unknown as Status

const alarm = (i: number) => ({
  id: `A${i}`,
  priority: 3,
  asset: `p-${i}`,
  active: true,
  isaState: 'Unacknowledged',
  message: 'flow 18 % below prediction',
})

t.test('a sparkline: a cell a bucket, the setpoint at two thirds, nothing where nothing was', async t => {
  t.equal(sparkline([0, 0.5, 0.99, 1, 1.5, 99, Number.NaN, -1]), '▁▃▆▆██ ▁')
})

t.test('never more lines than the terminal has, never wider', async t => {
  for (const rows of [8, 24, 60])
    for (const columns of [20, 80, 200]) {
      const alarms = Array.from({ length: 90 }, (_, i) => alarm(i))
      const lines = screen(status({ alarms }), new Map(), { rows, columns })
      t.ok(lines.length < rows, `${lines.length} of ${rows}`)
      t.ok(lines.every(line => [...line].length <= columns))
    }
})

t.test('what is wrong stands first; what does not fit is counted', async t => {
  const assets = [...status().assets]
  assets[40] = asset(40, { alarms: 1, score: 1.42 })
  assets[45] = asset(45, { channelsGood: 7, bad: ['flow silent'] })
  const scores = new Map([['p-40', [0.2, 1.4]]])
  const lines = screen(status({ assets, alarms: [alarm(40)] }), scores, { rows: 24, columns: 120 })
  const text = lines.join('\n')
  const at = lines.findIndex(line => line.startsWith('ASSET'))
  t.match(lines[at + 1], /^p-40 .*8\/8 +▂█ 1\.42$/)
  t.match(lines[at + 2], /^p-45 .*7\/8 .*flow silent$/)
  t.match(text, /and \d+ more assets, all well/)
  t.match(text, /1 alarm, 1 unacknowledged/)
  t.match(text, /P3 {2}Unacknowledged .*p-40 {2}flow 18 % below prediction {2}\[A40\]/)
  t.match(text, /2 alerts to deliver/)
})

t.test('colours take no cell, a cut line ends uncoloured', async t => {
  t.equal(cut('\u001b[31mabcdef\u001b[0m', 3), '\u001b[31mabc\u001b[0m')
  t.equal(cut('ab\u001b[31mcd\u001b[0m', 4), 'ab\u001b[31mcd\u001b[0m')
  t.equal(cut('abcdef', 3), 'abc')
})
