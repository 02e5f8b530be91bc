// Captures from a .npy file through fit worker, scorer child and alarm rule, as `wearwatch backtest --npy` does.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readCaptures, scoreCaptures } from '../../agent/cli/backtest-captures.ts'
import { startScorer } from '../../agent/cli/backtest-score.ts'
import type { SensorFaultAt } from '../../agent/cli/backtest-sensors.ts'
import { systemClock } from '../../agent/core/clock.ts'
import { parseModelFile } from '../../agent/models/file/model-file.ts'
import { fitCapturesInWorker } from '../../agent/models/fit/fit-worker.ts'
import { machineCaptures } from '../support/captures.ts'
import { wearwatch } from '../support/daemon.ts'
import { npyBytes } from '../support/source-npy.ts'

const INTERVAL_S = 600
const BASELINE = 20
const SHAPE = { count: 40, channels: 1, samples: 2_560, rateHz: 25_600, seed: 21 }
const READ = { rateHz: 25_600, intervalS: INTERVAL_S, unit: 'g' } as const
/** One capture with a knock, healthy ones, then a rising line at 5 kHz. */
const FAULT = 32
const fault = (k: number, _: number, s: number): number => {
  if (k === 25) return 0.3 * Math.sin(2 * Math.PI * 3_100 * s)
  return k >= FAULT ? 0.1 * Math.sin(2 * Math.PI * 5_100 * s) : 0
}

/** How many windows are scored at once changes the last bits of a float32 product. */
const near = (a: Float64Array, b: Float64Array): boolean =>
  a.length === b.length && a.every((value, i) => Math.abs(value - b[i]!) < 1e-5 * Math.max(1, value))

async function backtest(path: string, options = {}) {
  const captures = await readCaptures(path, { ...READ, ...options })
  const data = await captures.read(0, BASELINE)
  const { bytes } = await fitCapturesInWorker(
    data,
    { name: 'backtest', release: 1 },
    { deadlineMs: 60_000, clock: systemClock() },
  )
  const model = parseModelFile(bytes, 'file', path)
  const host = await startScorer(model)
  const seen: number[] = []
  const out = await scoreCaptures(host, model, captures, BASELINE, at => seen.push(at))
  await host.stop(0)
  await captures.close()
  return { ...out, model, seen }
}

t.test('a fault alarms with the second capture, a knock does not; all types of a file say the same', async t => {
  const data = machineCaptures(SHAPE, fault)
  const dir = t.testdir()
  const floats = join(dir, 'f4.npy')
  writeFileSync(floats, npyBytes(data.captures, [40, 1, 2_560]))
  const { scores, alarms, messages, scored, seen } = await backtest(floats)
  t.equal(scored, 20)
  t.equal(seen.at(-1), 40)
  t.ok(scores[25 - BASELINE]! > 1 && scores[FAULT - BASELINE]! > 1)
  t.same(
    [...alarms],
    Array.from({ length: 20 }, (_, i) => (i + BASELINE > FAULT ? 1 : 0)),
  )
  t.match(messages, [{ row: FAULT + 1, text: /^ch1 5–5.2 kHz \d+(\.\d)? x baseline, 2 captures \(5–5.2 kHz \d+ %/ }])

  const doubles = join(dir, 'f8.npy')
  writeFileSync(doubles, npyBytes(Float64Array.from(data.captures), [40, 1, 2_560]))
  t.ok(near((await backtest(doubles)).scores, scores))

  const scale = 1 / 4_096
  const whole = join(dir, 'i2.npy')
  writeFileSync(
    whole,
    npyBytes(
      Int16Array.from(data.captures, value => Math.round(value / scale)),
      [40, 1, 2_560],
    ),
  )
  const quantised = await backtest(whole, { scale })
  t.ok(quantised.scores.every((score, i) => Math.abs(score - scores[i]!) < 0.02))
})

t.test('a score uses nothing after its capture', async t => {
  const data = machineCaptures(SHAPE, fault)
  const dir = t.testdir()
  const [whole, cut] = [join(dir, 'whole.npy'), join(dir, 'cut.npy')]
  writeFileSync(whole, npyBytes(data.captures, [40, 1, 2_560]))
  writeFileSync(cut, npyBytes(data.captures.slice(0, 30 * 2_560), [30, 1, 2_560]))
  const [all, some] = [await backtest(whole), await backtest(cut)]
  t.ok(near(some.scores, all.scores.slice(0, 10)))
})

t.test(
  'a long capture of several axes is scored by windows, its score their mean; an axis with a hole is not looked at',
  async t => {
    const shape = { ...SHAPE, count: 26, channels: 2, samples: 20_000 }
    const data = machineCaptures(shape)
    data.captures[22 * 2 * 20_000 + 5] = Number.NaN
    const path = join(t.testdir(), 'long.npy')
    writeFileSync(path, npyBytes(data.captures, [26, 2, 20_000]))
    const { scores, scored, model, sensorFaults, doubts } = await backtest(path)
    t.match(model.manifest, {
      samples: 8_192,
      channels: [
        { id: 'ch1', unit: 'g' },
        { id: 'ch2', unit: 'g' },
      ],
    })
    t.equal(scored, 6)
    t.same(doubts, new Map([[22, { unwatched: ['ch1'], clipped: [] }]]))
    t.match(sensorFaults, [{ row: 22, channel: 'ch1', fault: 'dead', text: 'values that are no numbers' }])
    t.ok(
      scores.every(score => score > 0 && score < 1),
      [...scores].join(', '),
    )
  },
)

t.test('captures that a model was not made for, and options that cannot be, are refused', async t => {
  const dir = t.testdir()
  const path = join(dir, 'a.npy')
  writeFileSync(path, npyBytes(machineCaptures(SHAPE).captures, [40, 1, 2_560]))
  const { model } = await backtest(path)
  const other = join(dir, 'b.npy')
  writeFileSync(other, npyBytes(machineCaptures({ ...SHAPE, samples: 2_000 }).captures, [40, 1, 2_000]))
  const captures = await readCaptures(other, READ)
  const host = await startScorer(model)
  await t.rejects(scoreCaptures(host, model, captures, 0), {
    code: 'MODEL_MISMATCH',
    message: /windows of 2000; the model wants 1 in g and 2560/,
  })
  await host.stop(0)
  await captures.close()
  await t.rejects(readCaptures(path, { ...READ, rateHz: 0 }), { code: 'USAGE' })
  await t.rejects(readCaptures(join(dir, 'none.npy'), READ), { code: 'NPY_INVALID' })
})

/** Six captures in a row of a range that has shrunk; then one with an axis that is dead. Healthy otherwise. */
const CLIPPED = [26, 27, 28, 29, 30, 31]
const DEAD = 35

/** Cuts an axis of a capture of so many. */
function clip(captures: Float32Array, at: number, limit: number, louder = 1): void {
  for (let i = at * SHAPE.samples; i < (at + 1) * SHAPE.samples; i++) {
    captures[i] = Math.max(-limit, Math.min(limit, louder * captures[i]!))
  }
}

/** What `wearwatch backtest` makes of it. */
async function backtested(dir: string, name: string, captures: Float32Array, channels: number) {
  const path = join(dir, `${name}.npy`)
  writeFileSync(path, npyBytes(captures, [SHAPE.count, channels, SHAPE.samples]))
  const [csv, json] = [join(dir, `${name}.csv`), join(dir, `${name}.json`)]
  const where = ['--npy', path, '--rate', '25600', '--interval', '600', '--fit-captures', `0:${BASELINE}`]
  const { code, err } = await wearwatch(['backtest', ...where, '--out', csv, '--json', json])
  const rows = readFileSync(csv, 'utf8')
    .trim()
    .split('\n')
    .slice(1)
    .map(line => line.split(',').map(Number))
  const [recording] = JSON.parse(readFileSync(json, 'utf8')).recordings
  return { code, err, scores: Float64Array.from(rows, row => row[2]!), recording }
}

t.test('an axis that dies is not watched, and the others are scored as if there had been no such axis', async t => {
  const dir = t.testdir()
  const both = machineCaptures({ ...SHAPE, channels: 2 }, (k, c, s) => (c === 0 ? fault(k, c, s) : 0)).captures
  const alone = Float32Array.from({ length: SHAPE.count * SHAPE.samples }, (_, i) => {
    const k = Math.floor(i / SHAPE.samples)
    return both[2 * k * SHAPE.samples + (i % SHAPE.samples)]!
  })
  // Dead from 22 on; there again for the last two.
  for (let k = 22; k < 38; k++) both.fill(0.5, (2 * k + 1) * SHAPE.samples, (2 * k + 2) * SHAPE.samples)
  const { code, err, scores, recording } = await backtested(dir, 'both', both, 2)
  t.equal(code, 0)
  t.match(err, /16 captures are scored without the axes whose sensors have a fault: ch2 dead in 16 \(constant 0.5\)\./)
  const { scores: wanted } = await backtested(dir, 'alone', alone, 1)
  t.ok(near(scores.slice(2, 18), wanted.slice(2, 18)))
  t.match(recording.alarms, [
    {
      row: FAULT + 1,
      text: /^ch1 5–5.2 kHz .* x baseline, 2 captures \(.*\); ch2 is not watched, its sensor has a fault$/,
    },
  ])
  t.match(recording.leftOut, [
    { row: 22, without: ['ch2'], since: { ch2: 22 }, scored: true },
    { row: 38, without: [], scored: true },
  ])
})

t.test('a failure that saturates the sensor alarms, and is said to be at least that', async t => {
  const { captures } = machineCaptures(SHAPE)
  for (let k = 26; k < 40; k++) clip(captures, k, 1, 20)
  const { code, err, scores, recording } = await backtested(t.testdir(), 'sudden', captures, 1)
  t.equal(code, 0)
  t.match(err, /14 captures clip, .* at least what they say: 14 beyond the setpoint count for the alarm/)
  t.ok(scores.slice(6).every(score => score > 1))
  t.match(recording.alarms, [{ row: 27, text: /^ch1 at least \d+(\.\d)? x its usual rms, 2 captures; ch1 clips$/ }])
  t.equal(recording.rowsInAlarm, 13)
  t.equal(recording.sensorFaults.length, 14)
})

t.test('captures without an axis that is well keep the score before them, raise no alarm and are named', async t => {
  const { captures } = machineCaptures({ ...SHAPE, channels: 2 })
  for (const k of CLIPPED) for (const c of [0, 1]) clip(captures, 2 * k + c, 0.15)
  for (const c of [0, 1]) captures.fill(0.5, (2 * DEAD + c) * SHAPE.samples, (2 * DEAD + c + 1) * SHAPE.samples)
  const dir = t.testdir()
  const path = join(dir, 'spoilt.npy')
  writeFileSync(path, npyBytes(captures, [40, 2, 2_560]))
  const [csv, json] = [join(dir, 'out.csv'), join(dir, 'out.json')]
  const where = ['--npy', path, '--rate', '25600', '--interval', '600', '--fit-captures', `0:${BASELINE}`]
  const { code, err } = await wearwatch(['backtest', ...where, '--out', csv, '--json', json])
  t.equal(code, 0)
  t.match(
    err,
    /7 captures have a sensor fault and keep the score before them: ch1 clipping in 6 \(.*\), ch2 clipping in 6 \(.*\), ch1 dead in 1 \(constant 0.5\)/,
  )
  const rows = readFileSync(csv, 'utf8')
    .trim()
    .split('\n')
    .slice(1)
    .map(line => line.split(',').map(Number))
  t.equal(rows.length, 20)
  t.ok(rows.every(([, , , , alarm]) => alarm === 0))
  for (const k of [...CLIPPED, DEAD]) t.equal(rows[k - BASELINE]![2], rows[(k === DEAD ? DEAD : 26) - BASELINE - 1]![2])
  const [recording] = JSON.parse(readFileSync(json, 'utf8')).recordings
  t.same(
    recording.sensorFaults.map(({ row, channel, fault }: SensorFaultAt) => [row, channel, fault]),
    [
      ...CLIPPED.flatMap(k => ['ch1', 'ch2'].map(id => [k, id, 'clipping'])),
      ...['ch1', 'ch2'].map(id => [DEAD, id, 'dead']),
    ],
  )
})

t.test('a dead axis is left out of the fit with a warning; of dead axes alone nothing is made', async t => {
  const dir = t.testdir()
  const path = join(dir, 'dead.npy')
  const { captures } = machineCaptures({ ...SHAPE, channels: 3 }, fault)
  for (let k = 0; k < 40; k++) captures.fill(0, (3 * k + 1) * SHAPE.samples, (3 * k + 2) * SHAPE.samples)
  // Two captures of the baseline are spoilt as well.
  for (const k of [3, 9]) captures.fill(1, 3 * k * SHAPE.samples, (3 * k + 1) * SHAPE.samples)
  writeFileSync(path, npyBytes(captures, [40, 3, 2_560]))
  const [csv, json] = [join(dir, 'out.csv'), join(dir, 'out.json')]
  const where = ['--npy', path, '--rate', '25600', '--interval', '600', '--fit-captures', `0:${BASELINE}`]
  const { code, err } = await wearwatch(['backtest', ...where, '--out', csv, '--json', json])
  t.equal(code, 0)
  t.match(err, /ch2 is left out: dead in 20 of 20 captures of the baseline \(constant 0\); look at the sensor/)
  t.match(err, /2 of 20 captures of the baseline left out: ch1 dead in 2 \(constant 1\)/)
  const [recording] = JSON.parse(readFileSync(json, 'utf8')).recordings
  t.same(recording.model.channels, ['ch1', 'ch3'])
  t.match(recording.alarms, [{ row: FAULT + 1, text: /^ch[13] 5–5.2 kHz/ }])

  captures.fill(0)
  writeFileSync(path, npyBytes(captures, [40, 3, 2_560]))
  const none = await wearwatch(['backtest', ...where, '--out', csv])
  t.equal(none.code, 5)
  t.match(none.err, /every channel is dead in most captures \(ch1: constant 0; ch2: constant 0; ch3: constant 0\)/)
})
