// Every message that a real uplink publishes, held against docs/schemas, on both brokers: MQTT 3.1.1 and 5.
import t, { type Test } from 'tap'
import type { AlarmTransition } from '../../agent/alarms/contract.ts'
import { gated, model, scored, testEngine } from '../support/alarm-parts.ts'
import { asset, channel } from '../support/assets.ts'
import { aedesBroker, MOSQUITTO_MISSING, mosquitto, type TestBroker } from '../support/uplink-brokers.ts'
import { MemoryJournal } from '../support/uplink-journal.ts'
import { BASE, type Ear, listen, schemaErrors, testUplink, uplinkConfig } from '../support/uplink-parts.ts'
import { until } from '../support/waiting.ts'

/** Every kind of transition, as the engine makes them. */
function lifeOfAlarms(): AlarmTransition[] {
  const limit = { onDelayMs: 1_000, offDelayMs: 0, deadband: 0.5, priority: 1 as const }
  const pump = asset([channel('flow', { unit: 'm3/h' }), channel('discharge', { max: 9, limit })], {
    tag: 'P-101A',
    alarm: {
      onDelayMs: 0,
      offDelayMs: 0,
      deadband: 0.1,
      priority: 3,
      trendHorizonMs: 0,
      shelveMaxMs: 604_800_000,
      action: 'Check strainer',
    },
  })
  const { engine, transitions } = testEngine([pump])
  engine.rows(
    gated([
      [40, 9.4],
      [40, 9.5],
      [40, 5],
    ]),
  )
  engine.scores(scored([1.4], [1]))
  engine.desk.acknowledge(engine.standing()[1]?.id ?? '', { actor: 'operator', by: 'anna', note: 'on my way' })
  engine.scores(scored([0.4], [2]))
  engine.scores(scored([1.2], [3], model(false)))
  return transitions
}

function uplinkContract(name: string, skip: string | false, open: () => Promise<TestBroker>): void {
  t.test(`${name}: every topic keeps its schema`, { skip }, async t => {
    const broker = await open()
    const ear = await listen(broker.url)
    const journal = new MemoryJournal()
    const transitions = lifeOfAlarms()
    for (const made of transitions) await journal.alarm(made)
    await journal.alarm({ ...transitions[0]!, alertSeq: transitions.length + 4 })
    const uplink = testUplink(journal, uplinkConfig(broker.url, { commands: ['status'] }), {
      handlers: { sync: () => Promise.reject(new Error('not enabled')), status: async () => ({ up: true }) },
    })
    t.teardown(async () => {
      await uplink.stop(0)
      await ear.end()
      await broker.close()
    })
    uplink.publishState({ clock: 'synced', scorer: { state: 'up', models: [], quarantined: [] }, assets: [] })
    uplink.start()
    await until(() => uplink.status().state === 'up', 'the connection')
    uplink.publishHealth({ uptimeS: 3, counters: { 'decode.crc_errors': 2 } })
    uplink.publishFeatures('p-101', { score: 0.4, setpoint: 1, contributions: { flow: 0.6 }, features: [] })
    const command = { command: 'status', id: 'c-1' }
    t.same(schemaErrors('command', command), [])
    await ear.publish(`${BASE}/command`, JSON.stringify(command))
    await until(() => ear.on('command-result').length > 0, 'the result')
    await until(() => journal.cursorSeq() === transitions.length + 1, 'the alerts')
    await until(() => ear.on('alert').length === transitions.length + 2, 'the ear')
    await uplink.stop(1_000)
    await until(() => ear.on('state').some(({ text }) => text.includes('offline')), 'the last words')
    checkSchemas(t, ear)
    t.match(
      ear.on('alert/_gap').map(({ text }) => JSON.parse(text)),
      [{ alerts: { from: transitions.length + 1, to: transitions.length + 3 } }],
    )
  })
}

function checkSchemas(t: Test, ear: Ear): void {
  const counts: Record<string, number> = {}
  for (const { topic, text } of ear.heard) {
    const [, , , , stream, level] = topic.split('/')
    if (text === '' || stream === 'command') continue
    const name = level === '_gap' ? 'gap' : (stream ?? '')
    counts[name] = (counts[name] ?? 0) + 1
    t.same(schemaErrors(name, JSON.parse(text)), [], `${topic} ${text}`)
  }
  for (const name of ['alert', 'alarm', 'gap', 'state', 'health', 'features', 'command-result']) {
    t.ok((counts[name] ?? 0) > 0, `${name}: ${counts[name]} messages checked`)
  }
}

t.test('the example of the documentation keeps its schema', async t => {
  const example = {
    schema: 'wearwatch.alert/1',
    id: '01JD3Q8Z6V0YA',
    seq: 4812,
    test: false,
    site: 'hamburg',
    gateway: 'gw-7f3a',
    asset: 'm-204',
    tag: 'M-204',
    kind: 'machine',
    transition: 'raised',
    active: true,
    acked: false,
    suppression: 'none',
    isaState: 'Unacknowledged',
    priority: 3,
    onset: '2026-11-22T06:14:00.000Z',
    raised: '2026-11-22T06:44:00.000Z',
    at: '2026-11-22T06:44:00.000Z',
    clock: 'synced',
    running: true,
    message: 'DE horizontal 3.4–3.6 kHz 3.1 x baseline, 3 captures',
    rule: 'model',
    score: 1.42,
    setpoint: 1,
    evidence: [{ channel: 'de-h', feature: 'rms 3400-3600 Hz', value: 0.31, baseline: 0.1, unit: 'g', share: 0.62 }],
    action: 'Check DE lubrication',
    model: { name: 'm-204-bands', release: 3, sha256: '9f'.repeat(32), origin: 'local' },
    capture: 'c-1187',
  }
  t.same(schemaErrors('alert', example), [])
  t.not(schemaErrors('alert', { ...example, seq: 0 }).length, 0)
  t.not(schemaErrors('alert', { ...example, surprise: 1 }).length, 0)
  t.not(schemaErrors('alert', { ...example, onset: '2026-11-22T06:14:00Z' }).length, 0)
})

uplinkContract('aedes, MQTT 3.1.1', false, aedesBroker)
uplinkContract('mosquitto, MQTT 5', MOSQUITTO_MISSING, () => mosquitto())
