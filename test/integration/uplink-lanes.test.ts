// After a long outage: what waited and what is new, each in its own lane, on a real broker.
import t, { type Test } from 'tap'
import type { UplinkConfig } from '../../agent/config/contract.ts'
import { AlertLedger, type LaneView } from '../../agent/uplink/alert-ledger.ts'
import type { Uplink } from '../../agent/uplink/contract.ts'
import { MOSQUITTO_MISSING, type Mosquitto, mosquitto } from '../support/uplink-brokers.ts'
import { MemoryJournal } from '../support/uplink-journal.ts'
import {
  alarms,
  BASE,
  type Ear,
  idOf,
  listen,
  range,
  schemaErrors,
  testUplink,
  uplinkConfig,
} from '../support/uplink-parts.ts'
import { until } from '../support/waiting.ts'

const skip = MOSQUITTO_MISSING
const slow: Partial<UplinkConfig> = { inFlightMax: 8, backfill: { from: 20, perSecond: 40 } }

interface Alert extends LaneView {
  id: string
  seq: number
}

function heard(ear: Ear): Alert[] {
  return ear
    .on('alert')
    .filter(({ topic }) => !topic.endsWith('_gap'))
    .map(({ text }) => JSON.parse(text) as Alert)
}

interface World {
  broker: Mosquitto
  ear: Ear
  journal: MemoryJournal
  start(extra?: Partial<UplinkConfig>): Uplink
}

async function world(t: Test): Promise<World> {
  const broker = await mosquitto()
  const ear = await listen(broker.url)
  const journal = new MemoryJournal()
  let uplink: Uplink | undefined
  t.teardown(async () => {
    await uplink?.stop(0)
    await ear.end()
    await broker.close()
  })
  const start = (extra: Partial<UplinkConfig> = {}): Uplink => {
    uplink = testUplink(journal, uplinkConfig(broker.url, { ...slow, ...extra }))
    uplink.start()
    return uplink
  }
  return { broker, ear, journal, start }
}

/** Takes what was heard as a consumer does. */
function ledgerOf(alerts: readonly Alert[]): AlertLedger {
  const ledger = new AlertLedger()
  for (const alert of alerts) ledger.take('hamburg/gw-7f3a', alert.id, alert.seq, alert)
  return ledger
}

t.test('fresh alarms do not wait for the backlog; a consumer can tell that neither lacks any', { skip }, async t => {
  const { ear, journal, start } = await world(t)
  for (const alarm of alarms(60)) await journal.alarm(alarm)
  const uplink = start()
  await until(() => heard(ear).length > 0, 'the backlog to begin')
  for (const alarm of alarms(5, 61)) await journal.alarm(alarm)
  await until(() => heard(ear).some(({ seq }) => seq === 65), 'the fresh ones')
  const before = heard(ear).filter(({ lane }) => lane === 'backlog').length
  t.ok(before < 60, `fresh ones were there after ${before} of 60 of the backlog`)
  t.ok(uplink.status().notes?.some(note => /to 60 of the outage follow at 40\/s/.test(note)))
  await until(() => journal.cursorSeq() === 65, 'one lane again')
  const alerts = heard(ear)
  t.same(
    alerts.filter(({ lane }) => lane === 'backlog').map(({ seq }) => seq),
    range(1, 60),
  )
  t.same(
    alerts.filter(({ lane }) => lane === 'fresh').map(({ seq }) => seq),
    range(61, 65),
  )
  for (const alert of alerts) t.same(schemaErrors('alert', alert), [])
  t.match(alerts[0], { lane: 'backlog', backlog: { from: 1, to: 60 } })
  t.match(ledgerOf(alerts), { received: 65, missing: 0, outOfOrder: 0, duplicates: 0 })
  await journal.alarm(alarms(1, 66)[0]!)
  await until(() => journal.cursorSeq() === 66, 'the next')
  t.equal(heard(ear).at(-1)?.backlog, undefined)
  t.equal(uplink.status().notes?.some(note => /outage/.test(note)) ?? false, false)
})

t.test('the rate holds', { skip }, async t => {
  const { ear, journal, start } = await world(t)
  for (const alarm of alarms(60)) await journal.alarm(alarm)
  const startMs = performance.now()
  start()
  await until(() => journal.cursorSeq() === 60, 'the backlog')
  // 60 at 40/s less the bucket of a quarter of a second: 1.25 s at least.
  t.ok(performance.now() - startMs >= 1_200, 'not faster than configured')
  await until(() => heard(ear).length === 60, 'the ear')
})

t.test('a small backlog goes in one lane', { skip }, async t => {
  const { ear, journal, start } = await world(t)
  for (const alarm of alarms(19)) await journal.alarm(alarm)
  start()
  await until(() => journal.cursorSeq() === 19, 'all')
  t.same([...new Set(heard(ear).map(({ lane }) => lane))], ['fresh'])
  t.equal(heard(ear)[0]?.backlog, undefined)
})

t.test('a restart in mid-backfill goes on in both lanes', { skip }, async t => {
  const { ear, journal, start } = await world(t)
  for (const alarm of alarms(80)) await journal.alarm(alarm)
  let uplink = start()
  await until(() => heard(ear).some(({ seq }) => seq >= 20), 'some of the backlog')
  for (const alarm of alarms(10, 81)) await journal.alarm(alarm)
  await until(() => journal.cursorSeq('uplink-fresh-mark') === 90, 'the fresh lane')
  await uplink.stop(0)
  const cursor = journal.cursorSeq()
  t.ok(cursor > 0 && cursor < 80, `stopped in mid-backfill, at ${cursor}`)
  t.equal(journal.cursorSeq('uplink-split-mark'), 80)
  const before = heard(ear).length
  for (const alarm of alarms(3, 91)) await journal.alarm(alarm)
  uplink = start()
  await until(() => journal.cursorSeq() === 93, 'everything')
  const again = heard(ear).slice(before)
  t.same(
    again.filter(({ lane }) => lane === 'fresh').map(({ seq }) => seq),
    [91, 92, 93],
    'what the fresh lane had delivered does not come again',
  )
  t.match(ledgerOf(heard(ear)), { received: 93, missing: 0, outOfOrder: 0 })
})

t.test('a second outage in mid-backfill: repeats at most, in order', { skip }, async t => {
  const { broker, ear, journal, start } = await world(t)
  for (const alarm of alarms(60)) await journal.alarm(alarm)
  const uplink = start({ backfill: { from: 20, perSecond: 200 } })
  await until(() => heard(ear).some(({ seq }) => seq >= 10), 'some of the backlog')
  for (const alarm of alarms(5, 61)) await journal.alarm(alarm)
  await until(() => heard(ear).some(({ seq }) => seq === 65), 'the fresh ones')
  await broker.kill()
  await until(() => uplink.status().state !== 'up', 'the loss')
  for (const alarm of alarms(40, 66)) await journal.alarm(alarm)
  const after = heard(ear).length
  await broker.start()
  await until(() => journal.cursorSeq() === 105, 'everything')
  const later = heard(ear).slice(after)
  t.ok(later.filter(({ lane }) => lane === 'backlog').every(({ seq }, i, all) => i === 0 || seq > all[i - 1]!.seq))
  t.match(ledgerOf(heard(ear)), { outOfOrder: 0 })
})

t.test('gaps are stated exactly, each in its lane', { skip }, async t => {
  const { ear, journal, start } = await world(t)
  for (const alarm of alarms(60)) await journal.alarm(alarm)
  journal.lose(10, 14)
  journal.lose(55, 60)
  // The number of the last alert before the fresh lane is told by what comes after the hole.
  for (const alarm of alarms(1, 61)) await journal.alarm(alarm)
  start({ backfill: { from: 20, perSecond: 500 } })
  await until(() => journal.cursorSeq() === 61, 'everything')
  await journal.alarm({ ...alarms(1, 64)[0]! })
  await until(() => journal.cursorSeq() === 62, 'the next')
  const gaps = ear.on('alert/_gap').map(({ text }) => JSON.parse(text) as { alerts: object })
  t.same(
    gaps.map(({ alerts }) => alerts),
    [
      { from: 10, to: 14 },
      { from: 55, to: 60 },
      { from: 62, to: 63 },
    ],
  )
  for (const gap of gaps) t.same(schemaErrors('gap', gap), [])
})

t.test('what stands is right at once, also while the backlog is still coming', { skip }, async t => {
  const { broker, ear, journal, start } = await world(t)
  const ended = { active: false, acked: true, transition: 'cleared' as const }
  for (const alarm of alarms(30)) await journal.alarm(alarm)
  for (let n = 1; n <= 29; n++) await journal.alarm({ ...alarms(1, 30 + n)[0]!, ...ended, id: idOf(n) })
  // As a backup of the broker would have it: one of ours that ended, and one that nobody knows.
  for (const n of [3, 999]) await ear.publish(`${BASE}/alarm/p-101/${idOf(n)}`, '{}', { retain: true })
  const uplink = start()
  const retained = async (): Promise<string[]> => {
    const other = await listen(broker.url)
    await until(() => other.on('state').length > 0, 'the state')
    await other.end()
    const all = other.on('alarm').filter(({ retain }) => retain)
    return all.map(({ topic }) => topic.split('/').at(-1) ?? '').sort()
  }
  await until(async () => (await retained()).join() === idOf(30), 'what stands')
  t.ok(journal.cursorSeq() < 59, 'the backlog is on its way')
  await until(() => journal.cursorSeq() === 59, 'the backlog')
  t.same(await retained(), [idOf(30)])
  // A broker that lost everything.
  await broker.kill()
  await until(() => uplink.status().state !== 'up', 'the loss')
  await broker.start()
  await until(async () => (await retained()).join() === idOf(30), 'what stands, again')
})
