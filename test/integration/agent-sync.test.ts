// Models swapped under load in the built daemon: by command line, MQTT and schedule, and those that must not be.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { systemClock } from '../../agent/core/clock.ts'
import { parseModelFile } from '../../agent/models/file/model-file.ts'
import { fitModel } from '../../agent/models/fit/fit.ts'
import { Publisher } from '../../agent/sync/publisher.ts'
import type { SyncReport } from '../../agent/uplink/contract.ts'
import { type Daemon, startDaemon, wearwatch } from '../support/daemon.ts'
import { CHANNELS, Plant, PlantLink, plantConfig, plantFitData, recently, type Status } from '../support/plant.ts'
import { shortDir } from '../support/short-dir.ts'
import { tinyModel } from '../support/sync.ts'
import { aedesBroker } from '../support/uplink-brokers.ts'
import { type Ear, listen } from '../support/uplink-parts.ts'
import { until } from '../support/waiting.ts'

const LEARN = 120
const BASE = 'wearwatch/v1/hall/gw-1'

/** A fitted model; `order` decides its shape. */
function model(release: number, order = 2): Uint8Array {
  const alarm = { onDelayMs: 3000, offDelayMs: 3000, deadband: 0.1 }
  const shape = { family: 'var', order, mean: 4, hop: 1 } as const
  return fitModel(plantFitData(release, 400), { name: 'pump-var', release, assetClass: 'pump', alarm, ...shape }).bytes
}

interface Repository {
  dir: string
  yaml(schedule?: string): string
  /** The first by `wearwatch publish add`, the others by what that calls, without a process each. */
  add(bytes: Uint8Array): Promise<void>
}

async function makeRepository(t: Test): Promise<Repository> {
  const dir = shortDir(t)
  const repo = join(dir, 'repo')
  t.equal((await wearwatch(['publish', 'init', repo])).code, 0)
  const root = join(dir, 'installed-root.json')
  writeFileSync(root, readFileSync(join(repo, 'root.json')))
  const publisher = new Publisher({ repo, expiresMs: 86_400_000, clock: systemClock(), readModel: parseModelFile })
  let added = 0
  return {
    dir: repo,
    yaml: schedule => `sync: {repository: ${repo}, root: ${root}${schedule ? `, schedule: "${schedule}"` : ''}}`,
    async add(bytes) {
      const path = join(dir, 'model.onnx')
      writeFileSync(path, bytes)
      if (added++ > 0) return void (await publisher.add(path, 'pump'))
      const { code, err } = await wearwatch(['publish', 'add', path, '--repo', repo, '--class', 'pump'])
      t.equal(code, 0, err)
    },
  }
}

const statusOf = (daemon: Daemon): Promise<Status> => daemon.ask<Status>('/v1/status')
const release = async (daemon: Daemon): Promise<number | undefined> =>
  (await statusOf(daemon)).assets[0]!.model?.release

/** Broker, daemon that scores with a model it learnt, and rows that keep flowing. */
async function scoringSite(
  t: Test,
  more: string,
): Promise<{ daemon: Daemon; ear: Ear; plant: Plant; stop(): Promise<void> }> {
  const broker = await aedesBroker()
  t.teardown(() => broker.close())
  const ear = await listen(broker.url, `${BASE}/command-result`)
  t.teardown(() => ear.end())
  const link = await PlantLink.open(broker.port)
  t.teardown(() => link.close())
  const uplink = `uplink: {mqtt: {url: "${broker.url}"}, commands: [sync]}`
  const daemon = await startDaemon(t, plantConfig({ port: broker.port, more: `${more}\n${uplink}` }))
  await until(async () => {
    const { sources, uplink } = await statusOf(daemon)
    return sources[0]!.state === 'up' && uplink.state === 'up'
  }, 'the links')
  const plant = new Plant('p-1', 1, recently())
  await link.send(plant, LEARN)
  await until(async () => (await statusOf(daemon)).assets[0]!.mode === 'scoring', 'the model learnt here')
  const stop = link.flow([plant], 12)
  t.teardown(stop)
  return { daemon, ear, plant, stop }
}

/** Every row after the baseline has exactly one score, in order. */
async function gapFree(t: Test, daemon: Daemon, plant: Plant): Promise<void> {
  const times = async (cls: string): Promise<number[]> => (await daemon.history('p-1', cls)).map(row => row[0]!)
  await until(async () => (await times('samples')).at(-1) === plant.timeUs, 'the last row')
  const rows = (await times('samples')).slice(LEARN)
  await until(async () => (await times('scores')).length >= rows.length, 'every row to be scored').catch(t.fail)
  t.same(await times('scores'), rows, `each of ${rows.length} rows once`)
  t.match((await statusOf(daemon)).scorer, { windowsDropped: 0, windowsLost: 0 })
}

t.test('by command line and MQTT, with the same and with other shapes', async t => {
  const repository = await makeRepository(t)
  const { daemon, ear, plant, stop } = await scoringSite(t, repository.yaml())
  const sync = () => wearwatch(['sync', '--socket', daemon.socket])

  t.match(await sync(), { code: 0, out: /1 absent/ }, 'nothing is published yet')
  const orders = [2, 2, 3, 3]
  for (const [i, order] of orders.entries()) {
    await repository.add(model(i + 1, order))
    const done = await sync()
    t.match(done, { code: 0, out: new RegExp(`p-1: activated pump-var release ${i + 1}`) }, done.err)
    t.equal(await release(daemon), i + 1)
  }
  t.match(await sync(), { code: 0, out: /1 unchanged/ })

  await repository.add(model(5, 2))
  await ear.publish(`${BASE}/command`, JSON.stringify({ command: 'sync', id: 'look-1' }))
  await until(() => ear.heard.length > 0, 'the result')
  t.match(JSON.parse(ear.heard[0]!.text), {
    id: 'look-1',
    command: 'sync',
    ok: true,
    detail: { models: [{ asset: 'p-1', action: 'activated', model: 'pump-var', release: 5 }] },
  })
  t.equal(await release(daemon), 5)

  // Ten at once: nothing of it fails because another is under way.
  const reports = await Promise.all(
    Array.from({ length: 10 }, () => daemon.post<SyncReport>('/v1/sync', { by: 'crowd' })),
  )
  t.same([...new Set(reports.map(({ message }) => message))], ['1 unchanged'])
  await stop()
  await gapFree(t, daemon, plant)
  await daemon.stop()
})

t.test('by schedule; what must not run is refused and the old model goes on', async t => {
  const repository = await makeRepository(t)
  const { daemon, plant, stop } = await scoringSite(t, repository.yaml('* * * * * *'))
  for (const n of [1, 2]) {
    await repository.add(model(n))
    await until(async () => (await release(daemon)) === n, `release ${n} by schedule`)
  }
  const scored = async (): Promise<void> => {
    const { scorer } = await statusOf(daemon)
    await until(async () => (await statusOf(daemon)).scorer.windowsScored > scorer.windowsScored + 5, 'more scores')
    t.equal(await release(daemon), 2, 'by the old model')
  }

  await t.test('a bad signature', async t => {
    const path = join(repository.dir, 'timestamp.json')
    const signed = readFileSync(path, 'utf8')
    writeFileSync(
      path,
      signed.replace(/("sig": ?")(..)/, (_, head, hex) => `${head}${hex === '00' ? '11' : '00'}`),
    )
    const refused = await wearwatch(['sync', '--socket', daemon.socket])
    t.equal(refused.code, 5)
    t.match(refused.out, /timestamp.*(signature|signed)/i)
    await scored()
    writeFileSync(path, signed)
    await repository.add(model(3))
    await until(async () => (await release(daemon)) === 3, 'release 3, once it is whole again')
  })

  await t.test('a model that fails its self-test', async t => {
    const windows = Buffer.alloc(CHANNELS.length * 16).toString('base64')
    const selfTest = { windows, scores: [5], tolerance: 0.01 }
    await repository.add(tinyModel({ name: 'pump-var', release: 4, channels: [...CHANNELS], selfTest }))
    const refused = await wearwatch(['sync', '--socket', daemon.socket])
    t.equal(refused.code, 5)
    t.match(refused.out, /p-1: refused pump-var release 4 \(.*self-test/i)
    const { assets } = await statusOf(daemon)
    t.match(assets[0]!.model, { release: 3, origin: 'delivered' })
  })

  await repository.add(model(5, 3))
  await until(async () => (await release(daemon)) === 5, 'release 5, which puts it right')
  await stop()
  await gapFree(t, daemon, plant)
  await daemon.stop()

  // What was delivered is what runs after a restart.
  const again = await startDaemon(t, readFileSync(join(daemon.dir, 'wearwatch.yaml'), 'utf8'), { dir: daemon.dir })
  t.match((await statusOf(again)).assets[0]!.model, { name: 'pump-var', release: 5, origin: 'delivered' })
  await again.stop()
})
