// Stores with all that they come to hold in life, left by a kill or closed, to be damaged in copies.
import {
  copyFileSync,
  cpSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { pause } from './agent.mjs'
import { newLedger, Writer } from './alone-ledger.mjs'
import { openHistoryAt, openJournalAt } from './alone-stores.mjs'

const OPEN_MS = 20_000

/**
 * A folder with one store, `journal` or `history`, after `lives` lives of `lifeMs`; `closed`: opened and closed after them.
 * Beside the store lies ledger.json.
 */
export async function makeCorpus(home, { store, lives, lifeMs, closed }) {
  const ledger = newLedger(store)
  mkdirSync(home, { recursive: true })
  const dir = join(home, store)
  for (let life = 0; life < lives; life++) {
    const writer = new Writer()
    writer.write(dir, ledger)
    await Promise.race([writer.opened, pause(OPEN_MS)])
    await pause(lifeMs)
    await writer.kill()
  }
  if (closed) await (await openOf(store)(dir)).close()
  writeFileSync(join(home, 'ledger.json'), JSON.stringify(ledger))
}

/** One folder each below `home`, with which store is in it. */
export async function makeCorpora(home, corpora) {
  const made = []
  for (const [i, corpus] of corpora.entries()) {
    const at = join(home, `corpus-${i}`)
    await makeCorpus(at, corpus)
    made.push({ home: at, store: corpus.store })
  }
  return made
}

/** Files that are of one kind are damaged alike. */
export function kindOf({ store, file }) {
  return `${store} ${/MANIFEST|CURRENT|NEWEST|\.\w+$/.exec(file)[0]}`
}

function openOf(store) {
  return async dir => {
    if (store === 'journal') return (await openJournalAt(dir)).journal
    return (await openHistoryAt(dir)).history
  }
}

export function loadLedger(home) {
  const known = JSON.parse(readFileSync(join(home, 'ledger.json'), 'utf8'))
  return newLedger(known.store, known)
}

/** Files of the store with their sizes, without LevelDB's own log of words and its lock. */
export function filesOf(home, store) {
  return readdirSync(join(home, store))
    .filter(name => !/^(LOG|LOG\.old|LOCK)$|damaged/.test(name))
    .map(name => ({ file: join(store, name), bytes: statSync(join(home, store, name)).size }))
}

/**
 * A copy of the corpus in `work`, to be opened. Of LevelDB's files only `changed` is a copy, the others are links: it never
 * writes to a file that it finds.
 */
export function copyCorpus(home, work, store, changed) {
  rmSync(work, { recursive: true, force: true })
  if (store === 'journal') {
    cpSync(home, work, { recursive: true })
    return
  }
  mkdirSync(join(work, store), { recursive: true })
  for (const { file } of filesOf(home, store)) {
    const put = file === changed || !/\.ldb$/.test(file) ? copyFileSync : linkSync
    put(join(home, file), join(work, file))
  }
  for (const entry of readdirSync(home)) {
    if (/\.initialised$/.test(entry)) copyFileSync(join(home, entry), join(work, entry))
  }
}

export function changeFile(path, change) {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, change(readFileSync(path)))
}
