// Sensors die while the built daemon watches: each is told, none becomes an alarm of the machine, and the machine is watched on.
import { connectAsync } from 'mqtt'
import t from 'tap'
import { isoFromUs } from '../../agent/core/types.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import { Plant, plantConfig, recently, type Status } from '../support/plant.ts'
import { aedesBroker } from '../support/uplink-brokers.ts'
import { until } from '../support/waiting.ts'

interface Alarm {
  asset: string
  rule: string
  active: boolean
  message: string
}
type Values = Record<'flow' | 'current' | 'pressure', number>

/** Longer than a gateway that is busy with other tests takes from one look to the next. */
const SENSORS = 'sensor: {silent: 5s, out-of-range: 2s, off-delay: 2s}'
const WATCHED = `${SENSORS}, channels: {pressure: {range: [0, 20]}, flow: {sensor: {stuck: 60s}}}`
/** Neither is looked for, so that what would become of them shows. */
const BLIND = 'sensor: {watch: off}'

const alarmsOf = async (daemon: Daemon): Promise<Alarm[]> =>
  (await daemon.ask<{ alarms: Alarm[] }>('/v1/status')).alarms
const rulesOf = async (daemon: Daemon): Promise<string[]> =>
  (await alarmsOf(daemon)).map(({ asset, rule }) => `${asset} ${rule}`).sort()

t.test('stuck, out of range, silent, and a link that is gone', async t => {
  const broker = await aedesBroker()
  t.teardown(() => broker.close())
  const client = await connectAsync(`mqtt://127.0.0.1:${broker.port}`)
  t.teardown(() => client.endAsync(true))
  const config = plantConfig({
    port: broker.port,
    assets: ['p-1', 'p-2'],
    own: { 'p-1': WATCHED, 'p-2': BLIND },
  }).replace('mqtt: {url', 'mqtt: {down: 1s, url')
  const daemon = await startDaemon(t, config)
  const up = async (): Promise<boolean> => (await daemon.ask<Status>('/v1/status')).sources[0]!.state === 'up'
  await until(up, 'the source to be up')
  const plants = [new Plant('p-1', 77, recently(3)), new Plant('p-2', 77, recently(3))]
  /** The same rows to both, as `change` leaves them; resolves when the broker has them. */
  const send = async (rows: number, change: (values: Values) => Partial<Values> = values => values): Promise<void> => {
    for (const plant of plants) {
      for (let row = 0; row < rows; row++) {
        const [flow, current, pressure] = plant.row()
        const message = JSON.stringify({ ts: isoFromUs(plant.timeUs), ...change({ flow, current, pressure }) })
        await client.publishAsync(`plant/${plant.asset}`, message, { qos: 1 })
      }
    }
  }
  const stored = async (): Promise<boolean> => {
    const all = await Promise.all(plants.map(({ asset }) => daemon.history(asset, 'samples')))
    return all.every((rows, i) => rows.at(-1)![0] === plants[i]!.timeUs)
  }
  /** Sends on while it waits, for whoever does not is silent. */
  const seen = async (what: string, condition: () => Promise<boolean>, change?: (values: Values) => Partial<Values>) =>
    until(
      async () => {
        await send(1, change)
        return condition()
      },
      what,
      60_000,
    )
  const told = (rule: string) => async (): Promise<boolean> => (await rulesOf(daemon)).includes(rule)
  await send(130)
  const scoring = async (): Promise<boolean> =>
    (await daemon.ask<Status>('/v1/status')).assets.every(({ mode }) => mode === 'scoring')
  await seen('the models', scoring)
  await send(60)
  t.same(await rulesOf(daemon), [], 'all is well')

  const stuck = (values: Values): Values => ({ ...values, flow: 50 })
  await send(90, stuck)
  await seen('flow to be stuck', told('p-1 flow.stuck'), stuck)
  await seen('the other to mistake it for the machine', told('p-2 model'), stuck)
  t.same(await rulesOf(daemon), ['p-1 flow.stuck', 'p-2 model'])
  t.match(
    (await alarmsOf(daemon)).find(({ rule }) => rule === 'flow.stuck'),
    {
      message: /^flow: stuck at 50 m³\/h for 60 s of running time; no alarm of the machine rests on it$/,
    },
  )
  await send(60)
  const cleared = async (): Promise<boolean> => (await alarmsOf(daemon)).every(({ active }) => !active)
  await seen('both to clear', cleared)

  const broken = (values: Values): Values => ({ ...values, pressure: 250 })
  await send(40, broken)
  await seen('it to be out of range', told('p-1 pressure.out-of-range'), broken)
  await seen('the other to alarm', told('p-2 pressure.max'), broken)
  await until(stored, 'every row to be judged')
  t.notOk(
    (await rulesOf(daemon)).some(rule => /^p-1 (model|pressure.max)/.test(rule)),
    'the limit is not for broken sensors',
  )
  await send(60)
  await seen('both to clear', cleared)

  await seen('current to be silent', told('p-1 current.silent'), ({ flow, pressure }) => ({ flow, pressure }))
  const machine = (await rulesOf(daemon)).filter(rule => /^p-1 (model|.*\.(max|min))$/.test(rule))
  t.same(machine, [], 'no alarm of the machine all along')
  t.notOk((await rulesOf(daemon)).includes('p-1 silent'), 'the others go on')

  await send(60)
  const whole = async (): Promise<boolean> => {
    await send(20)
    const [p1] = (await daemon.ask<{ assets: { without?: unknown[]; mode: string }[] }>('/v1/status')).assets
    return p1?.mode === 'scoring' && p1.without === undefined
  }
  await until(whole, 'it to be scored as a whole again', 60_000)
  const clogged = (values: Values): Values => ({ ...values, flow: values.flow - 15 })
  await seen('the machine to be watched', told('p-1 model'), clogged)

  await broker.close()
  const down = async (): Promise<Alarm | undefined> =>
    (await alarmsOf(daemon)).find(({ rule }) => rule === 'plant.down')
  await until(async () => (await down()) !== undefined, 'the link to be missed', 20_000)
  t.match(await down(), { asset: '_gateway', message: /^plant: no link for [\d.]+ s: / })
  await daemon.stop()
})
