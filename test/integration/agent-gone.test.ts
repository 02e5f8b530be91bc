// A sensor dies while the built daemon scores: it goes on without, says so, survives a kill, and takes the sensor in again.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Daemon, startDaemon, wearwatch } from '../support/daemon.ts'
import { type AssetStatus, Plant, PlantLink, plantConfig, recently, type Status } from '../support/plant.ts'
import { aedesBroker } from '../support/uplink-brokers.ts'
import { until } from '../support/waiting.ts'

interface GoneStatus extends AssetStatus {
  without?: { channel: string; since?: string }[]
  rebaselining?: { outcome: string; reason: string }
  learning?: AssetStatus['learning'] & { without?: string[] }
  contributions?: Record<string, number>
}

/** A minute of rows, a window and some. */
const GONE = 70

const statusOf = async (daemon: Daemon): Promise<GoneStatus> =>
  (await daemon.ask<Status>('/v1/status')).assets[0] as GoneStatus

const alarmsOf = async (daemon: Daemon): Promise<{ rule: string; message: string }[]> =>
  (await daemon.ask<{ alarms: { rule: string; message: string }[] }>('/v1/status')).alarms

async function site(t: Test, learning: string) {
  const broker = await aedesBroker()
  t.teardown(() => broker.close())
  const link = await PlantLink.open(broker.port)
  t.teardown(() => link.close())
  const config = plantConfig({ port: broker.port, learning })
  const start = async (dir?: string): Promise<Daemon> => {
    const daemon = await startDaemon(t, config, dir === undefined ? {} : { dir })
    const up = async (): Promise<boolean> => (await daemon.ask<Status>('/v1/status')).sources[0]!.state === 'up'
    await until(up, 'the source to be up')
    return daemon
  }
  return { link, start, plant: new Plant('p-1', 77, recently(3)) }
}

const scoringWithout = (daemon: Daemon, channels: readonly string[]) => async (): Promise<boolean> => {
  const { mode, without = [] } = await statusOf(daemon)
  return mode === 'scoring' && without.map(({ channel }) => channel).join() === channels.join()
}

t.test('goes on without it, alarms on the others, and takes it in again; killed in between', async t => {
  const { link, start, plant } = await site(t, '{rows: 300, sufficiency: warn, rebaseline: off}')
  let daemon = await start()
  await link.send(plant, 320)
  await until(async () => (await statusOf(daemon)).mode === 'scoring', 'the model')
  const whole = (await statusOf(daemon)).model!

  await link.send(plant, 20, 'none', ['pressure'])
  t.same((await statusOf(daemon)).without, undefined, 'a short dropout changes nothing')
  await link.send(plant, 60)
  const died = plant.timeUs + 1e6
  await link.send(plant, GONE, 'none', ['pressure'])
  await until(scoringWithout(daemon, ['pressure']), 'it to go on without pressure')
  const { model, without, problem } = await statusOf(daemon)
  t.match(model, { release: 2, origin: 'local' })
  t.equal(problem, undefined)
  t.equal(without![0]!.since, new Date(died / 1000).toISOString())
  const told = /p-1 is scored without pressure from now on, .* fitted on 300 rows of its baseline/
  await until(() => told.test(daemon.log()), 'the log to say so')
  const status = await wearwatch(['status', '--socket', daemon.socket])
  t.match(status.out, /scoring p-1-baseline release 2 on cpu without pressure \(silent since .*\), score/)

  await link.send(plant, 10, 'none', ['pressure'])
  await until(async () => (await daemon.history('p-1', 'scores')).at(-1)![0] === plant.timeUs, 'the newest row')
  const scored = (await daemon.history('p-1', 'scores')).map(([timeUs]) => timeUs!)
  const since = scored.filter(timeUs => timeUs >= died)
  t.equal(since.length, GONE + 10, 'every row since it died is scored, those before the switch as well')

  await daemon.stop('SIGKILL')
  daemon = await start(daemon.dir)
  t.match(await statusOf(daemon), { mode: 'scoring', model: { sha256: model!.sha256 }, without })
  await link.send(plant, 40, 'clog', ['pressure'])
  await until(async () => (await alarmsOf(daemon)).some(({ rule }) => rule === 'model'), 'the alarm')
  t.match((await alarmsOf(daemon))[0]!.message, /^flow .* below what current predicts \(flow \d+ %/)

  await link.send(plant, 60, 'none', ['pressure'])
  await link.send(plant, GONE)
  await until(scoringWithout(daemon, []), 'the whole model')
  t.equal((await statusOf(daemon)).model!.sha256, whole.sha256)
  const back = /p-1 is scored with all its channels again: p-1-baseline release 1/
  await until(() => back.test(daemon.log()), 'the log to say so')
  await until(() => readdirSync(join(daemon.dir, 'data', 'models')).length === 1, 'the file of the other to go')
  await daemon.stop('SIGKILL')
  daemon = await start(daemon.dir)
  t.match(await statusOf(daemon), { mode: 'scoring', model: { sha256: whole.sha256 }, without: undefined })
  await link.send(plant, 40)
  await until(async () => (await statusOf(daemon)).contributions?.pressure !== undefined, 'it to see pressure')
  await daemon.stop()
})

t.test('carried forward meanwhile, and the first baseline stays what drift is held against', async t => {
  const { link, start, plant } = await site(t, '{rows: 200, sufficiency: warn, rebaseline: daily}')
  const daemon = await start()
  await link.send(plant, 200)
  await until(async () => (await statusOf(daemon)).mode === 'scoring', 'the model')
  await link.send(plant, GONE, 'none', ['current'])
  await until(scoringWithout(daemon, ['current']), 'it to go on without current')
  for (let i = 0; i < 40 && (await statusOf(daemon)).model!.release < 3; i++) {
    await link.send(plant, 20, 'none', ['current'])
  }
  const taken = async (): Promise<boolean> => (await statusOf(daemon)).rebaselining?.outcome === 'taken'
  await until(taken, 'it to be carried forward', 10_000)
  t.match(await statusOf(daemon), { model: { release: 3 }, without: [{ channel: 'current' }] })
  await link.send(plant, GONE)
  await until(scoringWithout(daemon, []), 'the whole model')
  t.equal((await statusOf(daemon)).model!.release, 1)
  await daemon.stop()
})

t.test('dead for the whole of learning: learnt without, and set-baseline learns it when it is back', async t => {
  const { link, start, plant } = await site(t, '{rows: 300, sufficiency: warn, rebaseline: off}')
  let daemon = await start()
  await link.send(plant, 40)
  await link.send(plant, GONE, 'none', ['current'])
  await until(async () => (await statusOf(daemon)).learning?.without !== undefined, 'it to learn without current')
  t.match(daemon.log(), /p-1 learns without current from now on, of which no good value comes/)
  await until(async () => (await statusOf(daemon)).learning?.rows === 40 + GONE, 'all rows to count')
  t.match((await wearwatch(['status', '--socket', daemon.socket])).out, /110\/300 rows, without current/)
  await daemon.stop()
  daemon = await start(daemon.dir)
  t.match((await statusOf(daemon)).learning, { rows: 40 + GONE, without: ['current'] })
  await link.send(plant, 200, 'none', ['current'])
  await until(scoringWithout(daemon, ['current']), 'a model')
  t.equal((await statusOf(daemon)).model!.release, 1)
  const told = (await wearwatch(['status', '--socket', daemon.socket])).out
  t.match(told, /without current \(not in its baseline; set-baseline learns it\)/)
  await link.send(plant, GONE + 30)
  t.equal((await statusOf(daemon)).model!.release, 1, 'nothing is learnt anew by itself')
  await wearwatch(['set-baseline', 'p-1', '--socket', daemon.socket])
  await link.send(plant, 310)
  await until(scoringWithout(daemon, []), 'a model of all channels', 10_000)
  await daemon.stop()
})
