// The uplink over the real journal: restarts with the files in between, and losses for want of space.
import t from 'tap'
import { applyTransition, checkpointPayload, newAlarmState } from '../../agent/alarms/state.ts'
import { systemClock } from '../../agent/core/clock.ts'
import { Counters } from '../../agent/core/counters.ts'
import { silentLogger } from '../../agent/core/logger.ts'
import type { Journal, NewRecord } from '../../agent/journal/contract.ts'
import { openJournal } from '../../agent/journal/journal.ts'
import { aedesBroker } from '../support/uplink-brokers.ts'
import { alarms, alertSeqs, idOf, listen, range, testUplink, uplinkConfig } from '../support/uplink-parts.ts'
import { until } from '../support/waiting.ts'

const record = (alarm: ReturnType<typeof alarms>[number]): NewRecord => ({
  kind: 'alarm',
  priority: alarm.priority,
  payload: Buffer.from(JSON.stringify(alarm)),
})

t.test('restarts of journal and uplink: every alert once after repeats are dropped, in order', async t => {
  const broker = await aedesBroker()
  const ear = await listen(broker.url)
  const dir = t.testdir()
  const open = (): Promise<Journal> =>
    openJournal({ dir, bytesMax: 1 << 20, clock: systemClock(), logger: silentLogger, counters: new Counters() })
  for (let run = 0; run < 4; run++) {
    const journal = await open()
    const uplink = testUplink(journal, uplinkConfig(broker.url))
    for (const alarm of alarms(25, 1 + run * 25)) void journal.append(record(alarm))
    uplink.start()
    await until(() => uplink.status().deliveredAlertSeq >= run * 25 + 10, 'some')
    await uplink.stop(0)
    await journal.close()
  }
  const journal = await open()
  const uplink = testUplink(journal, uplinkConfig(broker.url))
  uplink.start()
  await until(() => uplink.status().deliveredAlertSeq === 100, 'all')
  await until(() => alertSeqs(ear).length === 100, 'the ear')
  t.same(alertSeqs(ear), range(1, 100))
  await uplink.stop(0)
  await journal.close()
  await ear.end()
  await broker.close()
})

t.test(
  'what was dropped for space is stated, number by number, and alarms that ended in the hole are cleared',
  async t => {
    const broker = await aedesBroker()
    const ear = await listen(broker.url)
    const state = newAlarmState()
    const journal = await openJournal({
      dir: t.testdir(),
      bytesMax: 65_536,
      clock: systemClock(),
      logger: silentLogger,
      counters: new Counters(),
      checkpoint: () => ({ kind: 'checkpoint', priority: 1, payload: checkpointPayload(state) }),
    })
    const put = async (alarm: ReturnType<typeof alarms>[number]): Promise<void> => {
      await journal.append(record(alarm))
      applyTransition(state, alarm)
    }
    const first = alarms(1)[0]!
    let uplink = testUplink(journal, uplinkConfig(broker.url))
    uplink.start()
    await put(first)
    await until(() => uplink.status().deliveredAlertSeq === 1, 'the first')
    await uplink.stop(0)
    // Alarm 1 ends while the broker is away, then so many alerts that the records in between do not fit.
    await put({ ...first, alertSeq: 2, transition: 'cleared', active: false, acked: true })
    for (let seq = 3; seq <= 400; seq++) {
      await put({ ...first, id: idOf(3), alertSeq: seq, transition: 'acknowledged', acked: true, priority: 4 })
    }
    t.ok(journal.status().losses.length > 0, 'the journal lost something')
    uplink = testUplink(journal, uplinkConfig(broker.url))
    uplink.start()
    await until(() => uplink.status().deliveredAlertSeq === 400, 'the rest')
    await until(() => ear.on('alert').some(({ text }) => text.includes('"seq":400')), 'the ear')
    const stated = new Set<number>()
    for (const { topic, text } of ear.on('alert')) {
      const message = JSON.parse(text) as { seq: number; alerts?: { from: number | null; to: number }; reason?: string }
      if (!topic.endsWith('/_gap')) stated.add(message.seq)
      else {
        // From null: the files that would tell what was delivered before are gone; the consumer knows what it has.
        t.equal(message.reason, 'space')
        for (const lost of range(message.alerts?.from ?? 1, message.alerts?.to ?? -1)) stated.add(lost)
      }
    }
    t.same(
      [...stated].sort((a, b) => a - b),
      range(1, 400),
      'every number is either delivered or stated as lost',
    )
    await until(() => ear.on('alarm').at(-1) !== undefined, 'alarms')
    const retained = await listen(broker.url)
    const all = (): boolean => retained.on('state').length > 0 && retained.on('alarm').length > 0
    await until(all, 'the retained messages')
    t.same(
      retained.on('alarm').map(({ topic }) => topic.split('/').at(-1)),
      [idOf(3)],
    )
    await retained.end()
    await uplink.stop(0)
    await journal.close()
    await ear.end()
    await broker.close()
  },
)
