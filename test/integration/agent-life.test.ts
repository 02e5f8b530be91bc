// One asset's life in the built daemon: fixed limits at once, learning, scores, the model's alarm, what people ask, the stop.
import t from 'tap'
import type { AlarmView } from '../../agent/http/contract.ts'
import type { LiveChannel } from '../../agent/windows/contract.ts'
import { startDaemon, wearwatch } from '../support/daemon.ts'
import { Plant, PlantLink, plantConfig, recently, type Status } from '../support/plant.ts'
import { aedesBroker } from '../support/uplink-brokers.ts'
import { listen } from '../support/uplink-parts.ts'
import { until } from '../support/waiting.ts'

interface Alert {
  seq: number
  id: string
  transition: string
  rule: string
  message: string
  acked: boolean
  by?: string
  note?: string
  actor?: string
  suppression: string
  model?: { origin: string }
}

t.test('learns, scores, alarms with a reason, clears, is acknowledged, stops', async t => {
  const broker = await aedesBroker()
  t.teardown(() => broker.close())
  const ear = await listen(broker.url, 'wearwatch/v1/hall/gw-1/#')
  t.teardown(() => ear.end())
  const alerts = (): Alert[] =>
    ear.heard.filter(({ topic }) => topic.includes('/alert/')).map(({ text }) => JSON.parse(text) as Alert)
  const alert = (rule: string, transition: string): Alert | undefined =>
    alerts().find(a => a.rule === rule && a.transition === transition)

  const daemon = await startDaemon(t, plantConfig({ port: broker.port }))
  const ask = (...args: string[]) => wearwatch([...args, '--socket', daemon.socket])
  const status = (): Promise<Status> => daemon.ask<Status>('/v1/status')
  await until(async () => (await status()).sources[0]!.state === 'up', 'the source to be up')
  const plant = new Plant('p-1', 11, recently())
  const link = await PlantLink.open(broker.port)
  t.teardown(() => link.close())

  await t.test('before the first row', async t => {
    const channels = await ask('channels')
    t.equal(channels.code, 1, 'not every channel is good')
    t.match(channels.out, /p-1 +flow +- +m3\/h +never/)
    const history = await ask('history', 'p-1')
    t.equal(history.code, 1)
    t.match(history.err, /no samples of p-1 stored from .* to now/)
    t.match(await ask('alarms'), { code: 0, out: 'no alarms standing\n' })
  })

  await t.test('a fixed limit alarms from the first sample, before any model', async t => {
    await link.send(plant, 1, 'burst')
    await until(() => alert('pressure.max', 'raised') !== undefined, 'the limit alarm')
    t.match((await status()).assets[0], { mode: 'learning', alarms: 1 })
    t.match(alert('pressure.max', 'raised'), { seq: 1, acked: false })
    await link.send(plant, 6)
    await until(() => alert('pressure.max', 'cleared') !== undefined, 'the limit alarm to clear')
    t.equal(alert('pressure.max', 'cleared')?.id, alert('pressure.max', 'raised')?.id)
  })

  await t.test('learns and says how far it is', async t => {
    // The burst is stored and alarmed on, but not learnt from.
    await link.send(plant, 54)
    await until(async () => (await status()).assets[0]!.learning?.rows === 60, '60 rows to be learnt')
    const text = await ask('status')
    t.equal(text.code, 0)
    t.match(text.out, /P-1 .*3\/3 channels good · running · .*50 % .*60\/120 rows/)
    await link.send(plant, 60)
    await until(async () => (await status()).assets[0]!.mode === 'scoring', 'the model')
    t.match((await status()).assets[0]!.model, { name: 'p-1-baseline', release: 1, origin: 'local', provider: 'cpu' })
  })

  await t.test('a change that only the model sees', async t => {
    await link.send(plant, 60)
    t.notOk(alert('model', 'raised'), 'no alarm while all is well')
    await link.send(plant, 15, 'clog')
    await until(() => alert('model', 'raised') !== undefined, 'the alarm of the model')
    t.match(alert('model', 'raised')?.message, /flow .*(below|above) what current and pressure predict/)
    t.match(alert('model', 'raised'), { model: { origin: 'local' }, action: 'Check strainer', priority: 3 })
    const list = await ask('alarms')
    t.match(list, { code: 0, out: /Unacknowledged .*P-1 +flow/ })
    const id = alert('model', 'raised')!.id
    const json = JSON.parse((await ask('alarms', '--json')).out) as AlarmView[]
    t.match(
      json.map(({ rule }) => rule),
      ['pressure.max', 'model'],
      'highest priority first',
    )
    const ack = await ask('alarms', 'ack', id.toLowerCase(), '--by', 'kim', '--note', 'strainer ordered')
    t.match(ack, { code: 0, out: new RegExp(`${id} p-1: Acknowledged, acknowledged by kim`) })
    await until(() => alert('model', 'acknowledged') !== undefined, 'the acknowledgement upstream')
    t.match(alert('model', 'acknowledged'), { by: 'kim', note: 'strainer ordered', id })
    t.match(await ask('alarms', 'ack', id), { code: 5, err: /acknowledged at .* by kim.*COMMAND_REFUSED/ })
    t.match(await ask('alarms', 'ack', 'NOBODY'), { code: 5, err: /no alarm NOBODY stands.*NOT_FOUND/ })
    await link.send(plant, 60)
    await until(() => alert('model', 'cleared') !== undefined, 'the alarm of the model to clear')
  })

  await t.test('shelved, out of service and back; a restart is told by the retained alarm', async t => {
    const shelved = await ask(
      'alarms',
      'shelve',
      'P-1',
      'pressure.max',
      '--for',
      '8h',
      '--by',
      'kim',
      '--note',
      'gauge ordered',
    )
    t.match(shelved, { code: 0, out: /^P-1 pressure.max: Shelved until \d{4}-/ })
    await until(() => alert('pressure.max', 'shelved') !== undefined, 'the shelving upstream')
    t.match(alert('pressure.max', 'shelved'), {
      suppression: 'shelved',
      actor: 'operator',
      by: 'kim',
      note: 'gauge ordered',
    })
    t.match(await ask('alarms', 'out-of-service', 'p-1', '--by', 'kim'), {
      code: 0,
      out: 'P-1 all alarms: OutOfService by kim\n',
    })
    t.match((await ask('alarms')).out, /OutOfService by kim .*all alarms of P-1 out of service by kim/)
    t.match(await ask('alarms', 'shelve', 'p-1', '--for', '30d'), { code: 5, err: /at most 7 d/ })
    t.match(await ask('alarms', 'shelve', 'p-1', '--for', '30'), { code: 2, err: /duration/ })
    t.match(await ask('alarms', 'unshelve', 'p-1'), { code: 5, err: /not shelved/ })
    t.match(await ask('alarms', 'in-service', 'p-1'), { code: 0 })
    t.match(await ask('alarms', 'unshelve', 'p-1', 'pressure.max'), {
      code: 0,
      out: /pressure.max: (RtnUnacknowledged|Normal)/,
    })
    await until(() => alert('*', 'in-service') !== undefined, 'the end of it upstream')
  })

  await t.test('what is stored and shown', async t => {
    const { scorer } = await status()
    const scored = await daemon.history('p-1', 'scores')
    t.equal(scored.length, 135, 'every row after the baseline has a score')
    t.equal(scorer.windowsScored, 135)
    const csv = await ask('history', 'p-1', '--class', 'scores', '--from', '2h', '--csv')
    t.equal(csv.code, 0)
    t.match(csv.out.split('\n')[0], /^time,score,contribution:/)
    t.equal(csv.out.trim().split('\n').length, 136)
    const json = await ask('history', 'p-1', '--from', '2h', '--columns', 'flow', '--json')
    t.same(JSON.parse(json.out.split('\n')[0]!), { columns: ['flow'] })
    t.match(await ask('history', 'p-1', '--from', '2h', '--columns', 'flow,nix'), {
      code: 5,
      out: '',
      err: /no column nix among the samples of p-1 .*there are flow, /,
    })
    t.match(await ask('history', 'p-9'), { code: 5, err: /no asset p-9; there are p-1/ })
    t.match(await ask('history', 'p-1', '--from', 'yesterday'), { code: 2, err: /cannot read the time/ })
    const channels = await ask('channels', '--json')
    t.equal(channels.code, 0)
    t.match(JSON.parse(channels.out) as LiveChannel[], [{ channel: 'flow', unit: 'm3/h', quality: 'good' }, {}, {}])
    t.match(JSON.parse((await ask('status', '--json')).out), { assets: [{ id: 'p-1', mode: 'scoring' }] })
    t.match((await ask('status')).out, /scorer +up, cpu/)
    t.match(await ask('sync'), { code: 5, out: /sync is off/ })
  })

  await t.test('SIGTERM', async t => {
    const seqs = alerts().map(({ seq }) => seq)
    t.same(
      seqs,
      seqs.map((_, i) => i + 1),
      'alerts numbered without a gap',
    )
    const beganMs = performance.now()
    await daemon.stop()
    t.ok(performance.now() - beganMs < 5000, 'within 5 s')
    t.equal(daemon.child.exitCode, 0)
    const late = await listen(broker.url, 'wearwatch/v1/hall/gw-1/state')
    await until(() => late.heard.length > 0, 'the retained state')
    t.match(JSON.parse(late.heard[0]!.text), { state: 'offline', reason: 'stopped' })
    await late.end()
    t.match(await ask('status'), { code: 4, err: /no daemon answers .*DAEMON_NOT_RUNNING/ })
  })
})
