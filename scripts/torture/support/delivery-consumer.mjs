// Child of the fault `delivery`: the consumer, with a file of its own. What it says it has stored is on the disk.
//
//   node delivery-consumer.mjs FILE URL       stdout: {"seq", "fresh", "received"} a line
import { CollectStore } from '../../../dist/cli/collect-store.js'
import { scaledClock } from '../../../dist/core/clock.js'
import { silentLogger } from '../../../dist/core/logger.js'
import { entropySeed, seededPrng } from '../../../dist/core/prng.js'
import { Collector } from '../../../dist/uplink/collect.js'
import { AGENT_CLOCK, GATEWAY, linkConfig } from './delivery-alarms.mjs'

const [file, url] = process.argv.slice(2)
const SAY_MS = 50
const store = new CollectStore(file)
const ledger = await store.ledger()
const collector = new Collector({
  ...{ config: linkConfig(url, 'consumer'), persistent: false, retained: false, logger: silentLogger },
  ...{ clock: scaledClock(AGENT_CLOCK), prng: seededPrng(entropySeed()) },
  onItem: item => {
    if (item.kind === 'alert' || item.kind === 'stated-gap') store.write(item.text)
  },
  receipts: { consumer: 'ledger', ledger, sync: () => store.sync() },
})
collector.start()
process.stdin.on('end', () => process.exit(0)).resume()
setInterval(() => {
  const { received, duplicates, early, missing } = ledger
  const position = ledger.position(`${GATEWAY.site}/${GATEWAY.id}`)
  process.stdout.write(
    `${JSON.stringify({ ...position, received, duplicates, early, missing, ...collector.status })}\n`,
  )
}, SAY_MS)
