// Alarms through broker restarts, half-open links, a proxy that repeats, delays and cuts, and kills of agent and consumer. With
// `receipt: consumer` the consumer's file holds every alarm, in the order of its lane.
//
//   agent (uplink over a real journal) ──► proxy ──► mosquitto, without persistence ──► proxy ──► consumer ──► file
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { seededPrng } from '../../dist/core/prng.js'
import { pause } from './support/agent.mjs'
import { ASSETS, idOf } from './support/delivery-alarms.mjs'
import { FlakyProxy } from './support/flaky-proxy.mjs'
import { Mosquitto } from './support/mosquitto.mjs'

const AGENT = fileURLToPath(new URL('./support/delivery-agent.mjs', import.meta.url))
const CONSUMER = fileURLToPath(new URL('./support/delivery-consumer.mjs', import.meta.url))
/** A restart of the broker comes after so many alarms. */
const PER_RESTART = 500
/** Given up when nothing moved for so long. */
const STILL_MS = 120_000
/** Longer than a keepalive and a half of the agent. */
const HALF_OPEN_MS = { min: 1_000, more: 3_500 }
const EVERY = { freeze: 10, drop: 10, killAgent: 9, killConsumer: 13, long: 8 }

export const fault = {
  name: 'delivery',
  what: 'broker restarts, half-open links, a proxy that repeats, delays and cuts, kills of agent and consumer',
  counts: { full: 200, short: 10 },
  needs: ['mosquitto', 'nft'],
  run,
}

/** A child that says how far it is, a JSON line at a time, and can be killed and started again. */
class Teller {
  said = {}
  #child

  constructor(args) {
    this.args = args
    this.start()
  }

  start() {
    const child = spawn(process.execPath, this.args, { stdio: ['pipe', 'pipe', 'pipe'] })
    child.stdin.on('error', () => {})
    createInterface({ input: child.stdout }).on('line', line => {
      if (this.#child === child) this.said = JSON.parse(line)
    })
    child.stderr.on('data', chunk => {
      this.trouble = `${this.trouble ?? ''}${chunk}`.slice(-2_000)
    })
    this.#child = child
  }

  tell(line) {
    this.#child.stdin.write(`${line}\n`)
  }

  async kill() {
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await ended
  }
}

/** `count` is of broker restarts. */
async function run({ count, seed, over = () => false }) {
  const prng = seededPrng(seed)
  const dir = mkdtempSync(join(tmpdir(), 'ww-'))
  const broker = await Mosquitto.open(['max_queued_messages 0', 'persistence false'])
  const proxy = new FlakyProxy(prng, broker.port)
  await proxy.start()
  const url = `mqtt://127.0.0.1:${proxy.port}`
  const file = join(dir, 'alerts.ndjson')
  const agent = new Teller([AGENT, join(dir, 'journal'), url])
  const consumer = new Teller([CONSUMER, file, url])
  const world = { prng, broker, proxy, agent, consumer, target: 0, counts: { kills: 0, frozen: 0, dropped: 0 } }
  const failures = []
  let restarts = 0
  let notes = []
  try {
    for (; restarts < count && !over(); restarts++) await oneRestart(world, restarts)
    await reached(world, () => stored(world) >= world.target, 'everything to arrive')
    const { faults, text } = await checked(file, world)
    failures.push(...faults)
    notes = [`${text}; ${JSON.stringify(world.counts)}, cut ${proxy.cuts}, repeated ${proxy.repeats} packets`]
  } catch (error) {
    failures.push(`${error.message}\n${agent.trouble ?? ''}${consumer.trouble ?? ''}`)
  } finally {
    await agent.kill()
    await consumer.kill()
    await proxy.close()
    await broker.close()
    rmSync(dir, { recursive: true, force: true })
  }
  return { runs: restarts, failures, notes }
}

function stored({ consumer }) {
  return consumer.said.seq ?? 0
}

/** Alarms are raised all the while; somewhere among them the broker goes, and now and then more than that. */
async function oneRestart(world, i) {
  const { prng, broker, proxy, agent, consumer, counts } = world
  const from = world.target
  world.target += PER_RESTART
  agent.tell(world.target)
  const at = from + Math.floor(prng.next() * PER_RESTART)
  await reached(world, () => stored(world) >= at, `alarm ${at}`)
  const turn = n => i % n === n - 1
  if (turn(EVERY.freeze)) await frozen(world)
  if (i % EVERY.drop === EVERY.drop / 2) await dropped(world)
  if (prng.next() < 0.3) proxy.cut()
  if (turn(EVERY.killAgent)) {
    counts.kills++
    await agent.kill()
  }
  if (turn(EVERY.killConsumer)) {
    counts.kills++
    await consumer.kill()
  }
  await broker.end(i % 2 === 0 ? 'SIGTERM' : 'SIGKILL')
  if (turn(EVERY.killAgent)) agent.start()
  agent.tell(world.target)
  // A longer outage: what gathers is more than goes in one lane.
  if (turn(EVERY.long)) await reached(world, () => agent.said.made >= world.target, 'the alarms of the outage')
  else await pause(prng.next() * 200)
  if (turn(EVERY.killConsumer)) consumer.start()
  await broker.start()
}

async function frozen({ broker, prng, counts }) {
  counts.frozen++
  broker.signal('SIGSTOP')
  await pause(HALF_OPEN_MS.min + prng.next() * HALF_OPEN_MS.more)
  broker.signal('SIGCONT')
}

/** Packets to and from the broker vanish; nobody is told. */
async function dropped({ broker, prng, counts }) {
  const table = `wearwatch_${process.pid}`
  const drops = ['dport', 'sport'].map(end => `tcp ${end} ${broker.port} drop`)
  const chain = ['type filter hook input priority 0', ...drops].join('\n')
  const rules = `table inet ${table} {\nchain gone {\n${chain}\n}\n}\n`
  const { status, stderr } = spawnSync('nft', ['-f', '-'], { input: rules, encoding: 'utf8' })
  if (status !== 0) throw new Error(`nft refuses: ${stderr}`)
  counts.dropped++
  await pause(HALF_OPEN_MS.min + prng.next() * HALF_OPEN_MS.more)
  spawnSync('nft', ['delete', 'table', 'inet', table])
}

/** Waits for as long as something moves. */
async function reached(world, condition, what) {
  const { agent, consumer } = world
  let mark = ''
  let movedMs = performance.now()
  while (!condition()) {
    const now = `${agent.said.made} ${consumer.said.seq} ${consumer.said.fresh} ${agent.said.status?.deliveredAlertSeq}`
    if (now !== mark) movedMs = performance.now()
    mark = now
    if (performance.now() - movedMs > STILL_MS) {
      const told = JSON.stringify({ agent: agent.said, consumer: consumer.said, target: world.target })
      throw new Error(`nothing moved for ${STILL_MS / 1000} s while waiting for ${what}: ${told}`)
    }
    await pause(20)
  }
}

/** The file alone is judged, line by line, by rules of its own. */
async function checked(file, { target, agent }) {
  const seen = new Set()
  const newest = { fresh: 0, backlog: 0 }
  const byAsset = new Map()
  const faults = []
  let repeats = 0
  let inBacklog = 0
  for await (const line of createInterface({ input: createReadStream(file) })) {
    const { id, seq, lane, asset, schema } = JSON.parse(line)
    if (schema !== 'wearwatch.alert/1') faults.push(`not an alert: ${line}`)
    else if (id !== idOf(seq) || asset !== `p-${seq % ASSETS}`) faults.push(`alert ${seq} changed: ${line}`)
    else if (seen.has(seq)) repeats++
    else {
      // One order a lane; and what is in none, is in order after everything before it.
      const key = `${asset} ${lane}`
      if (seq < newest[lane] || seq < (byAsset.get(key) ?? 0)) faults.push(`out of order: ${seq} after ${newest[lane]}`)
      newest[lane] = seq
      byAsset.set(key, seq)
      if (lane === 'backlog') inBacklog++
      seen.add(seq)
    }
  }
  const missing = Array.from({ length: target }, (_, i) => i + 1).filter(seq => !seen.has(seq))
  if (missing.length > 0) faults.push(`${missing.length} of ${target} missing, first ${missing.slice(0, 5)}`)
  if (seen.size > target) faults.push(`${seen.size} alerts of ${target}`)
  if (agent.said.losses?.length > 0) faults.push(`losses of the journal: ${JSON.stringify(agent.said.losses)}`)
  const text = `${seen.size} alarms: ${missing.length} missing, ${faults.length} wrong or out of order, ${repeats} stored twice; ${inBacklog} came by the backlog lane`
  return { faults, text }
}
