// What is damage and what is not, and that nothing set aside goes before it was carried over.
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import t from 'tap'
import type { History } from '../../../agent/history/contract.ts'
import { openLevel } from '../../../agent/history/place.ts'
import { appendRows, openTestHistory, refusing, rowsOf } from '../../support/history-open.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { until } from '../../support/waiting.ts'

const T0 = 1_700_000_000_000_000
const ALL = { asset: 'p', class: 'samples', fromUs: 0, toUs: 1e18 } as const

/** LevelDB with a write buffer of 64 KiB: a few hundred rows make it write tables and remove logs. */
const small = (dir: string, create: boolean) => openLevel(dir, create, { writeBufferSize: 65_536 })

/** Rows that do not compress, flushed by the hundred, so that each is stored before the next is taken. */
async function fill(history: History, from: number, rows: number): Promise<void> {
  for (let row = from; row < from + rows; row += 100) {
    const hundred = Array.from({ length: 100 }, (_, i): [number, number] => [T0 + (row + i) * 1e6, Math.sin(row + i)])
    appendRows(history, 'p', hundred, ['x'])
    await history.flush()
  }
}

async function times(history: History): Promise<number[]> {
  return (await rowsOf(history.query(ALL))).map(([time]) => (time - T0) / 1e6)
}

const upTo = (rows: number): number[] => Array.from({ length: rows }, (_, i) => i)

t.test(
  'no space to begin a new store after one was set aside: stated once there is, and all of it comes back',
  async t => {
    const dir = `${t.testdir()}/history`
    const first = await openTestHistory(dir)
    await fill(first.history, 0, 300)
    await first.history.close()
    rmSync(`${dir}/CURRENT`)
    const clock = manualClock()
    const level = refusing()
    level.what.add('create')
    const said: string[] = []
    const { history } = await openTestHistory(dir, { clock, openLevel: level.open, onLoss: what => said.push(what) })
    // LevelDB leaves this behind where it found no space for the rest.
    mkdirSync(dir, { recursive: true })
    writeFileSync(`${dir}/MANIFEST-000001`, 'half')
    for (const opens = level.opens; level.opens < opens + 3; ) {
      clock.advance(10_000)
      await new Promise(resolve => setImmediate(resolve))
    }
    t.match(history.stats().failing, /No space left/)
    t.same(said, [])
    level.what.clear()
    await until(() => {
      clock.advance(1_000)
      return said.length === 2
    }, 'both statements')
    t.match(said, [/was damaged .*damaged-1; a new one begins/, /chunks were carried over, 0 could not be read/])
    t.same(await times(history), upTo(300))
    t.same(
      readdirSync(`${dir}/..`).filter(name => /damaged/.test(name)),
      ['history.damaged-1'],
    )
    await history.close()
  },
)

t.test('one damage after the other, before the first was carried over', async t => {
  const dir = `${t.testdir()}/history`
  for (const life of [0, 1, 2]) {
    const { history } = await openTestHistory(dir)
    await fill(history, life * 100, 100)
    await history.close()
    if (life < 2) rmSync(`${dir}/CURRENT`)
  }
  const { history } = await openTestHistory(dir)
  await until(async () => (await times(history)).length === 300, 'all to be carried over')
  t.same(await times(history), upTo(300))
  await until(() => !existsSync(`${dir}.damaged-2/to-carry-over.json`), 'both to be done with')
  await history.close()
})

t.test('the oldest of too many goes before it was carried over, and that is stated', async t => {
  const dir = `${t.testdir()}/history`
  const damage = JSON.stringify({ what: 'damaged' })
  for (const n of [1, 2, 3]) {
    mkdirSync(`${dir}.damaged-${n}`)
    writeFileSync(`${dir}.damaged-${n}/to-carry-over.json`, damage)
  }
  const first = await openTestHistory(`${t.testdirName}/other`)
  await fill(first.history, 0, 100)
  await first.history.close()
  renameSync(`${t.testdirName}/other`, dir)
  rmSync(`${dir}/CURRENT`)
  const said: string[] = []
  const { history } = await openTestHistory(dir, { onLoss: what => said.push(what) })
  t.notOk(existsSync(`${dir}.damaged-1`))
  t.match(said[0], /damaged-1.* removed before it could be carried over/)
  await history.close()
})

t.test('what only the store set aside has on the disk is saved anew at once', async t => {
  const top = t.testdir({ running: {} })
  const dir = `${top}/running/history`
  const { history, checked } = await openTestHistory(dir, { openLevel: small })
  await checked
  await fill(history, 0, 12_000)
  const table = `${dir}/${readdirSync(dir).find(name => name.endsWith('.ldb'))}`
  const data = readFileSync(table)
  data[100]! ^= 1
  writeFileSync(table, data)
  await (history as unknown as { check(): Promise<void> }).check()
  t.ok(existsSync(`${dir}.damaged-1`))
  // As a kill would leave it, without the five seconds until rows are saved by themselves.
  for (let life = 1; ; life++) {
    const copy = `${top}/life-${life}`
    cpSync(`${top}/running`, copy, { recursive: true })
    const again = await openTestHistory(`${copy}/history`)
    await until(() => !existsSync(`${copy}/history.damaged-1/to-carry-over.json`), 'the rest to be carried over')
    const there = await times(again.history)
    await again.history.close()
    if (life < 20 && there.at(-1) !== 11_999) continue
    t.equal(there.at(-1), 11_999)
    t.equal(new Set(there).size, there.length)
    break
  }
  await history.close()
})

t.test('a half written record at the end of the log, of a write that failed, is no loss', async t => {
  const dir = `${t.testdir()}/history`
  const clock = manualClock()
  const level = refusing()
  const said: string[] = []
  const { history } = await openTestHistory(dir, { clock, openLevel: level.open, onLoss: what => said.push(what) })
  await fill(history, 0, 100)
  level.what.add('batch').add('open')
  appendRows(history, 'p', [[T0 + 100e6, 1]], ['x'])
  await t.rejects(history.flush(), { code: 'HISTORY_IO' })
  const log = `${dir}/${readdirSync(dir).find(name => name.endsWith('.log'))}`
  writeFileSync(log, Buffer.concat([readFileSync(log), Buffer.alloc(50, 0x5a)]))
  level.what.clear()
  await until(() => {
    clock.advance(1_000)
    return history.stats().failing === undefined
  }, 'the store to open')
  await history.flush()
  t.same(await times(history), upTo(101))
  t.same(said, [])
  await history.close()
})

t.test('a change cut off in the manifest that never held is no damage; one that did is, and costs no row', async t => {
  const base = t.testdir()
  const dir = `${base}/history`
  const { history } = await openTestHistory(dir, { openLevel: small })
  await fill(history, 0, 30_000)
  await history.close()
  const name = readdirSync(dir).find(name => name.startsWith('MANIFEST'))!
  const whole = readFileSync(`${dir}/${name}`)
  writeFileSync(`${dir}/${name}`, Buffer.concat([whole, Buffer.alloc(20, 0x5a)]))
  const unharmed = await openTestHistory(dir, { openLevel: small })
  t.match(unharmed.report, { created: false, loss: undefined })
  t.equal((await times(unharmed.history)).length, 30_000)
  await unharmed.history.close()

  const last = readdirSync(dir).find(name => name.startsWith('MANIFEST'))!
  const before = await openTestHistory(dir, { openLevel: small })
  await fill(before.history, 30_000, 10_000)
  await before.history.close()
  t.notOk(existsSync(`${dir}/${last}`), 'each opening begins a new one')
  const path = `${dir}/${readdirSync(dir).find(name => name.startsWith('MANIFEST'))}`
  const records = recordEnds(readFileSync(path))
  t.ok(records.length > 3, `${records.length} changes`)
  truncateSync(path, records.at(-2)!)
  const { history: again, report } = await openTestHistory(dir)
  t.match(report, { created: true, loss: /was damaged \(\d+\.(log|ldb) is missing\)/ })
  await until(async () => (await times(again)).length === 40_000, 'all to be carried over')
  t.same(await times(again), upTo(40_000))
  await again.close()
})

/** Where the records of a short log end (level-log.ts). */
function recordEnds(log: Buffer): number[] {
  const ends: number[] = []
  for (let at = 0; at + 7 <= log.length; ) {
    at += 7 + log.readUInt16LE(at + 4)
    ends.push(at)
  }
  return ends
}
