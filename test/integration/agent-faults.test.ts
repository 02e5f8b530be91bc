// What goes wrong around the built daemon: broker away, port missing, bad configuration, a second daemon.
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { startDaemon, wearwatch } from '../support/daemon.ts'
import { Plant, PlantLink, plantConfig, recently, type Status } from '../support/plant.ts'
import { shortDir } from '../support/short-dir.ts'
import { startAedes } from '../support/source-brokers.ts'
import { aedesBroker, freePort, MOSQUITTO_MISSING, mosquitto } from '../support/uplink-brokers.ts'
import { listen } from '../support/uplink-parts.ts'
import { until } from '../support/waiting.ts'

const BURSTS = 5
/** Raised and cleared each time; a new one acknowledges the one before it. */
const ALERTS = 3 * BURSTS - 1

t.test('alarms raised while the broker is away arrive afterwards, in order', { skip: MOSQUITTO_MISSING }, async t => {
  const field = await aedesBroker()
  t.teardown(() => field.close())
  // With persistence, so that the subscriber's session is there when the gateway is back first.
  const upstream = await mosquitto(['allow_anonymous true', 'persistence true', 'persistence_location $DIR/'])
  t.teardown(() => upstream.close())
  const ear = await listen(upstream.url, 'wearwatch/v1/+/+/alert/#', { clientId: 'ear', clean: false })
  t.teardown(() => ear.end())
  const config = plantConfig({ port: field.port, more: `uplink: {mqtt: {url: "${upstream.url}"}}` })
  const daemon = await startDaemon(t, config)
  const status = (): Promise<Status> => daemon.ask<Status>('/v1/status')
  await until(async () => {
    const { sources, uplink } = await status()
    return sources[0]!.state === 'up' && uplink.state === 'up'
  }, 'both links')
  const plant = new Plant('p-1', 3, recently())
  const link = await PlantLink.open(field.port)
  t.teardown(() => link.close())

  await upstream.stop()
  await until(async () => (await status()).uplink.state === 'waiting', 'the uplink to notice')
  t.match((await status()).uplink.detail, /again|retry|next try/i, (await status()).uplink.detail)
  for (let i = 0; i < BURSTS; i++) {
    await link.send(plant, 1, 'burst')
    await link.send(plant, 5)
  }
  await until(async () => (await status()).uplink.lastAlertSeq === ALERTS, 'the alarms to be journalled')
  t.equal((await status()).uplink.deliveredAlertSeq, 0)
  t.match((await wearwatch(['status', '--socket', daemon.socket])).out, /uplink +waiting: .*alerts 0\/14 delivered/)

  await upstream.start()
  await until(async () => (await status()).uplink.deliveredAlertSeq === ALERTS, 'the alarms to be delivered', 40_000)
  await until(() => ear.heard.length >= ALERTS, 'the alarms at the subscriber', 40_000)
  t.same(
    ear.heard.map(({ text }) => (JSON.parse(text) as { seq: number }).seq),
    Array.from({ length: ALERTS }, (_, i) => i + 1),
  )
  await daemon.stop()
  t.equal(daemon.child.exitCode, 0)
})

t.test('a missing port and an unreachable broker are waited for and shown', async t => {
  const port = await freePort()
  const dir = shortDir(t)
  const device = join(dir, 'no-such-port')
  const config = plantConfig({
    port,
    more: `
sources:
  plant: {mqtt: {url: "mqtt://127.0.0.1:${port}"}}
  daq: {serial: {path: ${device}, baud: 115200, frame: cobs-crc16}}
assets:
  p-1: {type: pump}
  m-1: {source: daq, channels: {current: {unit: A, stream: 0, index: 0}}}`,
  })
  const daemon = await startDaemon(t, config, { dir })
  const status = (): Promise<Status> => daemon.ask<Status>('/v1/status')
  await until(async () => {
    const { sources, uplink } = await status()
    return sources.every(source => source.state === 'waiting') && uplink.state === 'waiting'
  }, 'all of them to wait')
  const { sources, uplink } = await status()
  t.match(sources.find(({ id }) => id === 'daq')?.detail, device, 'the port is named')
  t.match(sources.find(({ id }) => id === 'plant')?.detail, String(port), 'the broker is named')
  t.match(uplink.detail, String(port), 'and the one upstream')
  t.match((await wearwatch(['status', '--socket', daemon.socket])).out, /source +daq serial waiting: /)

  const broker = await startAedes(port)
  t.teardown(() => broker.stop())
  await until(async () => (await status()).uplink.state === 'up' && (await status()).sources[0]!.state === 'up', 'both')
  await daemon.stop()
  t.equal(daemon.child.exitCode, 0)
  const lines = daemon.log().trim().split('\n')
  t.same(
    lines.filter(line => !/^[\d:]{8} \w+ +\S/.test(line)),
    [],
    'every line names its room',
  )
  t.equal(lines.filter(line => /^\S+ uplink +connected to mqtt:/.test(line)).length, 1)
  t.ok(lines.some(line => /^\S+ sources +WARN +.*no-such-port/.test(line)))
})

t.test('a bad configuration starts nothing at all', async t => {
  const dir = shortDir(t)
  const config = plantConfig({ port: 1, own: { 'p-1': 'channels: {flow: {unit: furlong}}, colour: red' } })
  const daemon = await startDaemon(t, config, { dir, waitUntilRunning: false })
  await until(() => daemon.child.exitCode !== null, 'it to end')
  t.equal(daemon.child.exitCode, 3)
  t.match(daemon.log(), /furlong/)
  t.match(daemon.log(), /colour/, 'all errors at once')
  t.same(readdirSync(dir), ['wearwatch.yaml'], 'nothing was made')
})

t.test('a file that is not there, and one that is no YAML', async t => {
  const dir = shortDir(t)
  t.match(await wearwatch(['run', '--config', join(dir, 'none.yaml')]), {
    code: 3,
    err: /none\.yaml.*CONFIG_UNREADABLE/,
  })
  writeFileSync(join(dir, 'bad.yaml'), 'a: [1\n')
  t.match(await wearwatch(['run', '--config', join(dir, 'bad.yaml')]), { code: 3 })
})

t.test('a second daemon on the same folder is refused and disturbs nothing', async t => {
  const broker = await aedesBroker()
  t.teardown(() => broker.close())
  const first = await startDaemon(t, plantConfig({ port: broker.port }))
  const second = await wearwatch(['run', '--config', join(first.dir, 'wearwatch.yaml'), '--log-format', 'text'])
  t.equal(second.code, 5, second.err)
  t.match(second.err, /another wearwatch daemon has .*ALREADY_RUNNING/)
  t.ok(existsSync(first.socket), 'the socket is still there')
  t.match(await first.ask<Status>('/v1/status'), { history: { corruptChunks: 0, lostRows: 0 } })
  await first.stop()
  t.equal(first.child.exitCode, 0)
})
