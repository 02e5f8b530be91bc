import t from 'tap'
import { SpeedTrack } from '../../../agent/models/live/speed.ts'
import type { SpeedOfCapture } from '../../../agent/models/vibration/velocity.ts'
import { speedTrouble } from '../../../agent/pipeline/capture-speed.ts'
import { asset, channel } from '../../support/assets.ts'

const bin = (fromPerMin: number, toPerMin: number): { fromPerMin: number; toPerMin: number; captures: number } => ({
  fromPerMin,
  toPerMin,
  captures: 20,
})
const one = { speed: { channel: 'speed', bins: [bin(1_475, 1_485)] } }
const two = { speed: { channel: 'speed', bins: [bin(1_475, 1_485), bin(2_940, 2_960)] } }

/** What a machine of these speeds, a second apart from 0 on, is known to have turned at over [2 s, 5 s]. */
function during(speeds: readonly number[], id = 'speed'): SpeedOfCapture | undefined {
  const track = new SpeedTrack(
    asset([channel('current', { unit: 'A' }), channel(id, { unit: '1/min', maxAgeMs: 3_000 })]),
  )
  const rows = speeds.length
  track.rows({
    asset: 0,
    rows,
    columns: 2,
    timesUs: Float64Array.from({ length: rows }, (_, i) => i * 1e6),
    values: Float64Array.from({ length: 2 * rows }, (_, i) => (i % 2 === 0 ? 9 : speeds[i >> 1]!)),
    states: new Uint8Array(rows).fill(2),
    breaks: new Uint8Array(rows),
    quality: new Uint8Array(2 * rows),
    runningUs: new Float64Array(rows),
  })
  return track.during(2e6, 5e6).speed
}

t.test('the speed over a capture, and whether a baseline speaks for it', async t => {
  const steady = during([0, 0, 1_478, 1_480, 1_482, 1_480, 9_999])
  t.same(steady, { mean: 1_480, min: 1_478, max: 1_482 })
  t.equal(speedTrouble('speed', steady, undefined), '', 'may be learnt from')
  t.equal(speedTrouble('speed', steady, one), '')
  t.equal(speedTrouble('speed', steady, two), '')
  t.equal(speedTrouble('speed', steady, {}), '', 'of a model without speeds')
  const at = (perMin: number): string => speedTrouble('speed', during(Array<number>(6).fill(perMin)), two)
  const learns = '; set-baseline with --since learns such a speed too'
  t.equal(at(1_830), `1830/min lies between the baselines at 1475–1485/min and 2940–2960/min${learns}`)
  t.equal(at(700), `700/min lies below the lowest baseline, at 1475–1485/min${learns}`)
  t.equal(at(3_600), `3600/min lies above the highest baseline, at 2940–2960/min${learns}`)
  t.equal(at(1_550), '', 'within 5 %')
})

t.test('a speed that moves, or a machine that does not', async t => {
  const moving = during([0, 0, 1_450, 1_480, 1_500, 1_530])
  const text = 'the speed moved by 2.7 % during the capture, at most 2 % are let pass'
  for (const manifest of [undefined, {}, one, two]) t.equal(speedTrouble('speed', moving, manifest), text)
  t.equal(speedTrouble('speed', during([0, 0, 0, 0, 0, 0]), one), '0/min: the machine did not turn')
})

t.test('a speed that is not known', async t => {
  // The last value is 3 s old at most.
  t.match(during([1_480]), { mean: 1_480 })
  const unknown = during([])
  const text = 'no value of speed during the capture'
  t.equal(speedTrouble('speed', unknown, undefined), text, 'nothing is learnt from it')
  t.equal(speedTrouble('speed', unknown, two), text)
  t.equal(speedTrouble('speed', unknown, one), '', 'a machine of one speed: a lost sensor does not blind the others')
  t.equal(speedTrouble(undefined, undefined, one), '', 'no channel for it')
  t.equal(speedTrouble(undefined, undefined, undefined), '')
  const rated = { mean: 1_480, min: 1_480, max: 1_480 }
  t.equal(speedTrouble(undefined, rated, two), text, 'a rating plate does not tell which of two speeds it was')
})

t.test('a model that means another channel', async t => {
  const other = during(Array<number>(6).fill(1_480), 'shaft')
  t.equal(speedTrouble('shaft', other, two), 'no value of speed during the capture')
})
