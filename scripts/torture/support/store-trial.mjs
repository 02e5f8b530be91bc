// One store alone under one trouble: its child is watched, its ledger kept here, and its files are read when it is over.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../../../dist/core/clock.js'
import { Counters } from '../../../dist/core/counters.js'
import { silentLogger } from '../../../dist/core/logger.js'
import { openHistory } from '../../../dist/history/history.js'
import { openJournal } from '../../../dist/journal/journal.js'
import { RETENTION, rowOf, TABLE } from './store-rows.mjs'

const CHILD = fileURLToPath(new URL('./store-child.mjs', import.meta.url))
const RECOVERY_MS_MAX = 10_000
const LIMIT_MS = 60_000
const TRIAL_MS = 5_000
const BATCH = 512

/**
 * `wrap`: a command that runs the child. `meanwhile(child)` runs beside it. Resolves with what did not hold, per trial, and
 * how many trials met a refusal.
 */
export async function storeTrials(trials, { wrap = [], meanwhile = async () => {} } = {}) {
  const ledgers = trials.map(() => ({ acked: new Map(), refused: new Set(), rows: 0, lost: 0, over: undefined }))
  const [command, ...args] = [...wrap, process.execPath, CHILD, JSON.stringify(trials)]
  const child = spawn(command, args, {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: { ...process.env, UV_THREADPOOL_SIZE: '1' },
  })
  let said = ''
  child.stderr.on('data', chunk => {
    said += chunk
  })
  child.on('message', message => note(ledgers[message.n], message))
  const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS + trials.length * TRIAL_MS)
  const closed = once(child, 'close')
  await meanwhile(child)
  const [code, signal] = await closed
  clearTimeout(timer)
  const faults = []
  for (const [n, trial] of trials.entries()) {
    const over = ledgers[n].over
    if (!over) {
      faults.push({ trial, text: `the process ended with ${code ?? signal}: ${said.slice(-800)}` })
      break
    }
    if (over.recoveredMs > RECOVERY_MS_MAX) faults.push({ trial, text: `recovered after ${over.recoveredMs} ms` })
    const texts = await (trial.store === 'journal' ? journalHolds : historyHolds)(trial.dir, ledgers[n])
    for (const text of texts) faults.push({ trial, text })
  }
  return { faults, felt: ledgers.filter(({ over }) => over?.refused).length }
}

function note(ledger, { acked, refused, lost, over }) {
  if (over) ledger.over = over
  else if (refused === undefined) Object.assign(ledger, { rows: acked, lost })
  else {
    for (const [seq, text] of acked) ledger.acked.set(seq, text)
    for (const text of refused) ledger.refused.add(text)
  }
}

/** Every acknowledged record under its number, none that was refused, nothing else. */
async function journalHolds(dir, ledger) {
  const deps = { clock: systemClock(), logger: silentLogger, counters: new Counters() }
  const journal = await openJournal({ ...deps, dir: join(dir, 'journal'), bytesMax: 4 << 20 })
  const faults = []
  const missing = new Map(ledger.acked)
  for (let from = 1; ; ) {
    const records = await journal.read(from, BATCH)
    if (records.length === 0) break
    for (const { seq, kind, payload } of records) {
      const text = Buffer.from(payload).toString()
      if (kind === 'gap') faults.push(`a gap was stated: ${text}`)
      else if (missing.get(seq) === text) missing.delete(seq)
      else if (ledger.refused.has(text)) faults.push(`record ${seq} was refused and is there`)
      else faults.push(`record ${seq} is not what was acknowledged`)
    }
    from = records.at(-1).seq + 1
  }
  if (missing.size > 0) faults.push(`${missing.size} acknowledged records are lost: ${[...missing.keys()].slice(0, 5)}`)
  const { losses } = journal.status()
  if (losses.length > 0) faults.push(`losses stated: ${JSON.stringify(losses)}`)
  await journal.close()
  return faults.slice(0, 3)
}

/** Rows in order, each what it was, none twice; all that were acknowledged, and all that were made less those stated as lost. */
async function historyHolds(dir, ledger) {
  const deps = { clock: systemClock(), logger: silentLogger, counters: new Counters() }
  const { history } = await openHistory({ ...deps, dir: join(dir, 'history'), retention: RETENTION })
  const faults = []
  let rows = 0
  let next = 0
  const query = { asset: TABLE.asset, class: 'samples', fromUs: 0, toUs: Number.MAX_SAFE_INTEGER }
  for await (const { timesUs, values, columns } of history.query(query)) {
    for (let i = 0; i < timesUs.length; i++, rows++) {
      const number = values[i * columns.length]
      const wanted = rowOf(number)
      const same = wanted.values.every((value, column) => Object.is(value, values[i * columns.length + column]))
      if (number < next || !same || wanted.timeUs !== timesUs[i])
        faults.push(`row ${rows} is not what was appended: ${number}`)
      next = number + 1
    }
  }
  const { made, lost } = ledger.over
  if (rows + lost !== made) faults.push(`${made} rows appended, ${rows} stored, ${lost} stated as lost`)
  if (lost > 0 && rows < ledger.rows - ledger.lost) faults.push(`${ledger.rows} rows acknowledged, ${rows} stored`)
  const { lossAtOpen, corruptChunks } = history.stats()
  // A write that was refused just before the stop leaves its half behind, and the next start cannot know that nobody waits for it.
  const half = /unreadable and are left out/.test(lossAtOpen ?? '') && rows + lost === made
  if ((lossAtOpen && !half) || corruptChunks > 0) faults.push(`${lossAtOpen ?? ''} ${corruptChunks} corrupt chunks`)
  await history.close()
  return faults.slice(0, 3)
}
