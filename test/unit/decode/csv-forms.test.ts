// Recorded files as programs of several countries and decades write them.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import type { CsvTable } from '../../../agent/decode/contract.ts'
import { openCsvTable } from '../../../agent/decode/csv-table.ts'

const NAN = Number.NaN
const START_US = Date.UTC(2024, 1, 28, 23, 59, 58) * 1000

interface Content {
  table: CsvTable
  times: number[]
  rows: number[][]
  notes: readonly string[]
}

async function read(t: Test, text: string | Uint8Array, options = {}): Promise<Content> {
  const path = join(t.testdir(), 'table.csv')
  writeFileSync(path, text)
  const table = await openCsvTable(path, { whole: true, ...options })
  const times: number[] = []
  const rows: number[][] = []
  const width = table.columns.length
  for await (const block of table.rows()) {
    times.push(...block.timesUs)
    for (let r = 0; r < block.rows; r++) rows.push([...block.values.subarray(r * width, (r + 1) * width)])
  }
  return { table, times, rows, notes: table.notes }
}

const two = (value: number): string => String(value).padStart(2, '0')
/** Ways to write a moment; undefined where no zone makes it UTC. */
const FORMS: Record<string, (at: Date) => string> = {
  iso: at => at.toISOString(),
  'iso with blank': at => at.toISOString().replace('T', ' ').replace('Z', ''),
  'iso with comma': at => at.toISOString().replace('T', ' ').replace('.', ',').replace('Z', ''),
  'iso with zone': at => `${new Date(at.getTime() + 5_400_000).toISOString().slice(0, 23)}+01:30`,
  'iso with named zone': at => `${at.toISOString().slice(0, 19).replace('T', ' ')} UTC`,
  'slashes, year first': at => at.toISOString().slice(0, 19).replaceAll('-', '/').replace('T', ' '),
  compact: at => at.toISOString().slice(0, 19).replaceAll(/[-T:]/g, ''),
  'compact with T': at => `${at.toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`,
  dots: at =>
    `${two(at.getUTCDate())}.${two(at.getUTCMonth() + 1)}.${at.getUTCFullYear()} ${at.toISOString().slice(11, 19)}`,
  'short dots': at =>
    `${at.getUTCDate()}.${at.getUTCMonth() + 1}.${String(at.getUTCFullYear()).slice(2)} ${at.toISOString().slice(11, 19)}`,
  'month first': at => {
    const hour = at.getUTCHours()
    const clock = `${hour % 12 || 12}${at.toISOString().slice(13, 19)} ${hour < 12 ? 'AM' : 'PM'}`
    return `${at.getUTCMonth() + 1}/${at.getUTCDate()}/${at.getUTCFullYear()} ${clock}`
  },
  'named month': at =>
    `${at.getUTCDate()}-${at.toUTCString().slice(8, 11)}-${String(at.getUTCFullYear()).slice(2)} ${at.toISOString().slice(11, 19)}`,
  's since 1970': at => String(at.getTime() / 1e3),
  'ms since 1970': at => String(at.getTime()),
  'µs since 1970': at => String(at.getTime() * 1e3),
  'ns since 1970': at => `${at.getTime()}000000`,
}

t.test('times in every form come to the same moments', async t => {
  for (const [name, form] of Object.entries(FORMS)) {
    const moments = Array.from({ length: 6 }, (_, row) => new Date(START_US / 1000 + 1000 * row))
    const lines = moments.map((at, row) => `"${form(at)}";${row % 2}`)
    const { table, times, notes } = await read(t, ['stamp;x', ...lines].join('\n'))
    t.equal(table.timeColumn, 'stamp', name)
    t.same(
      times,
      moments.map(at => at.getTime() * 1e3),
      name,
    )
    t.same(notes, [], name)
  }
})

t.test('which number is the day: what the data says, wherever it says it, else what is said to be assumed', async t => {
  const days = async (...dates: string[]) => {
    const { times, notes } = await read(
      t,
      ['time,x', ...dates.map((date, row) => `${date} 10:00:00,${row % 2}`)].join('\n'),
    )
    return [times.map(us => new Date(us / 1000).toISOString().slice(5, 10)).join(' '), notes.length] as const
  }
  t.same(await days('12/01/2024', '13/01/2024'), ['01-12 01-13', 0])
  t.same(await days('01/12/2024', '01/13/2024'), ['01-12 01-13', 0])
  t.same(await days('03.04.2024', '03.04.2024'), ['04-03 04-03', 1])
  t.same(await days('03/04/2024', '03/04/2024'), ['03-04 03-04', 1])
  t.same(
    await days('03/04/2024', '04/04/2024', '05/04/2024'),
    ['04-03 04-04 04-05', 0],
    'days, not months, follow each other',
  )
  const many = Array.from({ length: 700 }, (_, row) => `${two(1 + Math.floor(row / 50))}/02/2024`)
  t.match((await days(...many))[0], /^02-01 .* 02-14$/, 'the 13th comes after the head of the file')
  t.match((await read(t, 'time,x\n03/04/2024 1:00,1\n')).notes, [
    /"03\/04\/2024 1:00" begins with the day or the month; it is read month-first/,
  ])
})

t.test('a date beside a time of day, a time of day alone, time since the start in the unit of its name', async t => {
  const both = await read(t, 'Row,Date,Time,x\n7,9/25/2017,11:59:59.5 PM,1\n9,9/26/2017,12:00:00.0 AM,2\n')
  t.same(both.times, [Date.UTC(2017, 8, 25, 23, 59, 59, 500) * 1e3, Date.UTC(2017, 8, 26) * 1e3])
  t.same(both.table.columns, ['Row', 'x'])
  const alone = await read(t, 'Uhrzeit,time,x\na,23:59:59,1\nb,00:00:00,2\nc,00:00:01,2\n')
  t.same(
    alone.times.map(us => us - alone.times[0]!),
    [0, 1e6, 2e6],
  )
  for (const [name, unitUs] of [
    ['time', 1e6],
    ['t (ms)', 1e3],
    ['Time [s]', 1e6],
    ['zeit_ms', 1e3],
    ['Elapsed Time (min)', 60e6],
  ] as const) {
    t.same((await read(t, `${name};x\n0;5\n2,5;6\n`)).times, [0, 2.5 * unitUs], name)
  }
})

t.test('times that run backwards are times; an epoch in falling order, too', async t => {
  const { table, times } = await read(t, 'x,when\n1,1700000002\n2,1700000001\n3,1700000000\n')
  t.same([table.timeColumn, times[0]! - times[2]!], ['when', 2e6])
})

t.test('numbers: decimal commas, groups of three, on and off, what is missing', async t => {
  const german = await read(t, 'a;b;c\n1.234,5;0,25;1.000\n-;12,5;2.000\n')
  t.same(german.rows, [
    [1234.5, 0.25, 1000],
    [NAN, 12.5, 2000],
  ])
  const english = await read(t, 'a,b\n"1,234.5",1\n"12,000",-1e-3\n')
  t.same(english.rows, [
    [1234.5, 1],
    [12_000, -0.001],
  ])
  t.same((await read(t, 'a;b\n1 234,5;−3\n1\u202f234,5;+3\n')).rows, [
    [1234.5, -3],
    [1234.5, 3],
  ])
  const doubtful = await read(t, 'a;b\n1,234;1\n2,345;2\n')
  t.same(doubtful.rows[0], [1.234, 1])
  t.match(doubtful.notes, [/^"1,234" is read as 1.234/])
  const words = await read(t, 'pump,valve,note,x\ntrue,ON,on,1\nFalse,off,dry,2\n,Off,on,?\n')
  t.same(words.table.columns, ['pump', 'valve', 'x'])
  t.same(words.rows, [
    [1, 1, 1],
    [0, 0, 2],
    [NAN, 0, NAN],
  ])
  const missing = ['', ' ', '-', 'NA', 'n/a', 'NaN', 'null', '#NV', '<NA>', 'None']
  const { rows, notes } = await read(t, ['x,y', ...missing.map((word, row) => `${word},${row}`)].join('\n'), {})
  t.ok(rows.every(([x]) => Number.isNaN(x)))
  t.same(notes, [])
})

t.test('encodings: UTF-8, UTF-16 of either order, with mark and without, and Latin-1', async t => {
  const text = 'T °C;Δp µbar\r\n1,5;2\r\n2,5;3\r\n'
  const swapped = Buffer.from(`\ufeff${text}`, 'utf16le').swap16()
  for (const bytes of [
    Buffer.from(text),
    Buffer.from(`\ufeff${text}`),
    Buffer.from(`\ufeff${text}`, 'utf16le'),
    swapped,
    Buffer.from(text, 'utf16le'),
  ]) {
    const { table, rows } = await read(t, bytes)
    t.same(
      [table.columns, rows],
      [
        ['T °C', 'Δp µbar'],
        [
          [1.5, 2],
          [2.5, 3],
        ],
      ],
    )
  }
  t.same((await read(t, Buffer.from('T °C;µbar\n1;2\n', 'latin1'))).table.columns, ['T °C', 'µbar'])
  t.same(
    (await read(t, 'a;b\r1;2\r3;4\r')).rows,
    [
      [1, 2],
      [3, 4],
    ],
    'carriage returns alone',
  )
})

t.test('names: empty, twice, a mark in front; a column that is nowhere named', async t => {
  const { table, notes } = await read(t, ',flow,flow,,p,\n0,1,2,3,4,\n1,2,3,4,5,\n')
  t.same(table.columns, ['flow', 'flow.1', 'column-4', 'p'])
  t.match(notes, [/occur twice: flow \(now flow.1\)/, /without a name are called column-4/])
  t.same((await read(t, '#time,x\n1700000000,1\n')).table.timeColumn, 'time')
  const shifted = await read(t, 'a,b\nr1,1,2\nr2,3,4\n')
  t.same(
    [shifted.table.columns, shifted.rows],
    [
      ['a', 'b'],
      [
        [1, 2],
        [3, 4],
      ],
    ],
  )
  t.match(shifted.notes, [/one cell more than the header/])
  t.same((await read(t, 'Fault,x\n1,2\n', { ignore: ['FAULT'] })).table.columns, ['x'])
})

t.test('what stands above the rows: a title, remarks, the separator, units', async t => {
  const expected = [
    [1, 2],
    [3, 4],
  ]
  for (const [head, notes] of [
    ['sep=;\na;b\n', []],
    ['a;b\nbar;°C\n', [/^line 2 \(bar °C\) holds no values: skipped as units/]],
    ['a;b\nbar;\nAvg;Smp\n', [/^line 2/, /^line 3 \(Avg Smp\)/]],
    ['# pump 7\n# by hand\na;b\n', [/^lines 1 to 2: skipped, the header is line 3/]],
    ['Report of March\n\na;b\n', [/^line 1: skipped, the header is line 3/]],
  ] as const) {
    const { rows, notes: said } = await read(t, `${head}1;2\n3;4\n`)
    t.same(rows, expected, head)
    t.match(said, notes as unknown as RegExp[], head)
    t.equal(said.length, notes.length)
  }
})

t.test('rows with too few and too many cells, cells with no number: counted, with the first of each', async t => {
  const { rows, notes } = await read(t, 'a,b\n1,2\n3\n4,5,6\n7,8,\n9\nx,1\n')
  t.same(rows, [
    [1, 2],
    [3, NAN],
    [4, 5],
    [7, 8],
    [9, NAN],
    [NAN, 1],
  ])
  t.match(notes, [
    /^2 rows have too few cells.* line 3 with 1 of 2$/,
    /^1 row has too many cells.* line 4 with 3 of 2$/,
    /^1 cell holds no number .* "x" in a, line 7$/,
  ])
  t.same((await read(t, 'note,x\n5" pipe,1\n3" pipe,2\n')).rows, [[1], [2]], 'an inch opens no quoted cell')
})

t.test('what is no table of text is refused, and what would do', async t => {
  for (const [bytes, words] of [
    [Buffer.from('1f8b0800', 'hex'), /is packed with gzip; unpack it first: gunzip/],
    [Buffer.from('504b0304aa', 'hex'), /a ZIP archive or an Excel workbook/],
    [Buffer.from('PAR1aaaa'), /Parquet/],
    [Buffer.from('\x93NUMPY\x01', 'latin1'), /NumPy array; give captures of vibration with --npy/],
    [Buffer.from([1, 2, 3, 0, 0, 0, 5, 6, 7, 8]), /zero bytes/],
    [Buffer.from('a,b\n0,5,1,5\n0,6,1,7\n'), /names 2 columns, and most rows have 4 cells; .* part the cells with ;/],
    [Buffer.from('a,b\n0,5,1\n0,6,1\n'), /names 2 columns, and most rows have 3 cells/],
  ] as const) {
    await t.rejects(read(t, bytes), { code: 'CSV_INVALID', message: words })
  }
  await t.rejects(openCsvTable(t.testdir()), { code: 'CSV_INVALID', message: /is a folder/ })
  await t.rejects(openCsvTable('/dev/null'), { code: 'CSV_INVALID', message: /a pipe or a device/ })
})

/** A float64 as a program may write it; `mark`: of the decimals. */
const written = (value: number, mark: string): string => String(value).replace('.', mark)

t.test('well-formed files read as the float64 they were written from', async t => {
  const value = fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.integer(),
    fc.double({ min: -1, max: 1, noNaN: true }),
  )
  const shape = fc.record({
    delimiter: fc.constantFrom(';', '\t', ','),
    lineEnd: fc.constantFrom('\n', '\r\n'),
    quoted: fc.boolean(),
    bom: fc.boolean(),
    comma: fc.boolean(),
    rows: fc.array(fc.tuple(value, value, value), { minLength: 3, maxLength: 12 }),
  })
  const property = fc.asyncProperty(shape, async ({ delimiter, lineEnd, quoted, bom, comma, rows }) => {
    const mark = comma && delimiter !== ',' ? ',' : '.'
    // Of 1,234 alone nobody can know what it means.
    const isClear = (x: number): boolean => mark === '.' || !/^-?[1-9]\d{0,2}\.\d{3}$/.test(String(x))
    fc.pre(rows.flat().every(isClear))
    const quote = (cell: string): string => (quoted ? `"${cell}"` : cell)
    const lines = rows.map(row => row.map(x => quote(written(x, mark))).join(delimiter))
    const text = `${bom ? '\ufeff' : ''}${[['a', 'b', 'c'].map(quote).join(delimiter), ...lines].join(lineEnd)}${lineEnd}`
    const content = await read(t, text, { timeColumn: undefined })
    t.same(content.rows.length, rows.length)
    const same = content.table.columns.every((name, i) =>
      rows.every((row, r) => Object.is(content.rows[r]![i]! + 0, row['abc'.indexOf(name)]! + 0)),
    )
    if (!same || content.table.columns.length + (content.table.timeColumn === undefined ? 0 : 1) !== 3)
      throw new Error(text)
  })
  await fc.assert(property, { seed: 11, numRuns: 150 })
})

t.test('no bytes whatever crash the reader', async t => {
  const piece = fc.constantFrom(
    ',',
    ';',
    '"',
    '\n',
    '\r\n',
    '1',
    '-',
    'a',
    '2024-01-01',
    ' ',
    '°',
    '1,5',
    '#',
    '\0',
    'NaN',
    '12:30',
  )
  const property = fc.asyncProperty(fc.array(piece, { maxLength: 60 }), async pieces => {
    try {
      const { rows } = await read(t, pieces.join(''))
      t.ok(rows.every(row => row.every(x => Number.isNaN(x) || Number.isFinite(x))))
    } catch (error) {
      t.match(error, { code: 'CSV_INVALID' })
    }
  })
  await fc.assert(property, { seed: 12, numRuns: 200 })
})
