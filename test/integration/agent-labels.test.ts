// What an alarm was: past alarms listed, shown and labelled in the built daemon, over a restart and a kill.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { AlarmCaseDetails, AlarmCaseView, LabelReport } from '../../agent/http/contract.ts'
import { startDaemon, wearwatch } from '../support/daemon.ts'
import { Plant, PlantLink, plantConfig, recently, type Status } from '../support/plant.ts'
import { aedesBroker } from '../support/uplink-brokers.ts'
import { listen } from '../support/uplink-parts.ts'
import { until } from '../support/waiting.ts'

interface Window {
  rows: number
  from: string
  to: string
  channels: unknown
  samples: { path: string; sha256: string }
  times: { path: string; sha256: string }
}

t.test('alarms that were are listed, shown and labelled, also after a kill', async t => {
  const whole = t
  const broker = await aedesBroker()
  t.teardown(() => broker.close())
  const ear = await listen(broker.url, 'wearwatch/v1/hall/gw-1/#')
  t.teardown(() => ear.end())
  const alerts = (): Record<string, unknown>[] =>
    ear.heard.filter(({ topic }) => topic.includes('/alert/')).map(({ text }) => JSON.parse(text))
  const count = (transition: string): number => alerts().filter(a => a.transition === transition).length

  const storage = 'storage: {dir: data, black-box: {before: 4s, after: 4s}}'
  const commands = '{allow: [label], unsigned: [label]}'
  const uplink = `uplink: {mqtt: {url: "mqtt://127.0.0.1:${broker.port}"}, commands: ${commands}}`
  const config = plantConfig({ port: broker.port, learn: 1000, more: `${storage}\n${uplink}` })
  let daemon = await startDaemon(t, config)
  const ask = (...args: string[]) => wearwatch([...args, '--socket', daemon.socket])
  const history = async (...args: string[]): Promise<AlarmCaseView[]> =>
    JSON.parse((await ask('alarms', 'history', ...args, '--json')).out)
  const up = (): Promise<void> =>
    until(async () => (await daemon.ask<Status>('/v1/status')).sources[0]!.state === 'up', 'the source to be up')
  await up()
  const plant = new Plant('p-1', 5, recently())
  const link = await PlantLink.open(broker.port)
  t.teardown(() => link.close())

  t.match(await ask('alarms', 'history'), { code: 0, out: 'no alarms kept that match\n' })
  t.match(await ask('alarms', 'show', '01JD3Q8Z6V0Y0'), { code: 5, err: /no alarm 01JD3Q8Z6V0Y0 .*NOT_FOUND/ })
  await link.send(plant, 60)
  for (let episode = 1; episode <= 2; episode++) {
    await link.send(plant, 2, 'burst')
    await until(() => count('raised') === episode, `alarm ${episode}`)
    await link.send(plant, 10)
    await until(() => count('cleared') === episode, `its end`)
  }
  const [second, first] = await history('P-1')
  t.match(first, { standing: false, rule: 'pressure.max', test: false, value: 10, setpoint: 9 })
  t.match(second, { standing: true, isaState: 'RtnUnacknowledged' })
  t.same(await history('--until', first!.raised), [])
  t.same((await history('--since', second!.raised)).length, 1)

  await t.test('labelled while it stands, and afterwards', async t => {
    const label = await ask('alarms', 'label', second!.id, 'confirmed', '--by', 'kim', '--note', 'valve stuck')
    t.match(label, { code: 0, out: /pressure.max: confirmed by kim \(operator\): valve stuck/ })
    t.match(await ask('alarms', 'ack', second!.id, '--by', 'kim'), { code: 0 })
    const report = JSON.parse(
      (await ask('alarms', 'label', first!.id.toLowerCase(), 'expected', '--by', 'ann', '--json')).out,
    ) as LabelReport
    t.match(report.alarm, { id: first!.id, labelled: { label: 'expected', by: 'ann' } })
    await until(() => count('labelled') === 2, 'both labels upstream')
    t.match(
      alerts().filter(a => a.transition === 'labelled'),
      [
        { id: second!.id, label: 'confirmed', note: 'valve stuck', by: 'kim', actor: 'operator', acked: false },
        { id: first!.id, label: 'expected', active: false, isaState: 'Normal' },
      ],
    )
    t.match(await history('--verdict', 'confirmed'), [{ id: second!.id, acknowledged: { by: 'kim' } }])
    t.match(await ask('alarms'), { code: 0, out: 'no alarms standing\n' }, 'a label raises nothing again')
    t.match(await ask('alarms', 'label', first!.id, 'maybe'), { code: 2 })
    t.match(await ask('alarms', 'history', '--verdict', 'maybe'), { code: 2 })
  })

  await t.test('after a kill right behind a label', async t => {
    const relabel = await ask('alarms', 'label', first!.id, 'false', '--by', 'kim', '--note', 'gauge was tapped')
    t.match(relabel, { code: 0, out: /false by kim \(operator\): gauge was tapped/ })
    t.match(
      relabel.out,
      /^proposal {2}setpoint 10.5 instead of 9 for pressure.max: this alarm would have stayed quiet$/m,
    )
    t.match(relabel.out, new RegExp(`^effect    CONFIRMED ALARMS WOULD BE MISSED: ${second!.id}$`, 'm'))
    t.match(relabel.out, /^effect {4}of 2 alarm\(s\) of this rule that are kept, 0 would still have alarmed$/m)
    t.match(
      relabel.out,
      /^to apply {2}assets: \{p-1: \{channels: \{pressure: \{max: 10.5\}\}\}\}\nnothing is changed by itself$/m,
    )
    await daemon.stop('SIGKILL')
    daemon = await startDaemon(whole, config, { dir: daemon.dir })
    t.match(await history(), [
      { id: second!.id, labelled: { label: 'confirmed' } },
      { id: first!.id, labelled: { label: 'false', note: 'gauge was tapped', by: 'kim' } },
    ])
    const shown = JSON.parse((await ask('alarms', 'show', first!.id, '--json')).out) as AlarmCaseDetails
    t.same(
      shown.events.map(({ transition }) => transition),
      ['raised', 'cleared', 'superseded', 'labelled', 'labelled'],
    )
    t.match(shown, { evidence: [{ channel: 'pressure', value: 10, baseline: 9, unit: 'bar' }], standing: false })
    const text = await ask('alarms', 'show', first!.id)
    t.match(text.out, /label {4}false by kim \(operator\): gauge was tapped/)
    t.match(text.out, /pressure +value +10 bar +9 bar +100 %/)
    const rows = /wearwatch history (.*)$/m.exec(text.out)![1]!.split(' ')
    const around = await ask('history', ...rows, '--csv')
    t.match(around.out, /,10\n/, 'its rows are where it says')
    t.match((await ask('alarms', 'history')).out, /ID +P +RAISED +CLEARED +ACKNOWLEDGED +LABEL +ASSET/)
  })

  await t.test('labelled windows are exported whole, beside healthy time, or not at all', async t => {
    const out = join(daemon.dir, 'set')
    const none = await ask('dataset', 'export', '--out', out, '--label', 'expected')
    t.match(none, { code: 5, err: /no alarm is kept that is labelled so/ })
    t.match(await ask('dataset', 'export', '--out', daemon.dir), { code: 3, err: /it is there already/ })
    t.match(await ask('dataset', 'export', '--out', '/proc/set'), { code: 3, err: /cannot write \/proc\/set/ })
    const made = await ask('dataset', 'export', '--out', out, '--asset', 'P-1')
    t.match(made, { code: 0, err: /1\/2 P-1 .*: false, \d+ rows; [\s\S]*2\/2 P-1 .*: confirmed, \d+ rows; / })
    const { windows } = JSON.parse(readFileSync(join(out, 'manifest.json'), 'utf8')) as { windows: Window[] }
    t.match(windows, [
      { label: 'false', note: 'gauge was tapped', labelledBy: 'kim', rule: 'pressure.max', id: first!.id, setpoint: 9 },
      { label: 'healthy', beside: first!.id, asset: 'p-1', to: windows[0]!.from },
      { label: 'confirmed', note: 'valve stuck', id: second!.id, raised: second!.raised, value: 10 },
      { label: 'healthy', beside: second!.id },
    ])
    const listed = windows.flatMap(({ samples, times }) => [samples, times])
    t.same(
      readdirSync(out).sort(),
      [...listed.map(({ path }) => path), 'manifest.json'].sort(),
      'nothing else is there',
    )
    for (const { path, sha256 } of listed)
      t.equal(
        createHash('sha256')
          .update(readFileSync(join(out, path)))
          .digest('hex'),
        sha256,
        path,
      )
    t.same(windows[0]!.channels, [
      { id: 'flow', unit: 'm3/h' },
      { id: 'current', unit: 'A' },
      { id: 'pressure', unit: 'bar' },
    ])
    const { from, to, rows: count, samples } = windows[0]!
    const [fromUs, toUs] = [from, to].map(text => 1000 * Date.parse(text))
    const stored = (await daemon.history('p-1', 'samples')).filter(([us = 0]) => us >= fromUs! && us < toUs!)
    const bytes = readFileSync(join(out, samples.path))
    const values = bytes.subarray(bytes.length - 24 * count)
    t.equal(count, stored.length)
    t.same(
      stored.map(([, ...row]) => row),
      stored.map((_, row) => [0, 8, 16].map(at => values.readDoubleLE(24 * row + at))),
    )
  })

  await t.test('labelled from afar, answered with the proposal', async t => {
    await up()
    const ask = {
      gateway: 'hall/gw-1',
      command: 'label',
      id: 'c-1',
      arguments: { id: second!.id, verdict: 'false', by: 'ann' },
    }
    await ear.publish('wearwatch/v1/hall/gw-1/command', JSON.stringify(ask))
    const answer = (): { text: string } | undefined => ear.heard.find(({ topic }) => topic.endsWith('/command-result'))
    await until(() => answer() !== undefined, 'the answer')
    t.match(JSON.parse(answer()!.text), {
      ok: true,
      message: new RegExp(
        `^alarm ${second!.id} of p-1 is labelled false; proposal setpoint 10.5 instead of 9 for pressure.max`,
      ),
      detail: { verdict: 'false', proposal: { setpoint: 10.5, effect: { alarms: 2, still: [], unknown: 0 } } },
    })
    t.match(await history('--verdict', 'false'), [{ labelled: { by: /ann/, actor: 'command' } }, { id: first!.id }])
    t.match(await daemon.ask<Status>('/v1/status'), {}, 'it goes on')
  })

  await t.test('a drill goes the whole way, is seen upstream, and ends by itself', async t => {
    await up()
    t.match(await ask('alarms', 'test', 'P-9'), { code: 5, err: /no asset P-9; assets: p-1/ })
    const drill = ask('alarms', 'test', 'P-1', '--for', '60s', '--by', 'kim')
    await until(() => alerts().some(a => a.test === true), 'the drill upstream')
    const { id } = alerts().find(a => a.test === true) as { id: string }
    await until(() => ear.heard.some(({ topic }) => topic.endsWith(`/alarm/p-1/${id}`)), 'it retained')
    t.match(await ask('alarms', 'label', id, 'false'), { code: 5, err: /is a drill/ })
    t.match((await ask('alarms')).out, /TEST by kim/)
    t.match(await ask('alarms', 'ack', id, '--by', 'ann'), { code: 0 })
    const { code, out } = await drill
    t.equal(code, 0)
    t.match(out, new RegExp(`^raised +${id} {2}TEST by kim: this is a drill, nothing is wrong with P-1$`, 'm'))
    t.match(out, /^journalled +after \d.*\ndelivered +after \d.*\nacknowledged +after .* by ann \(operator\)\nended/m)
    await until(
      () => ear.heard.findLast(({ topic }) => topic.endsWith(`/alarm/p-1/${id}`))?.text === '',
      'the retained alarm to be cleared',
    )
    t.same(
      alerts()
        .filter(a => a.id === id)
        .map(a => [a.transition, a.test, a.by]),
      [
        ['raised', true, 'kim'],
        ['acknowledged', true, 'ann'],
        ['cleared', true, 'agent'],
      ],
    )
    t.match(await history('--limit', '1'), [{ id, test: true, standing: false, acknowledged: { by: 'ann' } }])
    t.match(await ask('alarms', 'statistics'), { code: 0, out: /P-1 +2 / })
  })

  await t.test('a drill that nobody hears of says so, and a restart ends it', async t => {
    await broker.close()
    const short = await ask('alarms', 'test', 'p-1', '--for', '1s', '--json')
    t.equal(short.code, 1)
    t.match(JSON.parse(short.out), { ended: true, deliveredMs: undefined })
    await daemon.post('/v1/alarms/test', { asset: 'p-1', forMs: 600_000 })
    await daemon.stop('SIGKILL')
    daemon = await startDaemon(whole, config, { dir: daemon.dir })
    t.match(await history('--limit', '1'), [{ test: true, standing: false, isaState: 'Normal' }])
    t.match(await ask('alarms'), { out: 'no alarms standing\n' })
  })
  await daemon.stop()
})
