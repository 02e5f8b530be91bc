// Captures from a .npy file through fit worker, scorer child and alarm rule, as `wearwatch backtest --npy` does.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readCaptures, scoreCaptures } from '../../agent/cli/backtest-captures.ts'
import { startScorer } from '../../agent/cli/backtest-score.ts'
import { systemClock } from '../../agent/core/clock.ts'
import { parseModelFile } from '../../agent/models/file/model-file.ts'
import { fitCapturesInWorker } from '../../agent/models/fit/fit-worker.ts'
import { machineCaptures } from '../support/captures.ts'
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
  t.same((await backtest(doubles)).scores, scores)

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
  t.same([...some.scores], [...all.scores.slice(0, 10)])
})

t.test(
  'a long capture of several axes is scored by windows, its score their mean; one with a hole is not scored',
  async t => {
    const shape = { ...SHAPE, count: 26, channels: 2, samples: 20_000 }
    const data = machineCaptures(shape)
    data.captures[22 * 2 * 20_000 + 5] = Number.NaN
    const path = join(t.testdir(), 'long.npy')
    writeFileSync(path, npyBytes(data.captures, [26, 2, 20_000]))
    const { scores, scored, model } = await backtest(path)
    t.match(model.manifest, {
      samples: 8_192,
      channels: [
        { id: 'ch1', unit: 'g' },
        { id: 'ch2', unit: 'g' },
      ],
    })
    t.equal(scored, 5)
    t.equal(scores[2], scores[1], 'keeps the score before')
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
