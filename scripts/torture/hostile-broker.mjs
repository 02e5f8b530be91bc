// A broker that sends anything but what it should, to uplinks and MQTT sources that have alerts to deliver; then a good one at
// the same address. The process must live, its memory stay bounded, and the good one get every alert: all that are made after
// the hostile sessions, and of those before all that no hostile session was given (it may have acknowledged them).
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { connectAsync } from 'mqtt'
import { until } from './support/agent.mjs'
import { HostileBroker } from './support/hostile-broker.mjs'
import { KINDS } from './support/hostile-sessions.mjs'
import { Broker } from './support/plant.mjs'
import { scratchDir } from './support/tools.mjs'

const CHILD = fileURLToPath(new URL('./support/hostile-child.mjs', import.meta.url))
const GATEWAYS = 16
const ALARMS_BEFORE = 20
const ALARMS_AFTER = 20
const HEAP_MB = 128
/** 32 links with packets of up to 4 MiB under way, beside the 60 MiB of the process itself. */
const RSS_MAX = 320 << 20
const LOOK_MS = 500

export const fault = {
  name: 'hostile-broker',
  what: 'malformed MQTT sessions of a fake broker, uplinks and sources; then a good broker, which must get every alert',
  counts: { full: 20_000, short: 600 },
  needs: [],
  run,
}

async function run({ count, seed, over = () => false }) {
  const dir = scratchDir()
  const hostile = new HostileBroker(seed, count)
  await hostile.listen()
  const child = new Child(`mqtt://127.0.0.1:${hostile.port}`, seed, dir)
  const failures = []
  const notes = []
  try {
    await child.ready
    await child.ask({ make: ALARMS_BEFORE })
    await watched(hostile, child, over)
    await hostile.close()
    if (child.ended)
      throw new Error(`the agent ended (${child.ended}) after ${hostile.sessions} sessions: ${child.said}`)
    notes.push(...kindsOf(hostile), ...(await recovered(hostile, child, failures)))
    if (child.rssMax > RSS_MAX) failures.push(`${mib(child.rssMax)} MiB resident, ${mib(RSS_MAX)} are the most`)
    notes.push(
      `${mib(child.rssFirst)} MiB resident at first, ${mib(child.rssMax)} at most, ${mib(child.rssLast)} at the end`,
    )
    await child.stop()
  } catch (error) {
    failures.push(error.message)
  } finally {
    child.kill()
    rmSync(dir, { recursive: true, force: true })
  }
  return { runs: hostile.sessions, failures, notes }
}

const mib = bytes => Math.round(bytes / 2 ** 20)

function kindsOf({ counts, sessions }) {
  return [
    `${sessions} sessions of ${counts.size} of ${Object.keys(KINDS).length} kinds, ${Math.min(...counts.values())} of each at least`,
  ]
}

/** Until all sessions were had, with a look at the memory now and then. */
async function watched(hostile, child, over) {
  const timer = setInterval(() => {
    if (over() || child.ended) hostile.finish()
    else void child.ask({}).catch(() => {})
  }, LOOK_MS)
  await hostile.finished
  clearInterval(timer)
}

/** A good broker at the same port; rows go in, alerts come out. */
async function recovered(hostile, child, failures) {
  const broker = await Broker.openAt(hostile.port)
  const got = new Map()
  broker.aedes.on('publish', ({ topic, payload }, client) => {
    if (!client || !/\/alert\/p-1$/.test(topic)) return
    const { gateway, seq } = JSON.parse(payload.toString())
    got.set(gateway, (got.get(gateway) ?? []).concat(seq))
  })
  const startMs = performance.now()
  await child.ask({ make: ALARMS_AFTER })
  const total = ALARMS_BEFORE + ALARMS_AFTER
  const allThere = async () => (await child.ask({})).gateways.every(({ delivered }) => delivered === total)
  await until(allThere, 'every alert to be delivered').catch(async error => {
    const { gateways } = await child.ask({})
    failures.push(
      `${error.message}: ${JSON.stringify(gateways.filter(({ delivered }) => delivered < total).slice(0, 3))}`,
    )
  })
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1)
  const { rows: before } = await child.ask({})
  const plant = await connectAsync(broker.url)
  const isUp = async () => (await child.ask({})).gateways.every(({ source }) => source.state === 'up')
  await until(isUp, 'the sources to be up').catch(error => failures.push(error.message))
  await plant.publishAsync('plant/p-1', '{"flow":1,"current":2,"pressure":3}', { qos: 1 })
  const fed = async () => (await child.ask({})).rows >= before + GATEWAYS
  await until(fed, 'a row through every source').catch(error => failures.push(error.message))
  await plant.endAsync(true)
  await broker.close()
  let excused = 0
  for (let i = 0; i < GATEWAYS; i++) {
    const seqs = new Set(got.get(`gw-${i}`) ?? [])
    for (let seq = 1; seq <= total; seq++) {
      if (seqs.has(seq)) continue
      if (seq <= ALARMS_BEFORE && hostile.alertsTaken.has(`gw-${i} ${seq}`)) excused++
      else failures.push(`alert ${seq} of gw-${i} never came`)
    }
  }
  return [
    `${GATEWAYS * total - excused} alerts came to the good broker within ${seconds} s, ${excused} of before had been given to a hostile one`,
  ]
}

/** The process under attack. */
class Child {
  said = ''
  ended
  rssFirst
  rssMax = 0
  rssLast = 0
  #number = 0
  #waiting = new Map()

  constructor(url, seed, dir) {
    const args = [`--max-old-space-size=${HEAP_MB}`, CHILD, url, String(GATEWAYS), String(seed), dir]
    this.child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
    this.child.stderr.on('data', chunk => {
      this.said = (this.said + chunk).slice(-4_000)
    })
    this.ready = new Promise((resolve, reject) => {
      this.child.once('message', resolve)
      this.child.once('exit', (code, signal) => {
        this.ended = code === null ? signal : `exit code ${code}`
        const gone = new Error(`the agent ended (${this.ended}): ${this.said}`)
        reject(gone)
        for (const { reject: refuse } of this.#waiting.values()) refuse(gone)
      })
    })
    this.child.on('message', message => this.#take(message))
  }

  ask(what) {
    return new Promise((resolve, reject) => {
      if (this.ended) return reject(new Error(`the agent ended (${this.ended}): ${this.said}`))
      const number = ++this.#number
      this.#waiting.set(number, { resolve, reject })
      this.child.send({ ...what, number }, error => error && reject(error))
    })
  }

  async stop() {
    const gone = once(this.child, 'exit')
    this.child.send({ stop: true })
    await gone
  }

  kill() {
    if (!this.ended) this.child.kill('SIGKILL')
  }

  #take(message) {
    if (!message.answer) return
    this.rssFirst ??= message.rss
    this.rssLast = message.rss
    this.rssMax = Math.max(this.rssMax, message.rss)
    this.#waiting.get(message.answer)?.resolve(message)
    this.#waiting.delete(message.answer)
  }
}
