import t from 'tap'
import { historyText } from '../../../agent/cli/history-text.ts'

const HEAD = { columns: ['score', 'contribution:motor_current', 'bearing_temperature_drive_end residual'] }
const US = Date.UTC(2026, 10, 22, 6) * 1000

/** Where each cell of a line ends. */
const ends = (line: string): number[] => [...line.matchAll(/\S(?= {2}|$)/g)].map(match => match.index)

t.test('the table lines up whatever its names and numbers', t => {
  const text = historyText('table')
  const lines = [
    HEAD,
    [US, 1.25, 0.5, 3],
    [US, -0.00000123456789, -1.23456789e20, -1.23456789e-300],
    [US, 0, 12345678.9, 100],
  ].map(text)
  t.equal(lines.length, 4)
  t.match(lines[0], /^time {35}score {2}motor_current {2}bearing_temperature_drive_end residual$/)
  for (const line of lines.slice(1)) t.same(ends(line).slice(1), ends(lines[0]!).slice(1), line)
  t.match(lines[2], / -1\.23457e-6 +-1\.23457e\+20 +-1\.23457e-300$/)
  t.end()
})

t.test('a value that is not there leaves its column empty', t => {
  const text = historyText('table')
  const head = text(HEAD)
  const line = text([US, 1, null, 7])
  t.equal(line.length, head.length)
  t.same(ends(line).slice(1), [ends(head)[1], ends(head)[3]])
  t.end()
})

t.test('CSV and JSON are not padded, rounded or renamed', t => {
  const csv = historyText('csv')
  t.equal(csv(HEAD), 'time,score,contribution:motor_current,bearing_temperature_drive_end residual')
  t.equal(csv([US, 1.23456789, null, 3]), '2026-11-22T06:00:00.000Z,1.23456789,,3')
  t.equal(historyText('json')([US, 1, null]), `[${US},1,null]`)
  t.end()
})
