// The built daemon's scorer away and back, and its stop with everything around it frozen.
import { performance } from 'node:perf_hooks'
import t from 'tap'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import { Plant, PlantLink, plantConfig, recently, type Status } from '../support/plant.ts'
import { MOSQUITTO_MISSING, mosquitto } from '../support/uplink-brokers.ts'
import { until } from '../support/waiting.ts'

const STOP_MS = 5000
const LEARN_ROWS = 120

const statusOf = (daemon: Daemon): Promise<Status> => daemon.ask<Status>('/v1/status')

t.test(
  'scorer killed: said when it is back; broker and scorer frozen: stops in time',
  {
    skip: MOSQUITTO_MISSING,
  },
  async t => {
    const broker = await mosquitto()
    t.teardown(async () => {
      await broker.kill()
      await broker.close()
    })
    const daemon = await startDaemon(t, plantConfig({ port: broker.port, learn: LEARN_ROWS }))
    await until(async () => {
      const { sources, uplink } = await statusOf(daemon)
      return sources[0]!.state === 'up' && uplink.state === 'up'
    }, 'both links')
    const plant = new Plant('p-1', 3, recently())
    const link = await PlantLink.open(broker.port)
    t.teardown(() => link.close())
    await link.send(plant, LEARN_ROWS + 5)
    await until(async () => (await statusOf(daemon)).scorer.windowsScored > 0, 'scores', 30_000)

    process.kill((await statusOf(daemon)).scorer.pid!, 'SIGKILL')
    await until(() => /scorer is back.*p-1 on cpu/.test(daemon.log()), 'the log to say that it is back')
    t.match(daemon.log(), /scorer is back.*afterMs=\d+/)

    process.kill((await statusOf(daemon)).scorer.pid!, 'SIGSTOP')
    await link.send(plant, 5, 'burst')
    await until(async () => (await statusOf(daemon)).uplink.lastAlertSeq > 0, 'an alarm')
    broker.freeze()
    const beganMs = performance.now()
    await daemon.stop()
    const tookMs = performance.now() - beganMs
    t.comment(`stopped in ${Math.round(tookMs)} ms`)
    t.equal(daemon.child.exitCode, 0)
    t.ok(tookMs < STOP_MS, `${Math.round(tookMs)} ms`)
  },
)
