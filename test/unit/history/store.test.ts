// The LevelDB traps: a missing CURRENT, a lock, an I/O error, a disk slower than the rows, a kill.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { builtFile } from '../../../agent/core/built.ts'
import { Counters } from '../../../agent/core/counters.ts'
import { seededPrng } from '../../../agent/core/prng.ts'
import { appendRows, openTestHistory, piece, refusing, retain, rowsOf } from '../../support/history-open.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { until } from '../../support/waiting.ts'

const T0 = 1_700_000_000_000_000
const DAY_MS = 86_400_000
const ALL = { asset: 'p', class: 'samples', fromUs: 0, toUs: 1e18 } as const
const CHILD = fileURLToPath(new URL('../../support/history-child.mjs', import.meta.url))
const DIST = dirname(builtFile('main.js'))

async function filled(dir: string, rows = 5): Promise<void> {
  const { history } = await openTestHistory(dir)
  for (let i = 0; i < rows; i++) appendRows(history, 'p', [[T0 + i, i]], ['x'])
  await history.close()
}

t.test('a missing CURRENT sets the store aside, says so, and goes on with a new one', async t => {
  const dir = `${t.testdir()}/history`
  await filled(dir)
  rmSync(`${dir}/CURRENT`)
  const counters = new Counters()
  const { history, report } = await openTestHistory(dir, { counters })
  t.match(report, { created: true, setAside: `${dir}.damaged-1`, loss: /damaged.*a new one begins/ })
  t.match(history.stats(), { failing: undefined, lossAtOpen: report.loss })
  t.match(counters.snapshot(), { 'history.stores_lost': 1 })
  t.ok(
    readdirSync(`${dir}.damaged-1`).some(name => /\.(ldb|log)$/.test(name)),
    'nothing in it was deleted',
  )
  t.same(await rowsOf(history.query(ALL)), [])
  appendRows(history, 'p', [[T0, 9]], ['x'])
  await history.flush()
  t.match(await rowsOf(history.query(ALL)), [[T0, 9]])
  await history.close()
})

t.test('a damaged write-ahead log: what LevelDB passes over in silence is stated, the rest is there', async t => {
  const dir = `${t.testdir()}/history`
  const { history } = await openTestHistory(dir)
  for (let i = 0; i < 40; i++) {
    appendRows(
      history,
      'p',
      Array.from({ length: 100 }, (_, r) => [T0 + i * 100 + r, Math.sin(i * 100 + r)]),
      ['x'],
    )
    await history.flush()
  }
  await history.close()
  const log = readdirSync(dir).find(name => name.endsWith('.log'))!
  const bytes = readFileSync(`${dir}/${log}`)
  bytes.fill(0xff, 9_000, 10_000)
  writeFileSync(`${dir}/${log}`, bytes)
  const counters = new Counters()
  const again = await openTestHistory(dir, { counters })
  t.match(
    again.history.stats().lossAtOpen,
    /bytes of the newest rows in the history .* were unreadable and are left out/,
  )
  t.ok(counters.get('history.dropped_bytes').n >= 1_000)
  const rows = await rowsOf(again.history.query(ALL))
  t.ok(rows.length > 1_000 && rows.length < 4_000, `${rows.length} of 4,000 rows are left`)
  await again.history.close()
})

t.test('a file where the directory should be: named, with what to do, and written once it is away', async t => {
  const dir = `${t.testdir()}/history`
  writeFileSync(dir, 'x')
  const clock = manualClock()
  const { history } = await openTestHistory(dir, { clock })
  t.match(
    history.stats().failing,
    /cannot open the history .*ENOTDIR.*something else stands there; move it away; it goes on by itself$/,
  )
  rmSync(dir)
  clock.advance(1_000)
  await until(() => history.stats().failing === undefined, 'the history to be opened')
  await history.close()
})

t.test('an empty directory is a loss only when there was a store', async t => {
  const dir = `${t.testdir()}/history`
  const first = await openTestHistory(dir)
  t.same(first.report, { created: true, loss: undefined, setAside: undefined, droppedBytes: 0 })
  await first.history.close()
  const second = await openTestHistory(dir)
  t.same(second.report, { created: false, loss: undefined, setAside: undefined, droppedBytes: 0 })
  await second.history.close()
  rmSync(dir, { recursive: true })
  const third = await openTestHistory(dir)
  t.match(third.report, { created: true, loss: /is gone/, setAside: undefined })
  await third.history.close()
})

t.test('a corrupt or missing MANIFEST sets the store aside too', async t => {
  for (const harm of ['garbage', 'missing']) {
    const dir = `${t.testdir()}/${harm}`
    await filled(dir)
    const manifest = `${dir}/${readdirSync(dir).find(name => name.startsWith('MANIFEST'))}`
    if (harm === 'garbage') writeFileSync(manifest, Buffer.alloc(500, 0x5a))
    else rmSync(manifest)
    const { history, report } = await openTestHistory(dir)
    t.match(report, { created: true, setAside: `${dir}.damaged-1` })
    await history.close()
  }
})

t.test('a store another process has open is HISTORY_LOCKED, with what to do, and is left alone', async t => {
  const dir = `${t.testdir()}/history`
  const child = spawn(process.execPath, [CHILD, DIST, dir, 'hold'], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  await once(child, 'message')
  await t.rejects(openTestHistory(dir), {
    code: 'HISTORY_LOCKED',
    message: /stop that one .* or ask the running daemon/,
  })
  child.kill('SIGKILL')
  await once(child, 'exit')
  const { history, report } = await openTestHistory(dir)
  t.same(report, { created: false, loss: undefined, setAside: undefined, droppedBytes: 0 })
  await history.close()
})

t.test('SIGKILL during writes leaves a store that opens, with what was flushed', async t => {
  const dir = `${t.testdir()}/history`
  for (let kill = 1; kill <= 4; kill++) {
    const child = spawn(process.execPath, [CHILD, DIST, dir, 'write', String(kill)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let flushed = 0
    for await (const chunk of child.stdout) {
      flushed = Number(String(chunk).trim().split('\n').at(-1))
      if (flushed >= kill * 3) break
    }
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    t.equal(child.signalCode, 'SIGKILL', 'it was at work until then')
    t.ok(flushed >= kill * 3)
    const { history, report } = await openTestHistory(dir)
    t.same(report, { created: false, loss: undefined, setAside: undefined, droppedBytes: 0 })
    const rows = await rowsOf(history.query({ ...ALL, asset: `p-${kill}` }))
    t.ok(rows.length >= flushed * 500, `${rows.length} rows, ${flushed * 500} flushed`)
    t.ok(
      rows.every(([time, value], i) => time === T0 + i * 1e5 && value === i),
      'each is what was written',
    )
    t.equal(history.stats().corruptChunks, 0)
    await history.close()
  }
})

t.test('an I/O error closes the store; it is opened again by itself and nothing that waited is lost', async t => {
  const clock = manualClock()
  const level = refusing()
  const counters = new Counters()
  const { history } = await openTestHistory(`${t.testdir()}/history`, { clock, counters, openLevel: level.open })
  appendRows(history, 'p', [[T0, 0]], ['x'])
  await history.flush()
  level.what.add('batch').add('open')
  appendRows(history, 'p', [[T0 + 1, 1]], ['x'])
  await t.rejects(history.flush(), { code: 'HISTORY_IO' })
  t.match(history.stats().failing, /goes on by itself/)
  appendRows(history, 'p', [[T0 + 2, 2]], ['x'])
  await t.rejects(rowsOf(history.query(ALL)), { code: 'HISTORY_IO' }, 'a partial answer is not passed off as all')
  for (let opens = level.opens; level.opens < opens + 3; ) {
    clock.advance(10_000)
    await new Promise(resolve => setImmediate(resolve))
  }
  level.what.clear()
  await until(() => {
    clock.advance(1_000)
    return history.stats().failing === undefined
  }, 'the store to be open again')
  await history.flush()
  t.same(await rowsOf(history.query(ALL)), [
    [T0, 0],
    [T0 + 1, 1],
    [T0 + 2, 2],
  ])
  t.equal(history.stats().lostRows, 0)
  t.ok((counters.snapshot()['history.store_failures'] ?? 0) >= 4)
  await history.close()
})

t.test('a disk that refuses at the start does not keep the agent from starting', async t => {
  const clock = manualClock()
  const level = refusing()
  level.what.add('open')
  const { history } = await openTestHistory(`${t.testdir()}/history`, { clock, openLevel: level.open })
  t.match(history.stats().failing, /No space left/)
  appendRows(history, 'p', [[T0, 1]], ['x'])
  level.what.clear()
  await until(() => {
    clock.advance(1_000)
    return history.stats().failing === undefined
  }, 'the store to open')
  await history.flush()
  t.same(await rowsOf(history.query(ALL)), [[T0, 1]])
  await history.close()
})

t.test('of what a disk never took, every row is stated as lost once, in pieces or chunks', async t => {
  const level = refusing()
  level.what.add('open')
  const { history } = await openTestHistory(`${t.testdir()}/history`, { openLevel: level.open })
  const rows = 20_000
  for (let row = 0; row < rows; row += 50) {
    const some = Array.from({ length: 50 }, (_, i): [number, number] => [T0 + (row + i) * 1e6, Math.sin(row + i)])
    appendRows(history, 'p', some, ['x'])
    await t.rejects(history.flush(), { code: 'HISTORY_IO' })
  }
  await history.close()
  t.equal(history.stats().lostRows, rows)
})

t.test('what a slow disk cannot take is bounded: the oldest goes, and is counted', async t => {
  const level = refusing()
  let release = (): void => {}
  level.hang = new Promise(resolve => {
    release = resolve
  })
  const { history } = await openTestHistory(`${t.testdir()}/history`, { openLevel: level.open })
  const samples = new Int16Array(65_536)
  const prng = seededPrng(7)
  const chunks = 400
  for (let i = 0; i < chunks; i++) {
    for (let s = 0; s < samples.length; s++) samples[s] = prng.next() * 65_536 - 32_768
    samples[0] = i
    history.appendWaveform('m', 'c', piece(T0 + i * 1e9, samples, { rateHz: 25_600 }))
  }
  const dropped = history.stats().lostRows / 65_536
  t.ok(dropped > 100 && dropped < 250, `${dropped} chunks of 128 KiB over 32 MiB`)
  release()
  await history.flush()
  const { chunks: kept, lostRows } = history.stats()
  t.equal(kept * 65_536 + lostRows, chunks * 65_536, 'stored and lost are all')
  for await (const one of history.waveforms('m', 'c', T0 + (chunks - 1) * 1e9, 1e18))
    t.equal(one.samples[0], chunks - 1)
  await history.close()
})

t.test('closing while the disk refuses counts what is lost', async t => {
  const level = refusing()
  const counters = new Counters()
  const { history } = await openTestHistory(`${t.testdir()}/history`, { openLevel: level.open, counters })
  level.what.add('batch').add('open')
  appendRows(
    history,
    'p',
    [
      [T0, 0],
      [T0 + 1, 1],
    ],
    ['x'],
  )
  await history.close()
  t.match(counters.snapshot(), { 'history.lost_rows': 2 })
})

t.test('retention by age and by bytes, per class', async t => {
  const clock = manualClock(T0)
  const dir = `${t.testdir()}/history`
  const retention = retain({
    samples: { ageMs: DAY_MS, bytes: 1 << 30 },
    scores: { ageMs: 90 * DAY_MS, bytes: 20_000 },
  })
  const { history } = await openTestHistory(dir, { clock, retention })
  const column = ['x']
  for (let hour = 0; hour < 48; hour++) {
    for (const asset of ['p', 'q']) {
      history.append(asset, 'samples', column, 1, Float64Array.of(clock.nowUs()), Float64Array.of(hour))
      const many = Float64Array.from({ length: 50 }, (_, i) => clock.nowUs() + i)
      history.append(asset, 'scores', column, 50, many, new Float64Array(50).fill(hour))
    }
    await history.flush()
    clock.advance(3_600_000)
  }
  t.ok(history.stats().bytes.scores <= 22_000, 'outgrown bytes are cut without waiting for the schedule')
  await history.enforceRetention()
  const samples = await rowsOf(history.query(ALL))
  t.equal(samples.length, 24)
  t.equal(samples[0]?.[1], 24)
  t.ok(history.stats().bytes.scores <= 20_000)
  const scores = await rowsOf(history.query({ ...ALL, class: 'scores' }))
  t.equal(scores.at(-1)?.[1], 47, 'the newest stay')
  const before = history.stats()
  t.equal(before.oldestUs, Math.min(samples[0]![0], scores[0]![0]))
  await history.close()
  const again = (await openTestHistory(dir, { clock, retention })).history
  const after = again.stats()
  t.equal(after.bytes.samples, before.bytes.samples, 'the sizes are known again after opening')
  t.equal(after.bytes.scores, before.bytes.scores)
  t.equal(after.oldestUs, before.oldestUs)
  await again.close()
})

t.test('a clock that jumps years ahead does not empty the history', async t => {
  const clock = manualClock(T0)
  const retention = retain({ samples: { ageMs: 7 * DAY_MS, bytes: 1 << 30 } })
  const { history } = await openTestHistory(`${t.testdir()}/history`, { clock, retention })
  appendRows(history, 'p', [[T0, 1]], ['x'])
  await history.flush()
  await history.enforceRetention()
  clock.step(9 * 365 * DAY_MS * 1000)
  await history.enforceRetention()
  t.equal((await rowsOf(history.query(ALL))).length, 1)
  clock.advance(DAY_MS + 1)
  await history.enforceRetention()
  t.equal((await rowsOf(history.query(ALL))).length, 0, 'a day later it is believed')
  await history.close()
})
