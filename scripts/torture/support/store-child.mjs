// Journal or history alone, in a process of its own, filled while its disk refuses. Every acknowledgement goes to the parent,
// which keeps the ledger. Argument: JSON [{store, dir, at, kind, count}], one after the other; says {acked, refused} and {over}
// of each, `n` being its place in the list.
import { join } from 'node:path'
import { scaledClock, sleep } from '../../../dist/core/clock.js'
import { Counters } from '../../../dist/core/counters.js'
import { realDisk } from '../../../dist/core/disk.js'
import { silentLogger } from '../../../dist/core/logger.js'
import { openHistory } from '../../../dist/history/history.js'
import { openJournal } from '../../../dist/journal/journal.js'
import { RETENTION, rowOf, TABLE } from './store-rows.mjs'

/** Retries of seconds in tenths of them; what is promised of time is promised of this clock's. */
const SCALE = 10
const AFTERWARDS = 12
const GROUP = 3
const ROWS = 64
const RETRY_MS = 100
const GIVE_UP_MS = 60_000

let trial
let n = 0
const clock = scaledClock(SCALE)
const counters = new Counters()
const deps = { clock, counters, logger: silentLogger }
/** When the disk was well again; Infinity while it is not known to be. */
let wellMs = Number.NEGATIVE_INFINITY
/** The parent is gone: nobody keeps the ledger. */
const orphaned = () => process.exit(1)
process.once('disconnect', orphaned)
process.on('message', ({ well }) => {
  if (well) wellMs = clock.monotonicMs()
})

function tell(message) {
  return new Promise(resolve => process.send({ n, ...message }, resolve))
}

/** Fails `count` writes and syncs from the `at`th on; `short`: the first is cut in half, the others are refused. */
function refusing({ at, kind, count }) {
  const disk = { ...realDisk, calls: 0 }
  const fails = () => {
    const nth = ++disk.calls - at
    if (nth < 0 || nth >= count) return undefined
    wellMs = clock.monotonicMs()
    return nth
  }
  const error = () => Object.assign(new Error(`${kind}: refused`), { code: kind === 'short' ? 'ENOSPC' : kind })
  disk.open = async (path, mode) => {
    const file = await realDisk.open(path, mode)
    const write = async (data, position) => {
      const nth = fails()
      if (nth === undefined) return file.write(data, position)
      if (kind !== 'short' || nth > 0) throw error()
      return file.write(data.subarray(0, Math.max(1, data.length >> 1)), position)
    }
    const datasync = async () => {
      if (fails() !== undefined) throw error()
      return file.datasync()
    }
    return { ...file, write, datasync }
  }
  disk.syncDir = async dir => {
    if (fails() !== undefined) throw error()
    return realDisk.syncDir(dir)
  }
  return disk
}

/**
 * Runs `turn()` (true: acknowledged) until the trouble is behind it and a dozen more were acknowledged; resolves with the ms
 * of the clock from the end of the trouble to the first acknowledgement after it, and whether anything was refused.
 */
async function keepOn(turn, behind) {
  let refused = false
  let recoveredMs = 0
  let after = 0
  const startMs = clock.monotonicMs()
  while (after < AFTERWARDS) {
    const done = await turn()
    if (!done) {
      refused = true
      await sleep(clock, RETRY_MS)
    }
    const nowMs = clock.monotonicMs()
    if (nowMs - Math.max(startMs, Number.isFinite(wellMs) ? wellMs : startMs) > GIVE_UP_MS)
      return { recoveredMs: GIVE_UP_MS, refused }
    if (!done || !behind(refused)) continue
    if (++after === 1 && refused) recoveredMs = Math.round(nowMs - wellMs)
  }
  return { recoveredMs, refused }
}

async function journal() {
  const disk = trial.kind === 'outside' ? { ...realDisk, calls: 0 } : refusing(trial)
  const opened = await openJournal({ ...deps, dir: join(trial.dir, 'journal'), bytesMax: 4 << 20, disk })
  const cursor = await opened.cursor('uplink')
  let made = 0
  const turn = async () => {
    const texts = Array.from({ length: GROUP }, () => JSON.stringify({ n: ++made, pad: 'x'.repeat(made % 700) }))
    const answers = await Promise.allSettled(
      texts.map(text => opened.append({ kind: 'alarm', priority: 2, payload: Buffer.from(text) })),
    )
    const acked = answers.flatMap(({ value }, i) => (value === undefined ? [] : [[value, texts[i]]]))
    const refused = answers.flatMap(({ value }, i) => (value === undefined ? [texts[i]] : []))
    await tell({ acked, refused })
    if (acked.length > 0) await cursor.advance(acked[0][0]).catch(() => {})
    return refused.length === 0
  }
  const behind = () => (trial.kind === 'outside' ? Number.isFinite(wellMs) : disk.calls >= trial.at + trial.count)
  const course = await keepOn(turn, behind)
  await opened.close()
  return course
}

async function history() {
  const dir = join(trial.dir, 'history')
  const { history: opened } = await openHistory({ ...deps, dir, retention: RETENTION })
  let rows = 0
  let turns = 0
  const turn = async () => {
    const times = Float64Array.from({ length: ROWS }, (_, i) => rowOf(rows + i).timeUs)
    const values = Float64Array.from({ length: ROWS * TABLE.columns.length }, (_, i) => {
      return rowOf(rows + Math.floor(i / TABLE.columns.length)).values[i % TABLE.columns.length]
    })
    opened.append(TABLE.asset, 'samples', TABLE.columns, ROWS, times, values)
    rows += ROWS
    turns++
    const stored = await opened.flush().then(
      () => true,
      () => false,
    )
    if (stored) await tell({ acked: rows, lost: opened.stats().lostRows })
    return stored
  }
  // Refused from outside by number, so it is not known when: the numbers are those of writes, of which a turn makes one or more.
  const behind = refused =>
    trial.kind === 'outside' ? Number.isFinite(wellMs) : refused || turns > trial.at + trial.count
  const course = await keepOn(turn, behind)
  await opened.close()
  // When strace refused the last time is not known here.
  const recoveredMs = trial.kind === 'outside' ? course.recoveredMs : 0
  return { ...course, recoveredMs, made: rows, lost: opened.stats().lostRows }
}

for (trial of JSON.parse(process.argv[2])) {
  wellMs = trial.kind === 'outside' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY
  await tell({ over: await (trial.store === 'journal' ? journal() : history()) })
  n++
}
process.off('disconnect', orphaned)
process.disconnect()
