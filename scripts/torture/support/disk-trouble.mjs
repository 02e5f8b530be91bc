// What a disk can do to a running process, begun and ended from outside of it. Each `begin(agent)` resolves with the `end`.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { pause } from './agent.mjs'

/** Beyond what a store opened again and again for a minute comes to. */
const LEVEL_NUMBERS = 400
const ATTACH_MS = 5_000
const PAGE = Buffer.alloc(4096)

/**
 * The files of both stores that strace is told of: it takes whole names alone, and without names it would fail the writes by
 * which libuv wakes its loop, which abort any process. Of the journal's next segment the name is not known; the sync of its
 * directory fails in its place.
 */
function storeFiles(data) {
  const journal = join(data, 'journal')
  const held = readdirSync(journal).map(name => join(journal, name))
  return [...new Set([...levelFiles(join(data, 'history')), journal, join(journal, 'probe.tmp'), ...held])]
}

/** What LevelDB may come to call its files. */
export function levelFiles(dir) {
  const names = ['CURRENT']
  for (let n = 1; n <= LEVEL_NUMBERS; n++) {
    const number = String(n).padStart(6, '0')
    names.push(`${number}.log`, `${number}.ldb`, `${number}.dbtmp`, `MANIFEST-${number}`)
  }
  return names.map(name => join(dir, name))
}

/** Attaches strace to all threads and resolves when it has. */
async function attached(pid, expressions, paths = []) {
  const args = ['-f', '-qqq', '-o', '/dev/null', '-p', String(pid)]
  for (const expression of expressions) args.push('-e', expression)
  for (const path of paths) args.push('-P', path)
  const strace = spawn('strace', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  strace.stderr.on('data', chunk => {
    said += chunk
  })
  const startMs = performance.now()
  while (!/^TracerPid:\t[1-9]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))) {
    if (strace.exitCode !== null || performance.now() - startMs > ATTACH_MS) throw new Error(`strace: ${said}`)
    await pause(10)
  }
  return async () => {
    const ended = once(strace, 'exit')
    strace.kill('SIGINT')
    await ended
  }
}

/** Every write and sync of the stores' files fails with `errno`. */
export function failing(errno) {
  const calls = 'write,pwrite64,fdatasync,fsync'
  return agent => {
    const data = join(agent.dir, 'data')
    return attached(agent.child.pid, [`trace=${calls}`, `inject=${calls}:error=${errno}`], storeFiles(data))
  }
}

/** Every sync takes `seconds` longer. */
export function slowSync(seconds) {
  const calls = 'fdatasync,fsync'
  return agent => attached(agent.child.pid, [`trace=${calls}`, `inject=${calls}:delay_enter=${seconds * 1_000_000}`])
}

/**
 * No further descriptor. What is open goes on, so both stores are made to let go of theirs by failing writes for `letGoMs`;
 * after that, descriptors alone keep them from going on.
 */
export function noDescriptors(letGoMs) {
  return async agent => {
    const { pid } = agent.child
    const refused = await failing('EIO')(agent)
    await pause(letGoMs)
    const [, before] = /^Max open files +(\d+)/m.exec(readFileSync(`/proc/${pid}/limits`, 'utf8'))
    limitDescriptors(pid, firstFree(pid))
    await refused()
    return async () => limitDescriptors(pid, before)
  }
}

function limitDescriptors(pid, count) {
  const { status, stderr } = spawnSync('prlimit', ['--pid', String(pid), `--nofile=${count}:`])
  if (status !== 0) throw new Error(`prlimit: ${stderr}`)
}

/** The next descriptor it would get; none above it is given when this is the limit, and those taken stay. */
function firstFree(pid) {
  const taken = new Set(readdirSync(`/proc/${pid}/fd`).map(Number))
  for (let fd = 0; ; fd++) if (!taken.has(fd)) return fd
}

/**
 * Fills the file system that holds the agent's folder, to the last byte. With `dripMs`, a page becomes free that often: the
 * next write of more than that is cut short, and only the one after it is refused.
 */
export function full(dripMs) {
  return async agent => {
    const path = join(agent.dir, 'filler')
    const fd = openSync(path, 'w')
    fill(fd)
    const drip = () => {
      fill(fd)
      ftruncateSync(fd, fstatSync(fd).size - PAGE.length)
    }
    const timer = dripMs === undefined ? undefined : setInterval(drip, dripMs)
    return async () => {
      clearInterval(timer)
      closeSync(fd)
      unlinkSync(path)
    }
  }
}

function fill(fd) {
  try {
    for (let at = fstatSync(fd).size; ; at += PAGE.length) writeSync(fd, PAGE, 0, PAGE.length, at)
  } catch (error) {
    if (error.code !== 'ENOSPC') throw error
  }
}

/** A tmpfs of its own at `dir`; resolves with its removal. */
export function mountTmpfs(dir, megabytes) {
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', dir])
  if (mounted.status !== 0) throw new Error(`mount of a tmpfs (as root): ${mounted.stderr}`)
  return () => void spawnSync('umount', [dir])
}
