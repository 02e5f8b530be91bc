// kill -9 of the whole agent under load, again and again on the same stores. The broker stands outside: an alert that it
// acknowledged is upstream, and must never be lost, changed or renumbered.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { seededPrng } from '../../dist/core/prng.js'
import { AgentProcess, pause, until } from './support/agent.mjs'
import { AlertEar, allDelivered, Broker, Plant, plantConfig, recently } from './support/plant.mjs'

const PERIOD_MS = 10
/** A life beyond its first alert, at most. */
const LIFE_MS = 800
/** Every so many lives one is cut before it runs: recovery is killed too. */
const EARLY_EVERY = 4
const START_MS = 350

export const fault = {
  name: 'agent-kill',
  what: 'the whole agent killed with SIGKILL under load',
  counts: { full: 100, short: 5 },
  needs: [],
  run,
}

async function run({ count, seed, over = () => false }) {
  const prng = seededPrng(seed)
  const dir = mkdtempSync(join(tmpdir(), 'ww-'))
  const broker = await Broker.open()
  const ear = new AlertEar(broker)
  const plant = await Plant.open(broker, ['p-1', 'p-2'], seed, recently())
  const config = plantConfig(broker, plant.assets)
  const failures = []
  let agent
  let kills = 0
  try {
    plant.flow(PERIOD_MS)
    for (; kills < count && !over(); kills++) {
      if (kills % EARLY_EVERY === EARLY_EVERY - 1) await killedEarly(dir, config, prng.next() * START_MS)
      const heard = ear.seqs.length
      agent = await AgentProcess.start(dir, config)
      await until(() => ear.seqs.length > heard, `an alert of life ${kills + 1}`)
      await pause(prng.next() * LIFE_MS)
      await agent.end('SIGKILL')
    }
    agent = await AgentProcess.start(dir, config)
    plant.stop()
    await allDelivered(agent)
    failures.push(...ear.faults(), ...(await lossesStated(agent)))
    await agent.end()
    if (agent.child.exitCode !== 0) failures.push(`the agent ended with ${agent.child.exitCode}`)
  } catch (error) {
    failures.push(`${error.message}\n${agent?.tail() ?? ''}`)
  } finally {
    await agent?.end('SIGKILL')
    await plant.close()
    await broker.close()
    rmSync(dir, { recursive: true, force: true })
  }
  const note = `${ear.seqs.length} alerts acknowledged upstream, ${ear.repeats} repeated, none lost`
  return { runs: kills, failures, notes: failures.length === 0 ? [note] : [] }
}

/** As a rule while it opens its stores. */
async function killedEarly(dir, config, afterMs) {
  const agent = AgentProcess.spawn(dir, config)
  await pause(afterMs)
  await agent.end('SIGKILL')
}

/** Kills lose nothing that was acknowledged, so nothing may be stated as lost or damaged. */
async function lossesStated(agent) {
  const { journal, history } = await agent.status()
  const faults = []
  if (journal.losses.length > 0) faults.push(`journal losses: ${JSON.stringify(journal.losses)}`)
  if (history.corruptChunks > 0) faults.push(`${history.corruptChunks} corrupt chunks`)
  if (history.lossAtOpen) faults.push(history.lossAtOpen)
  return faults
}
