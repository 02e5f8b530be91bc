// The wall clock of the whole agent steps under it (libfaketime; the monotonic clock is left alone): by hours and days as
// people and daylight saving set clocks, by years as gateways without a battery do when they hear of the time.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { AgentProcess, pause, until } from './support/agent.mjs'
import { AlertEar, allDelivered, Broker, Plant, plantConfig, recently } from './support/plant.mjs'
import { libfaketime } from './support/tools.mjs'

export { libfaketime }

const HOUR_S = 3_600
const DAY_S = 86_400
const YEAR_S = 365 * DAY_S
const PERIOD_MS = 20
/** libfaketime reads its file once a second. */
const SEEN_MS = 5_000
const GOES_ON_MS = 10_000
const BLOCKED_MS_MAX = 100
/** loop-watch.mjs says nothing of less. */
const REPORTED_MS = 50
/** Daylight saving begins and ends in the agent's time zone; seconds since 1970, two seconds before. */
const ZONE = 'Europe/Berlin'
const SPRING_S = Date.UTC(2026, 2, 29, 0, 59, 58) / 1000
const AUTUMN_S = Date.UTC(2026, 9, 25, 0, 59, 58) / 1000

const now = () => Date.now() / 1000
/** Offset from the true time after the step. The first ones are those of the short form. */
const STEPS = [
  ['back by a day', () => -DAY_S],
  ['to the true time', () => 0],
  ['ahead by 25 years', () => 25 * YEAR_S],
  ['boot in 1970', () => 10 - now(), 'boot'],
  ['from 1970 to the true time', () => 0],
  ['back by an hour', () => -HOUR_S],
  ['ahead by two hours', () => HOUR_S],
  ['back by an hour', () => 0],
  ['ahead by a minute', () => 60],
  ['back by a minute', () => 0],
  ['into the spring change', () => SPRING_S - now()],
  ['into the autumn change', () => AUTUMN_S - now()],
  ['boot in autumn', () => AUTUMN_S - now(), 'boot'],
  ['ahead by 90 days', () => 90 * DAY_S],
  ['back by 180 days', () => -90 * DAY_S],
  ['ahead by a year', () => YEAR_S],
  ['back by 25 years', () => -24 * YEAR_S],
  ['boot in 1970', () => 10 - now(), 'boot'],
  ['from 1970 ahead to 2050', () => 25 * YEAR_S],
  ['to the true time', () => 0],
]

export const fault = {
  name: 'clock',
  what: 'wall clock steps of -1 d to +25 y, daylight saving, boots in 1970, on the whole agent',
  counts: { full: STEPS.length, short: 5 },
  needs: ['libfaketime'],
  run,
}

class BentAgent {
  blocks = []

  constructor(dir, config, library) {
    this.dir = dir
    this.config = config
    this.library = library
    this.file = join(dir, 'faketime')
  }

  set(offsetS) {
    writeFileSync(this.file, `${offsetS < 0 ? '' : '+'}${Math.round(offsetS)}\n`)
  }

  async start() {
    const env = {
      LD_PRELOAD: this.library,
      FAKETIME_TIMESTAMP_FILE: this.file,
      FAKETIME_CACHE_DURATION: '1',
      DONT_FAKE_MONOTONIC: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      TZ: ZONE,
    }
    const watch = fileURLToPath(new URL('./support/loop-watch.mjs', import.meta.url))
    this.process = await AgentProcess.start(this.dir, this.config, { env, node: ['--import', watch], fds: ['pipe'] })
    createInterface({ input: this.process.child.stdio[3] }).on('line', line => this.blocks.push(JSON.parse(line)))
  }
}

async function run({ count, seed }) {
  const dir = mkdtempSync(join(tmpdir(), 'ww-'))
  const broker = await Broker.open()
  const ear = new AlertEar(broker)
  const plant = await Plant.open(broker, ['p-1', 'p-2'], seed, recently(), ['p-2'])
  const agent = new BentAgent(dir, plantConfig(broker, plant.assets, { clockless: plant.clockless }), libfaketime())
  const trial = { agent, ear, plant, failures: [], worstMs: 0 }
  try {
    agent.set(0)
    await agent.start()
    await until(async () => (await agent.process.status()).sources[0].state === 'up', 'the source to be subscribed')
    plant.flow(PERIOD_MS)
    await until(async () => (await agent.process.status()).assets.every(scores), 'models')
    for (const [what, offset, boot] of STEPS.slice(0, count)) await step(trial, what, offset, boot)
    plant.stop()
    await allDelivered(agent.process)
    trial.failures.push(...ear.faults())
  } catch (error) {
    trial.failures.push(`${error.message}\n${agent.process?.tail() ?? ''}`)
  } finally {
    await agent.process?.end('SIGKILL')
    await plant.close()
    await broker.close()
    rmSync(dir, { recursive: true, force: true })
  }
  const worst = trial.worstMs === 0 ? `less than ${REPORTED_MS}` : `at most ${trial.worstMs}`
  const note = `${ear.seqs.length} alerts in the order of their numbers; loop at work for ${worst} ms at a stretch`
  return { runs: count, failures: trial.failures, notes: [note] }
}

async function step(trial, what, offset, boot) {
  const { agent, ear, failures } = trial
  const fail = text => failures.push(`${what}: ${text}`)
  const wanted = offset()
  if (boot) await agent.process.end('SIGKILL')
  agent.blocks.length = 0
  agent.set(wanted)
  if (boot) await agent.start()
  await until(async () => Math.abs((await offsetOf(agent)) - wanted) < 5, `the agent's clock to step ${what}`, SEEN_MS)
  // What starting costs is not what a step costs.
  if (boot) {
    await until(async () => (await agent.process.status()).assets.every(scores), `${what}: models`)
    agent.blocks.length = 0
  }
  const before = await seen(agent)
  // What was made before may still be on its way, to the disk too.
  const { uplink, journal } = await agent.process.status()
  const made = uplink.lastAlertSeq + journal.waitingToBeWritten
  const goesOn = async () => {
    const after = await seen(agent)
    const raised = asset => ear.alerts().some(a => a.seq > made && a.asset === asset && a.transition === 'raised')
    return {
      'scoring of rows with their own time': after.scores[0] !== before.scores[0],
      'scoring of rows with the gateway time': after.scores[1] !== before.scores[1],
      'an alarm of rows with their own time': raised('p-1'),
      'an alarm of rows with the gateway time': raised('p-2'),
    }
  }
  const all = async () => Object.values(await goesOn()).every(Boolean)
  await until(all, '', GOES_ON_MS).catch(async () => {
    for (const [part, held] of Object.entries(await goesOn())) if (!held) fail(`${part} stopped`)
  })
  await pause(500)
  const { clock } = await agent.process.status()
  if (clock !== 'uncertain') fail(`status says "${clock}"`)
  const last = ear.alerts().filter(alert => alert.seq > made)
  const certain = last.filter(alert => alert.clock !== 'uncertain')
  if (certain.length > 0)
    fail(
      `${certain.length} of ${last.length} alerts after it say "${certain[0].clock}"` +
        ` ${JSON.stringify(certain.map(a => [a.seq, a.at]))}`,
    )
  const worst = Math.max(0, ...agent.blocks.splice(0).map(block => block.workMs))
  trial.worstMs = Math.max(trial.worstMs, worst)
  if (worst > BLOCKED_MS_MAX) fail(`the loop was at work for ${worst} ms`)
}

function scores({ mode }) {
  return mode === 'scoring'
}

async function offsetOf(agent) {
  const { now: text } = await agent.process.status()
  return (Date.parse(text) - Date.now()) / 1000
}

/** When each asset was scored last. */
async function seen(agent) {
  const { assets } = await agent.process.status()
  return { scores: assets.map(({ score, scoredAt }) => `${scoredAt} ${score}`) }
}
