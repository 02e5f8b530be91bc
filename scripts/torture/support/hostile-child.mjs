// Uplinks and MQTT sources of a number of gateways, all at one address. Arguments: url, gateways, seed, folder. On {make: n} each
// makes n alarms; on {report} it says where it stands. Its clock runs fast, so that waiting between attempts takes no time.
import { loadConfig } from '../../../dist/config/load.js'
import { scaledClock } from '../../../dist/core/clock.js'
import { Counters } from '../../../dist/core/counters.js'
import { silentLogger } from '../../../dist/core/logger.js'
import { seededPrng } from '../../../dist/core/prng.js'
import { decoders } from '../../../dist/decode/registry.js'
import { openJournal } from '../../../dist/journal/journal.js'
import { createSource } from '../../../dist/sources/registry.js'
import { createUplink } from '../../../dist/uplink/uplink.js'
import { plantConfig } from './plant.mjs'

const FASTER = 100
const JOURNAL_BYTES = 4 << 20

const [url, gatewaysText, seedText, dir] = process.argv.slice(2)
const clock = scaledClock(FASTER)
process.once('disconnect', () => process.exit(1))

const { config } = loadConfig(plantConfig({ url }, ['p-1']), {
  file: `${dir}/w.yaml`,
  env: {},
  machineId: 'x',
  readFile: () => {
    throw new Error('no files')
  },
})
const counters = new Counters()
let rows = 0
const sink = {
  samples: block => {
    rows += block.rows
  },
  waveform: () => {},
}

function alarm(seq) {
  const at = clock.nowUs()
  return {
    id: String(seq).padStart(13, '0'),
    alertSeq: seq,
    transition: 'raised',
    rule: 'flow.max',
    asset: 'p-1',
    kind: 'machine',
    priority: 3,
    active: true,
    acked: false,
    suppression: 'none',
    onsetUs: at,
    raisedUs: at,
    atUs: at,
    clock: 'synced',
    running: true,
    test: false,
    message: 'flow 12 above 10',
    value: 12,
    setpoint: 10,
    evidence: [],
  }
}

async function gatewayOf(i) {
  const shared = { clock, prng: seededPrng(Number(seedText) + i), logger: silentLogger, counters }
  const id = `gw-${i}`
  // Every other one asks for 3.1.1 alone; the others begin with 5.
  const protocol = i % 2 === 0 ? 4 : 'auto'
  const link = { ...config.uplink, clientId: `${id}-up`, protocol, commands: ['status'] }
  const journal = await openJournal({ ...shared, dir: `${dir}/${id}`, bytesMax: JOURNAL_BYTES })
  let made = 0
  const uplink = createUplink({
    ...shared,
    config: link,
    gateway: { site: 'hall', id },
    journal,
    version: '0',
    handlers: { status: async () => ({}), sync: async () => ({ ok: true, message: '', models: [] }) },
    lastAlertSeq: () => made,
  })
  const source = await createSource(
    { ...config.sources[0], clientId: `${id}-in`, protocol },
    { ...shared, assets: config.assets, sink, decoders },
  )
  uplink.publishState({ state: 'online' })
  uplink.start()
  source.start()
  return {
    async make(n) {
      for (let k = 0; k < n; k++) {
        const seq = ++made
        await journal.append({ kind: 'alarm', priority: 3, payload: Buffer.from(JSON.stringify(alarm(seq))) })
      }
    },
    async state() {
      const { state, detail, deliveredAlertSeq } = uplink.status()
      return { id, made, delivered: deliveredAlertSeq, state, detail, source: source.status() }
    },
    stop: () => Promise.all([uplink.stop(0), source.stop()]).then(() => journal.close()),
  }
}

const gateways = await Promise.all(Array.from({ length: Number(gatewaysText) }, (_, i) => gatewayOf(i)))

process.on('message', async message => {
  if (message.make) await Promise.all(gateways.map(gateway => gateway.make(message.make)))
  if (message.stop) {
    await Promise.all(gateways.map(gateway => gateway.stop()))
    process.send({ stopped: true }, () => process.exit(0))
    return
  }
  process.send({
    answer: message.number,
    rows,
    rss: process.memoryUsage.rss(),
    gateways: await Promise.all(gateways.map(gateway => gateway.state())),
  })
})
process.send({ ready: true })
