import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { AgentError } from '../../../agent/core/errors.ts'
import { askDaemon, streamDaemon } from '../../../agent/http/client.ts'
import type { AlarmCaseDetails, AlarmView, ControlApi } from '../../../agent/http/contract.ts'
import { ControlServer } from '../../../agent/http/control.ts'
import { shortDir } from '../../support/short-dir.ts'

const alarm: AlarmView = {
  id: '01JD3Q8Z6V0Y0',
  asset: 'p-101',
  rule: 'model',
  isaState: 'Acknowledged',
  active: true,
  acked: true,
  suppression: 'none',
  priority: 3,
  onset: '2026-11-22T06:14:00.000Z',
  raised: '2026-11-22T06:44:00.000Z',
  message: 'flow 18 % below prediction',
}

const past: AlarmCaseDetails = {
  ...alarm,
  kind: 'machine',
  test: false,
  standing: false,
  value: 1.42,
  setpoint: 1,
  evidence: [],
  events: [],
  rows: { from: alarm.onset, to: alarm.raised },
}

const drill = { id: alarm.id, asset: 'p-101', message: '', ended: false, link: { state: 'up', detail: '' } }

const api: ControlApi = {
  status: async () => ({ version: '1' }),
  channels: () => [],
  alarms: () => [alarm],
  alarmStatistics: () => ({
    since: alarm.raised,
    lastHour: 1,
    perHour: 1,
    assets: [],
    chattering: [],
    stale: [],
  }),
  alarmCases: async request => [{ ...past, message: JSON.stringify(request) }],
  alarmCase: async id => ({ ...past, id }),
  label: async request => ({ alarm: { ...past, message: JSON.stringify(request) } }),
  drill: async request => ({ ...drill, message: JSON.stringify(request) }),
  drillOf: async id => ({ ...drill, id }),
  async acknowledge(id, by, note) {
    if (id !== alarm.id) throw new AgentError('NOT_FOUND', `no alarm ${id} stands`)
    return { ...alarm, message: `${by}: ${note}` }
  },
  suppress: async ({ action, target, by }) => ({ ...alarm, message: `${action} ${target} by ${by}` }),
  summary: () => Promise.reject(new Error('not asked for')),
  async *history() {
    yield { timesUs: Float64Array.of(1, 2), columns: ['flow'], values: Float64Array.of(0.5, Number.NaN) }
    yield { timesUs: Float64Array.of(3), columns: ['flow'], values: Float64Array.of(0.25) }
  },
  spectrum: () => ({ at: '2026-11-22T06:44:00.000Z', axes: [] }),
  sync: async by => ({ ok: true, message: by, models: [] }),
  setBaseline: async ({ asset, ...request }) => ({ asset, message: JSON.stringify(request) }),
}

async function started(t: Test): Promise<string> {
  const socket = join(shortDir(t), 'ww.sock')
  const server = new ControlServer(socket, api)
  await server.start()
  t.teardown(() => server.stop())
  return socket
}

t.test('answers, and hands its errors over with their codes', async t => {
  const socket = await started(t)
  t.same(await askDaemon(socket, 'GET', '/v1/alarms'), [alarm])
  t.match(await askDaemon(socket, 'POST', `/v1/alarms/${alarm.id}/acknowledge`, { by: 'anna', note: 'seen' }), {
    message: 'anna: seen',
  })
  await t.rejects(askDaemon(socket, 'POST', '/v1/alarms/XX/acknowledge', {}), {
    code: 'NOT_FOUND',
    message: 'no alarm XX stands',
  })
  const long = askDaemon(socket, 'POST', `/v1/alarms/${alarm.id}/acknowledge`, { note: 'x'.repeat(1001) })
  await t.rejects(long, { code: 'USAGE', message: /1000 of --note/ })
  await t.rejects(askDaemon(socket, 'GET', '/v1/history?class=samples'), { code: 'USAGE' })
})

t.test('alarms that were: what is asked for is handed on, nonsense is refused', async t => {
  const socket = await started(t)
  const asked = async (query: string): Promise<unknown> => {
    const [row] = await askDaemon<{ message: string }[]>(socket, 'GET', `/v1/alarms/history${query}`)
    return JSON.parse(row!.message)
  }
  t.same(await asked(''), { limit: 100 })
  t.same(await asked('?asset=p-101&since=5&until=9&verdict=false,none&limit=7'), {
    limit: 7,
    asset: 'p-101',
    sinceUs: 5,
    untilUs: 9,
    verdicts: ['false', 'none'],
  })
  for (const query of ['?verdict=wrong', '?limit=0', '?limit=1e9', '?since=yesterday'])
    await t.rejects(asked(query), { code: 'USAGE' }, query)
  t.match(await askDaemon(socket, 'GET', '/v1/alarms/01JD3Q8Z6V0Y0'), { id: '01JD3Q8Z6V0Y0', events: [] })
  const label = (body: unknown): Promise<{ alarm: { message: string } }> =>
    askDaemon(socket, 'POST', '/v1/alarms/01JD3Q8Z6V0Y0/label', body)
  t.same(JSON.parse((await label({ verdict: 'false', by: 'kim', note: 'sun on the sensor' })).alarm.message), {
    id: '01JD3Q8Z6V0Y0',
    verdict: 'false',
    by: 'kim',
    note: 'sun on the sensor',
  })
  for (const body of [{}, { verdict: 'maybe' }, { verdict: 'false', by: '' }])
    await t.rejects(label(body), { code: 'USAGE' }, JSON.stringify(body))
})

t.test('a drill is asked for with its asset and time, and looked at by its id', async t => {
  const socket = await started(t)
  const ask = (body: unknown): Promise<{ message: string }> => askDaemon(socket, 'POST', '/v1/alarms/test', body)
  t.same(JSON.parse((await ask({ asset: 'p-101', forMs: 5_000, by: 'kim', note: 'n' })).message), {
    asset: 'p-101',
    forMs: 5_000,
    by: 'kim',
    note: 'n',
  })
  for (const body of [{}, { asset: 'p-101' }, { asset: '', forMs: 1 }, { asset: 'p-101', forMs: '1' }])
    await t.rejects(ask(body), { code: 'USAGE' }, JSON.stringify(body))
  t.match(await askDaemon(socket, 'GET', '/v1/alarms/test/X'), { id: 'X', ended: false })
})

t.test('suppression: a whole request is handed on, half a one is refused', async t => {
  const socket = await started(t)
  const ask = (body: unknown): Promise<unknown> => askDaemon(socket, 'POST', '/v1/alarms/suppress', body)
  t.match(await ask({ action: 'shelve', target: 'p-101', forMs: 60_000, by: 'anna' }), {
    message: 'shelve p-101 by anna',
  })
  for (const body of [
    {},
    { action: 'shelve', target: 'p-101' },
    { action: 'unshelve', target: 'p-101', forMs: 1 },
    { action: 'hide', target: 'p-101' },
    { action: 'unshelve', target: '' },
    { action: 'unshelve', target: 'p-101', rule: 7 },
    { action: 'unshelve', target: 'p-101', by: 7 },
    { action: 'shelve', target: 'p-101', forMs: 'long' },
  ])
    await t.rejects(ask(body), { code: 'USAGE' })
})

t.test('history streams rows under their columns; NaN is null', async t => {
  const socket = await started(t)
  const lines: unknown[] = []
  for await (const line of streamDaemon(socket, '/v1/history?asset=p-101')) lines.push(line)
  t.same(lines, [{ columns: ['flow'] }, [1, 0.5], [2, null], [3, 0.25]])
})

t.test('a second daemon is refused; a socket left by a crash is replaced', async t => {
  const socket = await started(t)
  await t.rejects(new ControlServer(socket, api).start(), { code: 'ALREADY_RUNNING' })

  const left = join(shortDir(t), 'left.sock')
  const crashed = createServer()
  await new Promise<void>(resolve => crashed.listen(left, resolve))
  crashed.close()
  const server = new ControlServer(left, api)
  await server.start()
  t.teardown(() => server.stop())
  t.match(await askDaemon(left, 'GET', '/v1/status'), { version: '1' })
})

t.test('nobody there says how to start it', async t => {
  await t.rejects(askDaemon(join(shortDir(t), 'none.sock'), 'GET', '/v1/status'), {
    code: 'DAEMON_NOT_RUNNING',
    message: /wearwatch run/,
  })
})

t.test('a body beyond the limit is refused, garbage on the socket hurts nobody', async t => {
  const socket = await started(t)
  await t.rejects(askDaemon(socket, 'POST', '/v1/sync', { by: 'x'.repeat(70_000) }), { message: /large/ })
  const raw = connect(socket)
  raw.on('error', () => {}).resume()
  raw.write('\u0000\u0001garbage\r\n\r\n')
  await new Promise(resolve => raw.once('close', resolve))
  t.match(await askDaemon(socket, 'GET', '/v1/status'), { version: '1' })
})
