// A channel that dies midway in a recording must not blind the whole machine.
import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { builtFile } from '../../agent/core/built.ts'
import { machine } from '../support/model-data.ts'

const ROWS = 2000
const FITTED = 600
/** Rows that a value is held, and rows without one before a channel is left out. */
const HELD = 10
const GONE = 30

function backtest(...args: string[]): Promise<{ code: number; err: string }> {
  const env = { ...process.env, NODE_OPTIONS: '' }
  return new Promise(resolve => {
    const child = execFile(process.execPath, [builtFile('main.js'), 'backtest', ...args], { env }, (_, __, err) =>
      resolve({ code: child.exitCode ?? -1, err }),
    )
  })
}

interface Report {
  model: { sha256: string }
  leftOut: {
    row: number
    without: string[]
    since: Record<string, number>
    scored: boolean
    sha256?: string
    reason?: string
  }[]
  rebaselines: { row: number; accepted: boolean; drift?: { channel: string }[] }[]
  warnings: string[]
  alarms: { row: number; text: string }[]
}

interface Outcome {
  err: string
  rows: { row: number; score: number; alarm: number }[]
  report: Report
}

/** A recording of four channels that follow one load; `change` has the last word about a cell, null = no value. */
async function run(
  t: Test,
  change: (row: number, channel: number, value: number) => number | null,
  args: string[] = [],
  rows = ROWS,
): Promise<Outcome> {
  const data = machine(rows, 4, 5)
  const [csv, out, json] = ['run.csv', 'out.csv', 'out.json'].map(name => join(t.testdir(), name)) as [
    string,
    string,
    string,
  ]
  const lines = ['time,c0,c1,c2,c3']
  for (let row = 0; row < rows; row++) {
    const cells = [0, 1, 2, 3].map(c => change(row, c, data.values[row * 4 + c]!) ?? '')
    lines.push([new Date(Date.UTC(2026, 0, 1) + row * 1000).toISOString(), ...cells].join(','))
  }
  writeFileSync(csv, `${lines.join('\n')}\n`)
  const fit = args.includes('--model') ? [] : ['--fit-rows', `0:${FITTED}`]
  const { code, err } = await backtest('--csv', csv, ...fit, '--out', out, '--json', json, ...args)
  t.equal(code, 0, err)
  const written = readFileSync(out, 'utf8').trimEnd().split('\n').slice(1)
  return {
    err,
    rows: written.map(line => {
      const [row, , score, , alarm] = line.split(',')
      return { row: Number(row), score: Number(score), alarm: Number(alarm) }
    }),
    report: JSON.parse(readFileSync(json, 'utf8')).recordings[0],
  }
}

const alarmRows = ({ rows }: Outcome): number[] => rows.filter(({ alarm }) => alarm === 1).map(({ row }) => row)

t.test('scored without it: finds a fault of the others, no alarm at the switch, nothing from the future', async t => {
  const died = 800
  const fault = { from: 1200, to: 1400 }
  const change = (row: number, c: number, value: number): number | null =>
    c === 3 && row >= died ? null : c === 0 && row >= fault.from && row < fault.to ? 1.15 * value : value
  const whole = await run(t, change)
  const left = died + HELD + GONE
  t.match(whole.report.leftOut, [{ row: left, without: ['c3'], since: { c3: died + HELD }, scored: true }])
  t.match(whole.err, /no values of c3 \(since row 810\): scored without from row 840 on/)
  const alarms = alarmRows(whole)
  t.ok(alarms[0]! >= fault.from && alarms[0]! < fault.from + 60, `alarm at ${alarms[0]}`)
  t.ok(alarms.length > 0.6 * (fault.to - fault.from))
  t.match(whole.report.alarms[0]!.text, /^c0 .* above/)
  const scores = (from: number, to: number): Set<number> =>
    new Set(whole.rows.filter(({ row }) => row >= from && row < to).map(({ score }) => score))
  t.equal(scores(died + HELD, left).size, 1, 'the rows between keep the score before them')
  t.ok(scores(left, left + 100).size > 90, 'and then each has one of its own')

  t.test('scored as if the channel had never been there', async t => {
    const never = await run(t, change, ['--ignore', 'c3', '--no-rebaseline'])
    const reduced = await run(t, change, ['--no-rebaseline'])
    const after = ({ rows }: Outcome): Outcome['rows'] => rows.filter(({ row }) => row >= left)
    t.same(after(reduced), after(never))
  })

  t.test('a shorter recording gives the same rows', async t => {
    const cut = await run(t, change, [], 1000)
    t.same(cut.rows, whole.rows.slice(0, 1000 - FITTED))
  })
})

t.test('comes back, and the model of before with it; a loose contact is fitted for once', async t => {
  const gone = (row: number): boolean => row >= 700 && row < 1500 && row % 100 < 60
  const { report, rows } = await run(t, (row, c, value) => (c === 1 && gone(row) ? null : value), ['--no-rebaseline'])
  t.same(report.leftOut[0]?.without, ['c1'])
  const shas = new Set(report.leftOut.filter(({ scored }) => scored).map(({ sha256 }) => sha256))
  t.equal(shas.size, 2, 'one fit, whatever became of it')
  t.match(report.leftOut.at(-1), { without: [], sha256: report.model.sha256 })
  t.ok(report.leftOut.length <= 8, `${report.leftOut.length} changes in 8 relapses`)
  t.ok(rows.filter(({ alarm }) => alarm).length === 0)
})

t.test('several gone, then all, then back', async t => {
  const { report, err } = await run(t, (row, c, value) =>
    row < 1600 && ((c <= 1 && row >= 800) || row >= 1200) ? null : value,
  )
  t.match(
    report.leftOut.map(({ without, scored }) => [without, scored]),
    [
      [['c0', 'c1'], true],
      [['c0', 'c1', 'c2', 'c3'], false],
      [[], true],
    ],
  )
  t.match(err, /nothing is scored from row 1240 on: no channel is left/)
  t.equal(report.leftOut.at(-1)?.row, 1630)
})

t.test('one channel left is scored, whatever family was asked for', async t => {
  const change = (row: number, c: number, value: number): number | null =>
    c > 0 && row >= 800 ? null : c === 0 && row >= 1500 ? 1.5 * value : value
  const { report, rows } = await run(t, change, ['--family', 'var'])
  t.match(report.leftOut, [{ without: ['c1', 'c2', 'c3'], scored: true }])
  t.ok(rows.some(({ row, score }) => row > 1500 && score > 1))
})

t.test('carried forward while a channel is gone, on the rows and channels that are there', async t => {
  const { report } = await run(t, (row, c, value) => (c === 2 && row >= 900 && row < 2200 ? null : value), [], 3200)
  const [first, second, ...later] = report.rebaselines.filter(({ accepted }) => accepted)
  t.match([first, second], [{ drift: { length: 3 } }, { drift: { length: 3 } }])
  t.ok(report.leftOut.at(-1)!.sha256 === report.model.sha256, 'and the whole model resumes with the baseline it had')
  t.match(later, [{ drift: { length: 4 } }], 'until enough rows have values of all channels')
})

t.test('an alarm that stands is not cleared by the switch', async t => {
  const change = (row: number, c: number, value: number): number | null =>
    c === 3 && row >= 900 ? null : c === 0 && row >= 850 ? 1.25 * value : value
  const { report, rows } = await run(t, change, ['--off-delay', '5s'])
  t.match(report.alarms, { length: 1 })
  const after = rows.filter(({ row }) => row >= report.alarms[0]!.row && row < 1200)
  t.ok(after.every(({ alarm }) => alarm === 1))
})

t.test('a channel that died with the baseline is left out from the first row on', async t => {
  const { report, rows } = await run(t, (row, c, value) => (c === 3 && row >= 500 ? null : value))
  t.match(report.leftOut, [{ row: FITTED, without: ['c3'], since: { c3: 510 }, scored: true }])
  t.ok(rows[0]!.score > 0)
})
