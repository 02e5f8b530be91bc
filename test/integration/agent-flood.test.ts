// Forty machines lose power at once: one flood, everything delivered, grouped for people, whole after a kill.
import t from 'tap'
import type { AlarmStatisticsView, AlarmView } from '../../agent/http/contract.ts'
import { startDaemon, wearwatch } from '../support/daemon.ts'
import { aedesBroker } from '../support/uplink-brokers.ts'
import { listen } from '../support/uplink-parts.ts'
import { until } from '../support/waiting.ts'

const PUMPS = Array.from({ length: 40 }, (_, i) => `p-${i + 1}`)

const config = (port: number): string => `version: 1
gateway: {site: hall, id: gw-1}
sources:
  plant: {mqtt: {url: "mqtt://127.0.0.1:${port}"}}
uplink: {mqtt: {url: "mqtt://127.0.0.1:${port}"}}
storage: {dir: data}
types:
  pump: {channels: {voltage: {unit: V, min: 180}}, source: plant, topic: "line1/{asset}", value: $.v, learn: {rows: 100000}}
assets:
${PUMPS.map(id => `  ${id}: {type: pump}`).join('\n')}
`

t.test('a flood is one message to people and all of it to the stream', async t => {
  const broker = await aedesBroker()
  t.teardown(() => broker.close())
  const ear = await listen(broker.url, 'wearwatch/v1/hall/gw-1/#')
  t.teardown(() => ear.end())
  let daemon = await startDaemon(t, config(broker.port))
  const up = async (): Promise<boolean> =>
    (await daemon.ask<{ sources: { state: string }[] }>('/v1/status')).sources[0]?.state === 'up'
  await until(up, 'the source to be up')
  const plant = await listen(broker.url, 'nothing')
  t.teardown(() => plant.end())
  for (const id of PUMPS) await plant.publish(`line1/${id}`, JSON.stringify({ v: 3 }))

  const alarms = (): Promise<AlarmView[]> => daemon.ask<AlarmView[]>('/v1/alarms')
  await until(async () => (await alarms()).length === 41, '40 alarms and a flood')
  const flood = (await alarms()).find(({ asset }) => asset === '_gateway')!
  t.match(flood, { rule: 'flood', message: /^flood: 10 alarms within / })
  t.equal((await alarms()).filter(alarm => alarm.flood === flood.id).length, 30)

  const alerts = (): { seq: number; kind: string }[] =>
    ear.heard.filter(({ topic }) => topic.includes('/alert/')).map(({ text }) => JSON.parse(text))
  await until(() => alerts().length === 41, '41 alerts')
  t.same(
    alerts().map(({ seq }) => seq),
    Array.from({ length: 41 }, (_, i) => i + 1),
    'nothing is left out',
  )

  await daemon.stop('SIGKILL')
  daemon = await startDaemon(t, config(broker.port), { dir: daemon.dir })
  t.equal((await alarms()).length, 41, 'all of it stands after a kill')
  const ask = (...args: string[]) => wearwatch([...args, '--socket', daemon.socket])
  const status = await ask('status')
  t.match(status.out, /alarms +.*40 in the last hour, .*flood: 10 alarms/)
  t.match(status.out, /30 alarms of the flood: wearwatch alarms list --grouped/)
  const shown = status.out.split('\n').filter(line => line.startsWith('ALARM'))
  t.equal(shown.length, 11, 'the flood and the nine or ten before it was known')
  const grouped = await ask('alarms', 'list', '--grouped')
  t.match(grouped.out, new RegExp(`${flood.id}  P2  Unacknowledged  flood: 10 alarms`))
  t.match(grouped.out, /p-40: 1 alarm, 1 unacknowledged/)
  t.match(await ask('alarms', 'statistics'), { code: 0, out: /flood +flood: 10 alarms/ })
  const counted = await daemon.ask<AlarmStatisticsView>('/v1/alarms/statistics')
  t.equal(
    counted.assets.reduce((sum, { episodes }) => sum + episodes, 0),
    40,
    'counted once over the restart',
  )
  t.equal((await ask('alarms', 'ack', flood.id)).code, 0)
})
