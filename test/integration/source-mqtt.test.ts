import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import mqtt from 'mqtt'
import t, { type Test } from 'tap'
import type { MqttSourceConfig } from '../../agent/config/contract.ts'
import { scaledClock, systemClock } from '../../agent/core/clock.ts'
import type { Source } from '../../agent/sources/contract.ts'
import { createSource } from '../../agent/sources/registry.ts'
import { testAsset } from '../support/source-assets.ts'
import { freePort, hasMosquitto, startAedes, startMosquitto } from '../support/source-brokers.ts'
import { type TestDeps, testDeps } from '../support/source-deps.ts'
import { until } from '../support/waiting.ts'

const LOGIN = { user: 'ww', password: 'right' }
const NO_MOSQUITTO = hasMosquitto() ? false : 'mosquitto is not installed'

async function open(
  t: Test,
  port: number,
  over: Partial<MqttSourceConfig> = {},
  clock = systemClock(),
): Promise<{ source: Source; deps: TestDeps }> {
  const assets = [
    testAsset(0, [
      { id: 'flow', binding: { topic: 'plant/+/flow', valuePath: '$.v' } },
      { id: 'speed', binding: { topic: 'plant/p/speed', valuePath: '$.v' } },
    ]),
  ]
  const deps = testDeps(assets, clock)
  const config: MqttSourceConfig = {
    kind: 'mqtt',
    id: 'line',
    url: `mqtt://127.0.0.1:${port}`,
    clientId: 'gw-1-line',
    tls: {},
    protocol: 'auto',
    keepaliveS: 30,
    qos: 0,
    retained: 'ignore',
    ...over,
  }
  const source = await createSource(config, deps)
  t.teardown(() => source.stop())
  source.start()
  return { source, deps }
}

const isUp = (source: Source) => () => source.status().state === 'up'
const values = (deps: TestDeps): (number | undefined)[] =>
  deps.sink.rows.map(row => row.values.find(v => !Number.isNaN(v)))

t.test('a broker without MQTT 5 is spoken to in 3.1.1; retained messages are no samples', async t => {
  const broker = await startAedes()
  t.teardown(() => broker.stop())
  await broker.publish('plant/p/flow', '{"v":1}', true)
  const { source, deps } = await open(t, broker.port)
  await until(isUp(source), 'the source to be up')
  await until(() => deps.counters.get('sources.line.retained').n === 1, 'the retained message')
  t.match(source.status(), { state: 'up', detail: /MQTT 3\.1\.1, 2 filters/, reconnects: 0, lastDataUs: undefined })
  await broker.publish('plant/p/flow', '{"v":2}')
  await broker.publish('plant/p/speed', '{"v":3}')
  await broker.publish('plant/p/other', '{"v":4}')
  await until(() => deps.sink.rows.length === 2, 'two rows')
  t.same(values(deps), [2, 3])
  t.type(source.status().lastDataUs, 'number')
})

t.test('retained: use takes them', async t => {
  const broker = await startAedes()
  t.teardown(() => broker.stop())
  await broker.publish('plant/p/flow', '{"v":1}', true)
  const { deps } = await open(t, broker.port, { retained: 'use' })
  await until(() => deps.sink.rows.length === 1, 'the retained row')
})

t.test('after a broker restart it subscribes again by itself', async t => {
  let broker = await startAedes()
  t.teardown(() => broker.stop())
  const { source, deps } = await open(t, broker.port)
  await until(isUp(source), 'the source to be up')
  await broker.stop()
  await until(() => source.status().state === 'waiting', 'the source to notice')
  await until(() => /nothing listens there/.test(source.status().detail), 'a failed attempt')
  t.match(source.status().detail, /is the broker running/)
  broker = await startAedes(broker.port)
  await until(isUp(source), 'the source to be up again')
  await until(async () => {
    await broker.publish('plant/p/flow', '{"v":9}')
    return deps.sink.rows.length > 0
  }, 'a row')
  t.equal(values(deps)[0], 9)
  t.ok(source.status().reconnects >= 1)
})

t.test('a wrong password is shown with what to do, and the right one needs no restart of the broker', async t => {
  const broker = await startAedes(0, LOGIN)
  t.teardown(() => broker.stop())
  const { source } = await open(t, broker.port, { username: 'ww', password: 'wrong' })
  await until(() => source.status().state === 'waiting', 'the refusal')
  t.match(
    source.status().detail,
    /refused user ww: bad user name or password; check username and password of source line/,
  )
  t.notMatch(source.status().detail, /wrong/, 'the password is not shown')
  const right = await open(t, broker.port, { username: 'ww', password: 'right', clientId: 'gw-2-line' })
  await until(isUp(right.source), 'the right login')
})

t.test('nothing reaches the sink after stop()', async t => {
  const broker = await startAedes()
  t.teardown(() => broker.stop())
  const { source, deps } = await open(t, broker.port)
  await until(isUp(source), 'the source to be up')
  await source.stop()
  await broker.publish('plant/p/flow', '{"v":2}')
  t.equal(deps.sink.rows.length, 0)
  t.equal(source.status().state, 'stopped')
})

t.test('mosquitto: MQTT 5, restart, retained not even sent', { skip: NO_MOSQUITTO }, async t => {
  const port = await freePort()
  const dir = t.testdir()
  let broker = await startMosquitto({ dir, port })
  t.teardown(() => broker.stop())
  const publisher = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`)
  t.teardown(() => publisher.endAsync(true))
  await publisher.publishAsync('plant/p/flow', '{"v":1}', { retain: true, qos: 1 })
  const { source, deps } = await open(t, port, { qos: 1 })
  await until(isUp(source), 'the source to be up')
  t.match(source.status().detail, /MQTT 5, 2 filters/)
  // A live message that is published with the retain flag is fresh.
  await publisher.publishAsync('plant/p/flow', '{"v":2}', { retain: true, qos: 1 })
  await until(() => deps.sink.rows.length > 0, 'a live row')
  t.same(values(deps), [2])
  await broker.stop()
  await until(() => source.status().state === 'waiting', 'the source to notice')
  broker = await startMosquitto({ dir, port })
  await until(isUp(source), 'the source to be up again')
  await until(async () => {
    if (publisher.connected) await publisher.publishAsync('plant/q/flow', '{"v":3}')
    return deps.sink.rows.length > 1
  }, 'a row after the restart')
})

t.test('a filter that the broker refuses is named', async t => {
  const broker = await startAedes(0, { ...LOGIN, denied: 'plant/p/speed' })
  t.teardown(() => broker.stop())
  const { source, deps } = await open(t, broker.port, { username: 'ww', password: 'right' })
  await until(() => /refused 1 of them/.test(source.status().detail), 'the refused filter')
  t.match(source.status(), { state: 'up', detail: /e\.g\. plant\/p\/speed \(code 128\): allow user ww to read it/ })
  await broker.publish('plant/p/flow', '{"v":2}')
  await until(() => deps.sink.rows.length === 1, 'a row by the other filter')
})

t.test('mosquitto: a wrong password; an access list that swallows messages', { skip: NO_MOSQUITTO }, async t => {
  const port = await freePort()
  const acl = 'user ww\ntopic read other/#\n'
  const broker = await startMosquitto({ dir: t.testdir(), port, login: LOGIN, acl })
  t.teardown(() => broker.stop())
  for (const protocol of [4, 5] as const) {
    const wrong = await open(t, port, { protocol, username: 'ww', password: 'wrong' })
    await until(() => wrong.source.status().state === 'waiting', 'the refusal')
    t.match(wrong.source.status().detail, /refused user ww: .*check username and password of source line/)
    await wrong.source.stop()
    // 100 times real time: the 30 s of silence are 0.3 s.
    const right = await open(t, port, { protocol, username: 'ww', password: 'right' }, scaledClock(100))
    await until(() => /nothing received yet/.test(right.source.status().detail), 'the silence to be shown')
    t.equal(right.source.status().state, 'up')
    await right.source.stop()
  }
})

t.test('stop() does not wait for a broker that hangs in the middle of a subscription', async t => {
  // Takes the login and answers nothing more.
  const server = createServer(socket => {
    socket.once('data', () => socket.write(Uint8Array.of(0x20, 2, 0, 0)))
    socket.on('error', () => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { source } = await open(t, (server.address() as AddressInfo).port, { protocol: 4 }, scaledClock(20))
  await until(() => /logged in, waiting/.test(source.status().detail), 'the login')
  t.equal(source.status().state, 'starting', 'not up before it is subscribed')
  await source.stop()
  t.equal(source.status().state, 'stopped')
})

t.test('TLS towards a port that does not speak it is explained', async t => {
  const broker = await startAedes()
  t.teardown(() => broker.stop())
  const { source } = await open(t, broker.port, { url: `mqtts://user:secret@127.0.0.1:${broker.port}` })
  await until(() => source.status().state === 'waiting', 'the failure')
  t.match(source.status().detail, new RegExp(`^mqtts://127\\.0\\.0\\.1:${broker.port}: .*TLS`))
})

t.test('deep and long topics are counted, and what comes behind them is taken', async t => {
  const publish = (topic: string, payload: string): Buffer => {
    const name = Buffer.from(topic)
    const length = 2 + name.length + payload.length
    const head = [0x30, (length & 0x7f) | 0x80, ((length >> 7) & 0x7f) | 0x80, length >> 14]
    return Buffer.concat([
      Buffer.from(head),
      Buffer.from([name.length >> 8, name.length & 255]),
      name,
      Buffer.from(payload),
    ])
  }
  const server = createServer(socket => {
    socket.on('error', () => {})
    const sent = [
      Uint8Array.of(0x20, 2, 0, 0),
      publish('/'.repeat(60_000), '{"v":1}'),
      publish(`plant/${'x'.repeat(5_000)}/flow`, '{"v":2}'),
    ]
    socket.once('data', () => {
      for (const piece of [...sent, publish('plant/p/flow', '{"v":3}')]) socket.write(piece)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { deps } = await open(t, (server.address() as AddressInfo).port, { protocol: 4 })
  await until(() => deps.sink.rows.length === 1, 'the good row')
  t.same(values(deps), [3])
  t.equal(deps.counters.get('sources.line.deep_topics').n, 2)
})

t.test('a packet larger than is taken ends the connection before it is buffered', async t => {
  const server = createServer(socket => {
    socket.on('error', () => {})
    socket.once('data', () => socket.write(Uint8Array.of(0x20, 2, 0, 0, 0x30, 0xff, 0xff, 0xff, 0x7f)))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { source } = await open(t, (server.address() as AddressInfo).port, { protocol: 4 })
  await until(() => source.status().state === 'waiting', 'the end')
  t.match(source.status().detail, /sent a packet of 268435460 bytes; 4194304 are taken at most; have it send no such/)
})
