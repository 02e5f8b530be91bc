import t from 'tap'
import type { CommandHandlers, SyncReport } from '../../agent/uplink/contract.ts'
import { aedesBroker, MOSQUITTO_MISSING, mosquitto, type TestBroker } from '../support/uplink-brokers.ts'
import { MemoryJournal } from '../support/uplink-journal.ts'
import { BASE, type Ear, listen, schemaErrors, testUplink, uplinkConfig } from '../support/uplink-parts.ts'
import { until } from '../support/waiting.ts'

const report: SyncReport = { ok: true, message: '1 model activated', models: [{ asset: 'p-101', action: 'activated' }] }

function handlers(asked: string[]): CommandHandlers {
  return {
    sync: async by => {
      asked.push(by)
      return report
    },
    status: async () => ({ version: '0.1.0' }),
  }
}

const results = (ear: Ear): Record<string, unknown>[] =>
  ear.on('command-result').map(({ text }) => JSON.parse(text) as Record<string, unknown>)

async function commanded(broker: TestBroker, commands: ('sync' | 'status')[], asked: string[]) {
  const ear = await listen(broker.url)
  const uplink = testUplink(new MemoryJournal(), uplinkConfig(broker.url, { commands }), { handlers: handlers(asked) })
  uplink.start()
  await until(() => ear.on('state').length > 0, 'the uplink')
  return { ear, uplink }
}

t.test('sync by MQTT: executed once, answered, and again for the repeat', async t => {
  const broker = await aedesBroker()
  const asked: string[] = []
  const { ear, uplink } = await commanded(broker, ['sync'], asked)
  await ear.publish(`${BASE}/command`, '{"command":"sync","id":"a-1"}')
  await until(() => results(ear).length === 1, 'the result')
  await ear.publish(`${BASE}/command`, '{"command":"sync","id":"a-1"}')
  await until(() => results(ear).length === 2, 'the result again')
  t.same(asked, ['mqtt a-1'])
  for (const result of results(ear)) {
    t.match(result, {
      id: 'a-1',
      command: 'sync',
      ok: true,
      message: report.message,
      detail: { models: report.models },
    })
    t.same(schemaErrors('command-result', result), [])
  }
  await ear.publish(`${BASE}/command`, '{"command":"status","id":"a-2"}')
  await until(() => results(ear).length === 3, 'the refusal')
  t.match(results(ear)[2], { id: 'a-2', ok: false, message: /not enabled here; accepted are: sync/ })
  t.same(schemaErrors('command-result', results(ear)[2]), [])
  await uplink.stop(0)
  await ear.end()
  await broker.close()
})

t.test('a retained command is refused', async t => {
  const broker = await aedesBroker()
  const asked: string[] = []
  const before = await listen(broker.url)
  await before.publish(`${BASE}/command`, '{"command":"sync","id":"old"}', { retain: true })
  await before.end()
  const { ear, uplink } = await commanded(broker, ['sync'], asked)
  await until(() => results(ear).length === 1, 'the refusal')
  t.match(results(ear)[0], { id: 'old', ok: false, message: /retained/, detail: { code: 'COMMAND_REFUSED' } })
  t.same(asked, [])
  await uplink.stop(0)
  await ear.end()
  await broker.close()
})

t.test('off until listed: the topic is not even subscribed', async t => {
  const broker = await aedesBroker()
  const subscribed: string[] = []
  broker.aedes.on('subscribe', list => subscribed.push(...list.map(({ topic }) => topic)))
  const { ear, uplink } = await commanded(broker, [], [])
  t.notOk(subscribed.includes(`${BASE}/command`))
  await uplink.stop(0)
  await ear.end()
  await broker.close()
})

t.test('MQTT 5: response topic and correlation data', { skip: MOSQUITTO_MISSING }, async t => {
  const broker = await mosquitto()
  const ear = await listen(broker.url, '#', { protocolVersion: 5 })
  const uplink = testUplink(new MemoryJournal(), uplinkConfig(broker.url, { commands: ['sync'] }), {
    handlers: handlers([]),
  })
  uplink.start()
  await until(() => ear.on('state').length > 0, 'the uplink')
  const ask = (id: string, responseTopic: string): Promise<void> =>
    ear.publish(`${BASE}/command`, JSON.stringify({ command: 'sync', id }), {
      properties: { responseTopic, correlationData: Buffer.from('c-7') },
    })
  await ask('b-1', 'scada/answers')
  await until(() => ear.heard.some(({ topic }) => topic === 'scada/answers'), 'the answer')
  const answer = ear.heard.find(({ topic }) => topic === 'scada/answers')
  t.match(JSON.parse(answer?.text ?? ''), { id: 'b-1', ok: true })
  t.equal(answer?.packet.properties?.correlationData?.toString(), 'c-7')
  // An answer must not pass for an alert.
  await ask('b-2', `${BASE}/alert/p-101`)
  await until(() => results(ear).length === 1, 'the answer in its own place')
  t.equal(ear.on('alert').length, 0)
  await uplink.stop(0)
  await ear.end()
  await broker.close()
})
