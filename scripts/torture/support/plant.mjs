// A plant and its broker, both in this process: what the broker acknowledged upstream, and what an agent acknowledged to
// the broker, is known here whatever becomes of the agent.
import { once } from 'node:events'
import { createServer } from 'node:net'
import { Aedes } from 'aedes'
import { connectAsync } from 'mqtt'
import { seededPrng } from '../../../dist/core/prng.js'
import { until } from './agent.mjs'

const ROW_US = 1_000_000

/** aedes on loopback. */
export class Broker {
  #server
  #sockets = new Set()

  static async open() {
    const broker = new Broker()
    broker.aedes = await Aedes.createBroker()
    const probe = createServer().listen(0, '127.0.0.1')
    await once(probe, 'listening')
    broker.port = probe.address().port
    probe.close()
    await once(probe, 'close')
    await broker.start()
    return broker
  }

  /** At a port where nothing listens any more. */
  static async openAt(port) {
    const broker = new Broker()
    broker.aedes = await Aedes.createBroker()
    broker.port = port
    await broker.start()
    return broker
  }

  get url() {
    return `mqtt://127.0.0.1:${this.port}`
  }

  async start() {
    this.#server = createServer({ noDelay: true }, socket => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
      this.aedes.handle(socket)
    }).listen(this.port, '127.0.0.1')
    await once(this.#server, 'listening')
  }

  async stop() {
    if (!this.#server) return
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
    this.#server = undefined
  }

  async close() {
    await this.stop()
    await new Promise(resolve => this.aedes.close(resolve))
  }
}

/**
 * Every alert that the broker took, and so acknowledged. Changed or renumbered ones are noted as they come.
 * `payload` of one number must stay the same for ever: at least once means repeats, never others.
 */
export class AlertEar {
  texts = new Map()
  ids = new Map()
  /** Distinct alerts in the order of their first arrival. */
  seqs = []
  gaps = []
  repeats = 0
  wrong = []
  /** Behind a higher number of its lane. */
  outOfOrder = []
  #newest = new Map()

  constructor(broker) {
    broker.aedes.on('publish', (packet, client) => {
      if (!client || !/^wearwatch\/v1\/[^/]+\/[^/]+\/alert\//.test(packet.topic)) return
      const text = packet.payload.toString()
      if (packet.topic.endsWith('/_gap')) this.gaps.push(JSON.parse(text))
      else this.#take(JSON.parse(text))
    })
  }

  #take({ lane, backlog: _backlog, confirmed: _confirmed, ...alert }) {
    // How it was delivered may differ when it comes again; what it says of the alarm may not.
    const text = JSON.stringify(alert)
    const newest = this.#newest.get(lane) ?? 0
    if (!this.texts.has(alert.seq) && alert.seq < newest) this.outOfOrder.push(`${alert.seq} after ${newest}`)
    this.#newest.set(lane, Math.max(newest, alert.seq))
    const before = this.texts.get(alert.seq)
    if (before === undefined) {
      this.texts.set(alert.seq, text)
      this.seqs.push(alert.seq)
    } else if (before === text) this.repeats++
    else this.wrong.push(`alert ${alert.seq} changed: ${before} became ${text}`)
  }

  alerts() {
    return [...this.texts.values()].map(text => JSON.parse(text))
  }

  /** What is not as it must be: 1, 2, 3 … without gaps, in this order. */
  faults() {
    const faults = [...this.wrong]
    for (const [i, seq] of this.seqs.entries()) {
      if (seq === i + 1) continue
      faults.push(`alert ${i + 1} expected, ${seq} came (${this.seqs.length} in all)`)
      break
    }
    for (const gap of this.gaps) faults.push(`a gap was stated: ${JSON.stringify(gap)}`)
    return faults
  }
}

/** Sends rows of some assets: three channels that follow one load, one row a second of their own time. */
export class Plant {
  sent = new Map()
  #client
  #prng
  #load = 0
  #timer
  #timeUs

  /** Rows of `clockless` assets carry no time: the gateway's clock gives them theirs. */
  constructor(client, assets, seed, startUs, clockless = []) {
    this.#client = client
    this.#prng = seededPrng(seed)
    this.assets = assets
    this.clockless = clockless
    this.#timeUs = startUs
    for (const asset of assets) this.sent.set(asset, 0)
  }

  static async open(broker, assets, seed, startUs, clockless) {
    return new Plant(await connectAsync(broker.url), assets, seed, startUs, clockless)
  }

  row(asset, burst) {
    this.#load = 0.9 * this.#load + this.#prng.normal()
    const noise = () => 0.3 * this.#prng.normal()
    const values = {
      flow: 50 + 2 * this.#load + noise(),
      current: 12 + 0.5 * this.#load + 0.1 * noise(),
      pressure: burst ? 10 : 5 + 0.2 * this.#load + 0.1 * noise(),
    }
    const ts = this.clockless.includes(asset) ? {} : { ts: new Date(this.#timeUs / 1000).toISOString() }
    this.sent.set(asset, this.sent.get(asset) + 1)
    return this.#client.publishAsync(`plant/${asset}`, JSON.stringify({ ...ts, ...values }), { qos: 1 })
  }

  /** One row of each asset; `burst(asset)` says whether its pressure is beyond the limit. */
  step(burst) {
    this.#timeUs += ROW_US
    return Promise.all(this.assets.map(asset => this.row(asset, burst(asset))))
  }

  /** Steps every `periodMs`, in bursts of some seconds now and then: alarms that come and go. */
  flow(periodMs, burstShare = 0.1, burstSteps = 5) {
    const left = new Map()
    const burst = asset => {
      const more = left.get(asset) ?? 0
      if (more > 0) left.set(asset, more - 1)
      else if (this.#prng.next() < burstShare / burstSteps) left.set(asset, burstSteps)
      return more > 0
    }
    this.#timer = setInterval(() => void this.step(burst).catch(() => {}), periodMs)
  }

  stop() {
    clearInterval(this.#timer)
  }

  async close() {
    this.stop()
    await this.#client.endAsync(true)
  }
}

/** Assets in `clockless` take the gateway's clock as the time of a row. */
export function plantConfig(broker, assets, { learn = 120, clockless = [] } = {}) {
  const type = (time, offDelay) => `
    source: plant
    topic: plant/{asset}
    value: $.{channel}
    ${time}
    channels:
      flow: {unit: m3/h}
      current: {unit: A}
      pressure: {unit: bar, max: 9, limit: {off-delay: ${offDelay}}}
    learn: {rows: ${learn}, sufficiency: warn, rebaseline: off}
    alarm: {on-delay: 3s, off-delay: 3s, priority: 3}
    model: {order: 2, mean: 4}`
  const typeOf = id => (clockless.includes(id) ? 'clockless' : 'pump')
  return `version: 1
gateway: {site: hall, id: gw-1}
sources: {plant: {mqtt: {url: "${broker.url}"}}}
types:
  pump:${type('time: $.ts\n    max-age: 1h', '3s')}
  clockless:${type('max-age: 10s', '100ms')}
assets:
${assets.map(id => `  ${id}: {type: ${typeOf(id)}, tag: ${id.toUpperCase()}}`).join('\n')}
uplink: {mqtt: {url: "${broker.url}"}}
storage: {dir: data}
scorer: {provider: cpu}
`
}

/** Whole seconds, recent enough for every retention. */
export function recently(hoursAgo = 6) {
  return (Math.floor(Date.now() / 1000) - hoursAgo * 3600) * 1_000_000
}

/** Resolves when the agent says that every alert it made is delivered, and makes no more. */
export async function allDelivered(agent, limitMs = 60_000) {
  let last = -1
  await until(
    async () => {
      const { uplink, journal } = await agent.status()
      const settled = uplink.lastAlertSeq === uplink.deliveredAlertSeq && uplink.lastAlertSeq === last
      last = uplink.lastAlertSeq
      return settled && journal.waitingToBeWritten === 0
    },
    'every alert to be delivered',
    limitMs,
  )
}
