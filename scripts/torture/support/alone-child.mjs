// Fills one store as fast as it can and writes a line to descriptor 1 for each acknowledgement, after it. Starts, waits for one
// line of JSON {store, dir, life} on descriptor 0, and goes on until it is killed.
import { readSync, writeSync } from 'node:fs'
import { seededPrng } from '../../../dist/core/prng.js'
import { cellOf, LIFE_NUMBERS, recordOf, TABLES, timeOf, WAVE, waveSample, waveStartUs } from './alone-rows.mjs'
import { openHistoryAt, openJournalAt } from './alone-stores.mjs'

const WRITERS = 16
const CURSOR_EVERY = 40
const BATCH_ROWS = 900
const FLUSHES_WAITING = 3

function say(line) {
  writeSync(1, `${line}\n`)
}

function order() {
  const line = Buffer.alloc(4096)
  let length = 0
  while (length === 0 || line[length - 1] !== 10) {
    const count = readSync(0, line, length, line.length - length, null)
    if (count === 0) process.exit(0)
    length += count
  }
  return JSON.parse(line.toString('utf8', 0, length))
}

/** Lines `ack SEQ ID` and `cursor SEQ`. */
async function fillJournal({ dir, life }) {
  const { journal, cursor } = await openJournalAt(dir)
  say('open')
  const write = async writer => {
    for (let i = 0; ; i++) {
      const id = `${life}-${writer}-${i}`
      const seq = await journal.append(recordOf(id))
      say(`ack ${seq} ${id}`)
      if (i % CURSOR_EVERY !== 0) continue
      await cursor.advance(seq)
      say(`cursor ${seq}`)
    }
  }
  for (let writer = 0; writer < WRITERS; writer++) void write(writer)
}

/** Lines `flush A B C D`: of each table, and of the waveforms, the number before which all of this life are on the disk. */
async function fillHistory({ dir, life }) {
  const { history } = await openHistoryAt(dir)
  say('open')
  const prng = seededPrng(life + 1)
  const first = life * LIFE_NUMBERS
  const next = [...TABLES, WAVE].map(() => first)
  let waiting = 0
  for (;;) {
    for (const [t, table] of TABLES.entries()) next[t] = appendRows(history, table, next[t], first, prng)
    if (prng.next() < 0.5) next[TABLES.length] = appendWave(history, next[TABLES.length])
    const done = [...next]
    waiting++
    const flushed = history.flush().then(() => {
      waiting--
      say(`flush ${done.join(' ')}`)
    })
    if (waiting >= FLUSHES_WAITING || prng.next() < 0.3) await flushed
    else await new Promise(resolve => setImmediate(resolve))
  }
}

function appendRows(history, { asset, cls, columnsOf }, from, first, prng) {
  const columns = columnsOf(from)
  const most = Math.min(1 + Math.floor(prng.next() * BATCH_ROWS), first + LIFE_NUMBERS - from)
  const times = []
  const values = []
  let number = from
  for (; number < from + most && columnsOf(number) === columns; number++) {
    times.push(timeOf(number))
    for (const name of columns) values.push(cellOf(name, number))
  }
  history.append(asset, cls, columns, times.length, Float64Array.from(times), Float64Array.from(values))
  return number
}

function appendWave(history, number) {
  const { asset, channel, rateHz, samples: count } = WAVE
  const samples = Int16Array.from({ length: count }, (_, i) => waveSample(number, i))
  history.appendWaveform(asset, channel, { startUs: waveStartUs(number), rateHz, samples, scale: 0.5, offset: 1 })
  return number + 1
}

const wanted = order()
await (wanted.store === 'journal' ? fillJournal : fillHistory)(wanted)
