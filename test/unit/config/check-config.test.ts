import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { parse } from 'yaml'
import { checkConfigCommand } from '../../../agent/cli/check-config.ts'
import { withParts } from '../../support/config-io.ts'

async function run(t: Test, ...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const before = process.exitCode
  const out = t.capture(process.stdout, 'write', () => true)
  const err = t.capture(process.stderr, 'write', () => true)
  await checkConfigCommand().parseAsync(args, { from: 'user' })
  const text = (capture: typeof out): string =>
    capture()
      .map(call => String(call.args[0]))
      .join('')
  const result = { code: Number(process.exitCode), out: text(out), err: text(err) }
  out.restore()
  err.restore()
  process.exitCode = before
  return result
}

const SERIAL = `sources:
  daq: {serial: {path: /dev/ttyUSB0, baud: 921600, frame: cobs-crc16}}
assets:
  m-204: {source: daq, machine: {power: 55kW, group: 5}, channels: {de-h: {unit: g, waveform: int16, rate: 25.6kHz, capture: {length: 5s, every: 10min}}}}
uplink: {mqtt: {url: "mqtt://broker", username: u, password: {file: broker.pw}}}`

t.test('a good file: effective configuration as YAML, line load, warnings, exit 0', async t => {
  const dir = t.testdir({ 'ww.yaml': withParts(SERIAL), 'broker.pw': 'geheim\n' })
  const { code, out, err } = await run(t, `${dir}/ww.yaml`)
  t.equal(code, 0)
  t.equal(err, '')
  t.match(parse(out), {
    version: 1,
    sources: { daq: { serial: { baud: 921600, 'frame-max': '16KiB' } } },
    assets: {
      'm-204': {
        learn: { running: '1d', rebaseline: 'daily' },
        channels: { 'de-h': { unit: 'g', rate: 25600, capture: { length: '5s', every: '10min' } } },
      },
    },
    uplink: { mqtt: { password: '***' } },
    storage: { dir: '/var/lib/wearwatch' },
  })
  t.match(out, /^# line load {2}daq: .* 512,000 baud, with framing 522,500 baud; the line has 921,600 \(57 %\)$/m)
  t.match(out, /^# warning .*ww.yaml:\d+ {2}assets.m-204.machine.group {2}group: expected 1 .*20816/m)
  t.match(out, /^# ok: 1 asset\(s\), 1 channel\(s\), from daq \(serial\); \d warning\(s\)$/m)
  t.notMatch(out, /geheim/)
})

t.test('a bad file: file:line  path  message, the hint below, exit 3', async t => {
  const dir = t.testdir({ 'ww.yaml': withParts('log: {level: loud}\nspam: 1') })
  const { code, out } = await run(t, `${dir}/ww.yaml`)
  t.equal(code, 3)
  t.equal(
    out,
    [
      `${dir}/ww.yaml:8  log.level  expected one of debug, info, warn, error, silent, got the text "loud"`,
      `${dir}/ww.yaml:9  spam  unknown key "spam"`,
      '     known here: version, gateway, sources, types, assets, uplink, webhooks, storage, scorer, sync, control, log',
      `2 errors in ${dir}/ww.yaml; the agent would not start`,
      '',
    ].join('\n'),
  )
})

t.test('--json', async t => {
  const dir = t.testdir({ 'good.yaml': withParts(''), 'bad.yaml': withParts('log: {level: loud}') })
  const good = await run(t, '--json', `${dir}/good.yaml`)
  t.equal(good.code, 0)
  t.match(JSON.parse(good.out), {
    ok: true,
    file: `${dir}/good.yaml`,
    warnings: [],
    lineLoads: [],
    config: { version: 1 },
  })
  const bad = await run(t, '--json', `${dir}/bad.yaml`)
  t.equal(bad.code, 3)
  t.match(JSON.parse(bad.out), { ok: false, issues: [{ line: 8, path: 'log.level' }] })
})

t.test('rows that a fit needs, where the file does not say how often they come', async t => {
  const learns = (every: string): string =>
    withParts(
      `assets: {p-1: {source: plant, topic: a, ${every} learn: {running: 1min}, channels: {flow: {unit: m3/h}}}}`,
    )
  const dir = t.testdir({
    'open.yaml': learns(''),
    'short.yaml': learns('every: 1s,'),
    'good.yaml': learns('every: 100ms,'),
  })
  const open = await run(t, `${dir}/open.yaml`)
  t.equal(open.code, 0)
  t.match(open.out, /^# baseline {3}p-1: a fit needs at least 155 rows; write "every"/m)
  const short = await run(t, `${dir}/short.yaml`)
  t.equal(short.code, 0)
  t.match(
    short.out + short.err,
    /short.yaml:\d+ {2}assets.p-1.learn.running {2}1min at a row every 1s are 61 rows, too few/,
  )
  const good = await run(t, `${dir}/good.yaml`)
  t.equal(good.code, 0)
  t.notMatch(good.out, /# baseline/)
})

t.test('--schema prints what editors read', async t => {
  const { code, out } = await run(t, '--schema')
  t.equal(code, 0)
  t.equal(out, readFileSync('docs/schemas/config.schema.json', 'utf8'))
})

t.test('no file', async t => {
  const { code, out, err } = await run(t, '/nonexistent/ww.yaml')
  t.equal(code, 3)
  t.equal(out, '')
  t.equal(
    err,
    'wearwatch: cannot read the configuration /nonexistent/ww.yaml: it does not exist; create it (docs/config.md) or name another file [CONFIG_UNREADABLE]\n',
  )
})

t.test('files that are not there are warned about; a storage folder that can never be one is refused', async t => {
  const dir = t.testdir({
    'ww.yaml': withParts(`sources: {rec: {replay: {files: [a.csv, b.csv]}}}
assets: {p: {source: rec, model: {file: gone.onnx}, channels: {flow: {unit: m3/h}}}}
storage: {dir: data/below}
control: {socket: /tmp/ww.sock}`),
    'bad.yaml': withParts('storage: {dir: a.csv/below}'),
    'a.csv': 'time,flow\n',
  })
  const good = await run(t, `${dir}/ww.yaml`)
  t.equal(good.code, 0)
  t.match(good.out, /sources.rec.replay.files {2}.*\/b.csv does not exist/)
  t.notMatch(good.out, /a.csv does not exist/)
  t.match(good.out, /assets.p.model.file {2}.*\/gone.onnx does not exist/)
  const bad = await run(t, `${dir}/bad.yaml`)
  t.equal(bad.code, 3)
  t.match(bad.out, /storage.dir {2}.*\/a.csv is no folder/)
})
