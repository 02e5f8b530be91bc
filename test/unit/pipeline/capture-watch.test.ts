import t from 'tap'
import { CaptureWatch } from '../../../agent/pipeline/capture-watch.ts'
import { manualClock } from '../../support/manual-clock.ts'

const EVERY_MS = 600_000

t.test('three spoilt captures in a row leave the machine unwatched, a good one ends that', async t => {
  const clock = manualClock()
  const watch = new CaptureWatch(clock, EVERY_MS, 5_000)
  const take = (why: string): void => {
    clock.advance(EVERY_MS)
    watch.captured(clock.nowUs(), why)
  }
  take('')
  const sinceUs = clock.nowUs() + EVERY_MS * 1000
  take('de-h dead')
  take('de-h dead')
  t.equal(watch.unwatched(false), undefined)
  take('de-h dead')
  t.same(watch.unwatched(false), { sinceUs, reason: 'every capture came to nothing (de-h dead)' })
  t.ok(watch.unwatched(true), 'whatever the machine does')
  take('')
  t.equal(watch.unwatched(false), undefined)
})

t.test(
  'captures that never come leave it unwatched, but not one that stands, nor one that has just begun to run',
  async t => {
    const clock = manualClock()
    const watch = new CaptureWatch(clock, EVERY_MS, 5_000)
    watch.stream(true)
    clock.advance(3 * EVERY_MS)
    t.equal(watch.unwatched(false), undefined)
    clock.advance(10_000)
    t.match(watch.unwatched(false), { reason: /no whole capture came/ })
    t.equal(watch.unwatched(true), undefined)
    watch.stream(false)
    clock.advance(10 * EVERY_MS)
    watch.stream(true)
    t.equal(watch.unwatched(false), undefined)
  },
)
