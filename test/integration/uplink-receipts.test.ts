// `receipt: consumer` with a real broker: the cursor follows the consumer, whatever the broker says it has.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { UplinkConfig } from '../../agent/config/contract.ts'
import { Counters } from '../../agent/core/counters.ts'
import { startCollect } from '../support/collect.ts'
import { endChild } from '../support/source-brokers.ts'
import { MOSQUITTO_MISSING, mosquitto } from '../support/uplink-brokers.ts'
import { MemoryJournal } from '../support/uplink-journal.ts'
import {
  alarms,
  alertSeqs,
  BASE,
  type Ear,
  listen,
  range,
  schemaErrors,
  testUplink,
  uplinkConfig,
} from '../support/uplink-parts.ts'
import { until } from '../support/waiting.ts'

const skip = MOSQUITTO_MISSING
const consumer: Partial<UplinkConfig> = { receipt: 'consumer', inFlightMax: 8, receiptTimeoutMs: 600 }

function receipt(seq: number, more: object = {}): string {
  const head = { schema: 'wearwatch.alert-receipt/1', site: 'hamburg', gateway: 'gw-7f3a', consumer: 'scada' }
  return JSON.stringify({ ...head, seq, ...more })
}

const confirm = (ear: Ear, seq: number, more: object = {}): Promise<void> =>
  ear.publish(`${BASE}/alert-receipt`, receipt(seq, more))

t.test('the cursor moves by receipts only, the window is bounded, what has none comes again', { skip }, async t => {
  const broker = await mosquitto()
  const ear = await listen(broker.url)
  const journal = new MemoryJournal()
  for (const alarm of alarms(20)) await journal.alarm(alarm)
  const counters = new Counters()
  const uplink = testUplink(journal, uplinkConfig(broker.url, consumer), { counters })
  t.teardown(async () => {
    await uplink.stop(0)
    await ear.end()
    await broker.close()
  })
  uplink.start()
  await until(() => ear.on('alert').length >= 16, 'the window, twice')
  t.same(alertSeqs(ear), range(1, 8), 'no more than the window, again and again')
  t.equal(journal.cursorSeq(), 0, 'a PUBACK moves nothing')
  for (const { text } of ear.on('alert')) t.same(schemaErrors('alert', JSON.parse(text)), [])
  t.match(JSON.parse(ear.on('alert')[0]?.text ?? ''), { lane: 'fresh', confirmed: 0 })
  const noted = (): boolean => uplink.status().notes?.some(note => /no consumer has confirmed/.test(note)) ?? false
  await until(noted, 'the note')
  await confirm(ear, 5)
  await until(() => journal.cursorSeq() === 5, 'five')
  await until(() => alertSeqs(ear).length === 13, 'the next five')
  // Foolish: beyond what there is, back, for another gateway, retained, no JSON.
  const refusedBefore = counters.get('uplink.receipts_refused').n
  for (const bad of [receipt(21), receipt(3), receipt(13, { gateway: 'gw-2' }), '{', receipt(13).padEnd(2_000)])
    await ear.publish(`${BASE}/alert-receipt`, bad)
  await until(() => counters.get('uplink.receipts_refused').n === refusedBefore + 5, 'the refusals')
  t.equal(journal.cursorSeq(), 5)
  await confirm(ear, 20)
  await until(() => journal.cursorSeq() === 13, 'what was sent, and not what was not')
  await until(() => alertSeqs(ear).length === 20, 'the rest')
  await confirm(ear, 20)
  await until(() => journal.cursorSeq() === 20, 'all')
  t.same(alertSeqs(ear), range(1, 20))
  t.equal(uplink.status().deliveredAlertSeq, 20)
})

t.test('a retained receipt is of any age, and only the named consumer counts', { skip }, async t => {
  const broker = await mosquitto()
  const ear = await listen(broker.url)
  const journal = new MemoryJournal()
  for (const alarm of alarms(3)) await journal.alarm(alarm)
  await ear.publish(`${BASE}/alert-receipt`, receipt(3), { retain: true })
  const counters = new Counters()
  const uplink = testUplink(journal, uplinkConfig(broker.url, { ...consumer, consumer: 'scada' }), { counters })
  t.teardown(async () => {
    await uplink.stop(0)
    await ear.end()
    await broker.close()
  })
  uplink.start()
  await until(() => counters.get('uplink.receipts_refused').n === 1, 'the retained one')
  await until(() => alertSeqs(ear).length === 3, 'the alerts')
  await confirm(ear, 3, { consumer: 'other' })
  await until(() => counters.get('uplink.receipts_refused').n === 2, 'the other one')
  t.equal(journal.cursorSeq(), 0)
  await confirm(ear, 3)
  await until(() => journal.cursorSeq() === 3, 'the right one')
})

/** Numbers of a file that collect wrote, in its order, repeats and all. */
function stored(file: string): number[] {
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  return lines.filter(line => line !== '').map(line => (JSON.parse(line) as { seq: number }).seq)
}

async function collectorOf(t: Test, port: number, dir?: string) {
  return startCollect(t, port, 'scada', ['--receipt', 'scada'], dir)
}

t.test('collect --receipt: brokers that lose what they acknowledged lose nothing', { skip }, async t => {
  const broker = await mosquitto(['allow_anonymous true', 'persistence false'])
  const journal = new MemoryJournal()
  let uplink = testUplink(journal, uplinkConfig(broker.url, { ...consumer, receiptTimeoutMs: 2_000 }))
  let collect = await collectorOf(t, broker.port)
  const file = join(collect.dir, 'alerts.ndjson')
  t.teardown(async () => {
    await uplink.stop(0)
    await broker.close()
  })
  uplink.start()
  for (const alarm of alarms(300)) await journal.alarm(alarm)
  await until(() => journal.cursorSeq() >= 50, 'some')
  await broker.kill()
  await broker.start()
  await until(() => journal.cursorSeq() >= 100, 'more', 60_000)
  // The consumer dies, and knows at its next start what it has.
  await endChild(collect.child, 'SIGKILL')
  await uplink.stop(0)
  uplink = testUplink(journal, uplinkConfig(broker.url, { ...consumer, receiptTimeoutMs: 2_000 }))
  uplink.start()
  collect = await collectorOf(t, broker.port, collect.dir)
  await until(() => journal.cursorSeq() === 300, 'all', 60_000)
  await collect.stop()
  t.same(stored(file), range(1, 300), 'each once, in order')
  t.match(collect.said(), /missing 0, out of order 0, malformed 0/)
})

t.test('collect --receipt without a file is refused', async t => {
  const collect = await startCollect(t, 1, 'x', ['--receipt', 'x'], undefined, false)
  t.match(collect.said(), /--receipt confirms what is stored in a file: give --out FILE/)
  t.not(collect.child.exitCode, 0)
})
