// The whole path with receipts: plant, agent, a broker that forgets, `wearwatch collect --receipt`; agent, broker and consumer killed.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { startCollect } from '../support/collect.ts'
import { startDaemon } from '../support/daemon.ts'
import { endChild } from '../support/source-brokers.ts'
import { aedesBroker, MOSQUITTO_MISSING, mosquitto } from '../support/uplink-brokers.ts'
import { listen, range } from '../support/uplink-parts.ts'
import { until } from '../support/waiting.ts'

const config = (plant: number, upstream: number): string => `version: 1
gateway: {site: hall, id: gw-1}
sources: {plant: {mqtt: {url: "mqtt://127.0.0.1:${plant}"}}}
uplink:
  mqtt: {url: "mqtt://127.0.0.1:${upstream}"}
  receipt: consumer
  consumer: scada
  receipt-timeout: 2s
  backfill: {from: 8, rate: 20/s}
storage: {dir: data}
types:
  pump:
    channels: {voltage: {unit: V, min: 180, limit: {off-delay: 0s}}}
    source: plant
    topic: "line1/{asset}"
    value: $.v
    learn: {rows: 100000}
assets: {p-1: {type: pump}}
`

interface Status {
  uplink: { lastAlertSeq: number; deliveredAlertSeq: number }
  sources: { state: string }[]
}

t.test('nothing is lost between a gateway and a consumer', { skip: MOSQUITTO_MISSING }, async t => {
  const plantBroker = await aedesBroker()
  const broker = await mosquitto(['allow_anonymous true', 'persistence false'])
  t.teardown(() => Promise.all([plantBroker.close(), broker.close()]).then(() => {}))
  const plant = await listen(plantBroker.url, 'nothing')
  t.teardown(() => plant.end())
  const text = config(plantBroker.port, broker.port)
  let daemon = await startDaemon(t, text)
  const status = (): Promise<Status> => daemon.ask<Status>('/v1/status')
  let low = false
  /** Rows that raise or clear one alarm each, until the agent made so many alerts. */
  const upTo = (alerts: number): Promise<void> =>
    until(
      async () => {
        if ((await status()).uplink.lastAlertSeq >= alerts) return true
        low = !low
        await plant.publish('line1/p-1', JSON.stringify({ v: low ? 100 : 230 }))
        return false
      },
      `${alerts} alerts`,
      60_000,
    )
  const delivered = (alerts: number): Promise<void> =>
    until(async () => (await status()).uplink.deliveredAlertSeq >= alerts, `${alerts} delivered`, 60_000)

  await until(async () => (await status()).sources[0]?.state === 'up', 'the source')
  await upTo(20)
  t.equal((await status()).uplink.deliveredAlertSeq, 0, 'nobody confirms')
  let collect = await startCollect(t, broker.port, 'scada', ['--receipt', 'scada'])
  await delivered(20)
  await broker.kill()
  await upTo(40)
  await daemon.stop('SIGKILL')
  await broker.start()
  daemon = await startDaemon(t, text, { dir: daemon.dir })
  await endChild(collect.child, 'SIGKILL')
  await until(async () => (await status()).sources[0]?.state === 'up', 'the source')
  await upTo(45)
  collect = await startCollect(t, broker.port, 'scada', ['--receipt', 'scada'], collect.dir)
  await upTo(50)
  const { lastAlertSeq } = (await status()).uplink
  await delivered(lastAlertSeq)
  await collect.stop()
  await daemon.stop()
  const lines = readFileSync(join(collect.dir, 'alerts.ndjson'), 'utf8').trim().split('\n')
  const stored = lines.map(line => JSON.parse(line) as { seq: number; lane: string })
  const numbers = stored.map(({ seq }) => seq)
  t.same(
    [...numbers].sort((a, b) => a - b),
    range(1, numbers.length),
    'each once',
  )
  t.ok(numbers.length >= lastAlertSeq)
  for (const lane of ['fresh', 'backlog']) {
    const ofLane = stored.filter(alert => alert.lane === lane).map(({ seq }) => seq)
    t.same(
      ofLane,
      [...ofLane].sort((a, b) => a - b),
      `${lane} in order`,
    )
  }
})
