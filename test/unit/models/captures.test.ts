// Captures back from the history: those with a sensor fault stay out of a baseline, the others bring what was measured of them.
import t, { type Test } from 'tap'
import { capturePlan, collectCaptures, readCapture } from '../../../agent/models/live/captures.ts'
import { levelsAt, readLevels, vibrationColumns, vibrationRow } from '../../../agent/models/live/vibration-rows.ts'
import type { AxisOut } from '../../../agent/models/vibration/analyse.ts'
import { asset, channel } from '../../support/assets.ts'
import { openTestHistory } from '../../support/history-open.ts'

const RATE = 1_000
const SAMPLES = 1_000
const EVERY_US = 10e6
const capture = { lengthMs: 1_000, everyMs: 10_000, settleMs: 0 }
const waveform = { type: 'int16' as const, rateHz: RATE, capture }
const motor = asset(
  [
    channel('de-h', { unit: 'g', waveform }),
    channel('de-v', { unit: 'g', waveform }),
    channel('speed', { unit: '1/min' }),
  ],
  { id: 'm-204', model: { family: 'bands', order: 1, mean: 1, hop: 1 } },
)
const plan = capturePlan(motor)!
const start = (k: number): number => 1_700_000_000e6 + k * EVERY_US
const end = (k: number): number => start(k) + (SAMPLES - 1) * 1000

function look(k: number, fault: boolean): AxisOut {
  const figures = {
    rms: 1,
    peak: 2,
    crest: 2,
    kurtosis: 3,
    lowRms: k,
    highRms: undefined,
    envelopeRms: undefined,
    velocity: k % 2 === 0 ? { mmPerS: k, fromHz: 10, toHz: 1000, lineHz: 1, averages: 4 } : { reason: 'short' },
    spectrum: { lineHz: 1, power: new Float32Array(1) },
  }
  return { findings: fault ? [{ fault: 'clipping', text: 'x' }] : [], figures }
}

async function filled(t: Test, bad: readonly number[]) {
  const { history } = await openTestHistory(t.testdir())
  for (let k = 0; k < 10; k++) {
    for (const [c, { id }] of plan.channels.entries()) {
      const samples = Int16Array.from({ length: SAMPLES }, (_, i) => 100 * k + 10 * c + (i % 7))
      history.appendWaveform('m-204', id, { startUs: start(k) + c * 300, rateHz: RATE, samples, scale: 0.5, offset: 1 })
    }
    const axes = [look(k, false), look(k, bad.includes(k))]
    const speed = { mean: 1000 + k, min: 1000 + k, max: k === 4 ? 1500 : 1000 + k }
    history.append(
      'm-204',
      'vibration',
      vibrationColumns(plan.channels),
      1,
      Float64Array.of(end(k) + 300),
      vibrationRow(axes, speed),
    )
  }
  return history
}

t.test('a capture with a sensor fault, or of a speed that moved, is not learnt from', async t => {
  const history = await filled(t, [3, 7])
  const data = await collectCaptures(history, motor, plan, {
    fromUs: start(0) - 1,
    toUs: start(9) + 2e6,
    expectedRows: 10,
  })
  t.equal(data.count, 7)
  t.same([...data.timesUs], [0, 1, 2, 5, 6, 8, 9].map(end))
  t.match(data.levels?.[0], [{ lowRms: 0, mmPerS: 0 }, { lowRms: 0 }])
  t.ok(Number.isNaN(data.levels![1]![0]!.mmPerS), 'no velocity')
  t.ok(Number.isNaN(data.levels![1]![0]!.highRms))
  t.equal(data.speed?.channel, 'speed')
  t.same([...data.speed!.perMin], [1000, 1001, 1002, 1005, 1006, 1008, 1009], 'one was not steady')
  await history.close()
})

t.test('one capture, by when its axes began', async t => {
  const history = await filled(t, [])
  const axes = await readCapture(history, 'm-204', plan, [start(5), start(5) + 300])
  t.same(
    axes?.map(values => [values.length, values[0], values[1], values[999]]),
    [
      [SAMPLES, 251, 251.5, 251 + 0.5 * (999 % 7)],
      [SAMPLES, 256, 256.5, 256 + 0.5 * (999 % 7)],
    ],
  )
  t.equal(await readCapture(history, 'm-204', plan, [start(50), start(50)]), undefined)
  await history.close()
})

t.test('rows of captures are found by their time, and only near it', async t => {
  const history = await filled(t, [])
  const levels = await readLevels(history, 'm-204', plan.channels, start(0), end(9) + 1e6)
  t.equal(levels.length, 10)
  t.equal(levelsAt(levels, end(6), 1e6)?.axes[0]?.lowRms, 6)
  t.equal(levelsAt(levels, end(6) + 2e6, 1e6), undefined)
  t.equal(levelsAt([], 0, 1e6), undefined)
  await history.close()
})
