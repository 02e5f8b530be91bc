// kill -9 of a process that fills one store alone, at a random moment, opening included. After each, a copy is opened and held
// against the ledger; the store itself is opened next by the next writer only, so that what a killed recovery left is recovered.
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { seededPrng } from '../../dist/core/prng.js'
import { pause } from './support/agent.mjs'
import { faultsOf } from './support/alone-check.mjs'
import { newLedger, Writer } from './support/alone-ledger.mjs'

/** Kills of one store; then another begins. */
const LIVES = 20
const LIFE_MS = 300
/** Every so many lives ends while the store is opened. */
const EARLY_EVERY = 4

export const fault = {
  name: 'kill',
  what: 'journal and history alone killed with SIGKILL under load',
  counts: { full: 1000, short: 50 },
  needs: [],
  run,
}

async function run({ count, seed, over }) {
  const prng = seededPrng(seed)
  const home = mkdtempSync(join(tmpdir(), 'ww-'))
  const state = { next: new Writer(), kills: 0, failures: [], acknowledged: { journal: 0, history: 0 } }
  try {
    for (let store = 0; state.kills < count && !over(); store++) {
      const ledger = newLedger(store % 2 === 0 ? 'journal' : 'history')
      const dir = join(home, `${store}`, ledger.store)
      const lives = Math.min(LIVES, count - state.kills, Math.ceil(count / 2))
      for (let life = 0; life < lives && !over(); life++) await oneLife(state, dir, ledger, prng)
      state.acknowledged[ledger.store] += ledger.size
      if (state.failures.length === 0) rmSync(join(home, `${store}`), { recursive: true, force: true })
    }
  } finally {
    await state.next.kill().catch(() => {})
    if (state.failures.length === 0) rmSync(home, { recursive: true, force: true })
  }
  const { journal, history } = state.acknowledged
  const notes = [`${journal} records and ${history} rows acknowledged`]
  if (state.failures.length > 0) notes.push(`left as it was found: ${home}`)
  return { runs: state.kills, failures: state.failures, notes }
}

async function oneLife(state, dir, ledger, prng) {
  const writer = state.next
  // Started ahead: a process needs longer to start than it is given to live.
  state.next = new Writer()
  writer.write(dir, ledger)
  const early = ledger.life % EARLY_EVERY === EARLY_EVERY - 1
  if (!early) await Promise.race([writer.opened, writer.closed])
  await pause(prng.next() * (early ? LIFE_MS / 6 : LIFE_MS))
  const life = ledger.life
  const copy = `${join(dir, '..')}-${life}`
  try {
    await writer.kill()
    state.kills++
    cpSync(join(dir, '..'), copy, { recursive: true })
  } catch (error) {
    state.failures.push(`${ledger.store}, life ${life}: ${error.message}`)
    return
  }
  const faults = await faultsOf(join(copy, ledger.store), ledger)
  if (faults.length > 0) state.failures.push(`${ledger.store}, life ${life} (${copy}): ${faults.join('; ')}`)
  else rmSync(copy, { recursive: true, force: true })
}
