// A week without a broker at 1,000 rows/s of 8 channels, in a process of 512 MiB, and the broker again after it. Not a row and
// not an alarm may be unaccounted for.
//
//   rows     received = stored + removed by retention, as status counts them + rows that status states as lost
//   alarms   made     = delivered to the consumer + pending + in gaps stated to the consumer, each number exactly once
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../../dist/core/clock.js'
import { Counters } from '../../dist/core/counters.js'
import { silentLogger } from '../../dist/core/logger.js'
import { openHistory } from '../../dist/history/history.js'
import { AlertEar, Broker } from './support/plant.mjs'
import { RETENTION } from './support/store-rows.mjs'
import {
  ASSETS,
  assetId,
  CHANNELS,
  fillRow,
  ROWS_PER_S,
  START_US,
  timeOf,
  valueTable,
  weekConfig,
} from './support/week-rows.mjs'

const CHILD = fileURLToPath(new URL('./support/week-child.mjs', import.meta.url))
const WEEK_S = 604_800
const HOUR_S = 3_600
/** Of V8; buffers outside of it are watched through the resident size. */
const HEAP_MB = 256
/** Holes shorter than this are none that retention made. */
const BLACK_BOX_ROWS = 600
const RSS_MAX = 512 << 20
/** Less than comes in, so that retention has work and the journal has to drop what waits. */
const SPACE_MIB = {
  week: { samples: 256, blackBox: 64, journal: 16 },
  hour: { samples: 4, blackBox: 1, journal: 1 },
}

export const fault = {
  name: 'week-offline',
  what: '604.8 million rows (an hour: 3.6 million) while the broker is gone, in 512 MiB',
  counts: { full: WEEK_S / HOUR_S, short: 1 },
  needs: [],
  run,
}

/** `count` in hours. */
async function run({ count, seed }) {
  const dir = mkdtempSync(join(tmpdir(), 'ww-'))
  const broker = await Broker.open()
  const ear = new AlertEar(broker)
  const startMs = performance.now()
  let failures = []
  let notes = []
  try {
    const seconds = count * HOUR_S
    const file = join(dir, 'wearwatch.yaml')
    const space = seconds >= WEEK_S ? SPACE_MIB.week : SPACE_MIB.hour
    writeFileSync(file, weekConfig(broker.url, join(dir, 'data'), space))
    const over = await lived([file, seconds, seed], broker)
    const livedS = (performance.now() - startMs) / 1000
    const alarms = alarmsAccounted(over, ear)
    const rows = await rowsAccounted(join(dir, 'data', 'history'), over)
    failures = [...alarms.failures, ...rows.failures]
    if (over.rssMax > RSS_MAX) failures.push(`${over.rssMax} bytes resident`)
    const rate = Math.round(over.rows / livedS)
    const memory = `${Math.round(over.rssMax / 2 ** 20)} MiB at most`
    notes = [`${over.rows} rows in ${Math.round(livedS)} s (${rate}/s), ${memory}`, ...rows.notes, ...alarms.notes]
  } catch (error) {
    failures.push(error.message)
  } finally {
    await broker.close()
    rmSync(dir, { recursive: true, force: true })
  }
  return { runs: count, failures, notes }
}

/** Runs the child through its week; resolves with what it says at the end. */
async function lived(args, broker) {
  const child = spawn(process.execPath, [`--max-old-space-size=${HEAP_MB}`, CHILD, ...args.map(String)], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  let said = ''
  child.stderr.on('data', chunk => {
    said = (said + chunk).slice(-4_000)
  })
  let over
  child.on('message', async message => {
    if (message.over) over = message.over
    if (message.ask === 'broker gone') await broker.stop()
    if (message.ask === 'broker back') await broker.start()
    if (message.ask) child.send({ done: message.ask })
  })
  const [code, signal] = await once(child, 'close')
  if (!over || code !== 0) throw new Error(`the agent ended with ${code ?? signal}: ${said}`)
  return over
}

function alarmsAccounted({ raised, pending, pendingOffline, journalBytesOffline }, ear) {
  const failures = [...ear.wrong]
  const stated = new Set()
  for (const { alerts } of ear.gaps) {
    const { from, to } = alerts
    if (!Number.isInteger(from) || !Number.isInteger(to))
      failures.push(`a gap without numbers: ${JSON.stringify(alerts)}`)
    else for (let seq = from; seq <= to; seq++) stated.add(seq)
  }
  const twice = ear.seqs.filter(seq => stated.has(seq)).length
  const delivered = ear.seqs.length
  if (twice > 0) failures.push(`${twice} alerts were delivered and stated as lost`)
  if (delivered - twice + pending + stated.size !== raised)
    failures.push(`${raised} alerts made, ${delivered} delivered, ${pending} pending, ${stated.size} stated as lost`)
  if (ear.outOfOrder.length > 0) failures.push(`alerts came out of order: ${ear.outOfOrder.slice(0, 5)}`)
  if (pendingOffline < 1) failures.push('no alert waited while the broker was gone; the trial proves nothing')
  const journal = `${Math.round(journalBytesOffline / 2 ** 20)} MiB of journal`
  const sum = `${raised} alerts = ${delivered} delivered + ${pending} pending + ${stated.size} stated as lost`
  return { failures, notes: [`${sum}; ${pendingOffline} waited in ${journal}`] }
}

/**
 * Reads every row back. Of each asset all rows from some row on must be there, each as it was: those before it went by
 * retention, but for islands that the black box kept. Rows missing after it must be stated as lost.
 */
async function rowsAccounted(dir, { rows: received, retired, lostRows, bytes }) {
  const deps = { clock: systemClock(), logger: silentLogger, counters: new Counters() }
  const { history } = await openHistory({ ...deps, dir, retention: RETENTION })
  const failures = []
  const table = valueTable()
  const sum = { stored: 0, removed: 0, missing: 0 }
  const cuts = []
  for (let asset = 0; asset < ASSETS; asset++) {
    const { stored, holes, bad } = await readBack(history, table, asset, received / ASSETS)
    if (bad > 0) failures.push(`${assetId(asset)}: ${bad} rows are not what was received`)
    const gone = accounted(holes)
    // Behind the first hole stands what the black box kept, chunk by chunk: holes of its own come there.
    cuts.push(holes[0]?.from === 0 ? holes[0].to : 0)
    sum.stored += stored
    sum.removed += gone.removed
    sum.missing += gone.missing
  }
  await history.close()
  // Whole chunks go, and a chunk spans an hour at most.
  const apartS = (Math.max(...cuts) - Math.min(...cuts)) / ROWS_PER_S
  if (apartS > HOUR_S) failures.push(`retention cut its assets ${apartS} s apart`)
  const { stored, removed, missing } = sum
  // No model has scored yet, so the black box holds samples alone.
  const stated = retired.samples + retired['black-box']
  const text = `${received} rows = ${stored} stored + ${stated} by retention + ${lostRows} stated as lost`
  if (stored + stated + lostRows !== received || removed !== stated || missing !== lostRows)
    failures.push(`${text}; ${removed} went from the beginning, ${missing} from the midst`)
  return { failures, notes: [`${text}; ${Math.round(bytes.samples / 2 ** 20)} MiB of samples`] }
}

/** Rows of an asset as they are stored, and the ranges that are not: `{from, to}`, `to` exclusive. */
async function readBack(history, table, asset, made) {
  const row = new Float64Array(CHANNELS.length)
  const holes = []
  let stored = 0
  let bad = 0
  let next = 0
  const query = { asset: assetId(asset), class: 'samples', fromUs: 0, toUs: Number.MAX_SAFE_INTEGER }
  for await (const { timesUs, values } of history.query(query)) {
    for (let i = 0; i < timesUs.length; i++, stored++) {
      const number = Math.round(((timesUs[i] - START_US) / 1e6) * ROWS_PER_S)
      if (number > next) holes.push({ from: next, to: number })
      if (number < next || timesUs[i] !== timeOf(number)) bad++
      fillRow(table, asset, number, row, 0)
      for (let c = 0; c < row.length; c++) if (row[c] !== values[i * row.length + c]) bad++
      next = number + 1
    }
  }
  if (next < made) holes.push({ from: next, to: made })
  return { stored, holes, bad }
}

/** Retention takes from the beginning: the first hole is its, and further ones when an island of the black box is before them. */
function accounted(holes) {
  const size = ({ from, to }) => to - from
  const first =
    holes[0]?.from === 0 || holes.length > 1 ? holes.findLast(hole => size(hole) > BLACK_BOX_ROWS) : undefined
  const upTo = first === undefined ? -1 : holes.indexOf(first)
  const total = list => list.reduce((rows, hole) => rows + size(hole), 0)
  return { removed: total(holes.slice(0, upTo + 1)), missing: total(holes.slice(upTo + 1)) }
}
