import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Recording, readRecording, withoutColumn } from '../../../agent/cli/backtest-recording.ts'
import { holdRowsOf, modelRows } from '../../../agent/cli/backtest-rows.ts'

const MINUTE_US = 60e6
const START_US = Date.UTC(2026, 0, 1) * 1000

function read(t: Test, text: string, label?: string, ignore: string[] = []): Promise<Recording> {
  const path = join(t.testdir(), 'run.csv')
  writeFileSync(path, text)
  return readRecording(path, { ignore, label })
}

const iso = (row: number): string => new Date(START_US / 1000 + row * 60_000).toISOString()

t.test('every line is a row, in the order of the file, whatever is wrong with it', async t => {
  const lines = ['time,flow,note', `${iso(0)},1,a`, `${iso(1)},2,b`, `${iso(1)},3,c`, `${iso(0)},4,d`, 'never,5,e']
  const recording = await read(t, [...lines, `${iso(5)}`, `${iso(6)},7,g,extra`, `${iso(7)},broken,h`].join('\n'))
  t.equal(recording.rows, 8)
  t.same([...recording.values], [1, 2, 3, 4, 5, Number.NaN, 7, Number.NaN])
  t.same(
    [...recording.timesUs].map(timeUs => (timeUs - START_US) / MINUTE_US),
    [0, 1, 1, 0, 1, 5, 6, 7],
  )
  t.equal(recording.everyUs, MINUTE_US)
  t.same([...recording.breaks], [1, 0, 0, 0, 0, 0, 0, 0])
  t.same(recording.warnings, [
    '1 times could not be read: the rows are taken to follow the one before',
    '2 times do not rise: rows are taken in the order of the file',
    'note: no numbers, left out',
    '1 row has too few cells, what is not there counts as missing; the first is line 7 with 1 of 3',
    '1 row has too many cells, those beyond the header are not read; the first is line 8 with 4 of 3',
    '1 cell holds no number and counts as missing; the first is "broken" in flow, line 9',
  ])
})

t.test('a long silence, and another recording appended, are breaks; a skipped beat is none', async t => {
  const rows = [0, 1, 2, 4, 5, 6, 200, 201, 202, 10, 11]
  const recording = await read(t, ['time;x', ...rows.map(row => `${iso(row)};${row}`)].join('\n'))
  t.same(
    [...recording.breaks],
    rows.map((row, i) => (i === 0 || row === 200 || row === 10 ? 1 : 0)),
  )
})

t.test('times are found: epoch seconds and ms, by name or by what they hold; a rising temperature is none', async t => {
  const epoch = START_US / 1e6
  for (const [name, scale] of [
    ['ts', 1],
    ['unix', 1],
    ['stamp', 1000],
  ] as const) {
    const lines = [0, 1, 2, 3].map(row => `${(epoch + 60 * row) * scale},${row % 2}`)
    const recording = await read(t, [`${name},x`, ...lines].join('\n'))
    t.same([recording.timesUs[1], recording.channels.length], [START_US + MINUTE_US, 1], name)
  }
  const plain = await read(t, ['t,x', '20.1,1', '19.9,2', '20.3,1', '20.0,2'].join('\n'))
  t.same(
    plain.channels.map(({ id }) => id),
    ['t', 'x'],
  )
  t.match(plain.warnings, [/no time column found: rows are taken to be 1 s apart/])
  t.equal(plain.timesUs[3], 3e6)
})

t.test('the date alone as time: rows are spread over it', async t => {
  const lines = Array.from({ length: 6 }, (_, row) => `2026-01-0${1 + Math.floor(row / 3)},${row % 2}`)
  const recording = await read(t, ['date,x', ...lines].join('\n'))
  t.equal(recording.everyUs, 86_400e6 / 5)
})

t.test('an index is no channel, a name may occur twice, a column may begin empty', async t => {
  const lines = Array.from({ length: 20 }, (_, row) => `${row},${row % 3},${row % 2},${row > 15 ? 1 : ''}`)
  const recording = await read(t, ['row,Flow,Flow,late', ...lines].join('\n'))
  t.same(
    recording.channels.map(({ id }) => id),
    ['flow', 'flow-1', 'late'],
  )
  t.match(recording.warnings.join('; '), /row only counts rows and is left out/)
})

t.test('a reading far from 0 that trembles does not count rows, and an index of tenths does', async t => {
  const lines = Array.from(
    { length: 40 },
    (_, row) => `${1e9 + ((row * 7) % 5) / 10},${(row / 10).toFixed(1)},${row % 3}`,
  )
  const recording = await read(t, ['encoder,tenths,x', ...lines].join('\n'))
  t.same(
    recording.channels.map(({ id }) => id),
    ['encoder', 'x'],
  )
  t.match(recording.warnings.join('; '), /tenths only counts rows and is left out/)
})

t.test('whole numbers that rise with every row are no channel; a total is one, with a warning', async t => {
  const lines = Array.from({ length: 40 }, (_, row) => `${3 * row + (row % 3)},${Math.floor(row / 3) / 2},${row % 7}`)
  const recording = await read(t, ['serial,total,x', ...lines].join('\n'))
  t.same(
    recording.channels.map(({ id }) => id),
    ['total', 'x'],
  )
  t.match(recording.warnings.slice(1), [/^serial counts up from every row/, /^total never falls in the baseline/])
})

t.test('a file whose newest row is the first keeps its order, and a warning says so', async t => {
  const lines = Array.from({ length: 20 }, (_, row) => `${iso(20 - row)},${row % 3}`)
  const recording = await read(t, ['time,x', ...lines].join('\n'))
  t.match(recording.warnings, [/^times fall or stay from row to row.* sort it by time/])
  t.equal(recording.everyUs, MINUTE_US)
  t.same([...recording.breaks], [1, ...new Array(19).fill(0)])
})

t.test('what is usual is judged by the first rows: what comes later changes nothing before it', async t => {
  const path = join(t.testdir(), 'run.csv')
  const lines = ['time,n,flow']
  for (let row = 0; row < 40; row++) lines.push(`${iso(row < 20 ? row : 20 * row)},${row < 20 ? row : 7},${row % 3}`)
  writeFileSync(path, lines.join('\n'))
  const recording = await readRecording(path, { ignore: [], label: undefined, judgedRows: 20 })
  t.equal(recording.everyUs, MINUTE_US)
  t.same(recording.channels, [{ id: 'flow', column: 'flow' }])
})

t.test('labels may be numbers or words, are never a channel, and may be absent', async t => {
  const words = ['normal', 'Attack', '', 'false', 'yes', '0', '1.0']
  const text = ['x,state', ...words.map((word, row) => `${row % 2},${word}`)].join('\n')
  const recording = await read(t, text, 'state')
  t.same([...(recording.labels ?? [])], [0, 1, 0, 0, 1, 0, 1])
  t.same(
    recording.channels.map(({ id }) => id),
    ['x'],
  )
  const without = await read(t, text, 'fault')
  t.equal(without.labels, undefined)
  t.match(without.warnings.join('; '), /there is no column fault for labels/)
  const numbers = await read(t, ['x,y,fault', '1,2,0', '3,4,1'].join('\n'))
  t.same([...withoutColumn(numbers, 'fault').values], [1, 2, 3, 4])
})

t.test('a column to ignore that is not there is no error; decimal commas beside semicolons are numbers', async t => {
  const recording = await read(t, ['a;b;c', '1,5;2;3', '2,5;3;1'].join('\n'), undefined, ['b', 'nowhere'])
  t.same([...recording.values], [1.5, 3, 2.5, 1])
})

t.test(
  'a value is held while it is young, then there is none; a channel that is not there at all is held at its centre',
  async t => {
    const cells = [1, 2, '', '', 5, '', '', '', '', '', 11, 12]
    const recording = await read(t, ['x,y', ...cells.map((cell, row) => `${cell},${row % 2}`)].join('\n'))
    const wanted = [
      { id: 'x', holdRows: 2, centre: 7 },
      { id: 'y', holdRows: 2, centre: 0 },
      { id: 'z', holdRows: 2, centre: 9 },
    ]
    const rows = modelRows(recording, wanted)
    const x = Array.from({ length: 12 }, (_, row) => rows.values[row * 3])
    t.same(x, [1, 2, 2, 2, 5, 5, 5, Number.NaN, Number.NaN, Number.NaN, 11, 12])
    t.ok(Array.from({ length: 12 }, (_, row) => rows.values[row * 3 + 2]).every(value => value === 9))
    t.same(rows.gone, [
      { id: 'x', fromRow: 7, held: false },
      { id: 'z', fromRow: 0, held: true },
    ])
    const causal = modelRows({ ...recording, rows: 6, values: recording.values.subarray(0, 12) }, wanted)
    t.same([...causal.values], [...rows.values.subarray(0, 18)], 'nothing after a row changes it')
  },
)

t.test('a channel measured every 30 rows may be held for twice as long; others for 10 rows', async t => {
  const lines = Array.from({ length: 300 }, (_, row) => `${row % 7},${row % 30 === 0 ? row % 4 : ''}`)
  const recording = await read(t, ['fast,slow', ...lines].join('\n'))
  t.same(holdRowsOf(recording, 0, 300), [10, 60])
})
