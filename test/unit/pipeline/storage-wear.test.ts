import t from 'tap'
import { StorageWear, wearText } from '../../../agent/pipeline/storage-wear.ts'
import { keepingLogger } from '../../support/log-lines.ts'
import { manualClock } from '../../support/manual-clock.ts'

const HOUR_MS = 3_600_000

t.test('what is written a day is told of the last 24 hours, and warned of once beyond the budget', async t => {
  const clock = manualClock()
  const { logger, lines } = keepingLogger()
  let written = 5e9
  const wear = new StorageWear(20e9, clock, logger, async () => written)
  t.equal(wear.status(), undefined, 'nothing is known before two looks')
  await wear.sample()
  // 0.5 GB an hour.
  for (let minute = 0; minute < 30 * 60; minute += 10) {
    clock.advance(HOUR_MS / 6)
    written += 0.5e9 / 6
    await wear.sample()
  }
  const status = wear.status()!
  t.ok(Math.abs(status.bytesPerDay - 12e9) < 1e6, `${status.bytesPerDay}`)
  t.ok(status.overMs >= 23 * HOUR_MS && status.overMs <= 25 * HOUR_MS, 'the day before is forgotten')
  t.equal(wearText(status), '12 GB written a day, 60 % of the 20 GB of storage.write-budget')
  t.equal(lines.length, 0)
  for (let minute = 0; minute < 24 * 60; minute += 10) {
    clock.advance(HOUR_MS / 6)
    written += 2e9 / 6
    await wear.sample()
  }
  t.match(lines, [{ level: 40, msg: /written a day, .* of storage.write-budget: flash wears out by that/ }])
  t.equal(lines.length, 1)
})

t.test('where the kernel does not tell, nothing is claimed', async t => {
  const { logger, lines } = keepingLogger()
  const wear = new StorageWear(1, manualClock(), logger, async () => {
    throw Object.assign(new Error('ENOENT'), { code: 'ENOENT' })
  })
  await wear.sample()
  t.equal(wear.status(), undefined)
  t.equal(lines.filter(line => line.level > 20).length, 0)
})
