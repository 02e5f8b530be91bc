// A real file system in an image that is copied while journal and history are written: what is in the copy is what a disk has when
// the power goes, without the pages that only memory held. Mounting the copy replays ext4's own journal.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { seededPrng } from '../../dist/core/prng.js'
import { pause } from './support/agent.mjs'
import { faultsOf } from './support/alone-check.mjs'
import { newLedger, Writer } from './support/alone-ledger.mjs'

const IMAGE_MB = 128
/** Copies of one image; then another begins. */
const CUTS = 20
const WRITE_MS = 1_500
const COPIES_MAX = 50
const QUIET_MS = 2
const QUIET_POLLS_MAX = 200

export const fault = {
  name: 'power-ext4',
  what: 'power cut of journal and history alone on a real ext4 image',
  counts: { full: 100, short: 5 },
  needs: ['mke2fs', 'mount', 'umount', 'cp', 'loop'],
  run,
}

async function run({ count, seed, over }) {
  const prng = seededPrng(seed)
  const home = mkdtempSync(join(tmpdir(), 'ww-'))
  const state = { runs: 0, failures: [], acknowledged: 0 }
  try {
    while (state.runs < count && !over()) await oneImage(home, Math.min(CUTS, count - state.runs), prng, state, over)
  } finally {
    if (state.failures.length === 0) rmSync(home, { recursive: true, force: true })
  }
  const notes = [`${state.acknowledged} acknowledgements stood before the cuts`]
  if (state.failures.length > 0) notes.push(`images: ${home}`)
  return { runs: state.runs, failures: state.failures, notes }
}

async function oneImage(home, cuts, prng, state, over) {
  const image = join(home, 'disk.img')
  const dir = join(home, 'disk')
  rmSync(image, { force: true })
  must('mke2fs', '-q', '-t', 'ext4', image, `${IMAGE_MB}M`)
  mkdirSync(dir, { recursive: true })
  must('mount', '-o', 'loop', image, dir)
  const ledgers = [newLedger('journal'), newLedger('history')]
  let writers = []
  try {
    for (let cut = 0; cut < cuts && !over(); cut++) {
      writers = ledgers.map(ledger => begin(dir, ledger))
      await Promise.all(writers.map(({ opened, closed }) => Promise.race([opened, closed])))
      await pause(prng.next() * WRITE_MS)
      const copy = join(home, `cut-${state.runs}.img`)
      const then = await copied(image, copy, deviceOf(dir), writers, ledgers)
      for (const writer of writers) await writer.kill()
      const faults = await afterCut(copy, join(home, 'copy'), then)
      state.acknowledged += then.reduce((sum, ledger) => sum + ledger.size, 0)
      if (faults.length > 0) state.failures.push(`cut ${state.runs} (${copy}): ${faults.join('; ')}`)
      else rmSync(copy)
      state.runs++
    }
  } finally {
    // Whoever is still there keeps the image mounted.
    for (const { child } of writers) child.kill('SIGKILL')
    for (const { closed } of writers) await closed
    must('umount', dir)
  }
}

function begin(dir, ledger) {
  const writer = new Writer()
  writer.write(join(dir, ledger.store), ledger)
  return writer
}

/**
 * The image at one moment, and the ledgers before it. The writers stand still meanwhile, which their kernel does not notice; a copy
 * during which anything was written to the image is none of one moment and is made again.
 */
async function copied(image, copy, device, writers, ledgers) {
  for (let attempt = 0; attempt < COPIES_MAX; attempt++) {
    for (const { child } of writers) child.kill('SIGSTOP')
    const then = ledgers.map(ledger => ledger.copy())
    const before = await quiet(device)
    must('cp', '--sparse=always', image, copy)
    const still = before.underWay === 0 && writesTo(device).done === before.done
    for (const { child } of writers) child.kill('SIGCONT')
    if (still) return then
    await pause(7)
  }
  throw new Error(`the image was written to during each of ${COPIES_MAX} copies`)
}

/** The kernel ends what was under way when the writers were stopped, and every few seconds writes what is dirty. */
async function quiet(device) {
  for (let i = 0; i < QUIET_POLLS_MAX; i++) {
    const before = writesTo(device)
    await pause(QUIET_MS)
    const now = writesTo(device)
    if (now.underWay === 0 && now.done === before.done) return now
  }
  return writesTo(device)
}

/** Requests: reads done 0, writes done 4, under way 8 (Documentation/block/stat.rst). */
function writesTo(device) {
  const numbers = readFileSync(`/sys/block/${device}/stat`, 'utf8').trim().split(/\s+/).map(Number)
  return { done: numbers[4], underWay: numbers[8] }
}

function deviceOf(dir) {
  const line = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .find(line => line.split(' ')[1] === dir)
  return basename(line.split(' ')[0])
}

async function afterCut(copy, dir, ledgers) {
  mkdirSync(dir, { recursive: true })
  must('mount', '-o', 'loop', copy, dir)
  try {
    const faults = []
    // A write cut short is stated; nothing that was acknowledged may be.
    const maySayOf = text => /newest rows|unreadable|cut short|missing file/.test(text)
    for (const ledger of ledgers) {
      for (const text of await faultsOf(join(dir, ledger.store), ledger, { maySayOf }))
        faults.push(`${ledger.store}: ${text}`)
    }
    return faults
  } finally {
    must('umount', dir)
  }
}

function must(command, ...args) {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr}`)
}
