// kill -9 of the whole agent under load, again and again, on the same stores. What a subscriber has seen stays true.
// `KILLS=50 npx tap --timeout=600 test/crash/agent-kill.test.ts` for more.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { seededPrng } from '../../agent/core/prng.ts'
import { startCollect } from '../support/collect.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import { type Fault, Plant, PlantLink, plantConfig, recently, type Status } from '../support/plant.ts'
import { shortDir } from '../support/short-dir.ts'
import { aedesBroker } from '../support/uplink-brokers.ts'
import { listen } from '../support/uplink-parts.ts'
import { until } from '../support/waiting.ts'

const KILLS = Number(process.env.KILLS ?? 3)
const LEARN_ROWS = 300
const seed = Number(process.env.WEARWATCH_SEED ?? Math.floor(performance.timeOrigin % 1e6))

interface Alert {
  id: string
  seq: number
  asset: string
  rule: string
  transition: string
}

/** Rows learnt, or all of them once there is a model. */
async function learnt(daemon: Daemon, asset: number): Promise<number> {
  const { assets } = await daemon.ask<Status>('/v1/status')
  return assets[asset]!.mode === 'learning' ? (assets[asset]!.learning?.rows ?? 0) : LEARN_ROWS
}

t.test('kill -9 under load loses no alert, renumbers none, and learning goes on', async t => {
  t.comment(`WEARWATCH_SEED=${seed}`)
  const prng = seededPrng(seed)
  const broker = await aedesBroker()
  t.teardown(() => broker.close())
  const ear = await listen(broker.url, 'wearwatch/v1/hall/gw-1/alert/#')
  t.teardown(() => ear.end())
  const collect = await startCollect(t, broker.port)
  const alerts = (): Alert[] => ear.heard.map(({ text }) => JSON.parse(text) as Alert)

  const dir = shortDir(t)
  const config = plantConfig({ port: broker.port, learn: LEARN_ROWS, assets: ['p-1', 'p-2'] })
  // p-1 bursts now and then: alarms that come and go. p-2 bursts once and for ever: one alarm that stays.
  const flicker = new Plant('p-1', seed, recently())
  const stuck = new Plant('p-2', seed + 1, recently())
  const fault = (plant: Plant): Fault => (plant === stuck || prng.next() < 0.1 ? 'burst' : 'none')
  const link = await PlantLink.open(broker.port)
  t.teardown(() => link.close())
  const stopFlow = link.flow([flicker, stuck], 15, fault)
  t.teardown(stopFlow)

  let rows = 0
  for (let kill = 0; kill < KILLS; kill++) {
    const daemon = await startDaemon(t, config, { dir })
    const after = await learnt(daemon, 0)
    // Progress goes to the journal every second at most, or every tenth.
    t.ok(after >= rows - 150 && (rows < 150 || after > 0), `start ${kill}: ${rows} rows learnt before, ${after} after`)
    const heard = ear.heard.length
    await until(() => ear.heard.length > heard, 'an alert of this life')
    const beforeKill = performance.now() + prng.next() * 1500
    await until(() => performance.now() >= beforeKill, 'the moment')
    rows = await learnt(daemon, 0)
    await daemon.stop('SIGKILL')
  }

  const daemon = await startDaemon(t, config, { dir })
  const { alarms } = await daemon.ask<Status>('/v1/status')
  const active = (await daemon.ask<{ asset: string; rule: string; active: boolean }[]>('/v1/alarms')).filter(
    alarm => alarm.asset === 'p-2' && alarm.rule === 'pressure.max',
  )
  t.match(active, [{ active: true }], 'the alarm that was active before the kills is active')
  t.equal(active.length, 1, `once among ${alarms.length} standing`)
  await until(async () => (await learnt(daemon, 0)) === LEARN_ROWS, 'the baseline to be complete')
  await until(
    async () => (await daemon.ask<Status>('/v1/status')).assets[0]!.score !== undefined,
    'scores of the model learnt over all these lives',
  )
  await stopFlow()
  await delivered(daemon)
  const status = await daemon.ask<Status>('/v1/status')
  t.match(status.history, { corruptChunks: 0, lostRows: 0, failing: undefined })
  t.ok((await daemon.history('p-1', 'samples')).length > LEARN_ROWS, 'samples of all lives are there')
  await daemon.stop()
  t.equal(daemon.child.exitCode, 0)
  const collected = (): number[] =>
    readFileSync(join(collect.dir, 'alerts.ndjson'), 'utf8')
      .split('\n')
      .filter(Boolean)
      .map(line => (JSON.parse(line) as Alert).seq)
  await until(() => collected().length >= new Set(alerts().map(({ seq }) => seq)).size, 'collect to have them all')

  const texts = new Map<string, string>()
  for (const { text } of ear.heard) {
    const { id, seq } = JSON.parse(text) as Alert
    const key = `${seq} ${id}`
    if (texts.has(key) && texts.get(key) !== text) t.fail(`alert ${key} changed`, { first: texts.get(key), now: text })
    texts.set(key, text)
  }
  const seqs = [...new Set(alerts().map(({ seq }) => seq))]
  t.equal(texts.size, seqs.length, 'no number was given twice')
  t.same(
    seqs,
    seqs.map((_, i) => i + 1),
    `alerts 1 to ${seqs.length}, none missing, in order`,
  )
  t.ok(seqs.length >= status.uplink.lastAlertSeq, 'all that status spoke of')
  const raised = [...texts.values()].map(text => JSON.parse(text) as Alert).filter(a => a.transition === 'raised')
  t.equal(raised.filter(a => a.asset === 'p-2' && a.rule === 'pressure.max').length, 1, 'raised once in all lives')
  await collect.stop()
  t.same(collected(), seqs, 'collect wrote each of them once')
  t.match(collect.said(), /missing 0, out of order 0/)
})

async function delivered(daemon: Daemon): Promise<void> {
  let last = -1
  await until(async () => {
    const { uplink } = await daemon.ask<Status>('/v1/status')
    const settled = uplink.lastAlertSeq === uplink.deliveredAlertSeq && uplink.lastAlertSeq === last
    last = uplink.lastAlertSeq
    return settled
  }, 'every alert to be delivered')
}
