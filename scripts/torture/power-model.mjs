// The power goes at a random moment of a recorded life of journal or history, and what was not synced is dropped, torn or
// reordered. Each such state is opened and held against what had been acknowledged by then.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { seededPrng } from '../../dist/core/prng.js'
import { pause, until } from './support/agent.mjs'
import { newLedger, Writer } from './support/alone-ledger.mjs'
import { badOutcome, inTrials } from './support/damage.mjs'
import { afterCut, markDurable } from './support/power-cut.mjs'
import { isWhole, SyscallLog, straceTo } from './support/syscalls.mjs'
import { scratchDir } from './support/tools.mjs'

const LIVES = 3
const LIFE_MS = 350
const STATES_PER_RECORDING = 500
const RECORDINGS_MIN = 2

export const fault = {
  name: 'power-model',
  what: 'power cut of journal and history alone, modelled from their system calls',
  counts: { full: 10_000, short: 300 },
  needs: ['strace'],
  run,
}

async function run({ count, seed, over }) {
  const home = scratchDir()
  const state = { runs: 0, acknowledged: 0, aside: 0, failures: [] }
  try {
    const recordings = Math.max(RECORDINGS_MIN, Math.ceil(count / STATES_PER_RECORDING))
    for (let r = 0; r < recordings && !over(); r++) {
      const recording = await record(join(home, `rec-${r}`), r % 2 === 0 ? 'journal' : 'history')
      const upTo = Math.round((count * (r + 1)) / recordings)
      const numbers = Array.from({ length: upTo - Math.round((count * r) / recordings) }, (_, i) => upTo - 1 - i)
      await inTrials(
        home,
        numbers,
        (trials, n) => cutOnce(trials, join(home, `state-${n}`), recording, { n, seed }, state),
        over,
      )
    }
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
  const notes = [
    `${state.acknowledged} acknowledgements stood before the cuts; ${state.aside} stores were set aside and carried over`,
  ]
  return { runs: state.runs, failures: state.failures, notes }
}

async function record(root, store) {
  mkdirSync(root)
  const ledger = newLedger(store)
  const log = new SyscallLog(root)
  const lives = []
  for (let life = 0; life < LIVES; life++) {
    const path = `${root}.strace`
    const writer = new Writer(straceTo(path), { UV_USE_IO_URING: '0' })
    writer.write(join(root, store), ledger)
    await Promise.race([writer.opened, writer.closed])
    await pause(LIFE_MS)
    await writer.kill()
    await until(() => isWhole(readFileSync(path, 'latin1'), writer.child.pid), 'the end of the log of strace')
    lives.push(log.lines)
    log.add(readFileSync(path, 'latin1'))
    rmSync(path)
  }
  markDurable(log.calls)
  const acks = log.calls.filter(({ kind }) => kind === 'ack')
  if (acks.length === 0) throw new Error(`nothing was acknowledged under strace (${store})`)
  return { root, store, lives, lines: log.lines, acks, calls: log.calls.filter(({ kind }) => kind !== 'ack') }
}

/** What the writer had said when it was cut. */
function ledgerAt({ store, lives, acks }, cut) {
  const ledger = newLedger(store)
  for (const { start, line } of acks) {
    if (start >= cut) break
    ledger.life = lives.findLastIndex(first => first <= start)
    ledger.line(line.split(' '))
  }
  return ledger
}

async function cutOnce(trials, work, recording, { n, seed }, state) {
  const prng = seededPrng(seed + n)
  const cut = Math.floor(prng.next() * (recording.lines + 1))
  const ledger = ledgerAt(recording, cut)
  const files = afterCut(recording.calls, cut, prng, { anyOrder: recording.store === 'journal' })
  layOut(work, recording.root, files)
  const result = await trials.attempt({ work, store: recording.store, ledger, salvaged: true })
  state.runs++
  state.acknowledged += ledger.size
  if (result.stated?.some(text => /carried over/.test(text))) state.aside++
  const bad =
    badOutcome(result) ??
    (result.lost.length > 0 ? `lost, and stated: ${[...result.lost, ...result.stated].join('; ')}` : undefined)
  if (bad) state.failures.push(`${recording.store}, state ${n} (${keep(work, recording.root, files, ledger)}): ${bad}`)
  rmSync(work, { recursive: true, force: true })
}

function layOut(work, root, files) {
  mkdirSync(work, { recursive: true })
  for (const [path, data] of files) {
    const at = join(work, path.slice(root.length))
    mkdirSync(data ? dirname(at) : at, { recursive: true })
    if (data) writeFileSync(at, data)
  }
}

/** The state as the power cut left it, not as its opening did: recordings differ from run to run. */
function keep(work, root, files, ledger) {
  const kept = mkdtempSync(join(tmpdir(), 'ww-power-'))
  rmSync(work, { recursive: true, force: true })
  layOut(kept, root, files)
  writeFileSync(join(kept, 'ledger.json'), JSON.stringify(ledger))
  return kept
}
