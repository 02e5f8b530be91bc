import fc from 'fast-check'
import t from 'tap'
import { systemClock } from '../../../agent/core/clock.ts'
import { Counters } from '../../../agent/core/counters.ts'
import { silentLogger } from '../../../agent/core/logger.ts'
import { BrokerLimits, propertyBytes } from '../../../agent/uplink/broker-limits.ts'
import { OrderedAcks } from '../../../agent/uplink/ordered-acks.ts'
import { alertPayload, fitted } from '../../../agent/uplink/payloads.ts'
import { type Receipt, ReceiptDesk } from '../../../agent/uplink/receipts.ts'
import { transition } from '../../support/alarm-parts.ts'
import { MemoryJournal } from '../../support/uplink-journal.ts'
import { GATEWAY, schemaErrors } from '../../support/uplink-parts.ts'

const GOOD = { schema: 'wearwatch.alert-receipt/1', site: 'hamburg', gateway: 'gw-7f3a', consumer: 'scada', seq: 4 }

function desk(consumer?: string, refused?: string) {
  const counters = new Counters()
  const taken: Receipt[] = []
  const made = new ReceiptDesk({
    ...{ gateway: GATEWAY, consumer, counters, logger: silentLogger, clock: systemClock() },
    accept: receipt => {
      taken.push(receipt)
      return refused
    },
  })
  const count = (name: string): number => counters.get(`uplink.${name}`).n
  return { desk: made, taken, counts: () => [count('receipts'), count('receipts_refused')] }
}

t.test('a receipt is taken as its schema has it', async t => {
  const { desk: made, taken, counts } = desk()
  for (const receipt of [GOOD, { ...GOOD, fresh: 9, resend: true }]) {
    t.same(schemaErrors('alert-receipt', receipt), [])
    made.receive(Buffer.from(JSON.stringify(receipt)), { retain: false })
  }
  t.same(taken, [
    { consumer: 'scada', seq: 4 },
    { consumer: 'scada', seq: 4, fresh: 9, resend: true },
  ])
  t.same(counts(), [2, 0])
  t.equal(made.consumer, 'scada')
})

t.test('hostile and foolish receipts are refused and counted', async t => {
  const { desk: made, taken, counts } = desk('scada')
  const bad: unknown[] = [
    { ...GOOD, schema: 'wearwatch.alert/1' },
    { ...GOOD, gateway: 'gw-2' },
    { ...GOOD, site: 'x' },
    { ...GOOD, consumer: 'other' },
    { ...GOOD, consumer: 7 },
    { ...GOOD, consumer: 'x'.repeat(65) },
    { ...GOOD, consumer: 'a\nb' },
    ...[-1, 1.5, '4', null, 2 ** 60, undefined].map(seq => ({ ...GOOD, seq })),
    ...[-1, '4', null].map(fresh => ({ ...GOOD, fresh })),
    { ...GOOD, resend: 'now' },
    { ...GOOD, note: 'x'.repeat(2_000) },
    [],
    null,
    'x',
  ]
  for (const receipt of bad) made.receive(Buffer.from(JSON.stringify(receipt)), { retain: false })
  made.receive(Buffer.from('{'), { retain: false })
  made.receive(Buffer.alloc(0), { retain: false })
  made.receive(Buffer.from(JSON.stringify(GOOD)), { retain: true })
  t.same(taken, [])
  t.same(counts(), [0, bad.length + 3])
})

t.test('no bytes make it throw', async t => {
  const { desk: made, counts } = desk()
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), bytes => made.receive(Buffer.from(bytes), { retain: false })),
  )
  fc.assert(fc.property(fc.json(), text => made.receive(Buffer.from(text), { retain: false })))
  t.same(counts(), [0, 200])
})

t.test('what the delivery cannot accept is refused too', async t => {
  const { desk: made, counts } = desk(undefined, 'it goes back')
  made.receive(Buffer.from(JSON.stringify(GOOD)), { retain: false })
  t.same(counts(), [0, 1])
})

t.test('a record is done with its PUBACKs and its receipt, whichever comes first', async t => {
  const journal = new MemoryJournal()
  const acks = new OrderedAcks(await journal.cursor('uplink'), () => {})
  const [one, two, three] = [1, 2, 3].map(seq => acks.add(seq, () => {}))
  acks.awaitReceipt(one!, 10)
  acks.awaitReceipt(three!, 11)
  t.equal(acks.awaitsReceipts, false, 'no PUBACK yet')
  acks.acked(one!)
  acks.acked(two!)
  acks.acked(three!)
  t.equal(acks.awaitsReceipts, true)
  acks.confirm(9)
  t.equal(acks.settledSeq, 0)
  acks.confirm(10)
  t.equal(acks.settledSeq, 2)
  acks.confirm(10)
  acks.confirm(99)
  t.equal(acks.settledSeq, 3)
  await acks.flush()
  t.equal(journal.cursorSeq(), 3)
  const other = await journal.cursor('elsewhere')
  acks.moveTo(other)
  await acks.flush()
  t.equal(journal.cursorSeq('elsewhere'), 3)
})

t.test('an alert is cut to what the broker takes, and says so', async t => {
  const whole = transition({ alertSeq: 7, note: 'n'.repeat(300), message: 'm'.repeat(400) })
  const bytes = alertPayload(GATEWAY, whole).length
  const encode = (shown: typeof whole): Buffer => alertPayload(GATEWAY, shown, { lane: 'fresh' })
  const read = (room: number) => JSON.parse(fitted(whole, room, encode)?.toString() ?? 'null')
  t.equal(read(bytes + 100).shortened, undefined)
  const cut = read(bytes - 1)
  t.match(cut, { seq: 7, shortened: true, evidence: [], note: whole.note })
  const least = read(800)
  t.match(least, { seq: 7, shortened: true, evidence: [], lane: 'fresh' })
  t.equal(least.message.length, 80)
  t.equal(least.note, undefined)
  for (const shown of [cut, least]) t.same(schemaErrors('alert', { ...shown, id: '0'.repeat(13) }), [])
  t.equal(read(100), null)
})

t.test('bytes of properties, and what a broker said it cannot do', async t => {
  const properties = {
    contentType: 'application/json',
    payloadFormatIndicator: true,
    messageExpiryInterval: 60,
    correlationData: Buffer.from('0123456789abc'),
    userProperties: { lane: 'fresh' },
  }
  t.equal(propertyBytes(properties), 19 + 2 + 5 + 16 + 14)
  const limits = new BrokerLimits({ maximumPacketSize: 200, retainAvailable: false, maximumQoS: 0 })
  t.match(limits, { retain: false, qos: 0, packetBytesMax: 200 })
  t.equal(limits.payloadBytesMax('a/b', properties), 200 - 13 - 3 - 56)
  t.equal(limits.notes().length, 2)
  t.same(new BrokerLimits().notes(), [])
  t.equal(new BrokerLimits().payloadBytesMax('a'), Number.POSITIVE_INFINITY)
})
