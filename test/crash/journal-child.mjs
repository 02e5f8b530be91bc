// Appends as fast as 16 writers can, telling the parent of every acknowledgement; ends by SIGKILL only. Runs built JavaScript.
import { pathToFileURL } from 'node:url'

const [dist, dir] = process.argv.slice(2)
const built = name => import(pathToFileURL(`${dist}/${name}`).href)
const { openJournal } = await built('journal/journal.js')
const { systemClock } = await built('core/clock.js')
const { Counters } = await built('core/counters.js')
const { silentLogger } = await built('core/logger.js')

const checkpoint = () => ({ kind: 'checkpoint', priority: 1, payload: Buffer.from('fold') })
const deps = { clock: systemClock(), logger: silentLogger, counters: new Counters() }
const journal = await openJournal({ dir, bytesMax: 64 << 20, checkpoint, ...deps })
const cursor = await journal.cursor('uplink')
const { losses, nextSeq } = journal.status()
// One line per acknowledgement straight into the pipe: what the parent read was acknowledged, nothing is buffered here.
const { writeSync } = await import('node:fs')
writeSync(1, `open ${nextSeq} ${losses.length}\n`)

async function writer(name) {
  for (let i = 0; ; i++) {
    const text = `${process.pid}-${name}-${i}-${'x'.repeat((i * 37) % 900)}`
    const seq = await journal.append({ kind: 'alarm', priority: 2, payload: Buffer.from(text) })
    writeSync(1, `ack ${seq} ${text.slice(0, 40)}\n`)
    if (i % 50 === 0) {
      await cursor.advance(seq)
      writeSync(1, `cursor ${seq}\n`)
    }
  }
}
for (let name = 0; name < 16; name++) void writer(name)
