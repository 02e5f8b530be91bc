import t from 'tap'
import { COMMAND_NAMES } from '../../agent/config/contract.ts'
import { draft, memoryLedger, newKey, signed } from '../support/commands.ts'
import { aedesBroker } from '../support/uplink-brokers.ts'
import { MemoryJournal } from '../support/uplink-journal.ts'
import { alarms, BASE, listen, schemaErrors, testUplink, uplinkConfig } from '../support/uplink-parts.ts'
import { until } from '../support/waiting.ts'

t.test('backfill: delivered alerts once more, marked, in order; what is gone is said', async t => {
  const broker = await aedesBroker()
  const ops = newKey()
  const journal = new MemoryJournal()
  for (const alarm of alarms(20)) await journal.alarm(alarm)
  const ear = await listen(broker.url)
  const commandTrust = { keys: [ops.config], unsigned: [], unsignedShelveMaxMs: 60_000 }
  const uplink = testUplink(journal, uplinkConfig(broker.url, { commands: COMMAND_NAMES, commandTrust }), {
    ledger: memoryLedger(),
    handlers: { sync: async () => ({ ok: true, message: '', models: [] }), status: async () => ({}) },
  })
  uplink.start()
  await until(() => ear.on('alert').length === 20, 'the alerts')
  await until(() => uplink.status().deliveredAlertSeq === 20, 'their acknowledgements')
  journal.lose(1, 5)
  let counter = 0
  const ask = async (args: object) => {
    counter++
    const id = `b-${counter}`
    const clock = { nowUs: () => Date.now() * 1000 }
    const command = draft(clock, { command: 'backfill', arguments: { ...args }, id, counter })
    await ear.publish(`${BASE}/command`, signed(ops, command).toString())
    await until(() => ear.on('command-result').length === counter, 'the answer')
    return JSON.parse(ear.on('command-result').at(-1)!.text) as Record<string, unknown>
  }
  const again = () =>
    ear
      .on('alert')
      .slice(20)
      .map(({ text }) => JSON.parse(text) as Record<string, unknown>)
  t.match(await ask({ from: 4, to: 9 }), {
    ok: true,
    message: '4 of alerts 4 to 9 sent once more; 2 are not in the journal any more',
    detail: { from: 4, to: 9, sent: 4, gone: 2 },
  })
  t.same(
    again().map(({ seq }) => seq),
    [6, 7, 8, 9],
  )
  for (const alert of again()) {
    t.equal(alert.backfill, true)
    t.same(schemaErrors('alert', alert), [])
  }
  t.match(await ask({ from: 1, to: 2 }), { ok: false, detail: { reason: 'rate' } }, 'not too often')
  t.equal(again().length, 4)
  await uplink.stop(0)
  await ear.end()
  await broker.close()
})
