// The life of a baseline in the built daemon: provisional, enough, carried forward, taken back, set anew, with kill -9 between.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Daemon, startDaemon, wearwatch } from '../support/daemon.ts'
import { type AssetStatus, Plant, PlantLink, plantConfig, recently, type Status } from '../support/plant.ts'
import { aedesBroker } from '../support/uplink-brokers.ts'
import { until } from '../support/waiting.ts'

interface BaselineStatus extends AssetStatus {
  provisional?: { widened: number; missing: string }
  severity?: { text: string }[]
  inputDrift?: { channels: Record<string, number> }
  rebaselining?: { outcome: string; reason: string }
  learning?: AssetStatus['learning'] & { anew?: true; insufficient?: string }
}

const statusOf = async (daemon: Daemon): Promise<BaselineStatus> =>
  (await daemon.ask<Status>('/v1/status')).assets[0] as BaselineStatus

async function site(t: Test, learning: string) {
  const broker = await aedesBroker()
  t.teardown(() => broker.close())
  const link = await PlantLink.open(broker.port)
  t.teardown(() => link.close())
  const config = plantConfig({ port: broker.port, learning, own: { 'p-1': 'machine: {group: 2, support: rigid}' } })
  const start = async (dir?: string): Promise<Daemon> => {
    const daemon = await startDaemon(t, config, dir === undefined ? {} : { dir })
    const up = async (): Promise<boolean> => (await daemon.ask<Status>('/v1/status')).sources[0]!.state === 'up'
    await until(up, 'the source to be up')
    return daemon
  }
  return { link, start, plant: new Plant('p-1', 77, recently(3)) }
}

const files = ({ dir }: Daemon): string[] => readdirSync(join(dir, 'data', 'models')).sort()

async function killed(daemon: Daemon): Promise<void> {
  await daemon.stop('SIGKILL')
}

t.test('provisional after a while, replaced by the full model; killed in between', async t => {
  const { link, start, plant } = await site(t, '{rows: 400, provisional-after: 150s, rebaseline: off}')
  let daemon = await start()
  await link.send(plant, 140)
  await until(async () => (await statusOf(daemon)).learning?.rows === 140, '140 rows')
  t.equal((await statusOf(daemon)).mode, 'learning')
  await link.send(plant, 20)
  await until(async () => (await statusOf(daemon)).provisional !== undefined, 'a provisional model')
  await until(async () => (await statusOf(daemon)).mode === 'scoring', 'it to score')
  t.match(await statusOf(daemon), {
    provisional: { widened: 1.5, missing: '400 rows' },
    model: { release: 1, provisional: true },
    severity: [{ text: /pressure at \d+ % of its max 9 bar/ }],
  })
  t.match(daemon.log(), /p-1 has a provisional model, its setpoint widened 1.5 x: the baseline still wants 400 rows/)
  t.match((await wearwatch(['status', '--socket', daemon.socket])).out, /provisional, setpoint widened 1.5 x/)
  await link.send(plant, 20)
  await until(async () => (await statusOf(daemon)).score !== undefined, 'scores')
  const learnt = (await statusOf(daemon)).learning!.rows
  await killed(daemon)

  daemon = await start(daemon.dir)
  t.match(await statusOf(daemon), { mode: 'scoring', provisional: { widened: 1.5 } }, 'still provisional')
  t.ok((await statusOf(daemon)).learning!.rows <= learnt)
  await until(async () => {
    await link.send(plant, 20)
    return (await statusOf(daemon)).provisional === undefined
  }, 'the full model')
  t.match(await statusOf(daemon), { mode: 'scoring', learning: undefined })
  t.match(daemon.log(), /the baseline of p-1 in absolute terms: pressure at/)
  await daemon.stop()
  const again = await start(daemon.dir)
  t.match(await statusOf(again), { mode: 'scoring', learning: undefined, provisional: undefined })
  await again.stop()
})

t.test('carried forward, taken back, set anew, and old files go; killed in between', async t => {
  const { link, start, plant } = await site(t, '{rows: 200, sufficiency: warn, rebaseline: daily}')
  let daemon = await start()
  await link.send(plant, 200)
  await until(async () => (await statusOf(daemon)).mode === 'scoring', 'the model')
  const release = async (): Promise<number> => (await statusOf(daemon)).model?.release ?? 0
  for (let release1 = 2; release1 <= 4; release1++) {
    for (let i = 0; i < 30 && (await release()) < release1; i++) await link.send(plant, 20)
    await until(async () => (await release()) === release1, `release ${release1}`, 10_000)
  }
  t.match((await statusOf(daemon)).rebaselining, { outcome: 'taken', reason: /standard deviations (above|below)/ })
  t.ok(Math.abs((await statusOf(daemon)).inputDrift!.channels.flow!) < 1)
  await until(() => files(daemon).length === 3, 'the active, the one before and the first stay')
  const active = (await statusOf(daemon)).model!
  await killed(daemon)

  daemon = await start(daemon.dir)
  t.match((await statusOf(daemon)).model, { release: 4, sha256: active.sha256 })
  const reverted = await wearwatch(['set-baseline', 'p-1', '--revert', '--socket', daemon.socket])
  t.match(reverted, { code: 0, out: /release 3 scores p-1 again instead of .* release 4/ }, reverted.err)
  t.equal(await release(), 3)
  await killed(daemon)

  daemon = await start(daemon.dir)
  t.equal(await release(), 3, 'known over a kill')
  const anew = await wearwatch(['set-baseline', 'p-1', '--by', 'kim', '--socket', daemon.socket])
  t.match(anew, { code: 0, out: /p-1 learns a new baseline from .* release 3 scores until then/ }, anew.err)
  await killed(daemon)

  daemon = await start(daemon.dir)
  t.match(await statusOf(daemon), { mode: 'scoring', model: { release: 3 }, learning: { anew: true, rows: 0 } })
  await link.send(plant, 200)
  await until(async () => (await release()) === 5, 'the new baseline', 10_000)
  t.equal((await statusOf(daemon)).learning, undefined)
  t.match(await wearwatch(['set-baseline', 'p-9', '--socket', daemon.socket]), { code: 5, err: /no asset p-9/ })
  await until(() => files(daemon).length === 2, 'the new one and the one before')
  await daemon.stop()
})
