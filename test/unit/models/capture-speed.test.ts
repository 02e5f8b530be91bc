import t from 'tap'
import { nominalSpeed, SpeedTrack, speedColumn, steadySpeed } from '../../../agent/models/live/speed.ts'
import { gated, SECOND_US, START_US } from '../../support/alarm-parts.ts'
import { asset, channel } from '../../support/assets.ts'

const speed = channel('speed', { unit: '1/min' })
const at = (second: number): number => START_US + second * SECOND_US

t.test('the channel in 1/min, of several the one called speed', async t => {
  const fan = channel('fan', { unit: '1/min' })
  t.equal(speedColumn(asset([channel('flow'), fan])), 1)
  t.equal(speedColumn(asset([fan, speed])), 1)
  t.equal(speedColumn(asset([fan, channel('pump', { unit: '1/min' })])), undefined)
  t.equal(speedColumn(asset([channel('flow')])), undefined)
})

t.test('the rated speed as it is written', async t => {
  for (const [written, perMin] of [
    ['1480/min', 1480],
    ['1480 1/min', 1480],
    [1480, 1480],
    ['2975.5 rpm', 2975.5],
  ] as const)
    t.equal(nominalSpeed(asset([], { machine: { speed: written } })), perMin, String(written))
  for (const written of ['25Hz', 'fast', '0/min'])
    t.equal(nominalSpeed(asset([], { machine: { speed: written } })), undefined)
})

t.test('over a capture: what came in it, else what may still be held, else nothing', async t => {
  const track = new SpeedTrack(asset([speed]))
  track.rows(gated([[1480], [1490], [Number.NaN], [1470]]))
  t.same(track.during(at(0), at(3)), { speed: { mean: 1480, min: 1470, max: 1490 } })
  t.same(track.during(at(5), at(9)), { speed: { mean: 1470, min: 1470, max: 1470 } }, 'held')
  t.same(track.during(at(15), at(20)), { unknown: 'no value of speed during the capture' })
})

t.test('the rated speed speaks only for a machine without a channel for it', async t => {
  const machine = { speed: '1480/min' }
  t.same(new SpeedTrack(asset([channel('flow')], { machine })).during(at(0), at(1)), {
    speed: { mean: 1480, min: 1480, max: 1480 },
  })
  t.match(new SpeedTrack(asset([speed], { machine })).during(at(0), at(1)), { unknown: /no value/ })
  t.same(new SpeedTrack(asset([channel('flow')])).during(at(0), at(1)), {})
})

t.test('thousands of rows: the newest are remembered', async t => {
  const track = new SpeedTrack(asset([speed]))
  track.rows(gated(Array.from({ length: 10_000 }, (_, i) => [i])))
  t.match(track.during(at(9_990), at(9_999)), { speed: { min: 9_990, max: 9_999 } })
  t.match(track.during(at(0), at(10)), { unknown: /no value/ })
})

t.test('a speed that moved is none', async t => {
  t.equal(steadySpeed({ mean: 1000, min: 985, max: 1015 }), 1000)
  t.ok(Number.isNaN(steadySpeed({ mean: 1000, min: 970, max: 1010 })))
  t.ok(Number.isNaN(steadySpeed(undefined)))
})
