// One bit of one file of journal or history is turned over, the store is opened and read to its end: the damage is stated, or all
// that is read is right. Files are drawn alike, whatever their size, so that the small ones that all depends on get their share.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { seededPrng } from '../../dist/core/prng.js'
import { filesOf, kindOf, makeCorpora } from './support/corpus.mjs'
import { badOutcome, DamageTrials, inTrials } from './support/damage.mjs'
import { scratchDir } from './support/tools.mjs'

const CORPORA = [
  { store: 'journal', lives: 2, lifeMs: 200 },
  { store: 'journal', lives: 3, lifeMs: 300, closed: true },
  { store: 'history', lives: 1, lifeMs: 300 },
  { store: 'history', lives: 3, lifeMs: 200 },
  { store: 'history', lives: 4, lifeMs: 200, closed: true },
]
/** Of LevelDB's tables so many flips go to the end, where their index is. */
const INDEX_SHARE = 0.3
const INDEX_BYTES = 400
/** Of a cursor's file, which is two slots and a page of nothing: the first. */
const SLOT_BYTES = 20
/** Damages that are not worth making every store for. */
const FEW = 20

export const fault = {
  name: 'bit-flips',
  what: 'one bit of any file of journal or history turned over',
  counts: { full: 5000, short: 300 },
  needs: [],
  run,
}

async function run({ count, seed, over }) {
  const home = scratchDir()
  const prng = seededPrng(seed)
  const state = { runs: 0, stated: 0, failures: [], kinds: new Map() }
  try {
    const homes = await makeCorpora(home, count < FEW ? CORPORA.filter(({ lives }) => lives < 3) : CORPORA)
    const places = homes
      .flatMap(({ home, store }) => filesOf(home, store).map(file => ({ home, store, ...file })))
      .filter(({ bytes }) => bytes > 0)
    state.failures.push(...(await soundAtFirst(home, homes)))
    const flips = Array.from({ length: count }, () => drawn(places, prng))
    await inTrials(home, flips, (trials, flip) => one(trials, flip, state), over)
  } finally {
    if (state.failures.length === 0) rmSync(home, { recursive: true, force: true })
  }
  const notes = [`${state.stated} stated, the others did no harm`]
  for (const [kind, { flips, stated }] of [...state.kinds].sort()) notes.push(`${kind}: ${stated} of ${flips} stated`)
  if (state.failures.length > 0) notes.push(`undamaged stores: ${home}`)
  return { runs: state.runs, failures: state.failures, notes }
}

/** What the trials start from has nothing wrong. */
async function soundAtFirst(home, homes) {
  const trials = new DamageTrials(home)
  const faults = []
  for (const sound of homes) {
    const result = await trials.attempt(sound)
    const bad = badOutcome(result) ?? [...result.lost, ...result.stated].join('; ')
    if (bad) faults.push(`${sound.home}, undamaged: ${bad}`)
  }
  await trials.close()
  return faults
}

function drawn(places, prng) {
  // Tables are many; a kind of file first, then one of that kind.
  const kinds = [...new Set(places.map(kindOf))]
  const kind = kinds[Math.floor(prng.next() * kinds.length)]
  const alike = places.filter(place => kindOf(place) === kind)
  const { home, store, file, bytes } = alike[Math.floor(prng.next() * alike.length)]
  const from = /ldb$/.test(file) && prng.next() < INDEX_SHARE ? Math.max(0, bytes - INDEX_BYTES) : 0
  const to = /wwc$/.test(file) ? SLOT_BYTES : bytes
  const byte = from + Math.floor(prng.next() * (to - from))
  return { home, store, kind, change: { file, byte, bit: Math.floor(prng.next() * 8) } }
}

async function one(trials, flip, state) {
  const result = await trials.attempt(flip)
  state.runs++
  const kind = state.kinds.get(flip.kind) ?? { flips: 0, stated: 0 }
  state.kinds.set(flip.kind, kind)
  kind.flips++
  if (result.stated?.length > 0) {
    kind.stated++
    state.stated++
  }
  const bad = badOutcome(result)
  const { file, byte, bit } = flip.change
  if (bad) state.failures.push(`${join(flip.home, file)} byte ${byte} bit ${bit}: ${bad}`)
}
