import { validate } from 'node-cron'
import t from 'tap'
import { cronProblem } from '../../../agent/config/cron.ts'

t.test('5 or 6 fields, in range', async t => {
  for (const text of ['15 3 * * *', '*/10 * * * * *', '0 0 1,15 jan-mar mon', '0 0 * * 7', '5-50/5 8-18 * * 1-5']) {
    t.equal(cronProblem(text), undefined, text)
    t.ok(validate(text), `node-cron takes ${text}`)
  }
  t.match(cronProblem('15 3 * *'), /5 or 6 fields, got 4/)
  t.match(cronProblem(''), /got 0/)
  t.match(cronProblem('@daily'), /got 1/)
  t.match(cronProblem('60 3 * * *'), /"60" is no minute; expected 0-59/)
  t.match(cronProblem('0 24 * * *'), /is no hour/)
  t.match(cronProblem('0 0 0 * *'), /is no day of month/)
  t.match(cronProblem('0 0 * 13 *'), /is no month/)
  t.match(cronProblem('0 0 * * fun'), /is no day of week/)
  t.match(cronProblem('*/0 0 * * *'), /is no minute/)
  t.match(cronProblem('50-10 0 * * *'), /is no minute/)
})
