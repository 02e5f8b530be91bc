// Captures through the real thread; it runs built JavaScript.
import t from 'tap'
import { Counters } from '../../../agent/core/counters.ts'
import { silentLogger } from '../../../agent/core/logger.ts'
import { Analyser } from '../../../agent/models/live/analyser.ts'
import { analyseCapture, type RawAxis, type RawCapture, toCapture } from '../../../agent/models/vibration/analyse.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { noise, plus, RATE, tones } from '../../support/vibration.ts'

function capture(amplitude: number, seconds = 4.2): RawCapture {
  const samples = Math.round(seconds * RATE)
  const signal = plus(tones(samples, RATE, [[amplitude, 159.155]]), noise(samples, 0.02, 1))
  return {
    rateHz: RATE,
    axes: [{ raw: Int16Array.from(signal, g => g / 0.0005), scale: 0.0005, offset: 0, unit: 'g' }],
  }
}

function bench() {
  const counters = new Counters()
  const clock = manualClock()
  return { counters, clock, analyser: new Analyser(clock, counters, silentLogger) }
}

t.test('the thread says what the same code says here, and hands the samples back in engineering units', async t => {
  const { analyser, clock } = bench()
  const expected = analyseCapture(toCapture(capture(1)))
  const [first, second] = await Promise.all([analyser.analyse(capture(1)), analyser.analyse(capture(0.5))])
  t.same(first?.axes, expected)
  t.same(first?.capture, toCapture(capture(1)))
  const velocity = second!.axes[0]!.figures!.velocity
  t.ok('mmPerS' in velocity && Math.abs(velocity.mmPerS / 3.4666 - 1) < 0.02)
  t.equal(clock.pending, 1, 'it waits to end the thread')
  clock.advance(30_000)
  t.equal(clock.pending, 0)
  t.ok(await analyser.analyse(capture(1, 1)), 'and begins another one')
  await analyser.stop(0)
})

t.test('when more waits than may, the oldest goes and is counted', async t => {
  const { analyser, counters } = bench()
  const silence = (): RawAxis => ({ raw: new Int16Array(7_000_000), scale: 1, offset: 0, unit: 'g' })
  const large = (): RawCapture => ({ rateHz: RATE, axes: [silence()] })
  const outcomes = [large(), large(), large(), large()].map(job => analyser.analyse(job))
  t.equal(counters.snapshot()['vibration.captures_dropped'], 2)
  t.same(await Promise.all(outcomes.slice(1, 3)), [undefined, undefined])
  t.match((await outcomes[3])?.axes, [{ findings: [{ fault: 'dead' }] }])
  await analyser.stop(0)
})

t.test('stopped: what is under way is waited for, and nothing is begun', async t => {
  const { analyser } = bench()
  const last = analyser.analyse(capture(1, 1))
  await analyser.stop(10_000)
  t.ok(await last)
  t.equal(await analyser.analyse(capture(1, 1)), undefined)
  const { analyser: hasty, clock } = bench()
  const cut = hasty.analyse(capture(1))
  const stopped = hasty.stop(500)
  clock.advance(500)
  await stopped
  t.equal(await cut, undefined)
})

t.test('one that takes for ever is ended, and the next is analysed', async t => {
  const { analyser, clock, counters } = bench()
  const hung = analyser.analyse(capture(1))
  const next = analyser.analyse(capture(1, 1))
  clock.advance(60_000)
  t.equal(await hung, undefined)
  t.ok(await next)
  t.equal(counters.snapshot()['vibration.captures_failed'], 1)
  await analyser.stop(0)
})
