import { execFile } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readLearnRows, slugOf } from '../../../agent/cli/learn-rows.ts'
import { builtFile } from '../../../agent/core/built.ts'
import { parseModelFile } from '../../../agent/models/file/model-file.ts'
import { machine } from '../../support/model-data.ts'

const all = { ignore: [], from: 0, to: Number.POSITIVE_INFINITY, channels: new Map(), units: new Map() }
const noHeader = 'time;Volume Flow;Current\n'

function csv(lines: readonly string[], header = noHeader): string {
  const path = join(t.testdir(), 'rows.csv')
  writeFileSync(path, header + lines.map(line => `${line}\n`).join(''))
  return path
}
const at = (second: number): string => new Date(1_700_000_000_000 + 1000 * second).toISOString()

interface Run {
  code: number
  out: string
  err: string
}
/** The built command, alone, as `wearwatch learn` runs it. */
function learn(...args: string[]): Promise<Run> {
  const script = `import(${JSON.stringify(builtFile('cli/learn.js'))}).then(m => m.learnCommand().exitOverride(() => process.exit(2)).parseAsync(process.argv.slice(1), { from: 'user' }))`
  return new Promise(resolve => {
    const child = execFile(process.execPath, ['--input-type=module', '-e', script, '--', ...args], (_, out, err) =>
      resolve({ code: child.exitCode ?? -1, out, err }),
    )
  })
}

t.test('rows: a gap in time and an incomplete row end what came before; a skipped beat does not', async t => {
  const seconds = [0, 1, 2, 4, 5, 6, 30, 31, 32, 33]
  const path = csv(seconds.map((second, i) => `${at(second)};${i === 4 ? '' : 10 + i};${i}`))
  const { data, everyMs, incomplete, gaps } = await readLearnRows(path, all)
  t.same(data.channels, [
    { id: 'volume-flow', unit: '' },
    { id: 'current', unit: '' },
  ])
  t.same([...data.breaks], [1, 0, 0, 0, 1, 1, 0, 0, 0])
  t.same([...data.values.subarray(0, 4)], [10, 0, 11, 1])
  t.equal(data.rows, 9)
  t.match({ everyMs, incomplete, gaps }, { everyMs: 1000, incomplete: 1, gaps: 1 })
  t.equal(data.fromUs, 1_700_000_000_000_000)
})

t.test('rows: a part of the file, columns by name in the order asked for, with units', async t => {
  const path = csv(Array.from({ length: 9 }, (_, i) => `${at(i)};${10 + i};${i}`))
  const { data, skipped } = await readLearnRows(path, {
    ...all,
    from: 2,
    to: 5,
    channels: new Map([
      ['i', 'Current'],
      ['flow', 'Volume Flow'],
    ]),
    units: new Map([['flow', 'm3/h']]),
  })
  t.same(data.channels, [
    { id: 'i', unit: '' },
    { id: 'flow', unit: 'm3/h' },
  ])
  t.same([...data.values], [2, 12, 3, 13, 4, 14])
  t.same(skipped, [])
  await t.rejects(readLearnRows(path, { ...all, channels: new Map([['x', 'Pressure']]) }), {
    code: 'USAGE',
    message: /has no column Pressure; it has Volume Flow, Current/,
  })
  await t.rejects(readLearnRows(path, { ...all, units: new Map([['amps', 'A']]) }), { code: 'USAGE', message: /amps/ })
  t.equal(slugOf(' °C #1 '), 'c-1')
})

const recorded = machine(500, 3, 4)
const lines = Array.from(
  { length: 500 },
  (_, r) => `${at(r)};${[...recorded.values.subarray(r * 3, r * 3 + 3)].join(';')}`,
)

t.test('the command writes a model that a scorer child has tested', async t => {
  const path = csv(lines, 'time;flow;suction;current\n')
  const out = join(t.testdir(), 'p-101.onnx')
  const args = ['--csv', path, '--out', out, '--rows', '0:400', '--unit', 'flow=m3/h', '--order', '2', '--mean', '4']
  const { code, out: text, err } = await learn(...args)
  t.equal(code, 0, err)
  t.match(text, /rows +400 .*\nchannels +flow \[m3\/h\], suction, current\n/)
  t.match(text, /self-test passed on the CPU/)
  const { manifest } = parseModelFile(readFileSync(out), 'file')
  t.match(manifest, { name: 'p-101', samples: 6, everyMs: 1000, fitted: { rows: 400 } })
  t.equal(existsSync(`${out}.new`), false)

  const json = JSON.parse((await learn(...args, '--json')).out)
  t.match(json, { out, manifest: { name: 'p-101' }, selfTest: { ok: true }, warnings: [] })
})

t.test('a family that is asked for, delays of a model file and of its family, and what too few rows give', async t => {
  const path = csv(lines.slice(0, 200), 'time;flow;suction;current\n')
  const args = ['--csv', path, '--out', join(t.testdir(), 'a.onnx')]
  const { code, out: text, err } = await learn(...args, '--family', 'aakr')
  t.equal(code, 0, err)
  t.match(text, /family +aakr, windows of 1 row: as configured/)
  t.match(text, /delays +on 10min, off 30min: the defaults .* of the family instead, 5 and 30 rows \(5s and 30s\)/)
  const json = JSON.parse((await learn(...args, '--rows', '0:40', '--json')).out)
  t.match(json, {
    manifest: { family: 'var', samples: 3 },
    sufficiency: { enough: false },
    familyDelays: { on: 15, off: 30 },
  })
  t.match(await learn(...args, '--family', 'bands'), {
    code: 2,
    err: /Allowed choices are auto, var, aakr, autoencoder/,
  })
})

t.test('the command says what is wrong and ends with the documented code', async t => {
  const path = csv(lines.slice(0, 7), 'time;flow;suction;current\n')
  const out = join(t.testdir(), 'p.onnx')
  t.match(await learn('--csv', path, '--out', out), { code: 5, err: /7 rows are there.*\[FIT_INSUFFICIENT\]/ })
  t.match(await learn('--csv', '/nowhere.csv', '--out', out), { code: 3, err: /\/nowhere\.csv.*\[CSV_INVALID\]/ })
  t.match(await learn('--csv', path, '--out', out, '--rows', '5:2'), { code: 2, err: /expected A:B/ })
  t.equal(existsSync(out), false)
})

t.test('options that a model cannot be made of are refused, and nothing stays behind', async t => {
  const path = csv(lines.slice(0, 40), 'time;flow;suction;current\n')
  const refused = (...args: string[]) => learn('--csv', path, '--out', join(path, '..', 'p.onnx'), ...args)
  const twice = await refused('--channel', 'a=flow', '--channel', 'a=current')
  t.match(twice, { code: 2, err: /a is given twice/ })
  t.match(await refused('--channel', 'Current=current'), { code: 2, err: /small letters.*write current/ })
  t.match(await refused('--unit', 'flow=rpm'), { code: 2, err: /unknown unit "rpm"; did you mean "1\/min"/ })
  t.match(await refused('--rows', '50:60'), { code: 2, err: /begins at row 50, but .* has 40 rows/ })
  t.notMatch((await learn('--help')).out, /default: \{\}/)
  const dir = t.testdir({ out: {} })
  const long = csv(lines, 'time;flow;suction;current\n')
  const args = ['--order', '2', '--mean', '4']
  t.match(await learn('--csv', long, '--out', join(dir, 'out'), ...args), {
    code: 3,
    err: /choose another --out \[FILE_UNWRITABLE\]/,
  })
  t.equal(existsSync(join(dir, 'out.new')), false)
})
