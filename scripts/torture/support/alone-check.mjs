// Opens a store that was driven alone and holds all that is in it against the ledger of what was acknowledged.
import { until } from './agent.mjs'
import { cellOf, recordOf, TABLES, timeOf, WAVE, waveNumber, waveSample, waveStartUs } from './alone-rows.mjs'
import { openHistoryAt, openJournalAt } from './alone-stores.mjs'

const READ = 500
/** What is promised of a store that failed. */
const RECOVERY_MS = 10_000
const FAULTS_MAX = 5
const CARRIED = /carried over/
const SALVAGE_MS = 30_000
const ALL = { fromUs: 0, toUs: Number.MAX_SAFE_INTEGER }
const MINUTE_US = 60e6
const HOUR_US = 3600e6
/** float32 keeps 7 digits of a mean. */
const MEAN_PART = 1e-6

/**
 * `salvaged`: what is carried over of a history that was set aside is waited for.
 * Resolves with `wrong`: what is there and must not be so; `lost`: what was acknowledged and is not there; `stated`: what the
 * store says of losses and damage, in words. Rejects when the store does not open or cannot be read.
 */
export function checkStore(dir, ledger, options) {
  return ledger.store === 'journal' ? checkJournal(dir, ledger, options) : checkHistory(dir, ledger, options)
}

/** The check of a fault after which nothing may be lost and nothing damaged: the texts of what does not hold. */
export async function faultsOf(dir, ledger, { maySayOf = () => false } = {}) {
  try {
    const { wrong, lost, stated } = await checkStore(dir, ledger)
    return [
      ...ledger.faults,
      ...wrong,
      ...lost,
      ...stated.filter(text => !maySayOf(text)).map(text => `stated: ${text}`),
    ]
  } catch (error) {
    return [`it does not open: ${error.message}`]
  }
}

async function checkJournal(dir, ledger) {
  const { journal, cursor, counters } = await openJournalAt(dir)
  const wrong = []
  const there = new Set()
  try {
    for (let from = 1; ; ) {
      const records = await journal.read(from, READ)
      if (records.length === 0) break
      for (const record of records) {
        if (record.seq < from) wrong.push(`record ${record.seq} came after ${from - 1}`)
        from = record.seq + 1
        there.add(record.seq)
        const text = wrongRecord(record, ledger.acked.get(record.seq))
        if (text) wrong.push(text)
      }
    }
    const { firstSeq, nextSeq, losses } = journal.status()
    if (cursor.seq >= nextSeq) wrong.push(`the cursor stands at ${cursor.seq}, the next number is ${nextSeq}`)
    // What the cursor has passed may go.
    const passed = Math.min(firstSeq - 1, Math.max(cursor.seq, ledger.cursor))
    const gone = [...ledger.acked.keys()].filter(seq => !there.has(seq) && seq > passed)
    const covered = seq => losses.some(loss => loss.fromSeq <= seq && seq <= loss.toSeq)
    const lost = gone.length > 0 ? [`${gone.length} acknowledged records: ${gone.slice(0, 5)}`] : []
    // One that never acknowledged a position has no file yet; that is said, and nothing is amiss.
    const missing = ledger.cursor > 0 ? counters.get('journal.missing_cursors').n : 0
    const damagedCursors = counters.get('journal.damaged_cursors').n + missing
    if (cursor.seq < ledger.cursor) lost.push(`the cursor stands at ${cursor.seq}, not at ${ledger.cursor}`)
    const stated = losses.map(({ fromSeq, toSeq, reason, detail }) => `${reason} ${fromSeq} to ${toSeq}: ${detail}`)
    if (damagedCursors > 0) stated.push(`${damagedCursors} damaged or missing cursors`)
    const silent = [...gone.filter(seq => !covered(seq)).map(seq => `record ${seq}`)]
    if (cursor.seq < ledger.cursor && damagedCursors === 0) silent.push('the position of the cursor')
    return { wrong: wrong.slice(0, FAULTS_MAX), lost, stated, silent: silent.slice(0, FAULTS_MAX) }
  } finally {
    await journal.close()
  }
}

/** Undefined when the record is what was appended under that number, or one of the journal's own. */
function wrongRecord({ seq, kind, priority, payload }, id) {
  if (kind === 'gap' || kind === 'checkpoint') {
    return id === undefined ? undefined : `record ${seq} is a ${kind} and was acknowledged as ${id}`
  }
  const text = Buffer.from(payload)
  const said = text.toString('latin1').split(' ')[0]
  if (id !== undefined && said !== id) return `record ${seq} was acknowledged as ${id} and is ${said.slice(0, 40)}`
  if (!/^\d+-\d+-\d+$/.test(said)) return `record ${seq} is none that was appended`
  const wanted = recordOf(said)
  const same = wanted.kind === kind && wanted.priority === priority && wanted.payload.equals(text)
  return same ? undefined : `record ${seq} (${said}) is not what was appended`
}

/** Reading may say that it could not: then the rest of what is asked for is still read. */
async function told(stated, read, otherwise = undefined) {
  try {
    return await read()
  } catch (error) {
    stated.push(error.message)
    return otherwise
  }
}

async function checkHistory(dir, ledger, { salvaged = false } = {}) {
  const { history, report, losses, checked } = await openHistoryAt(dir)
  const [wrong, lost, uneven, failed] = [[], [], [], []]
  try {
    if (salvaged && report.setAside)
      await until(() => losses.some(text => CARRIED.test(text)), 'what is carried over', SALVAGE_MS)
    for (const [t, table] of TABLES.entries()) {
      const rows = []
      await told(failed, () => readTable(history, table, rows, wrong))
      lost.push(...missingRows(rows, ledger.ranges(t), `rows of ${table.asset} ${table.cls}`))
      if (wrong.length < FAULTS_MAX) await told(failed, () => checkSummary(history, table, rows, uneven))
    }
    const pieces = await told(failed, () => readWave(history, wrong), [])
    lost.push(...missingRows(pieces, ledger.ranges(TABLES.length), 'pieces of the waveform'))
    await checked
    await until(() => history.stats().failing === undefined, 'the history to be usable', RECOVERY_MS).catch(() => {})
    const { corruptChunks, lossAtOpen, failing } = history.stats()
    const stated = [...new Set([...losses, ...failed, ...(lossAtOpen ? [lossAtOpen] : [])])]
    if (corruptChunks > 0) stated.push(`${corruptChunks} corrupt chunks`)
    if (failing) wrong.push(`it cannot be used: ${failing}`)
    // Where a chunk of rows, or of what they were summed up to, is gone, and that is stated, the two differ.
    const silent = stated.length === 0 ? lost : []
    if (stated.length === 0) wrong.push(...uneven)
    return { wrong: wrong.slice(0, FAULTS_MAX), lost, stated, silent }
  } finally {
    await history.close()
  }
}

/** Adds the numbers of all rows in the order they are read. */
async function readTable(history, { asset, cls, columnsOf }, numbers, wrong) {
  let last = -1
  for await (const { timesUs, columns, values } of history.query({ asset, class: cls, ...ALL })) {
    for (let row = 0; row < timesUs.length; row++) {
      const number = values[row * columns.length]
      const same =
        timesUs[row] === timeOf(number) &&
        columns.join() === columnsOf(number).join() &&
        columns.every((name, i) => Object.is(values[row * columns.length + i], cellOf(name, number)))
      if (!same) wrong.push(`row ${number} of ${asset} ${cls} is not what was appended`)
      else if (number <= last) wrong.push(`row ${number} of ${asset} ${cls} came after row ${last}`)
      last = number
      numbers.push(number)
    }
  }
}

function missingRows(numbers, ranges, what) {
  const there = new Set(numbers)
  return ranges.flatMap(([from, to]) => {
    let missing = 0
    let first
    for (let number = from; number < to; number++) {
      if (there.has(number)) continue
      missing++
      first ??= number
    }
    return missing > 0
      ? [`${missing} of the ${to - from} acknowledged ${what}, from ${first} on (of ${from} to ${to - 1})`]
      : []
  })
}

/** Numbers of the pieces of which every sample is there. */
async function readWave(history, wrong) {
  const seen = new Map()
  const { asset, channel, rateHz, samples: count } = WAVE
  for await (const { startUs, samples, scale, offset } of history.waveforms(asset, channel, ALL.fromUs, ALL.toUs)) {
    const number = waveNumber(startUs)
    const first = Math.round(((startUs - waveStartUs(number)) * rateHz) / 1e6)
    const same = scale === 0.5 && offset === 1 && samples.every((value, i) => value === waveSample(number, first + i))
    if (!same) wrong.push(`piece ${number} of the waveform is not what was appended`)
    seen.set(number, (seen.get(number) ?? 0) + samples.length)
  }
  for (const [number, n] of seen)
    if (n > count) wrong.push(`piece ${number} of the waveform is there ${n / count} times`)
  return [...seen].filter(([, n]) => n === count).map(([number]) => number)
}

/** Minutes and hours kept at write time say what the rows say. */
async function checkSummary(history, table, numbers, wrong) {
  if (numbers.length === 0) return
  const { asset, cls } = table
  const fromUs = Math.floor(timeOf(numbers[0]) / HOUR_US) * HOUR_US
  const toUs = timeOf(numbers.at(-1)) + 1
  for (const bucketUs of [MINUTE_US, HOUR_US]) {
    const points = Math.floor((toUs - fromUs) / bucketUs)
    if (points < 1) continue
    const got = await history.summary({
      asset,
      class: cls,
      fromUs,
      toUs,
      points,
      columns: ['number', table.columnsOf(0)[1]],
    })
    const want = summed(numbers, fromUs, got.bucketUs, got.columns)
    for (const [bucket, startUs] of got.startsUs.entries()) {
      for (const [c, name] of got.columns.entries()) {
        const at = bucket * got.columns.length + c
        const cell = want.get(`${startUs} ${name}`)
        if (same(cell, got, at)) want.delete(`${startUs} ${name}`)
      }
    }
    if (want.size > 0)
      wrong.push(`the summary of ${asset} ${cls} by ${got.bucketUs / 1e6} s differs in ${want.size} cells`)
  }
}

function same(cell, got, at) {
  if (!cell || cell.count !== got.counts[at]) return false
  const limit = MEAN_PART * Math.max(Math.abs(cell.min), Math.abs(cell.max))
  const meanHolds = Math.abs(cell.sum / cell.count - got.mean[at]) <= limit
  return cell.min === got.min[at] && cell.max === got.max[at] && cell.last === got.last[at] && meanHolds
}

function summed(numbers, fromUs, bucketUs, columns) {
  const cells = new Map()
  for (const number of numbers) {
    const startUs = fromUs + Math.floor((timeOf(number) - fromUs) / bucketUs) * bucketUs
    for (const name of columns) {
      const value = cellOf(name, number)
      const key = `${startUs} ${name}`
      const cell = cells.get(key) ?? { count: 0, min: value, max: value, sum: 0, last: value }
      cells.set(key, cell)
      cell.count++
      cell.sum += value
      cell.last = value
      if (value < cell.min) cell.min = value
      if (value > cell.max) cell.max = value
    }
  }
  return cells
}
