// The agent of a week, with its own clock and rows pushed in where sources push theirs. Arguments: config file, seconds,
// seed. Asks the parent to take the broker away and to bring it back; says {over} at the end.
import { loadConfigFile } from '../../../dist/config/load.js'
import { createLogger } from '../../../dist/core/logger.js'
import { seededPrng } from '../../../dist/core/prng.js'
import { Agent } from '../../../dist/pipeline.js'
import { ManualClock } from './manual-clock.mjs'
import { ASSETS, CHANNELS, fillRow, ROWS_PER_S, START_US, timeOf, valueTable } from './week-rows.mjs'

/** The broker is there at first, and gone from here on. */
const ONLINE_S = 120
const SETTLE_EVERY_S = 10
const TELL_EVERY_S = 600
const RSS_LIMIT_BYTES = 512 << 20
/** Time goes on while the broker comes back, and no rows do. */
const DRAIN_STEP_MS = 100
/** A connection takes real time: much faster, and every attempt would be over by this clock before it is answered. */
const DRAIN_REAL_MS = 5
const DRAIN_STEPS_MAX = 24_000

const [file, secondsText, seedText] = process.argv.slice(2)
const seconds = Number(secondsText)
const clock = new ManualClock(START_US)
const told = new Map()
/** The parent is gone: nobody keeps the ledger. */
const orphaned = () => process.exit(1)
process.once('disconnect', orphaned)
process.on('message', ({ done }) => told.get(done)?.())

function say(message) {
  return new Promise(resolve => process.send(message, resolve))
}

function ask(what) {
  const answered = new Promise(resolve => told.set(what, resolve))
  process.send({ ask: what })
  return answered
}

const turn = () => new Promise(resolve => setImmediate(resolve))
let rssMax = 0
function watchMemory() {
  rssMax = Math.max(rssMax, process.memoryUsage.rss())
  return rssMax <= RSS_LIMIT_BYTES
}

const { config } = loadConfigFile(file)
const agent = await Agent.start({
  config,
  version: '0',
  clock,
  prng: seededPrng(Number(seedText)),
  logger: createLogger({ level: 'error', format: 'text' }),
  environment: process.env,
})
const { lines, history, commits, uplink } = agent.parts
const table = valueTable()
const width = CHANNELS.length
const block = {
  asset: 0,
  rows: ROWS_PER_S,
  columns: width,
  timesUs: new Float64Array(ROWS_PER_S),
  values: new Float64Array(ROWS_PER_S * width),
}

async function second(number) {
  const first = number * ROWS_PER_S
  for (let i = 0; i < ROWS_PER_S; i++) block.timesUs[i] = timeOf(first + i)
  for (let asset = 0; asset < ASSETS; asset++) {
    block.asset = asset
    for (let i = 0; i < ROWS_PER_S; i++) fillRow(table, asset, first + i, block.values, i * width)
    lines[asset].samples(block)
  }
  clock.advance(1_000)
  if (number % SETTLE_EVERY_S !== 0) return
  // The disk gets its turn: a second of this clock is shorter than what a real disk has for it.
  await commits.settled()
  await history.flush()
  await turn()
}

async function drained() {
  for (let i = 0; i < DRAIN_STEPS_MAX; i++) {
    clock.advance(DRAIN_STEP_MS)
    await new Promise(resolve => setTimeout(resolve, DRAIN_REAL_MS))
    const { state, lastAlertSeq, deliveredAlertSeq } = uplink.status()
    if (state === 'up' && lastAlertSeq === deliveredAlertSeq && commits.length === 0 && i > 100) return
    watchMemory()
  }
}

let bounded = true
for (let s = 0; s < seconds && bounded; s++) {
  if (s === ONLINE_S) await ask('broker gone')
  await second(s)
  if (s % SETTLE_EVERY_S === 0) bounded = watchMemory()
  if (s % TELL_EVERY_S === 0) await say({ at: s, rss: rssMax })
}
await commits.settled()
await history.flush()
const offline = uplink.status()
const journalOffline = agent.parts.journal.status()
await ask('broker back')
await drained()
watchMemory()
await history.enforceRetention()
const { lastAlertSeq, deliveredAlertSeq } = uplink.status()
const losses = agent.parts.journal.status().losses
const stats = history.stats()
await say({
  over: {
    rows: seconds * ROWS_PER_S * ASSETS,
    rssMax,
    lostRows: stats.lostRows,
    retired: stats.retiredRows,
    bytes: stats.bytes,
    raised: lastAlertSeq,
    pending: lastAlertSeq - deliveredAlertSeq,
    pendingOffline: offline.lastAlertSeq - offline.deliveredAlertSeq,
    journalBytesOffline: journalOffline.bytes,
    losses,
  },
})
// What stopping waits for is measured by this clock.
const going = setInterval(() => clock.advance(DRAIN_STEP_MS), DRAIN_REAL_MS)
await agent.stop()
clearInterval(going)
process.off('disconnect', orphaned)
process.disconnect()
