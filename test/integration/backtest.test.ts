import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { DEFAULTS } from '../../agent/config/defaults.ts'
import { builtFile } from '../../agent/core/built.ts'
import type { FitData } from '../../agent/models/contract.ts'
import { stretchOf } from '../../agent/models/families/rows.ts'
import { scoreModel } from '../../agent/models/fit/combine.ts'
import { fitHealthy } from '../../agent/models/fit/fit.ts'
import { fitOptions, machine } from '../support/model-data.ts'

const ROWS = 1200
const FITTED = 600
const FAULT = { from: 900, to: 1100 }

function backtest(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const env = { ...process.env, NODE_OPTIONS: '' }
  return new Promise(resolve => {
    const child = execFile(process.execPath, [builtFile('main.js'), 'backtest', ...args], { env }, (_, out, err) =>
      resolve({ code: child.exitCode ?? -1, out, err }),
    )
  })
}

const data = machine(ROWS, 3, 11)
for (let row = FAULT.from; row < FAULT.to; row++) data.values[row * 3]! *= 1.15

/** A row a minute; a constant channel, one without a value, and labels. */
function recording(t: Test, name: string, rows = ROWS): string {
  const path = join(t.testdir(), name)
  const lines = ['time;c0;c1;c2;still;dead;fault']
  for (let row = 0; row < rows; row++) {
    const time = new Date(Date.UTC(2026, 0, 1) + row * 60_000).toISOString()
    const cells = [0, 1, 2].map(c => data.values[row * 3 + c])
    lines.push(`${time};${cells.join(';')};5;;${row >= FAULT.from && row < FAULT.to ? 1 : 0}`)
  }
  writeFileSync(path, `${lines.join('\n')}\n`)
  return path
}

interface Row {
  row: number
  time: string
  score: number
  setpoint: number
  alarm: number
}

function rowsOf(path: string): Row[] {
  const [head, ...lines] = readFileSync(path, 'utf8').trimEnd().split('\n')
  t.equal(head, 'row,time,score,setpoint,alarm')
  return lines.map(line => {
    const [row, time, score, setpoint, alarm] = line.split(',')
    return { row: Number(row), time: time!, score: Number(score), setpoint: Number(setpoint), alarm: Number(alarm) }
  })
}

t.test('scores as the fit says, alarms after delays, metrics from the labels, nothing from the future', async t => {
  const path = recording(t, 'run.csv')
  const cut = join(t.testdirName, 'cut.csv')
  writeFileSync(cut, `${readFileSync(path, 'utf8').split('\n').slice(0, 1001).join('\n')}\n`)
  const [out, json, plot] = ['out', 'out.json', 'out.svg'].map(name => join(t.testdirName, name)) as [
    string,
    string,
    string,
  ]
  const args = ['--no-rebaseline', '--fit-rows', `0:${FITTED}`, '--ignore', 'dead,nowhere', '--label', 'fault']
  const run = await backtest('--csv', path, '--csv', cut, ...args, '--out', out, '--json', json, '--plot', plot)
  t.equal(run.code, 0, run.err)
  t.match(run.err, /run: still never moved/)
  t.match(run.out, /EVENTS.*\n *run +600 .* 1\/1 .*\n *cut +400/)

  const rows = rowsOf(join(out, 'run.csv'))
  t.equal(rows.length, ROWS - FITTED)
  t.same(rows[0], { ...rows[0], row: FITTED, time: '2026-01-01T10:00:00.000Z', setpoint: 1 })
  const { model } = fitHealthy(withStill(0, FITTED), { ...fitOptions, ...DEFAULTS.model }).fit
  const all = { ...withStill(0, ROWS), channels: 4 }
  const reference = scoreModel(model, stretchOf(all, model.standard)).slice(-rows.length)
  const worst = Math.max(...rows.map(({ score }, i) => Math.abs(score - reference[i]!) / Math.max(1, reference[i]!)))
  t.ok(worst < 1e-4, `relative difference to the float64 reference ${worst}`)

  // The model's own delay, in rows, after the first score beyond, and never before the fault.
  const report = JSON.parse(readFileSync(json, 'utf8'))
  const { onRows } = report.recordings[0].delays
  const beyond = rows.find(row => row.row >= FAULT.from && row.score >= 1)!.row
  const first = rows.find(row => row.alarm === 1)!.row
  t.ok(first >= beyond + onRows && first < beyond + onRows + 20, `first beyond at ${beyond}, alarm at ${first}`)
  t.same(rowsOf(join(out, 'cut.csv')), rows.slice(0, 400), 'a shorter recording gives the same rows')

  t.match(report.recordings[0], {
    name: 'run',
    firstRow: FITTED,
    model: { family: 'var', fittedRows: FITTED },
    alarm: { events: [{ fromRow: FAULT.from, toRow: FAULT.to - 1, delayRows: first - FAULT.from }], falseEpisodes: 0 },
  })
  t.match(report.recordings[0].alarms[0], { row: first, text: /^c0 .* \(c0 \d+ %/ })
  t.ok(report.curves.aucRoc > 0.95 && report.alarm.recall > 0.5)
  t.match(readFileSync(plot, 'utf8'), /<svg .*polyline.*<\/svg>\n$/s)

  // Rows are a minute apart.
  const slow = await backtest('--csv', path, '--on-delay', '10h', ...args, '--out', join(t.testdirName, 'slow.csv'))
  t.match(
    slow.err,
    /the score exceeds the setpoint for \d+ rows in a row, and no alarm: the on-delay is 600 rows; --on-delay tries another/,
  )
})

t.test('re-baselined between rows: a shorter recording still gives the same rows', async t => {
  const path = recording(t, 'run.csv')
  const cut = join(t.testdirName, 'cut.csv')
  writeFileSync(cut, readFileSync(path, 'utf8').split('\n').slice(0, 851).join('\n'))
  const [out, json] = [join(t.testdirName, 'out'), join(t.testdirName, 'out.json')]
  const args = ['--fit-rows', '0:300', '--ignore', 'dead', '--family', 'var', '--out', out, '--json', json]
  const run = await backtest('--csv', path, '--csv', cut, ...args)
  t.equal(run.code, 0, run.err)
  const [whole, short] = JSON.parse(readFileSync(json, 'utf8')).recordings
  t.match(whole.rebaselines[0], { row: 600, accepted: true, drift: [{}, {}, {}, {}] })
  t.same(short.rebaselines, whole.rebaselines.slice(0, short.rebaselines.length))
  const rows = rowsOf(join(out, 'run.csv'))
  t.same(rowsOf(join(out, 'cut.csv')), rows.slice(0, 550))
  t.equal(rows.length, 900)
})

t.test('a recording that lacks a channel of its baseline is scored by a model without it', async t => {
  const path = recording(t, 'base.csv')
  const lacking = join(t.testdirName, 'lacking.csv')
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
  writeFileSync(lacking, lines.map(line => line.split(';').toSpliced(2, 1).join(';')).join('\n'))
  const [out, json] = [join(t.testdirName, 'out.csv'), join(t.testdirName, 'out.json')]
  const args = [
    '--fit',
    path,
    '--csv',
    lacking,
    '--ignore',
    'dead,fault',
    '--family',
    'var',
    '--out',
    out,
    '--json',
    json,
  ]
  const run = await backtest(...args)
  t.equal(run.code, 0, run.err)
  t.match(run.err, /fitted without c1, which it lacks/)
  t.same(JSON.parse(readFileSync(json, 'utf8')).recordings[0].model.channels, ['c0', 'c2', 'still'])
  t.equal(rowsOf(out).length, ROWS)
})

t.test('a baseline of a handful of rows is fitted, with a warning; below that the least is named', async t => {
  const path = recording(t, 'run.csv', 1_150)
  const [out, json] = [join(t.testdirName, 'out.csv'), join(t.testdirName, 'out.json')]
  const fit = (rows: string, ...more: string[]) =>
    backtest('--csv', path, '--fit-rows', rows, '--ignore', 'fault', '--out', out, '--json', json, ...more)
  for (const [rows, family, words] of [
    ['0:8', 'levels', /8 rows are too few to check one half of the baseline against the other/],
    ['0:40', 'var', /40 rows are too few to check/],
    ['0:70', 'var', /too few rows to check one half/],
  ] as const) {
    const run = await fit(rows)
    t.equal(run.code, 0, run.err)
    t.match(run.err, words)
    const [report] = JSON.parse(readFileSync(json, 'utf8')).recordings
    t.match(report, { model: { family }, sufficiency: { enough: false } })
    t.ok(report.warnings.some((warning: string) => words.test(warning)))
    t.equal(rowsOf(out).length, 1_150 - Number(rows.slice(2)))
  }
  const smaller = await fit('0:40', '--family', 'var')
  t.equal(smaller.code, 0)
  t.match(
    smaller.err,
    /40 rows of 4 channels are too few for var that looks back on 5 rows .* fitted a model of family var instead/,
  )
  const none = await fit('0:7', '--family', 'var')
  t.equal(none.code, 5)
  t.match(
    none.err,
    /7 rows are there; it takes 8 at the least.* Tried: var that looks back on 5 .*; the smallest model of any family\. Name more rows/,
  )
})

t.test('a file that cannot be read or written has its exit code, a model that is none another', async t => {
  const path = recording(t, 'run.csv', 700)
  const none = join(t.testdirName, 'none')
  const junk = join(t.testdirName, 'junk.onnx')
  const copy = join(t.testdirName, 'copy.csv')
  writeFileSync(junk, 'junk')
  writeFileSync(copy, readFileSync(path))
  const out = join(t.testdirName, 'out.csv')
  const fit = ['--fit-rows', '0:600']
  for (const [args, code, words] of [
    [['--csv', none, '--out', out, ...fit], 3, /none.*\[CSV_INVALID\]/],
    [['--csv', path, '--out', out, '--model', none], 3, /cannot read .*none.*\[FILE_UNREADABLE\]/],
    [['--csv', path, '--out', out, '--model', t.testdirName], 3, /cannot read .*\[FILE_UNREADABLE\]/],
    [['--csv', path, '--out', out, '--model', junk], 5, /junk.onnx.*\[MODEL_UNREADABLE\]/],
    [
      ['--csv', path, '--out', join(junk, 'out.csv'), ...fit],
      3,
      /cannot write .*there is no folder .*\[FILE_UNWRITABLE\]/,
    ],
    [['--csv', path, '--out', t.testdirName, ...fit], 3, /is a folder, and with one recording --out is a file/],
    [['--csv', path, '--out', out, '--json', t.testdirName, ...fit], 3, /it is a folder; name a file/],
    [['--csv', path, '--csv', copy, '--out', join(junk, 'out'), ...fit], 3, /junk.onnx is no folder/],
  ] as const) {
    const run = await backtest(...args)
    t.equal(run.code, code, run.err)
    t.match(run.err, words)
  }
})

t.test('what cannot be done is said, with the exit code of wrong usage', async t => {
  const path = recording(t, 'run.csv', 700)
  const out = join(t.testdirName, 'out.csv')
  for (const [args, words] of [
    [['--out', out], /name recordings with --csv FILE, or captures with --npy FILE/],
    [['--npy', path, '--out', out, '--fit-captures', '0:9'], /captures need --rate HZ and --interval SECONDS/],
    [['--csv', path, '--out', out, '--fit-rows', '0:9', '--family', 'bands'], /give them with --npy FILE/],
    [['--csv', path, '--out', out], /one of --fit-rows A:B, --fit FILE and --model FILE/],
    [['--csv', path, '--out', path, '--fit-rows', '0:600'], /run.csv is named twice, to be written/],
    [['--csv', path, '--out', out, '--json', out, '--fit-rows', '0:600'], /out.csv is named twice/],
    [
      ['--csv', path, '--out', out, '--fit-rows', '0:900'],
      /has 700 rows: a baseline of --fit-rows 0:900 leaves none to score/,
    ],
    [['--csv', path, '--out', out, '--fit-rows', '0:'], /a baseline of --fit-rows 0: leaves none/],
    [['--csv', path, '--out', out, '--fit-rows', '0:90', '--start-row', '700'], /none of them from --start-row 700 on/],
    [
      ['--csv', path, '--out', out, '--fit-rows', '0:600', '--label', 'nix'],
      /no column nix for labels; it has time, c0/,
    ],
  ] as const) {
    const { code, err } = await backtest(...args)
    t.equal(code, 2)
    t.match(err, words)
  }
})

/** The recording's usable channels c0, c1, c2, still as rows to fit. */
function withStill(from: number, to: number): FitData {
  const values = Float64Array.from({ length: (to - from) * 4 }, (_, i) =>
    i % 4 === 3 ? 5 : data.values[(from + Math.floor(i / 4)) * 3 + (i % 4)]!,
  )
  const breaks = new Uint8Array(to - from)
  breaks[0] = 1
  const channels = ['c0', 'c1', 'c2', 'still'].map(id => ({ id, unit: '1' }))
  return { values, rows: to - from, breaks, channels, fromUs: 0, toUs: 1, source: 'test' }
}
