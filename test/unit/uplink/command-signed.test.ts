import { generateKeyPairSync, sign } from 'node:crypto'
import t from 'tap'
import { encodeEnvelope, type SignedCommand } from '../../../agent/uplink/command-envelope.ts'
import { draft, memoryLedger, newKey, type SignedDeskOptions, signed, signedDesk } from '../../support/commands.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { until } from '../../support/waiting.ts'

const ops = newKey()
const reader = newKey('reader', { allow: ['status'] })
const KEYS = [ops, reader]

/** Sends one signed command to a fresh desk; `change` edits what is signed, `message` what is sent. */
async function one(
  change: (now: SignedCommand) => Partial<SignedCommand>,
  { packet = {}, message = (m: Buffer) => m as Buffer | string, options = {} as SignedDeskOptions, key = ops } = {},
) {
  const made = signedDesk(KEYS, options)
  const now = draft(made.clock)
  made.send(message(signed(key, { ...now, ...change(now) })), packet)
  await until(() => made.answers.length > 0, 'the answer')
  return { ...made, answer: made.answers[0]! }
}

t.test('a signed command is recorded, executed once, and answered', async t => {
  const { ran, answer, ledger, counters, send, answers, clock } = await one(() => ({}))
  const request = { id: '1HEMVG5WV0ABC', note: 'strainer checked', by: 'key ops' }
  t.same(ran, [{ command: 'acknowledge', request }])
  t.match(answer, { id: 'r-1', command: 'acknowledge', ok: true, message: 'acknowledge done' })
  t.match(ledger.records, [
    { event: 'accepted', command: 'acknowledge', by: 'key ops', key: 'ops', counter: 1, id: 'r-1' },
  ])
  t.equal(counters.get('uplink.commands').n, 1)
  send(signed(ops, draft(clock)))
  t.match(answers[1], { ok: true, message: 'acknowledge done' }, 'the same message: the same answer')
  send(signed(ops, draft(clock, { id: 'r-2' })))
  t.match(answers[2], { id: 'r-2', ok: false, message: /counter 1 is not above 1/, detail: { reason: 'replayed' } })
  t.equal(ran.length, 1)
  t.equal(counters.get('uplink.commands_refused_replayed').n, 2)
})

t.test('what is refused, and why', async t => {
  const minute = 60_000
  const at = (iso: string, ms: number): string => new Date(Date.parse(iso) + ms).toISOString()
  const rows: [reason: string, message: RegExp, change: (now: SignedCommand) => Partial<SignedCommand>][] = [
    ['foreign', /is for hamburg\/gw-1, this is hamburg\/gw-7f3a/, () => ({ gateway: 'hamburg/gw-1' })],
    ['expired', /at most 300 s/, now => ({ expires: at(now.issued, 301_000) })],
    ['expired', /at most 300 s/, now => ({ expires: now.issued })],
    ['early', /was issued at/, now => ({ issued: at(now.issued, minute), expires: at(now.issued, 2 * minute) })],
    ['expired', /expired at/, now => ({ issued: at(now.issued, -2 * minute), expires: now.issued })],
    ['expired', /before this agent was started/, now => ({ issued: at(now.issued, -1) })],
    ['nonce', /nonce/, () => ({ nonce: 'abcdefgh12345678', counter: undefined as never })],
    ['not-enabled', /"reboot" is not enabled/, () => ({ command: 'reboot' })],
    ['not-enabled', /"constructor" is not enabled/, () => ({ command: 'constructor' })],
    ['arguments', /argument "id" must be/, () => ({ arguments: {} })],
    ['arguments', /knows no argument "force"; it takes id, note, by/, () => ({ arguments: { id: 'A', force: true } })],
    ['arguments', /on one line/, () => ({ arguments: { id: 'A', note: 'a\nb' } })],
    ['signature', /signed for the key "reader"/, () => ({ key: 'reader' })],
    ['malformed', /exactly one of/, () => ({ nonce: 'abcdefgh12345678' })],
    ['malformed', /"counter" must be/, () => ({ counter: 0.5 })],
    ['malformed', /"counter" must be/, () => ({ counter: 2 ** 53 })],
    ['malformed', /"issued" and "expires" must be/, () => ({ issued: 'now' })],
    ['malformed', /"issued" and "expires" must be/, () => ({ expires: '2026-02-30T00:00:00.000Z' })],
    ['malformed', /"gateway" must be/, () => ({ gateway: undefined as never })],
    ['malformed', /unknown key "extra"/, () => ({ extra: 1 }) as never],
  ]
  for (const [reason, message, change] of rows) {
    // A key's own name is in the envelope; the one in what was signed is changed here.
    const { answer, ran, counters } = await one(change, {
      message: m => m.toString().replace('"key":"reader"', '"key":"ops"'),
    })
    t.match(answer, { ok: false, message, detail: { reason } }, `${reason} ${message}`)
    t.same(ran, [])
    t.equal(counters.get(`uplink.commands_refused_${reason.replaceAll('-', '_')}`).n, 1)
  }
})

t.test('the message around it', async t => {
  const other = newKey()
  const edit = (from: string | RegExp, to: string) => (m: Buffer) => m.toString().replace(from, to)
  const body = (m: Buffer) => JSON.parse(m.toString()) as { key: string; signature: string; signed: string }
  const rows: [reason: string, options: NonNullable<Parameters<typeof one>[1]>][] = [
    ['retained', { packet: { retain: true } }],
    ['qos-0', { packet: { qos: 0 } }],
    ['signature', { key: other }],
    ['unknown-key', { message: edit('"key":"ops"', '"key":"boss"') }],
    ['signature', { message: edit('"key":"ops"', '"key":"reader"') }],
    ['malformed', { message: edit('{', '{ ') }],
    ['malformed', { message: m => `${m.toString()}\n` }],
    ['malformed', { message: edit('}', ',"key":"ops"}') }],
    ['malformed', { message: edit(/"signature":"(.)/, '"signature":" $1') }],
    [
      'malformed',
      { message: m => JSON.stringify({ signed: body(m).signed, signature: body(m).signature, key: 'ops' }) },
    ],
    ['malformed', { message: m => JSON.stringify({ ...body(m), extra: 1 }) }],
    ['malformed', { message: m => JSON.stringify({ key: 'ops', signed: body(m).signed }) }],
    ['signature', { message: m => JSON.stringify({ key: 'ops', signature: '', signed: body(m).signed }) }],
  ]
  for (const [i, [reason, options]] of rows.entries()) {
    const { answer, ran, counters } = await one(() => ({}), options)
    t.match(answer, { ok: false, detail: { reason } }, `row ${i}: ${reason}`)
    t.same(ran, [])
    t.equal(counters.get('uplink.commands_refused').n, 1)
  }
})

t.test('a signature over the same bytes for another purpose is none, nor is one of another algorithm', async t => {
  const { privateKey: rsa } = generateKeyPairSync('rsa', { modulusLength: 1024 })
  const made = signedDesk(KEYS)
  const bytes = Buffer.from(JSON.stringify(draft(made.clock)))
  made.send(encodeEnvelope({ key: 'ops', signed: bytes, signature: sign(null, bytes, ops.privateKey) }))
  made.send(encodeEnvelope({ key: 'ops', signed: bytes, signature: sign('sha256', bytes, rsa) }))
  t.match(made.answers, [{ detail: { reason: 'signature' } }, { detail: { reason: 'signature' } }])
  t.same(made.ran, [])
})

t.test('a key may be held to some commands', async t => {
  const { answer, ran } = await one(() => ({ key: 'reader' }), { key: reader })
  t.match(answer, { ok: false, message: /key "reader" may not give "acknowledge"; it may give: status/ })
  t.same(ran, [])
})

t.test('unsigned: only what the configuration takes so, and shelving for a time that is bounded', async t => {
  const { send, answers, ran, ledger } = signedDesk(KEYS, { trust: { unsigned: ['acknowledge', 'shelve'] } })
  const ask = (command: string, id: string, args: object): void =>
    send(JSON.stringify({ command, id, arguments: args }))
  ask('acknowledge', 'u-1', { id: 'A1', by: 'Meier' })
  ask('label', 'u-2', { id: 'A1', verdict: 'false' })
  ask('shelve', 'u-3', { asset: 'p-101', minutes: 61 })
  ask('shelve', 'u-4', { asset: 'p-101', rule: 'flow.max', minutes: 60 })
  ask('restart-scorer', 'u-5', {})
  await until(() => answers.length === 5, 'five answers')
  const by = (id: string) => answers.find(answer => answer.id === id)
  t.match(by('u-2'), { ok: false, message: /needs a signature/, detail: { reason: 'unsigned' } })
  t.match(by('u-3'), { ok: false, message: /"minutes" must be a number from 1 to 60/, detail: { reason: 'arguments' } })
  t.match(by('u-5'), { ok: false, detail: { reason: 'unsigned' } })
  t.same(ran, [
    { command: 'acknowledge', request: { id: 'A1', by: 'Meier (mqtt, unsigned)' } },
    { command: 'shelve', request: { asset: 'p-101', rule: 'flow.max', forMs: 3_600_000, by: 'mqtt u-4' } },
  ])
  t.same(
    ledger.records.flatMap(record => (record.event === 'accepted' ? [[record.command, record.by]] : [])),
    [
      ['acknowledge', 'Meier (mqtt, unsigned)'],
      ['shelve', 'mqtt u-4'],
    ],
  )
})

t.test('every command reads its arguments', async t => {
  const rows: [command: string, given: Record<string, unknown>, request: object][] = [
    ['sync', {}, { by: 'Kim (key ops)' }],
    ['unshelve', { asset: 'p-101' }, { asset: 'p-101' }],
    ['label', { id: 'A1', verdict: 'expected', note: 'cleaning' }, { id: 'A1', verdict: 'expected', note: 'cleaning' }],
    ['capture', { asset: 'm-204' }, { asset: 'm-204' }],
    ['backfill', { from: 7, to: 9 }, { from: 7, to: 9 }],
    ['set-baseline', { asset: 'p-101', revert: true }, { asset: 'p-101', revert: true }],
    ['set-baseline', { asset: 'p-101', since: '1970-01-01T00:00:01Z' }, { asset: 'p-101', sinceUs: 1_000_000 }],
    ['restart-scorer', { note: 'leak' }, { note: 'leak' }],
  ]
  for (const [command, given, request] of rows) {
    const { ran, answer } = await one(() => ({ command, arguments: { ...given, by: 'Kim' } }))
    t.equal(answer.ok, true, answer.message)
    t.same(ran, [{ command, request: { ...request, by: 'Kim (key ops)' } }])
  }
  for (const given of [
    { asset: 'p', revert: true, since: '1970-01-01T00:00:01Z' },
    { asset: 'p', since: 'yesterday' },
  ]) {
    const { ran, answer } = await one(() => ({ command: 'set-baseline', arguments: given }))
    t.match(answer, { ok: false, detail: { reason: 'arguments' } })
    t.same(ran, [])
  }
})

t.test('without a trusted clock: the nonce, once', async t => {
  let state: 'synced' | 'uncertain' = 'uncertain'
  const made = signedDesk(KEYS, { clockState: () => state })
  const { send, answers, ran, desk, clock } = made
  // The operator's clock is right, the gateway's in 1970.
  const theirs = { nowUs: () => Date.UTC(2031, 0, 1) * 1000 }
  send(signed(ops, draft(theirs)))
  t.match(answers[0], { ok: false, message: /sign with the nonce/, detail: { reason: 'clock' } })
  const nonce = desk.nonce ?? ''
  const message = signed(ops, draft(theirs, { nonce }))
  send(message)
  await until(() => answers.length === 2, 'the answer')
  t.match(answers[1], { ok: true })
  t.equal(made.nonces, 1)
  t.not(desk.nonce, nonce)
  send(signed(ops, draft(theirs, { nonce, id: 'r-2' })))
  t.match(answers[2], { ok: false, detail: { reason: 'nonce' } })
  t.equal(ran.length, 1)
  await t.test('a new one every five minutes while the clock is uncertain', async t => {
    desk.start()
    const unused = desk.nonce
    clock.advance(300_000)
    t.not(desk.nonce, unused)
    const later = desk.nonce ?? ''
    state = 'synced'
    clock.advance(300_000)
    t.equal(desk.nonce, later)
    send(signed(ops, draft(theirs, { nonce: later, id: 'r-3' })))
    t.match(answers.at(-1), { ok: false, detail: { reason: 'early' } }, 'with a clock the times count as well')
    desk.stop()
    t.equal(clock.pending, 0)
  })
})

t.test('what was accepted before a restart is not executed after it', async t => {
  const ledger = memoryLedger()
  const clock = manualClock(Date.UTC(2026, 10, 22) * 1000)
  const first = signedDesk(KEYS, { ledger, clock })
  // Issued by a clock that is ahead: only the counter can tell it after the restart.
  const message = signed(ops, draft({ nowUs: () => clock.nowUs() + 20e6 }, { counter: 41 }))
  first.send(message)
  await until(() => first.answers.length === 1, 'the first answer')
  clock.advance(1_000)
  const second = signedDesk(KEYS, { ledger, clock })
  second.send(message)
  t.match(second.answers, [{ ok: false, message: /counter 41 is not above 41/, detail: { reason: 'replayed' } }])
  t.same([first.ran.length, second.ran.length], [1, 0])
  await t.test('nor where the journal lost its memory', async t => {
    clock.advance(20_000)
    const third = signedDesk(KEYS, { clock })
    third.send(message)
    t.match(third.answers, [{ ok: false, message: /before this agent was started/ }])
    t.same(third.ran, [])
  })
})

t.test('it is executed once it is durable, and not when that came too late', async t => {
  const made = signedDesk(KEYS)
  made.ledger.refuses = true
  made.send(signed(ops, draft(made.clock)))
  made.send(
    signed(
      ops,
      draft(made.clock, {
        counter: 2,
        id: 'r-2',
        expires: new Date(made.clock.nowUs() / 1000 + 300_000).toISOString(),
      }),
    ),
  )
  t.same(made.ran, [], 'not before it is recorded')
  made.clock.advance(130_000)
  made.ledger.refuses = false
  made.ledger.retry()
  await until(() => made.answers.length === 2, 'both answers')
  t.match(
    made.answers.find(({ id }) => id === 'r-1'),
    { ok: false, message: /expired while the journal/, detail: { reason: 'expired' } },
  )
  t.match(
    made.answers.find(({ id }) => id === 'r-2'),
    { ok: true },
  )
  t.equal(made.ran.length, 1)
})

t.test('a flood of forgeries: few answers, two records, all counted; then the operator is heard', async t => {
  const made = signedDesk(KEYS)
  const forged = signed(newKey(), draft(made.clock))
  for (let i = 0; i < 5_000; i++) made.send(forged)
  const { counters, answers, ledger, clock } = made
  const of = (reason: string): number => counters.get(`uplink.commands_refused_${reason}`).n
  t.equal(counters.get('uplink.commands_refused').n, 5_000)
  t.same([of('signature'), of('rate')], [400, 4_600])
  t.equal(answers.length, 5)
  t.equal(ledger.records.length, 1)
  clock.advance(600_000)
  t.match(ledger.records, [
    { event: 'refused', counts: { signature: 1 }, last: { reason: 'signature', command: 'acknowledge', key: 'ops' } },
    { event: 'refused', counts: { signature: 399, rate: 4_600 } },
  ])
  t.equal(ledger.records.length, 2)
  made.send(signed(ops, draft(clock)))
  await until(() => made.ran.length === 1, 'the command')
})
