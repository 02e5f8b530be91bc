import fc from 'fast-check'
import t from 'tap'
import { RunningTime } from '../../../agent/alarms/running-time.ts'
import { gated, SECOND_US, START_US } from '../../support/alarm-parts.ts'
import { holds } from '../../support/alarm-property.ts'

const secondsOf = (time: RunningTime, atS: number): number =>
  time.since('scored', 0, START_US + atS * SECOND_US) / SECOND_US

t.test('from one scored window to the next, stops left out', async t => {
  const time = new RunningTime(1)
  time.rows(
    gated(
      Array.from({ length: 100 }, () => [0]),
      { stopped: row => row >= 40 && row < 60 },
    ),
  )
  t.equal(secondsOf(time, 10), 0, 'the first has nothing before it')
  t.equal(secondsOf(time, 30), 20)
  t.equal(secondsOf(time, 70), 9 + 11, '31 to 39 and 60 to 70')
  t.equal(secondsOf(time, 70), 0)
  t.equal(secondsOf(time, 50), 0, 'an older window adds nothing')
})

t.test('any stops, any windows: the sums of the rows between them', async t => {
  const rows = fc.array(fc.boolean(), { minLength: 1, maxLength: 60 })
  const windows = fc.array(fc.nat(59), { minLength: 1, maxLength: 20 })
  holds(
    t,
    fc.property(rows, windows, fc.integer({ min: 1, max: 60 }), (running, marks, blockRows) => {
      const time = new RunningTime(1)
      const ran = running.map((now, row) => (now && row > 0 ? 1 : 0))
      for (let from = 0; from < running.length; from += blockRows) {
        const part = running.slice(from, from + blockRows)
        time.rows(
          gated(
            part.map(() => [0]),
            { fromS: from, stopped: row => !part[row] },
          ),
        )
      }
      const at = [...new Set(marks)].filter(row => running[row] === true).sort((a, b) => a - b)
      return at.every((row, i) => {
        const got = secondsOf(time, row)
        const since = at[i - 1]
        const expected = since === undefined ? 0 : ran.slice(since + 1, row + 1).reduce((sum: number, s) => sum + s, 0)
        return got === expected
      })
    }),
    1_000,
  )
})

t.test('a wall clock that steps back: the newest meaning of a time counts', async t => {
  const time = new RunningTime(1)
  time.rows(gated([[0], [0], [0]]))
  t.equal(secondsOf(time, 2), 0)
  time.rows(gated([[0], [0]], { fromS: 1, first: false }))
  t.equal(secondsOf(time, 2), 2)
})
