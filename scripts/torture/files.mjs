// One file of journal or history is gone, or cut off somewhere: that is stated, all other rows and records are there, what was
// damaged is kept aside.
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { seededPrng } from '../../dist/core/prng.js'
import { filesOf, kindOf, makeCorpora } from './support/corpus.mjs'
import { badOutcome, inTrials } from './support/damage.mjs'
import { scratchDir } from './support/tools.mjs'

const CORPORA = [
  { store: 'journal', lives: 2, lifeMs: 300 },
  { store: 'history', lives: 1, lifeMs: 500 },
  { store: 'history', lives: 4, lifeMs: 400, closed: true },
]
/** LevelDB is told by these what its tables are: all rows are in the others. */
const TELLS_ONLY = /CURRENT|MANIFEST/
/** Damages that are not worth making every store for. */
const FEW = 20

export const fault = {
  name: 'files',
  what: 'one file of journal or history missing or cut off',
  counts: { full: 300, short: 36 },
  needs: [],
  run,
}

async function run({ count, seed, over }) {
  const home = scratchDir()
  const prng = seededPrng(seed)
  const state = { runs: 0, failures: [], between: 0 }
  try {
    const homes = await makeCorpora(home, count < FEW ? CORPORA.filter(({ lives }) => lives < 3) : CORPORA)
    const places = homes.flatMap(({ home, store }) => filesOf(home, store).map(file => ({ home, store, ...file })))
    const kinds = [...new Set(places.map(kindOf))]
    const damages = Array.from({ length: count }, (_, i) => {
      const alike = places.filter(place => kindOf(place) === kinds[i % kinds.length])
      const place = alike[Math.floor(prng.next() * alike.length)]
      // Each kind in turn, first missing, then cut off as often as there is time for.
      const bytes = i < kinds.length ? undefined : Math.floor(prng.next() * place.bytes)
      return { ...place, bytes, work: join(home, `work-${i}`) }
    })
    await inTrials(home, damages, (trials, damage) => one(trials, damage, state), over)
  } finally {
    if (state.failures.length === 0) rmSync(home, { recursive: true, force: true })
  }
  const notes = [
    `${state.between} were cut exactly between two records, or lost the newest segment as a whole: not to be told from a crash before they were written`,
  ]
  if (state.failures.length > 0) notes.push(`undamaged stores: ${home}`)
  return {
    runs: state.runs,
    failures: state.failures,
    notes: state.between > 0 || state.failures.length > 0 ? notes : [],
  }
}

async function one(trials, { work, home, store, file, bytes }, state) {
  const attempt = async cut => {
    const said = await trials.attempt({ home, store, work, change: { file, bytes: cut }, salvaged: true, keep: true })
    // How many records followed where a file ends cannot be known: that it ends badly is what is stated.
    return said.stated?.length > 0 ? { ...said, silent: [] } : said
  }
  let result = await attempt(bytes)
  if (result.silent?.length > 0 && isNewest(home, file) && bytes === undefined) {
    state.between++
    result = { ...result, silent: [] }
  }
  if (bytes > 0 && result.silent?.length > 0) {
    const other = await attempt(bytes - 1)
    if (badOutcome(other) === undefined) {
      state.between++
      result = other
    }
  }
  const bad = [badOutcome(result), ...shortcomings(result, work, { store, file, bytes })].filter(Boolean)
  const how = bytes === undefined ? 'missing' : `cut off at ${bytes}`
  if (bad.length > 0) state.failures.push(`${join(home, file)} ${how}: ${bad.join('; ')}`)
  rmSync(work, { recursive: true, force: true })
  state.runs++
}

/** The segment that is appended to. */
function isNewest(home, file) {
  const segments = existsSync(join(home, 'journal')) ? readdirSync(join(home, 'journal')) : []
  return (
    join(
      'journal',
      segments
        .filter(name => /\.wwj$/.test(name))
        .sort()
        .at(-1) ?? '',
    ) === file
  )
}

function shortcomings(result, work, { store, file, bytes }) {
  if (!result.stated) return []
  const bad = []
  if (TELLS_ONLY.test(file) && result.lost.length > 0) bad.push(`not carried over: ${result.lost.join('; ')}`)
  if (store === 'history' && result.all) bad.push('nothing was kept')
  const damaged = result.stated.length > 0 && bytes !== undefined && !/\.wwc$/.test(file)
  const aside = [work, join(work, store)].some(
    dir => existsSync(dir) && readdirSync(dir).some(name => /\.damaged-/.test(name)),
  )
  if (damaged && !aside) bad.push('nothing was kept aside')
  return bad
}
