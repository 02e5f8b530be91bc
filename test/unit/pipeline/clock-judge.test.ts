import { mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { clockJudge, lastWriteUs } from '../../../agent/pipeline/clock-judge.ts'
import { manualClock } from '../../support/manual-clock.ts'

const IN_2026_US = Date.UTC(2026, 5, 1) * 1000
const MINUTE_MS = 60_000

t.test('a clock that runs on is synced', async t => {
  const clock = manualClock(IN_2026_US)
  const judge = clockJudge(clock)
  t.equal(judge(), 'synced')
  clock.advance(24 * 60 * MINUTE_MS)
  t.equal(judge(), 'synced')
})

t.test('a board without a battery does not know the time, and says so until it has heard it', async t => {
  const clock = manualClock(0)
  const judge = clockJudge(clock)
  t.equal(judge(), 'uncertain')
  clock.advance(60 * MINUTE_MS)
  t.equal(judge(), 'uncertain')
  clock.step(IN_2026_US)
  t.equal(judge(), 'uncertain', 'just set')
  clock.advance(9 * MINUTE_MS)
  t.equal(judge(), 'uncertain')
  clock.advance(2 * MINUTE_MS)
  t.equal(judge(), 'synced')
})

t.test('steps in either direction are uncertain for ten minutes; slewing is none', async t => {
  for (const stepS of [-86_400, 6, 86_400 * 365]) {
    const clock = manualClock(IN_2026_US)
    const judge = clockJudge(clock)
    clock.advance(MINUTE_MS)
    clock.step(stepS * 1e6)
    t.equal(judge(), 'uncertain', `${stepS} s`)
    clock.advance(11 * MINUTE_MS)
    t.equal(judge(), 'synced')
  }
  const clock = manualClock(IN_2026_US)
  const judge = clockJudge(clock)
  for (let i = 0; i < 100; i++) {
    clock.advance(MINUTE_MS)
    clock.step(30_000)
    t.equal(judge(), 'synced')
  }
})

t.test('a board that starts at a date before its last run says so, until it has heard the time', async t => {
  const dir = t.testdir()
  const files = join(dir, 'journal')
  t.equal(await lastWriteUs(files), 0, 'nothing was ever written')
  mkdirSync(files)
  t.equal(await lastWriteUs(files), 0)
  for (const [name, timeUs] of [
    ['old', IN_2026_US - 1e12],
    ['new', IN_2026_US],
  ] as const) {
    writeFileSync(join(files, name), '')
    utimesSync(join(files, name), timeUs / 1e6, timeUs / 1e6)
  }
  const knownUs = await lastWriteUs(files)
  t.equal(knownUs, IN_2026_US, 'the newest')

  const clock = manualClock(IN_2026_US - 30 * 86_400e6)
  const judge = clockJudge(clock, knownUs)
  t.equal(judge(), 'uncertain')
  clock.advance(60 * MINUTE_MS)
  t.equal(judge(), 'uncertain')
  clock.step(31 * 86_400e6)
  t.equal(judge(), 'uncertain', 'just set')
  clock.advance(11 * MINUTE_MS)
  t.equal(judge(), 'synced')
  t.equal(clockJudge(manualClock(IN_2026_US), knownUs)(), 'synced', 'a start right after the last write')
})
