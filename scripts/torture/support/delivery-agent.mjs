// Child of the fault `delivery`: the uplink over a real journal. It raises alarms up to the number that comes on stdin, one after
// the other as fast as the journal takes them, and says what the journal has acknowledged.
//
//   node delivery-agent.mjs DIR URL       stdin: a number a line       stdout: {"made", "status", "refused"} a line
import { createInterface } from 'node:readline'
import { applyTransition, checkpointPayload, newAlarmState } from '../../../dist/alarms/state.js'
import { scaledClock } from '../../../dist/core/clock.js'
import { Counters } from '../../../dist/core/counters.js'
import { silentLogger } from '../../../dist/core/logger.js'
import { entropySeed, seededPrng } from '../../../dist/core/prng.js'
import { openJournal } from '../../../dist/journal/journal.js'
import { createUplink } from '../../../dist/uplink/uplink.js'
import { AGENT_CLOCK, alarmOf, GATEWAY, uplinkConfig } from './delivery-alarms.mjs'

const [dir, url] = process.argv.slice(2)
const SAY_MS = 100
/** Appends under way together: they share syncs. */
const GROUP = 16

const clock = scaledClock(AGENT_CLOCK)
const counters = new Counters()
const state = newAlarmState()
const journal = await openJournal({
  ...{ dir, bytesMax: 256 << 20, clock, logger: silentLogger, counters },
  checkpoint: () => ({ kind: 'checkpoint', priority: 1, payload: checkpointPayload(state) }),
})
await refold()
let made = state.alertSeq
let target = 0
const uplink = createUplink({
  ...{ config: uplinkConfig(url), gateway: GATEWAY, journal, clock, counters, logger: silentLogger, version: '0' },
  handlers: undefined,
  lastAlertSeq: () => made,
  prng: seededPrng(entropySeed()),
})
uplink.start()
setInterval(say, SAY_MS)
process.stdin.on('end', () => process.exit(0))
createInterface({ input: process.stdin }).on('line', line => {
  target = Math.max(target, Number(line))
  void raise()
})

/** State is a fold over the journal, here too. */
async function refold() {
  for (let from = journal.status().firstSeq; ; ) {
    const records = await journal.read(from, 512)
    if (records.length === 0) return
    for (const { kind, payload } of records)
      if (kind === 'alarm') applyTransition(state, JSON.parse(Buffer.from(payload).toString()))
    from = records.at(-1).seq + 1
  }
}

let raising = false
async function raise() {
  if (raising) return
  raising = true
  while (made < target) {
    const group = Array.from({ length: Math.min(GROUP, target - made) }, (_, i) => alarmOf(made + 1 + i))
    const appends = group.map(t =>
      journal.append({ kind: 'alarm', priority: t.priority, payload: Buffer.from(JSON.stringify(t)) }),
    )
    for (const [i, append] of appends.entries()) {
      await append
      applyTransition(state, group[i])
      made = group[i].alertSeq
    }
  }
  raising = false
}

function say() {
  const refused = counters.get('uplink.receipts_refused').n
  const resends = counters.get('uplink.resends').n
  const { losses } = journal.status()
  process.stdout.write(`${JSON.stringify({ made, refused, resends, losses, status: uplink.status() })}\n`)
}
