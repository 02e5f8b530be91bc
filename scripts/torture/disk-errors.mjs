// Journal and history, each alone, on a disk that refuses the N-th write or sync, for every N; and on a tmpfs that is full
// after N pages. The journal has a seam for its disk; LevelDB's calls are refused by strace, one thread making them all.
import { closeSync, mkdtempSync, openSync, rmSync, statfsSync, unlinkSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { seededPrng } from '../../dist/core/prng.js'
import { pause, until } from './support/agent.mjs'
import { levelFiles, mountTmpfs } from './support/disk-trouble.mjs'
import { inLanes } from './support/lanes.mjs'
import { storeTrials } from './support/store-trial.mjs'

/** Refusals in a row: one is met by a new segment or an opening again, more by waiting. strace counts each call by itself. */
const REFUSALS_MAX = 3
/** Three of the journal, two of the history, both on a tmpfs. */
const TRIALS_OF_N = 7
const TMPFS_MB = 16
const PAGE_BYTES = 4096
/** Most of each is waiting for the store to try again. */
const AT_ONCE = 4
const FULL_MS = 300

export const fault = {
  name: 'disk-errors',
  what: 'ENOSPC, EIO, short write at the N-th write or fsync, and a tmpfs full after N pages, each store alone',
  counts: { full: 300, short: 30 },
  needs: ['strace', 'mount'],
  run,
}

async function run({ count, seed, over = () => false }) {
  const prng = seededPrng(seed)
  const dir = mkdtempSync(join(tmpdir(), 'ww-'))
  const places = Array.from({ length: count }, (_, i) => ({
    at: i + 1,
    count: 1 + Math.floor(prng.next() * REFUSALS_MAX),
  }))
  const done = { runs: 0, felt: 0, failures: [] }
  const attempt = async (trials, options) => {
    const { faults, felt } = await storeTrials(trials, options)
    done.runs += trials.length
    done.felt += felt
    done.failures.push(...faults.map(({ trial, text }) => `${nameOf(trial)}: ${text}`))
    for (const trial of trials) rmSync(trial.dir, { recursive: true, force: true })
  }
  try {
    for (const kind of ['ENOSPC', 'EIO', 'short']) {
      await attempt(places.map(place => ({ store: 'journal', dir: join(dir, `${kind}-${place.at}`), kind, ...place })))
    }
    const ofHistory = places.flatMap(place =>
      ['ENOSPC', 'EIO'].map(kind => ({ store: 'history', dir: join(dir, `${kind}-${place.at}`), kind, ...place })),
    )
    await inLanes(ofHistory, AT_ONCE, trial => attempt([trial], { wrap: refusingLevel(trial) }), over)
    await onFullTmpfs(places, attempt, over)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
  const { failures, runs: trials, felt } = done
  return {
    runs: Math.floor(trials / TRIALS_OF_N),
    failures,
    notes: [`${felt} of ${trials} trials, ${TRIALS_OF_N} an N, met a refusal before they were acknowledged`],
  }
}

function nameOf({ store, kind, at, count }) {
  return kind === 'outside'
    ? `${store}, tmpfs full after ${at} pages`
    : `${store}, ${kind} at write or sync ${at}, ${count} in a row`
}

/** Both stores on one tmpfs, each N once. */
async function onFullTmpfs(places, attempt, over) {
  const dir = mkdtempSync(join(tmpdir(), 'ww-'))
  const unmount = mountTmpfs(dir, TMPFS_MB)
  try {
    for (const { at } of places) {
      if (over()) break
      const trials = ['journal', 'history'].map(store => ({ store, dir: join(dir, store), kind: 'outside', at }))
      const children = []
      const full = filled(dir, at, children)
      const meanwhile = child => {
        children.push(child)
        return full.then(() => tellWell(child))
      }
      await Promise.all(trials.map(trial => attempt([trial], { meanwhile })))
    }
  } finally {
    unmount()
    rmSync(dir, { recursive: true, force: true })
  }
}

function tellWell(child) {
  if (child.connected) child.send({ well: true })
}

/** strace before the child: from the `at`th of its writes to the store's files on, `count` are refused. */
function refusingLevel({ dir, at, kind, count }) {
  const calls = 'write,fdatasync,fsync'
  const args = ['-f', '-qqq', '-o', '/dev/null', '-e', `trace=${calls}`]
  args.push('-e', `inject=${calls}:error=${kind}:when=${at}..${at + count - 1}`)
  for (const path of levelFiles(join(dir, 'history'))) args.push('-P', path)
  return ['strace', ...args]
}

/** Leaves `pages` free, for a while none, and then all. */
async function filled(dir, pages, children) {
  const path = join(dir, 'filler')
  const fd = openSync(path, 'w')
  const page = Buffer.alloc(PAGE_BYTES)
  while (statfsSync(dir).bavail > pages) writeSync(fd, page)
  closeSync(fd)
  const over = () => children.length > 0 && children.every(({ exitCode }) => exitCode !== null)
  await until(() => statfsSync(dir).bavail === 0 || over(), 'the tmpfs to be full').catch(() => {})
  await pause(FULL_MS)
  unlinkSync(path)
}
