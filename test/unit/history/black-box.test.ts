// What stood around an alarm is there when all around it has gone.
import t from 'tap'
import { openTestHistory, retain, rowsOf } from '../../support/history-open.ts'
import { manualClock } from '../../support/manual-clock.ts'

const T0 = 1_700_000_000_000_000
const HOUR_MS = 3_600_000
const HOUR_US = 3_600e6
const DAY_MS = 24 * HOUR_MS
const ALL = { class: 'samples', fromUs: 0, toUs: 1e18 } as const

t.test('rows and waveforms around an alarm outlive their class, of that asset only, also over a restart', async t => {
  const clock = manualClock(T0)
  const dir = `${t.testdir()}/history`
  const short = { ageMs: 2 * DAY_MS, bytes: 1 << 30 }
  const retention = retain({ samples: short, waveforms: short, 'black-box': { ageMs: 30 * DAY_MS, bytes: 1 << 30 } })
  let { history } = await openTestHistory(dir, { clock, retention })
  // A row and a capture an hour, each hour a chunk of its own.
  for (let hour = 0; hour < 24; hour++) {
    for (const asset of ['p', 'q']) {
      history.append(asset, 'samples', ['x'], 1, Float64Array.of(clock.nowUs()), Float64Array.of(hour))
      const samples = Int16Array.from({ length: 100 }, () => hour)
      history.appendWaveform(asset, 'acc', { startUs: clock.nowUs(), rateHz: 1_000, samples, scale: 1, offset: 0 })
    }
    if (hour === 10) history.keepAround('p', clock.nowUs() - HOUR_US, clock.nowUs() + HOUR_US + 1)
    clock.advance(HOUR_MS)
  }
  await history.enforceRetention()
  for (let day = 0; day < 4; day++) {
    clock.advance(DAY_MS)
    await history.flush()
    await history.enforceRetention()
  }
  const kept = async (): Promise<number[]> => (await rowsOf(history.query({ asset: 'p', ...ALL }))).map(row => row[1]!)
  t.same(await kept(), [9, 10, 11])
  t.same(await rowsOf(history.query({ asset: 'q', ...ALL })), [])
  const pieces: number[] = []
  for await (const piece of history.waveforms('p', 'acc', 0, 1e18)) pieces.push(piece.samples[0]!)
  t.same(pieces, [9, 10, 11])
  const { bytes } = history.stats()
  const { retiredRows } = history.stats()
  t.equal(retiredRows.samples, 2 * 24 - 3, 'of both, less those kept')
  t.equal(retiredRows.waveforms, 2 * 24 * 100 - 3 * 100)
  t.equal(retiredRows['black-box'], 0)
  t.ok(bytes['black-box'] > 0 && bytes.samples === 0 && bytes.waveforms === 0)
  await history.enforceRetention()
  t.equal(history.stats().bytes['black-box'], bytes['black-box'], 'nothing is copied twice')
  await history.close()
  history = (await openTestHistory(dir, { clock, retention })).history
  t.same(await kept(), [9, 10, 11])
  await history.enforceRetention()
  clock.advance(31 * DAY_MS)
  await history.enforceRetention()
  t.same(await kept(), [], 'the black box has an age of its own')
  await history.close()
})

t.test('an alarm just before a stop is remembered', async t => {
  const clock = manualClock(T0)
  const dir = `${t.testdir()}/history`
  const retention = retain({ samples: { ageMs: DAY_MS, bytes: 1 << 30 } })
  const first = (await openTestHistory(dir, { clock, retention })).history
  first.append('p', 'samples', ['x'], 1, Float64Array.of(T0), Float64Array.of(1))
  first.keepAround('p', T0 - HOUR_US, T0 + HOUR_US)
  await first.close()
  const { history } = await openTestHistory(dir, { clock, retention })
  await history.enforceRetention()
  clock.advance(3 * DAY_MS)
  await history.enforceRetention()
  t.same(await rowsOf(history.query({ asset: 'p', ...ALL })), [[T0, 1]])
  await history.close()
})
