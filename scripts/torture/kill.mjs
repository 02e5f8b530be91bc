// kill -9 of a process that fills one store alone, at a random moment, opening included. After each, a copy is opened and held
// against the ledger; the store itself is opened next by the next writer only, so that what a killed recovery left is recovered.
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { seededPrng } from '../../dist/core/prng.js'
import { pause } from './support/agent.mjs'
import { faultsOf } from './support/alone-check.mjs'
import { newLedger, Writer } from './support/alone-ledger.mjs'
import { inLanes } from './support/lanes.mjs'

/**
 * A kill can cut a write(2) of several pages short (fatal_signal_pending). What of it is half there was never acknowledged; it
 * looks like damage, so both stores state it.
 */
const maySayOf = text => /newest rows in the history .* a kill|a write cut short by a crash/.test(text)

const AT_ONCE = 2
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
  const home = mkdtempSync(join(tmpdir(), 'ww-'))
  const state = { kills: 0, failures: [], acknowledged: { journal: 0, history: 0 } }
  const lives = Math.min(LIVES, Math.ceil(count / 2))
  const stores = Array.from({ length: Math.ceil(count / lives) }, (_, n) => {
    const ledger = newLedger(n % 2 === 0 ? 'journal' : 'history')
    return { n, ledger, lives: Math.min(lives, count - n * lives), dir: join(home, `${n}`, ledger.store) }
  })
  try {
    await inLanes(stores, AT_ONCE, store => oneStore(state, store, seededPrng(seed + store.n), over), over)
  } finally {
    if (state.failures.length === 0) rmSync(home, { recursive: true, force: true })
  }
  const { journal, history } = state.acknowledged
  const notes = [`${journal} records and ${history} rows acknowledged`]
  if (state.failures.length > 0) notes.push(`left as it was found: ${home}`)
  return { runs: state.kills, failures: state.failures, notes }
}

async function oneStore(state, { ledger, lives, dir }, prng, over) {
  // Started ahead: a process needs longer to start than it is given to live.
  let next = new Writer()
  try {
    for (let life = 0; life < lives && !over(); life++) {
      const writer = next
      next = new Writer()
      await oneLife(state, writer, dir, ledger, prng)
    }
  } finally {
    await next.kill().catch(() => {})
  }
  state.acknowledged[ledger.store] += ledger.size
  if (state.failures.length === 0) rmSync(join(dir, '..'), { recursive: true, force: true })
}

async function oneLife(state, writer, dir, ledger, prng) {
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
  const faults = await faultsOf(join(copy, ledger.store), ledger, { maySayOf })
  if (faults.length > 0) state.failures.push(`${ledger.store}, life ${life} (${copy}): ${faults.join('; ')}`)
  else rmSync(copy, { recursive: true, force: true })
}
