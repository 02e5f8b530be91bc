import { writeFileSync } from 'node:fs'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import type { CsvTable } from '../../../agent/decode/contract.ts'
import { cellsOf } from '../../../agent/decode/csv-cells.ts'
import { openCsvTable } from '../../../agent/decode/csv-table.ts'

const NAN = Number.NaN

function file(t: Test, text: string | Uint8Array): string {
  const path = `${t.testdir()}/table.csv`
  writeFileSync(path, text)
  return path
}

async function read(table: CsvTable): Promise<{ times: number[]; rows: number[][] }> {
  const times: number[] = []
  const rows: number[][] = []
  for await (const block of table.rows()) {
    times.push(...block.timesUs)
    for (let row = 0; row < block.rows; row++) {
      rows.push([...block.values.subarray(row * table.columns.length, (row + 1) * table.columns.length)])
    }
  }
  return { times, rows }
}

t.test('semicolons, CRLF, BOM, quotes, empty cells; ignored and text columns are left out', async t => {
  const text = [
    '\uFEFFdatetime;"Volume Flow; RMS";note;p;anomaly',
    '2020-03-09 10:14:33;"1.5";ok;;0',
    '',
    '2020-03-09 10:14:34;"2,5";"say ""hi""; twice";x;1',
    '2020-03-09 10:14:36;3;;NaN;1',
    'soon;3;;1;1',
    '2020-03-09 10:14:37;4;;2.5;1',
  ].join('\r\n')
  const table = await openCsvTable(file(t, text), { ignore: ['anomaly', 'nowhere'] })
  t.same(table.columns, ['Volume Flow; RMS', 'p'])
  t.equal(table.timeColumn, 'datetime')
  t.same(table.skipped, ['note', 'anomaly'])
  const { times, rows } = await read(table)
  const zero = Date.UTC(2020, 2, 9, 10, 14, 33) * 1000
  t.same(
    times.map(us => (us - zero) / 1e6),
    [0, 1, 3, 4],
  )
  t.same(rows, [
    [1.5, NAN],
    [2.5, NAN],
    [3, NAN],
    [4, 2.5],
  ])
  t.equal(table.badCells, 1, 'x; empty and NaN are not bad')
  t.equal(table.badRows, 1, 'the row with the unreadable time')
})

t.test('times: epochs by magnitude, seconds since the start, none at all, a column that is named', async t => {
  const times = async (text: string, options = {}): Promise<number[]> =>
    (await read(await openCsvTable(file(t, text), options))).times
  t.same(await times('timestamp,v\n1764000000,1\n1764000001,2\n'), [1_764_000_000_000_000, 1_764_000_001_000_000])
  t.same(await times('t,v\n1764000000123,1\n'), [1_764_000_000_123_000])
  t.same(await times('Time,v\n0,1\n0.1,2\n'), [0, 100_000])
  t.same(await times('a,b\n5,1\n6,2\n'), [0, 1_000_000])
  t.same(await times('x\tv\n2020-03-09T10:14:33Z\t1\n'), [Date.UTC(2020, 2, 9, 10, 14, 33) * 1000])
  t.same(await times('time,when,v\n7,1764000000,1\n', { timeColumn: 'when' }), [1_764_000_000_000_000])
})

t.test('many rows come in blocks of at most 4096, the same at each reading', async t => {
  const lines = Array.from({ length: 10_000 }, (_, i) => `${i},${i * 2}`)
  const table = await openCsvTable(file(t, `time,v\n${lines.join('\n')}\n`))
  const sizes: number[] = []
  for await (const block of table.rows()) sizes.push(block.rows)
  t.same(sizes, [4096, 4096, 1808])
  t.equal((await read(table)).rows[9999]?.[0], 19_998)
})

t.test('a last line that was cut off is left out and counted', async t => {
  const table = await openCsvTable(file(t, 'time,a,b\n1764000000,1,2\n1764000001,1'))
  t.equal((await read(table)).rows.length, 1)
  t.equal(table.badRows, 1)
})

t.test('a quoted cell may hold a line end', async t => {
  const table = await openCsvTable(file(t, 'note,v\n"two\nlines",1\nx,2\n'))
  t.same((await read(table)).rows, [[1], [2]])
})

t.test('what is no such table is refused with file and line', async t => {
  for (const [text, words] of [
    ['', /line 1: the file is empty/],
    ['1,3\n3,4\n', /line 1: a header row/],
    ['2026-01-01 00:00:00,3,4\n2026-01-01 00:00:01,3,4\n', /line 1: a header row/],
    ['a,a\n1,2\n', /line 1: column "a" occurs twice/],
    ['a,b\nx,y\n', /line 1: no column of numbers/],
    [`a,b\n"${'x'.repeat(2_000_000)}`, /line 2: longer than/],
  ] as const) {
    await t.rejects(openCsvTable(file(t, text)), { code: 'CSV_INVALID', message: words })
  }
  await t.rejects(openCsvTable(file(t, 'a,b\n1,2\n'), { timeColumn: 'c' }), {
    code: 'CSV_INVALID',
    message: /no column "c"/,
  })
  await t.rejects(openCsvTable(`${t.testdir()}/none.csv`), { code: 'CSV_INVALID', message: /cannot be read/ })
  const table = await openCsvTable(file(t, 'a,b\n1,2\n3\n4,5\n'))
  await t.rejects(read(table), { code: 'CSV_INVALID', message: /line 3: 1 cells where the header has 2/ })
})

t.test('columns may be counted instead of named, as data frames do', async t => {
  for (const [header, columns] of [
    ['0,1,2', ['0', '1', '2']],
    ['1,2,3', ['1', '2', '3']],
    [',0,1', ['0', '1']],
  ] as const) {
    const table = await openCsvTable(file(t, `${header}\n7,8,9\n7,8,9\n`))
    t.same(table.columns, columns, header)
  }
})

t.test('cells survive quoting', async t => {
  const cell = fc.string({ maxLength: 12 }).filter(text => !/[\r\n]/.test(text))
  const property = fc.property(fc.array(cell, { minLength: 1, maxLength: 6 }), cells => {
    const line = cells.map(text => `"${text.replaceAll('"', '""')}"`).join(';')
    t.same(cellsOf(line, ';'), cells)
  })
  t.doesNotThrow(() => fc.assert(property, { seed: 4 }))
})
