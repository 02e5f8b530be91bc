// Every message that a running daemon publishes, held against the schemas in docs/.
import t from 'tap'
import { startDaemon, wearwatch } from '../support/daemon.ts'
import { Plant, PlantLink, plantConfig, recently, type Status } from '../support/plant.ts'
import { aedesBroker } from '../support/uplink-brokers.ts'
import { listen, schemaErrors } from '../support/uplink-parts.ts'
import { until } from '../support/waiting.ts'

const BASE = 'wearwatch/v1/hall/gw-1'

interface Message {
  kind: string
  topic: string
  retain: boolean
  body: Record<string, unknown>
}

t.test('state, last will, health, features, alert, alarm, command-result', async t => {
  const broker = await aedesBroker()
  t.teardown(() => broker.close())
  const ear = await listen(broker.url, `${BASE}/#`)
  t.teardown(() => ear.end())
  const messages = (): Message[] =>
    ear.heard
      .filter(({ text, topic }) => text !== '' && !topic.endsWith('/command'))
      .map(({ topic, text, retain }) => ({
        kind: topic.slice(BASE.length + 1).split('/')[0]!,
        topic,
        retain,
        body: JSON.parse(text) as Record<string, unknown>,
      }))
  const of = (kind: string): Message[] => messages().filter(message => message.kind === kind)

  const uplink = `uplink: {mqtt: {url: "${broker.url}"}, health: 1s, features: 1s, commands: [sync, status]}`
  const daemon = await startDaemon(t, plantConfig({ port: broker.port, more: `${uplink}\nscorer: {provider: gpu}` }))
  const status = (): Promise<Status> => daemon.ask<Status>('/v1/status')
  await until(async () => (await status()).sources[0]!.state === 'up', 'the source')
  const plant = new Plant('p-1', 41, recently())
  const link = await PlantLink.open(broker.port)
  t.teardown(() => link.close())

  await link.send(plant, 1, 'burst')
  await link.send(plant, 120)
  await until(async () => (await status()).assets[0]!.mode === 'scoring', 'the model')
  await link.send(plant, 15, 'clog')
  await until(() => of('alert').some(({ body }) => body.rule === 'model'), 'the alarm of the model')
  const [pressure] = (await status()).alarms
  await wearwatch(['alarms', 'ack', pressure!.id, '--by', 'kim', '--socket', daemon.socket])
  await link.send(plant, 40)
  await until(() => of('alert').some(({ body }) => body.rule === 'model' && body.transition === 'cleared'), 'its end')
  for (const command of ['sync', 'status', 'reboot'])
    await ear.publish(`${BASE}/command`, JSON.stringify({ command, id: `test-${command}` }))
  await until(() => of('command-result').length >= 3, 'three results')
  await until(() => of('health').length > 0 && of('features').length > 0, 'health and features')
  const placed = (): Message | undefined =>
    of('state').find(({ body }) => (body.scorer as { models: unknown[] } | undefined)?.models.length === 1)
  await until(() => placed() !== undefined, 'the state with the model')

  await t.test('providers: what the model got and why not the others', async t => {
    const { models } = placed()!.body.scorer as { models: { provider: string; notTaken: object[] }[] }
    const placement = (await status()).assets[0]!.model!
    t.equal(models[0]!.provider, placement.provider)
    t.same(models[0]!.notTaken, placement.notTaken)
    if (placement.provider === 'cpu') {
      t.match(models[0]!.notTaken, [
        { provider: 'tensorrt', reason: /\S+/ },
        { provider: 'cuda', reason: /\S+/ },
      ])
    }
    const text = await wearwatch(['status', '--socket', daemon.socket])
    t.match(text.out, new RegExp(`scorer +up, ${placement.provider}`))
    if (placement.provider === 'cpu') t.match(text.out, /tensorrt: .+; cuda: /)
  })

  await t.test('what stands is retained, and gone when it is over', async t => {
    const late = await listen(broker.url, `${BASE}/#`)
    await until(() => late.heard.some(({ topic }) => topic.includes('/alarm/')), 'the retained alarm')
    t.ok(
      late.heard.every(({ retain }) => retain),
      'retained',
    )
    const topics = late.heard.map(({ topic }) => topic.slice(BASE.length + 1)).sort()
    const unacknowledged = (await status()).alarms.map(({ id }) => `alarm/p-1/${id}`)
    t.same(topics, [...unacknowledged, 'state'].sort(), 'state and unacknowledged alarms, nothing else')
    await late.end()
  })

  await daemon.stop('SIGKILL')
  await until(() => of('state').some(({ body }) => body.state === 'offline'), 'the last will')
  t.match(of('state').at(-1)!.body, { state: 'offline', reason: 'connection lost' })

  const counted: Record<string, number> = {}
  for (const { kind, topic, body } of messages()) {
    counted[kind] = (counted[kind] ?? 0) + 1
    const errors = schemaErrors(kind, body)
    if (errors.length > 0) t.fail(`${topic} breaks docs/schemas/${kind}.schema.json`, { errors, body })
  }
  t.same(Object.keys(counted).sort(), ['alarm', 'alert', 'command-result', 'features', 'health', 'state'], 'all kinds')
  t.comment(JSON.stringify(counted))
})
