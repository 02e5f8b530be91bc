// `wearwatch command` against an uplink over real brokers.
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { COMMAND_NAMES } from '../../agent/config/contract.ts'
import type { Uplink } from '../../agent/uplink/contract.ts'
import { draft, memoryLedger, newKey, signed } from '../support/commands.ts'
import { wearwatch } from '../support/daemon.ts'
import { aedesBroker, MOSQUITTO_MISSING, mosquitto, type TestBroker } from '../support/uplink-brokers.ts'
import { MemoryJournal } from '../support/uplink-journal.ts'
import { BASE, type Ear, listen, schemaErrors, testUplink, uplinkConfig } from '../support/uplink-parts.ts'
import { until } from '../support/waiting.ts'

const GW = ['--gateway', 'hamburg/gw-7f3a']

interface Made {
  id: string
  public: string
}

async function operator(t: Test): Promise<{ dir: string; key: string; made: Made }> {
  const dir = mkdtempSync(join(tmpdir(), 'ww-command-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  const key = join(dir, 'ops.key')
  const { code, out, err } = await wearwatch(['command', 'key', 'new', '--out', key, '--json'])
  t.equal(code, 0, err)
  return { dir, key, made: JSON.parse(out) as Made }
}

interface Site {
  asked: unknown[]
  uplink: Uplink
  ear: Ear
  ledger: ReturnType<typeof memoryLedger>
  stop(): Promise<void>
}

async function site(
  broker: TestBroker,
  keys: { id: string; publicKey: string }[],
  clock: 'synced' | 'uncertain' = 'synced',
  protocolVersion: 4 | 5 = 4,
): Promise<Site> {
  const asked: unknown[] = []
  const ledger = memoryLedger()
  const commandTrust = { keys, unsigned: ['acknowledge'] as const, unsignedShelveMaxMs: 60_000 }
  const ear = await listen(broker.url, 'wearwatch/#', { protocolVersion })
  const uplink = testUplink(new MemoryJournal(), uplinkConfig(broker.url, { commands: COMMAND_NAMES, commandTrust }), {
    ledger,
    clockState: () => clock,
    handlers: {
      sync: async () => ({ ok: true, message: 'all unchanged', models: [] }),
      status: async () => ({ version: '0.1.0' }),
      acknowledge: async request => {
        asked.push(request)
        return { message: `alarm ${request.id} is acknowledged` }
      },
    },
  })
  uplink.publishState({ clock, since: '2026-11-22T06:14:00.000Z', assets: [] })
  uplink.start()
  await until(() => ear.on('state').some(({ text }) => text.includes('"clock"')), 'the state')
  const stop = async (): Promise<void> => {
    await uplink.stop(0)
    await ear.end()
  }
  return { asked, uplink, ear, ledger, stop }
}

t.test(
  'key new: private for its owner alone, never over another; the line is what the configuration takes',
  async t => {
    const { key, made } = await operator(t)
    t.equal(statSync(key).mode & 0o777, 0o600)
    t.match(readFileSync(`${key}.pub`, 'utf8'), /BEGIN PUBLIC KEY/)
    t.match(made, { id: 'ops', public: /^MCowBQYDK2VwAyEA.{44}$/ })
    const again = await wearwatch(['command', 'key', 'new', '--out', key])
    t.equal(again.code, 3)
    t.match(again.err, /EEXIST/)
  },
)

t.test('MQTT 5: signed, recorded, executed, answered; a replay is not', { skip: MOSQUITTO_MISSING }, async t => {
  const { dir, key, made } = await operator(t)
  const broker = await mosquitto()
  const { asked, ledger, ear, stop } = await site(broker, [{ id: 'ops', publicKey: made.public }], 'synced', 5)
  const send = (...args: string[]) => wearwatch(['command', ...args, ...GW, '--url', broker.url, '--timeout', '10s'])
  const done = await send('acknowledge', 'A1', '--key', key, '--note', 'strainer checked', '--by', 'Kim', '--json')
  t.equal(done.code, 0, done.err)
  const answer = JSON.parse(done.out) as Record<string, unknown>
  t.match(answer, { command: 'acknowledge', ok: true, message: 'alarm A1 is acknowledged' })
  t.same(schemaErrors('command-result', answer), [])
  t.same(asked, [{ id: 'A1', note: 'strainer checked', by: 'Kim (key ops)' }])
  t.match(ledger.records, [{ event: 'accepted', command: 'acknowledge', key: 'ops' }])
  const sent = ear.on('command')[0]!
  t.same(schemaErrors('command', JSON.parse(sent.text)), [])
  const inner: unknown = JSON.parse(
    Buffer.from((JSON.parse(sent.text) as { signed: string }).signed, 'base64').toString(),
  )
  t.same(schemaErrors('command-signed', inner), [])
  t.equal(sent.packet.properties?.responseTopic, `${BASE}/command-result`)
  const state: unknown = JSON.parse(ear.on('state').at(-1)?.text ?? '')
  t.type((state as { commandNonce?: unknown }).commandNonce, 'string')

  await t.test('replayed by a stranger, word for word: the answer of then, and nothing is done', async t => {
    await ear.publish(`${BASE}/command`, sent.text)
    await until(() => ear.on('command-result').length === 2, 'the answer')
    t.equal(asked.length, 1)
  })
  await t.test('the counter is kept beside the key, and goes on when it is gone', async t => {
    const first = Number(readFileSync(`${key}.counter`, 'utf8'))
    rmSync(`${key}.counter`)
    t.equal((await send('acknowledge', 'A2', '--key', key)).code, 0)
    t.ok(Number(readFileSync(`${key}.counter`, 'utf8')) > first)
    t.equal(asked.length, 2)
    writeFileSync(`${key}.counter.lock`, String(process.pid))
    const held = await send('acknowledge', 'A3', '--key', key)
    t.equal(held.code, 5)
    t.match(held.err, /another command is using this key/)
    writeFileSync(`${key}.counter.lock`, '4194999')
    t.equal((await send('acknowledge', 'A3', '--key', key)).code, 0, 'a lock that a kill left is taken over')
  })
  await t.test('a topic of the asker', async t => {
    const other = await listen(broker.url, 'scada/#')
    t.equal((await send('status', '--response-topic', 'scada/answers')).code, 0)
    t.equal(other.heard[0]?.topic, 'scada/answers')
    await other.end()
  })
  await t.test('unsigned where the configuration takes it, else refused with what to do', async t => {
    t.equal((await send('acknowledge', 'A4')).code, 0)
    const refused = await send('restart-scorer')
    t.equal(refused.code, 5)
    t.match(refused.out, /needs a signature/)
  })
  await t.test('another key of that name', async t => {
    const stranger = join(dir, 'stranger.key')
    await wearwatch(['command', 'key', 'new', '--out', stranger])
    const refused = await send('acknowledge', 'A5', '--key', stranger, '--key-id', 'ops')
    t.equal(refused.code, 5)
    t.match(refused.out, /not one of key "ops"/)
  })
  await stop()
  await t.test('a gateway that is offline', async t => {
    const offline = await send('acknowledge', 'A6', '--key', key)
    t.equal(offline.code, 4)
    t.match(offline.err, /hamburg\/gw-7f3a is offline since .* \(stopped\)/)
  })
  await t.test('a gateway that nobody knows', async t => {
    const args = ['command', 'status', '--gateway', 'hamburg/gw-none', '--url', broker.url, '--timeout', '100ms']
    const { code, err } = await wearwatch(args)
    t.equal(code, 1)
    t.match(err, /no state of hamburg\/gw-none is retained/)
  })
  await broker.close()
})

t.test('MQTT 3.1.1, and a gateway whose clock is uncertain: the nonce of its state, each once', async t => {
  const { key, made } = await operator(t)
  const broker = await aedesBroker()
  const { asked, ledger, ear, stop } = await site(broker, [{ id: 'ops', publicKey: made.public }], 'uncertain')
  const send = (id: string) =>
    wearwatch(['command', 'acknowledge', id, '--key', key, ...GW, '--url', broker.url, '--timeout', '10s'])
  for (const id of ['A1', 'A2']) {
    const { code, out, err } = await send(id)
    t.equal(code, 0, err)
    t.match(out, `alarm ${id} is acknowledged`)
  }
  t.same(
    asked.map(request => (request as { id: string }).id),
    ['A1', 'A2'],
  )
  t.notOk(ledger.records.some(record => record.event === 'accepted' && record.counter !== undefined))
  const [first] = ear.on('command')
  await ear.publish(`${BASE}/command`, first!.text)
  await until(() => ear.on('command-result').length === 3, 'the answer')
  t.equal(asked.length, 2)
  await stop()
  await broker.close()
})

t.test('the broker refuses: who may publish and read is told', { skip: MOSQUITTO_MISSING }, async t => {
  const { made, key } = await operator(t)
  const acl =
    'user gw\ntopic readwrite #\nuser deaf\ntopic write wearwatch/#\ntopic read wearwatch/+/+/+/state\nuser mute\ntopic read #\n'
  const broker = await mosquitto(['allow_anonymous true', 'acl_file $DIR/acl'], { acl: `topic readwrite #\n${acl}` })
  chmodSync(key, 0o600)
  const { asked, stop } = await site(broker, [{ id: 'ops', publicKey: made.public }])
  const send = (user: string) => {
    const who = ['--username', user, '--timeout', '1s']
    return wearwatch(['command', 'acknowledge', 'A1', '--key', key, ...GW, '--url', broker.url, ...who])
  }
  const mute = await send('mute')
  t.equal(mute.code, 1)
  t.match(mute.err, /command/)
  t.same(asked, [])
  const deaf = await send('deaf')
  t.equal(deaf.code, 1)
  t.match(deaf.err, /no answer within 1 s/)
  await stop()
  await broker.close()
})

t.test('a signed command that was retained by a stranger is refused by every gateway that connects', async t => {
  const broker = await aedesBroker()
  const ops = newKey()
  const before = await listen(broker.url)
  await before.publish(`${BASE}/command`, signed(ops, draft({ nowUs: () => Date.now() * 1000 })).toString(), {
    retain: true,
  })
  await before.end()
  const { asked, ear, stop } = await site(broker, [ops.config])
  await until(() => ear.on('command-result').length === 1, 'the refusal')
  t.match(JSON.parse(ear.on('command-result')[0]!.text), { ok: false, detail: { reason: 'retained' } })
  t.same(asked, [])
  await stop()
  await broker.close()
})
