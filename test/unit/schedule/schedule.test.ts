import t from 'tap'
import { Counters } from '../../../agent/core/counters.ts'
import { silentLogger } from '../../../agent/core/logger.ts'
import { createSchedule, cronError } from '../../../agent/schedule/schedule.ts'
import { manualClock } from '../../support/manual-clock.ts'

// 2026-11-22T10:00:30 local time, so that the tests hold in every time zone.
const START_US = new Date(2026, 10, 22, 10, 0, 30).getTime() * 1000
const MINUTE_MS = 60_000
const DAY_MS = 86_400_000

/** Lets the microtasks of launched jobs run. */
const settle = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

function fixture(cron: string, run: () => void | Promise<void>) {
  const clock = manualClock(START_US)
  const counters = new Counters()
  const schedule = createSchedule({ clock, logger: silentLogger, counters, jobs: [{ name: 'sync', cron, run }] })
  schedule.start()
  return { clock, counters, schedule }
}

t.test('a job runs at each matching second and not in between', async t => {
  const runs: number[] = []
  const { clock, schedule } = fixture('*/5 * * * *', () => void runs.push(clock.nowUs()))
  for (let s = 0; s < 900; s++) {
    clock.advance(1000)
    await settle()
  }
  schedule.stop()
  t.same(
    runs.map(us => (us - START_US) / 1e6),
    [270, 570, 870],
  )
  clock.advance(DAY_MS)
  await settle()
  t.equal(runs.length, 3, 'nothing runs after stop')
  t.equal(clock.pending, 0)
})

t.test('a forward step of 25 years runs nothing twice, blocks nothing, and the schedule goes on', async t => {
  let runs = 0
  const { clock, counters } = fixture('* * * * *', () => void runs++)
  clock.step(25 * 365 * DAY_MS * 1000)
  const before = process.hrtime.bigint()
  clock.advance(1000)
  await settle()
  t.ok(process.hrtime.bigint() - before < 1_000_000_000n, 'answered within a second')
  t.equal(runs, 0)
  t.equal(counters.get('schedule.clock_steps').n, 1)
  for (let i = 0; i < 3; i++) {
    clock.advance(MINUTE_MS)
    await settle()
  }
  t.equal(runs, 3)
})

t.test('a backward step of a year leaves no silence', async t => {
  let runs = 0
  const { clock, counters } = fixture('* * * * *', () => void runs++)
  clock.step(-365 * DAY_MS * 1000)
  for (let i = 0; i < 3; i++) {
    clock.advance(MINUTE_MS)
    await settle()
  }
  t.equal(runs, 3)
  t.equal(counters.get('schedule.clock_steps').n, 1)
})

t.test('slewing by less than the tolerance neither repeats nor loses a run', async t => {
  let runs = 0
  const { clock, counters } = fixture('* * * * *', () => void runs++)
  for (let s = 0; s < 600; s++) {
    if (s % 20 === 0) clock.step(s % 40 === 0 ? 400_000 : -400_000)
    clock.advance(1000)
    await settle()
  }
  t.equal(runs, 10)
  t.equal(counters.get('schedule.clock_steps').n, 0)
})

t.test('a stalled loop catches up with one run', async t => {
  let runs = 0
  let monotonicMs = 0
  let tick = (): void => {}
  const schedule = createSchedule({
    clock: {
      nowUs: () => START_US + monotonicMs * 1000,
      monotonicMs: () => monotonicMs,
      after: () => () => {},
      every: (_periodMs, fn) => {
        tick = fn
        return () => {}
      },
    },
    logger: silentLogger,
    jobs: [{ name: 'sync', cron: '* * * * *', run: () => void runs++ }],
  })
  schedule.start()
  monotonicMs = 300_000
  tick()
  await settle()
  t.equal(runs, 1)
})

t.test('a job never runs twice at once, and one that throws runs again', async t => {
  let release = (): void => {}
  let runs = 0
  const { clock, counters } = fixture('* * * * *', () => {
    runs++
    if (runs === 2) throw new Error('at once')
    if (runs === 3) return Promise.reject(new Error('later'))
    return new Promise<void>(resolve => {
      release = resolve
    })
  })
  const minute = async (): Promise<void> => {
    clock.advance(MINUTE_MS)
    await settle()
  }
  await minute()
  await minute()
  t.equal(runs, 1)
  t.equal(counters.get('schedule.overlaps').n, 1)
  release()
  await settle()
  await minute()
  await minute()
  t.equal(counters.get('schedule.failures').n, 2)
  await minute()
  t.equal(runs, 4)
})

t.test('a wrong expression is refused with the job, the field and an example', async t => {
  const make = (cron: string) => () =>
    createSchedule({ clock: manualClock(), logger: silentLogger, jobs: [{ name: 'sync', cron, run: () => {} }] })
  t.throws(make('99 * * * *'), { code: 'CONFIG_INVALID', message: /schedule of sync.*minute.*30 2 \* \* \*/ })
  t.throws(make('0 0 31 2 *'), { code: 'CONFIG_INVALID' })
  t.throws(make(''), { code: 'CONFIG_INVALID' })
  t.equal(cronError('0 */6 * * *'), undefined)
  t.equal(cronError('@daily'), undefined)
  t.match(cronError('* * *'), /5 or 6 fields/)
})
