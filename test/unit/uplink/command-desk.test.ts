import fc from 'fast-check'
import t from 'tap'
import type { CommandName } from '../../../agent/config/contract.ts'
import { Counters } from '../../../agent/core/counters.ts'
import { AgentError } from '../../../agent/core/errors.ts'
import { silentLogger } from '../../../agent/core/logger.ts'
import { CommandDesk, type CommandResult } from '../../../agent/uplink/command-desk.ts'
import type { CommandHandlers } from '../../../agent/uplink/contract.ts'
import type { ReplyTo } from '../../../agent/uplink/reply-to.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { GATEWAY } from '../../support/uplink-parts.ts'
import { until } from '../../support/waiting.ts'

function desk(handlers: Partial<CommandHandlers> = {}, enabled: CommandName[] = ['sync', 'status']) {
  const answers: (CommandResult & { to: ReplyTo })[] = []
  const clock = manualClock()
  const counters = new Counters()
  let ran = 0
  const made = new CommandDesk({
    enabled,
    trust: undefined,
    gateway: GATEWAY,
    ledger: undefined,
    clockState: () => 'synced',
    onNonce: () => {},
    handlers: {
      sync: async () => {
        ran++
        return { ok: true, message: 'done', models: [] }
      },
      status: async () => ({ up: true }),
      ...handlers,
    },
    clock,
    logger: silentLogger,
    counters,
    answer: (result, to) => answers.push({ ...result, to }),
  })
  const send = (payload: string | Buffer, retain = false, properties = {}, qos: 0 | 1 = 1): void =>
    made.receive(Buffer.from(payload), { retain, properties, qos })
  return { send, answers, clock, counters, ran: () => ran }
}

const ask = (command: string, id: string): string => JSON.stringify({ command, id })

t.test('what is refused, and why', async t => {
  const rows: [payload: string, code: string, message: RegExp][] = [
    ['sync', 'COMMAND_INVALID', /JSON object/],
    ['null', 'COMMAND_INVALID', /"command" must be/],
    ['[]', 'COMMAND_INVALID', /"command" must be/],
    ['{"command":"sync"}', 'COMMAND_INVALID', /"id" must be/],
    [ask('sync', ''), 'COMMAND_INVALID', /"id" must be/],
    [ask('sync', 'x'.repeat(65)), 'COMMAND_INVALID', /"id" must be/],
    [ask('sync', 'a\nb'), 'COMMAND_INVALID', /"id" must be/],
    [ask('../sync', '1'), 'COMMAND_INVALID', /"command" must be/],
    [ask('reboot', '1'), 'COMMAND_REFUSED', /"reboot" is not enabled here; accepted are: sync, status/],
    [ask('constructor', '1'), 'COMMAND_REFUSED', /not enabled/],
    [`{"command":"sync","id":"1","x":"${'y'.repeat(17_000)}"}`, 'COMMAND_INVALID', /at most 16384 bytes/],
  ]
  for (const [payload, code, message] of rows) {
    const { send, answers, ran } = desk()
    send(payload)
    t.match(answers, [{ ok: false, message, detail: { code } }])
    t.equal(ran(), 0)
  }
  const retained = desk()
  retained.send(ask('sync', '1'), true)
  t.match(retained.answers, [{ id: '1', command: 'sync', ok: false, message: /retain/ }])
  t.equal(retained.ran(), 0)
  const careless = desk()
  careless.send(ask('sync', '1'), false, {}, 0)
  t.match(careless.answers, [{ id: '1', command: 'sync', ok: false, message: /QoS 1/, detail: { reason: 'qos-0' } }])
  t.equal(careless.ran(), 0)
})

t.test('one in five seconds per command', async t => {
  const { send, answers, clock, ran } = desk()
  send(ask('sync', '1'))
  send(ask('status', '2'))
  await until(() => answers.length === 2, 'both answers')
  clock.advance(4_000)
  send(ask('sync', '3'))
  t.match(answers[2], { id: '3', ok: false, message: /again in 1 s/ })
  clock.advance(1_000)
  send(ask('sync', '4'))
  await until(() => answers.length === 4, 'the fourth')
  t.match(answers[3], { id: '4', ok: true })
  t.equal(ran(), 2)
})

t.test('a repeated id is answered again and not executed; while it runs it is refused', async t => {
  let finish = (): void => {}
  const gate = new Promise<void>(resolve => {
    finish = resolve
  })
  const { send, answers, clock } = desk({
    sync: async () => {
      await gate
      return { ok: false, message: 'nothing reachable', models: [] }
    },
  })
  send(ask('sync', '1'))
  clock.advance(10_000)
  send(ask('sync', '1'))
  t.match(answers, [{ ok: false, message: /still running/ }])
  finish()
  await until(() => answers.length === 2, 'the answer')
  send(ask('sync', '1'))
  t.match(answers.slice(1), [{ message: 'nothing reachable' }, { message: 'nothing reachable' }])
})

t.test('a handler that fails is an answer', async t => {
  const { send, answers } = desk({
    sync: () => Promise.reject(new AgentError('SYNC_OFF', 'no trusted root is installed')),
  })
  send(ask('sync', '1'))
  await until(() => answers.length === 1, 'the answer')
  t.match(answers, [{ ok: false, message: 'no trusted root is installed', detail: { code: 'SYNC_OFF' } }])
})

t.test('an answer larger than a broker likes is cut to its message', async t => {
  const { send, answers } = desk({ status: async () => ({ text: 'x'.repeat(300_000) }) })
  send(ask('status', '1'))
  await until(() => answers.length === 1, 'the answer')
  t.match(answers[0]?.detail, { omitted: /ask the control socket/ })
})

t.test('a flood of nonsense gets few answers and is counted', async t => {
  const { send, answers, counters, clock } = desk()
  for (let i = 0; i < 1_000; i++) send('nonsense')
  t.equal(answers.length, 5)
  t.equal(counters.get('uplink.commands_refused').n, 1_000)
  clock.advance(2_000)
  for (let i = 0; i < 10; i++) send('nonsense')
  t.equal(answers.length, 7)
})

t.test('the requester says where to answer, within limits', async t => {
  const rows: [string, string | undefined][] = [
    ['scada/answers', 'scada/answers'],
    ['wearwatch/v1/hamburg/gw-1/command-result', 'wearwatch/v1/hamburg/gw-1/command-result'],
    ['wearwatch/v1/hamburg/gw-1/alert/p-101', undefined],
    ['$SYS/x', undefined],
    ['a/#', undefined],
    ['', undefined],
    ['x'.repeat(300), undefined],
  ]
  for (const [responseTopic, topic] of rows) {
    const { send, answers } = desk()
    send('nonsense', false, { responseTopic, correlationData: Buffer.from('7') })
    t.equal(answers[0]?.to.topic, topic)
    t.equal(answers[0]?.to.correlationData?.toString(), '7')
  }
})

t.test('any bytes: nothing thrown, nothing executed', async t => {
  const { send, counters, ran } = desk()
  const run = fc.check(
    fc.property(fc.uint8Array({ maxLength: 200 }), bytes => send(Buffer.from(bytes))),
    { numRuns: 500 },
  )
  t.equal(run.failed, false, `seed ${run.seed}`)
  t.equal(counters.get('uplink.commands_refused').n, 500)
  t.equal(ran(), 0)
})
