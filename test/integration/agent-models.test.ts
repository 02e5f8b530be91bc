// Models of the built daemon that cannot be used, a scorer that dies under load, and a configuration that changes.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Daemon, startDaemon, wearwatch } from '../support/daemon.ts'
import { type AssetStatus, CHANNELS, Plant, PlantLink, plantConfig, recently, type Status } from '../support/plant.ts'
import { shortDir } from '../support/short-dir.ts'
import { tinyModel } from '../support/sync.ts'
import { aedesBroker } from '../support/uplink-brokers.ts'
import { until } from '../support/waiting.ts'

const LEARN = 120

async function site(t: Test): Promise<{ port: number; link: PlantLink }> {
  const broker = await aedesBroker()
  t.teardown(() => broker.close())
  const link = await PlantLink.open(broker.port)
  t.teardown(() => link.close())
  return { port: broker.port, link }
}

const statusOf = (daemon: Daemon): Promise<Status> => daemon.ask<Status>('/v1/status')

async function ready(daemon: Daemon): Promise<void> {
  await until(async () => (await statusOf(daemon)).sources[0]!.state === 'up', 'the source to be up')
}

async function asset(daemon: Daemon, id: string): Promise<AssetStatus> {
  return (await statusOf(daemon)).assets.find(candidate => candidate.id === id)!
}

t.test('a model file that cannot be used is refused and named; fixed limits and the others go on', async t => {
  const { port, link } = await site(t)
  const dir = shortDir(t)
  const channels = [...CHANNELS]
  const zeros = Buffer.alloc(CHANNELS.length * 16).toString('base64')
  writeFileSync(join(dir, 'no-model.onnx'), 'this is not a model')
  writeFileSync(join(dir, 'other.onnx'), tinyModel({ channels: [{ id: 'flow', unit: 'l/min' }] }))
  writeFileSync(
    join(dir, 'broken.onnx'),
    tinyModel({ channels, selfTest: { windows: zeros, scores: [5], tolerance: 0.01 } }),
  )
  writeFileSync(join(dir, 'good.onnx'), tinyModel({ channels }))
  const files = { 'p-1': 'no-model', 'p-2': 'other', 'p-3': 'broken', 'p-4': 'good', 'p-5': 'missing' }
  const config = plantConfig({
    port,
    assets: Object.keys(files),
    own: Object.fromEntries(Object.entries(files).map(([id, file]) => [id, `model: {file: ${file}.onnx}`])),
  })
  const daemon = await startDaemon(t, config, { dir })
  await ready(daemon)
  const { assets, scorer } = await statusOf(daemon)
  t.match(assets[0]!.problem, /no-model\.onnx refused: .*ONNX/i)
  t.match(assets[1]!.problem, /other\.onnx refused: .*flow in l\/min/)
  t.match(assets[2]!.problem, /broken\.onnx refused: .*self-test/i)
  t.match(assets[4]!.problem, /missing\.onnx refused: .*ENOENT/)
  t.match(assets[3], { mode: 'scoring', problem: undefined, model: { name: 'pump-mean', origin: 'file' } })
  t.equal(scorer.state, 'up')
  for (const { problem } of assets) if (problem) t.ok(daemon.log().includes(problem.slice(0, 60)), 'it is in the log')
  t.match((await wearwatch(['status', '--socket', daemon.socket])).out, /P-3 .*broken\.onnx refused/)

  for (const id of ['p-1', 'p-4']) await link.send(new Plant(id, 5, recently()), 8, 'burst')
  await until(async () => (await statusOf(daemon)).alarms.length >= 2, 'the limit alarms')
  t.same(
    (await statusOf(daemon)).alarms.map(({ rule }) => rule).filter(rule => rule !== 'model'),
    ['pressure.max', 'pressure.max'],
  )
  await until(async () => (await statusOf(daemon)).scorer.windowsScored === 5, 'rows 4 to 8 of p-4 to be scored')
  await daemon.stop()
})

t.test('a scorer killed under load: no window lost, none scored twice', async t => {
  const { port, link } = await site(t)
  const daemon = await startDaemon(t, plantConfig({ port }))
  await ready(daemon)
  const plant = new Plant('p-1', 21, recently())
  await link.send(plant, LEARN)
  await until(async () => (await asset(daemon, 'p-1')).mode === 'scoring', 'the model')
  const stopFlow = link.flow([plant], 5)
  t.teardown(stopFlow)
  for (let kill = 1; kill <= 3; kill++) {
    const { scorer } = await statusOf(daemon)
    await until(async () => (await statusOf(daemon)).scorer.windowsScored > scorer.windowsScored + 20, 'load')
    process.kill((await statusOf(daemon)).scorer.pid!, 'SIGKILL')
    await until(async () => (await statusOf(daemon)).scorer.restarts === kill, 'the restart')
    await until(async () => (await statusOf(daemon)).scorer.state === 'up', 'the scorer to be up')
  }
  await stopFlow()
  const samples = async (): Promise<number[]> => (await daemon.history('p-1', 'samples')).map(row => row[0]!)
  await until(async () => (await samples()).at(-1) === plant.timeUs, 'the last row')
  await until(async () => {
    const { scorer, assets } = await statusOf(daemon)
    return scorer.windowsScored === (await samples()).length - LEARN && assets[0]!.mode === 'scoring'
  }, 'every window to be scored')
  const scores = (await daemon.history('p-1', 'scores')).map(row => row[0]!)
  t.same(scores, (await samples()).slice(LEARN), `each of ${scores.length} rows after the baseline once, in order`)
  t.match((await statusOf(daemon)).scorer, { restarts: 3, windowsDropped: 0, windowsLost: 0 })
  await daemon.stop()
})

t.test('editing one asset makes that one learn anew and leaves the other alone', async t => {
  const { port, link } = await site(t)
  const assets = ['p-1', 'p-2', 'p-3']
  const first = await startDaemon(t, plantConfig({ port, assets }))
  await ready(first)
  const plants = assets.map((id, i) => new Plant(id, 31 + i, recently()))
  await link.send(plants[0]!, LEARN)
  await link.send(plants[1]!, LEARN)
  await link.send(plants[2]!, 70)
  await until(async () => {
    const [one, two, three] = (await statusOf(first)).assets
    return one?.mode === 'scoring' && two?.mode === 'scoring' && three?.learning?.rows === 70
  }, 'two models, and the third on its way')
  const before = (await asset(first, 'p-1')).model
  const own = { 'p-2': 'channels: {flow: {scale: 2}}' }
  await first.stop()
  t.equal(first.child.exitCode, 0)

  // Limits and alarm texts are no reason to learn anew; what the numbers mean is.
  const alarm = '{on-delay: 9s, off-delay: 9s, priority: 2, action: Call Kim}'
  const second = await startDaemon(t, plantConfig({ port, assets, own, alarm }), { dir: first.dir })
  await ready(second)
  t.match(await asset(second, 'p-1'), { mode: 'scoring', model: before! }, 'the same model at once')
  t.match(await asset(second, 'p-2'), { mode: 'learning', learning: { rows: 0 } })
  t.match(await asset(second, 'p-3'), { mode: 'learning', learning: { rows: 70 } })
  await link.send(plants[0]!, 10)
  await until(async () => (await asset(second, 'p-1')).score !== undefined, 'scores of the untouched asset')
  await link.send(plants[1]!, LEARN)
  await link.send(plants[2]!, LEARN - 70)
  await until(async () => (await statusOf(second)).assets.every(({ mode }) => mode === 'scoring'), 'all models')
  t.match((await asset(second, 'p-2')).model, { release: 2, origin: 'local' }, 'releases only rise')
  t.match((await asset(second, 'p-3')).model, { release: 1, origin: 'local' })
  await second.stop()
})
