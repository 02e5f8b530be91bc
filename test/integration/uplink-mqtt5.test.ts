// What MQTT 5 adds to alerts, what brokers say they cannot do, and 3.1.1, on a real broker.
import type { IPublishPacket } from 'mqtt'
import t from 'tap'
import { Counters } from '../../agent/core/counters.ts'
import { MOSQUITTO_MISSING, mosquitto } from '../support/uplink-brokers.ts'
import { MemoryJournal } from '../support/uplink-journal.ts'
import {
  alarms,
  alertSeqs,
  BASE,
  idOf,
  listen,
  schemaErrors,
  testUplink,
  uplinkConfig,
} from '../support/uplink-parts.ts'
import { until } from '../support/waiting.ts'

const skip = MOSQUITTO_MISSING
const anyone = 'allow_anonymous true'

t.test('properties of an alert; none over 3.1.1, with a note', { skip }, async t => {
  const broker = await mosquitto([anyone])
  const ear = await listen(broker.url, 'wearwatch/#', { protocolVersion: 5 })
  t.teardown(async () => {
    await ear.end()
    await broker.close()
  })
  const packets: Record<number, IPublishPacket | undefined> = {}
  for (const protocol of [5, 4] as const) {
    const journal = new MemoryJournal()
    await journal.alarm(alarms(1)[0]!)
    const before = ear.on('alert').length
    const uplink = testUplink(journal, uplinkConfig(broker.url, { protocol, expiryMs: 3_600_000 }))
    uplink.start()
    await until(() => ear.on('alert').length > before, 'the alert')
    packets[protocol] = ear.on('alert').at(-1)?.packet
    const notes = uplink.status().notes ?? []
    t.equal(
      notes.some(note => /expiry needs MQTT 5/.test(note)),
      protocol === 4,
    )
    await uplink.stop(0)
  }
  const { properties } = packets[5] ?? {}
  t.match(properties, { contentType: 'application/json', payloadFormatIndicator: true })
  t.ok((properties?.messageExpiryInterval ?? 0) > 3_500 && (properties?.messageExpiryInterval ?? 0) <= 3_600)
  t.equal(properties?.correlationData?.toString(), idOf(1))
  t.same(
    { ...properties?.userProperties },
    {
      ...{ schema: 'wearwatch.alert/1', site: 'hamburg', gateway: 'gw-7f3a', asset: 'p-101', kind: 'machine' },
      ...{ priority: '3', transition: 'raised', lane: 'fresh' },
    },
  )
  t.same({ ...packets[4]?.properties }, {})
})

t.test('Maximum Packet Size: cut and said, and what does not fit at all is a stated gap', { skip }, async t => {
  const broker = await mosquitto([anyone, 'max_packet_size 1200'])
  const ear = await listen(broker.url)
  const journal = new MemoryJournal()
  const [one, two, three] = alarms(3)
  const evidence = Array.from({ length: 8 }, () => one!.evidence[0]!)
  await journal.alarm({ ...one!, evidence, note: 'x'.repeat(100) })
  await journal.alarm({ ...two!, asset: 'p-102', tag: 'T'.repeat(2_000) })
  await journal.alarm(three!)
  const counters = new Counters()
  const uplink = testUplink(journal, uplinkConfig(broker.url), { counters })
  t.teardown(async () => {
    await uplink.stop(0)
    await ear.end()
    await broker.close()
  })
  uplink.start()
  await until(() => journal.cursorSeq() === 3, 'all three')
  await until(() => ear.on('alert').length === 3, 'the ear')
  const [first, gap, last] = ear.on('alert').map(({ text }) => JSON.parse(text))
  t.match(first, { seq: 1, shortened: true, evidence: [], note: 'x'.repeat(100) })
  t.match(gap, { alerts: { from: 2, to: 2 }, reason: 'size' })
  t.match(last, { seq: 3 })
  t.equal(last.shortened, undefined)
  t.same([schemaErrors('alert', first), schemaErrors('gap', gap)], [[], []])
  t.equal(counters.get('uplink.too_large').n, 1)
})

t.test('Retain Available 0: alerts come, nothing is retained, and status says so', { skip }, async t => {
  const broker = await mosquitto([anyone, 'retain_available false'])
  const ear = await listen(broker.url)
  const journal = new MemoryJournal()
  for (const alarm of alarms(3)) await journal.alarm(alarm)
  const uplink = testUplink(journal, uplinkConfig(broker.url))
  t.teardown(async () => {
    await uplink.stop(0)
    await ear.end()
    await broker.close()
  })
  uplink.start()
  await until(() => journal.cursorSeq() === 3, 'the alerts')
  await until(() => alertSeqs(ear).length === 3, 'the ear')
  t.equal(uplink.status().protocol, 5)
  t.ok(uplink.status().notes?.some(note => /retains nothing/.test(note)))
  t.same(ear.on(`alarm`), [], 'an alarm that is not retained would be news')
})

t.test('Maximum QoS 0: alerts come, and status says what they are worth', { skip }, async t => {
  const broker = await mosquitto([anyone, 'max_qos 0'])
  const ear = await listen(broker.url)
  const journal = new MemoryJournal()
  for (const alarm of alarms(3)) await journal.alarm(alarm)
  const uplink = testUplink(journal, uplinkConfig(broker.url))
  t.teardown(async () => {
    await uplink.stop(0)
    await ear.end()
    await broker.close()
  })
  uplink.start()
  await until(() => alertSeqs(ear).length === 3, 'the ear')
  t.ok(uplink.status().notes?.some(note => /QoS 0 only/.test(note)))
})

t.test('Receive Maximum 1 is kept to', { skip }, async t => {
  const broker = await mosquitto([anyone, 'max_inflight_messages 1'])
  const ear = await listen(broker.url)
  const journal = new MemoryJournal()
  for (const alarm of alarms(30)) await journal.alarm(alarm)
  const uplink = testUplink(journal, uplinkConfig(broker.url, { inFlightMax: 16 }))
  t.teardown(async () => {
    await uplink.stop(0)
    await ear.end()
    await broker.close()
  })
  uplink.start()
  await until(() => journal.cursorSeq() === 30, 'all')
  t.equal(uplink.status().reconnects, 0)
  t.equal(ear.on('state').length > 0 && uplink.status().protocol, 5, BASE)
})
