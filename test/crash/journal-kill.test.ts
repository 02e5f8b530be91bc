// SIGKILL under load, again and again over the same journal; the ledger of acknowledgements is kept out here.
// `KILLS=200 npx tap --timeout=600 test/crash/journal-kill.test.ts` for more.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { dirname } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { builtFile } from '../../agent/core/built.ts'
import { realDisk } from '../../agent/core/disk.ts'
import { entropySeed, seededPrng } from '../../agent/core/prng.ts'
import { openTestJournal, readAll, textOf } from '../support/journal-open.ts'

const KILLS = Number(process.env.KILLS ?? 10)
const CHILD = fileURLToPath(new URL('./journal-child.mjs', import.meta.url))

interface Ledger {
  acked: Map<number, string>
  cursor: number
  twice: string[]
}

/** Lets a child write until `acks` more are known, then kills it; everything still in the pipe counts. */
async function killAfter(dir: string, acks: number, ledger: Ledger): Promise<void> {
  const child = spawn(process.execPath, [CHILD, dirname(builtFile('main.js')), dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let seen = 0
  const lines = createInterface({ input: child.stdout })
  lines.on('line', line => {
    const [what, seq, text] = line.split(' ')
    // A line cut off by the kill is no acknowledgement anyone has read.
    if (what === 'ack' && text !== undefined && text.length >= 10) {
      const before = ledger.acked.get(Number(seq))
      if (before !== undefined) ledger.twice.push(`${seq}: ${before} and ${text}`)
      ledger.acked.set(Number(seq), text)
      if (++seen === acks) child.kill('SIGKILL')
    }
    if (what === 'cursor') ledger.cursor = Math.max(ledger.cursor, Number(seq))
  })
  const [[, signal]] = await Promise.all([once(child, 'exit'), once(lines, 'close')])
  if (signal !== 'SIGKILL') throw new Error(`the writer ended by itself (${signal})`)
}

t.test(`${KILLS} kills under load`, async t => {
  const seed = entropySeed()
  t.comment(`seed ${seed}`)
  const prng = seededPrng(seed)
  const dir = `${t.testdir()}/journal`
  const ledger: Ledger = { acked: new Map(), cursor: 0, twice: [] }
  for (let kill = 0; kill < KILLS; kill++) await killAfter(dir, 1 + Math.floor(prng.next() * 400), ledger)
  const journal = await openTestJournal(dir, realDisk, { bytesMax: 64 << 20 })
  const records = await readAll(journal, 1_000)
  const texts = new Map(records.map(record => [record.seq, textOf(record)]))
  t.same(ledger.twice, [], 'no number was acknowledged twice')
  t.equal(texts.size, records.length, 'no number is there twice')
  const wrong = [...ledger.acked].filter(([seq, text]) => texts.get(seq)?.slice(0, 40) !== text)
  t.same(wrong, [], `all ${ledger.acked.size} acknowledged records are there under their numbers`)
  t.ok((await journal.cursor('uplink')).seq >= ledger.cursor, 'the cursor did not go back')
  t.ok(ledger.acked.size >= KILLS)
  await journal.close()
})
