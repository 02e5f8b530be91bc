// An access list that forbids the retained alarms, and nothing else: alerts must not wait for them.
import t from 'tap'
import { MOSQUITTO_MISSING, mosquitto } from '../support/uplink-brokers.ts'
import { MemoryJournal } from '../support/uplink-journal.ts'
import { alarms, alertSeqs, BASE, listen, range, testUplink, uplinkConfig } from '../support/uplink-parts.ts'
import { until } from '../support/waiting.ts'

t.test(
  'alerts come although what stands is refused, also after the next connect',
  { skip: MOSQUITTO_MISSING },
  async t => {
    const acl = `topic write ${BASE}/alert/#\ntopic write ${BASE}/state\ntopic read #\n`
    const broker = await mosquitto(['allow_anonymous true', 'acl_file $DIR/acl'], { acl })
    const journal = new MemoryJournal()
    for (const alarm of alarms(3)) await journal.alarm(alarm)
    const uplink = testUplink(journal, uplinkConfig(broker.url, { protocol: 5 }))
    const ear = await listen(broker.url)
    t.teardown(async () => {
      await uplink.stop(0)
      await ear.end()
      await broker.close()
    })
    uplink.start()
    await until(() => /refuses messages on .*alarm/.test(uplink.status().detail), 'the refusal')
    await until(() => journal.cursorSeq() === 3, 'the alerts')
    await broker.stop()
    await until(() => uplink.status().state !== 'up', 'the loss')
    for (const alarm of alarms(3, 4)) await journal.alarm(alarm)
    await broker.start()
    await until(() => journal.cursorSeq() === 6, 'the alerts made meanwhile')
    t.same(
      alertSeqs(ear).filter(seq => seq <= 3),
      range(1, 3),
    )
    await broker.rewrite('acl', 'topic readwrite #\n')
    await until(() => ear.on('alarm').length === 6, 'what stands', 60_000)
  },
)
