// One disk trouble on the whole agent: running before, during and after, and what must hold.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AgentProcess, pause, until } from './agent.mjs'
import { mountTmpfs } from './disk-trouble.mjs'
import { AlertEar, allDelivered, Broker, Plant, plantConfig, recently } from './plant.mjs'

const PERIOD_MS = 20
/** Beyond the first retries of both stores, so that these are at their slowest. */
const TROUBLE_MS = 16_000
/** What is promised. */
const RECOVERY_MS_MAX = 10_000
const TMPFS_MB = 24
const ASK_MS = 500
const STEADY_WINDOWS = 60

/**
 * `name`, `begin(agent)` (disk-trouble.mjs), `tmpfs`: on one of its own, `bites(status)`: whether the stores feel it,
 * `deaf`: it cannot answer meanwhile. Resolves with failures and one line of what was seen.
 */
export async function agentTrouble({ name, begin, tmpfs = false, deaf = false, troubleMs = TROUBLE_MS }, seed) {
  const dir = mkdtempSync(join(tmpdir(), 'ww-'))
  const unmount = tmpfs ? mountTmpfs(dir, TMPFS_MB) : () => {}
  const broker = await Broker.open()
  const ear = new AlertEar(broker)
  const plant = await Plant.open(broker, ['p-1', 'p-2'], seed, recently())
  const run = { name, dir, broker, ear, plant, config: plantConfig(broker, plant.assets), failures: [], notes: [] }
  try {
    await underLoad(run, begin, { deaf, troubleMs })
    if (run.agent.over) run.failures.push(`${name}: the agent ended with ${run.agent.ending}`)
    else await afterwards(run)
  } catch (error) {
    run.failures.push(`${name}: ${error.message}\n${run.agent?.tail() ?? ''}`)
  } finally {
    plant.stop()
    await run.agent?.end('SIGKILL')
    await plant.close()
    await broker.close()
    unmount()
    rmSync(dir, { recursive: true, force: true })
  }
  return { failures: run.failures, notes: run.notes }
}

async function underLoad(run, begin, { deaf, troubleMs }) {
  const { name, dir, config, plant, failures, notes } = run
  run.agent = await AgentProcess.start(dir, config)
  await until(async () => (await run.agent.status()).sources[0].state === 'up', 'the source to be subscribed')
  plant.flow(PERIOD_MS)
  const before = await steadyScores(run.agent)
  const end = await begin(run.agent)
  const felt = deaf ? undefined : await watched(run.agent, troubleMs)
  if (deaf) await pause(troubleMs)
  await end()
  const backMs = performance.now()
  const recoveredMs = await until(() => well(run.agent), 'both stores to write again', 3 * RECOVERY_MS_MAX)
  if (recoveredMs > RECOVERY_MS_MAX) failures.push(`${name}: recovered after ${Math.round(recoveredMs)} ms`)
  const after = await run.agent.status()
  const rows = after.scorer.windowsScored - before.scorer.windowsScored
  // One window a row from the first score on.
  const rowsDue = ((performance.now() - backMs + troubleMs) / PERIOD_MS) * plant.assets.length
  if (rows < rowsDue * 0.5) failures.push(`${name}: ${rows} windows scored during it where ${Math.round(rowsDue)} came`)
  if (felt && !felt.any) failures.push(`${name}: neither store felt it; the trial proves nothing`)
  notes.push(
    `${name}: ${felt?.text ?? 'not asked'}; ${rows} windows scored meanwhile, well after ${Math.round(recoveredMs)} ms`,
  )
}

/** Both assets have a model, and what is scored is what comes in, no longer the past. */
async function steadyScores(agent) {
  let status
  await until(async () => {
    status = await agent.status()
    return status.assets.every(({ mode, score }) => mode === 'scoring' && score !== undefined)
  }, 'models of both assets')
  const { windowsScored } = status.scorer
  await until(async () => {
    status = await agent.status()
    return status.scorer.windowsScored > windowsScored + STEADY_WINDOWS
  }, 'live scores')
  return status
}

/** What status says meanwhile: it answers, and tells. */
async function watched(agent, troubleMs) {
  const endMs = performance.now() + troubleMs
  let journal = 0
  let history = 0
  let waiting = 0
  while (performance.now() < endMs) {
    const status = await agent.status()
    if (status.journal.failing) journal++
    if (status.history.failing) history++
    waiting = Math.max(waiting, status.journal.waitingToBeWritten)
    await pause(ASK_MS)
  }
  const text = `journal failing in ${journal} answers, history in ${history}, ${waiting} alarms waited`
  return { any: journal + history + waiting > 0, text }
}

async function well(agent) {
  const { journal, history } = await agent.status().catch(() => ({ journal: { failing: 'deaf' }, history: {} }))
  return !journal.failing && !history.failing && journal.waitingToBeWritten === 0
}

/** No alert lost or renumbered; every row is stored or stated as lost; both still so after a restart. */
async function afterwards(run) {
  const { name, dir, config, ear, plant, failures, notes } = run
  plant.stop()
  await allDelivered(run.agent)
  const { history, journal } = await run.agent.status()
  for (const asset of plant.assets) {
    const sent = plant.sent.get(asset)
    const stored = await countRows(run.agent, asset)
    // Rows of scores are lost beside those of samples: the sum of both is stated.
    if (stored > sent || stored + history.lostRows < sent)
      failures.push(`${name}: ${asset} ${sent} rows sent, ${stored} stored, ${history.lostRows} stated as lost`)
    notes.push(`${asset}: ${sent} rows sent, ${stored} stored, ${history.lostRows} stated as lost`)
  }
  if (journal.losses.length > 0) failures.push(`${name}: journal losses ${JSON.stringify(journal.losses)}`)
  const stored = await countRows(run.agent, plant.assets[0])
  await run.agent.end()
  if (run.agent.ending !== 0) failures.push(`${name}: the agent ended with ${run.agent.ending}`)
  run.agent = await AgentProcess.start(dir, config)
  const again = await countRows(run.agent, plant.assets[0])
  if (again !== stored) failures.push(`${name}: ${stored} rows before the restart, ${again} after`)
  await allDelivered(run.agent)
  failures.push(...ear.faults().map(fault => `${name}: ${fault}`))
  notes.push(`${ear.seqs.length} alerts, 1 to ${ear.seqs.length}, ${ear.repeats} repeated`)
}

async function countRows(agent, asset) {
  let rows = 0
  for await (const _ of agent.rows(asset)) rows++
  return rows
}
