// A webhook against a real HTTPS server with an authority of its own, whatever that server does.
import { readFileSync, writeFileSync } from 'node:fs'
import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import type { WebhookConfig } from '../../agent/config/contract.ts'
import { scaledClock } from '../../agent/core/clock.ts'
import { Counters } from '../../agent/core/counters.ts'
import { realDisk } from '../../agent/core/disk.ts'
import { silentLogger } from '../../agent/core/logger.ts'
import { seededPrng } from '../../agent/core/prng.ts'
import { createWebhook, dropUnusedCursors } from '../../agent/uplink/webhook.ts'
import { Authority, OPENSSL_MISSING } from '../support/certificates.ts'
import { openTestJournal } from '../support/journal-open.ts'
import { MemoryJournal } from '../support/uplink-journal.ts'
import { alarms, GATEWAY, schemaErrors } from '../support/uplink-parts.ts'
import { until } from '../support/waiting.ts'

const SECRET = 'a secret of the plant'

interface Got {
  headers: IncomingHttpHeaders
  body: string
  seq: number
}

type Answer = (response: ServerResponse, got: Got, n: number) => void
const ok: Answer = response => void response.writeHead(204).end()

async function receiver(t: Test, answer: Answer, wrongAuthority = false) {
  const authority = new Authority(t.testdir())
  const { cert, key } = authority.issue('receiver')
  const got: Got[] = []
  const server = createServer({ cert: readFileSync(cert), key: readFileSync(key) }, async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks).toString()
    const one = { headers: request.headers, body, seq: (JSON.parse(body) as { seq: number }).seq }
    got.push(one)
    answer(response, one, got.length)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const ca = wrongAuthority ? {} : { ca: readFileSync(authority.ca, 'utf8') }
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/hook?token=geheim`
  return { got, config: { name: 'tickets', url, secret: SECRET, headers: { 'x-plant': 'hall' }, ...ca } }
}

function sink(t: Test, journal: MemoryJournal, base: object, extra: Partial<WebhookConfig> = {}) {
  const counters = new Counters()
  const defaults = { name: 'tickets', url: '', headers: {}, timeoutMs: 600_000, minPriority: 4 }
  const webhook = createWebhook({
    config: { ...defaults, floods: false, hidden: false, ...base, ...extra },
    gateway: GATEWAY,
    journal,
    lastAlertSeq: () => 0,
    // Waits of a minute take 0.6 s.
    clock: scaledClock(100),
    prng: seededPrng(3),
    logger: silentLogger,
    counters,
  })
  webhook.start()
  t.teardown(() => webhook.stop(0))
  return { webhook, counters }
}

const fresh = async (): Promise<MemoryJournal> => {
  const journal = new MemoryJournal()
  await journal.cursorFrom('webhook-tickets', 0)
  return journal
}

t.test('webhooks', { skip: OPENSSL_MISSING }, async t => {
  t.test('signed, in order, once each; the receiver of the document verifies it', async t => {
    const { got, config } = await receiver(t, ok)
    const journal = await fresh()
    sink(t, journal, config)
    for (const one of alarms(5)) await journal.alarm(one)
    await until(() => journal.cursorSeq('webhook-tickets') === 5, 'five delivered')
    t.same(
      got.map(({ seq }) => seq),
      [1, 2, 3, 4, 5],
    )
    const code = /```js\n([\s\S]*?)```/.exec(readFileSync('docs/webhooks.md', 'utf8'))![1]!
    const file = join(t.testdir(), 'verify.mjs')
    writeFileSync(file, code)
    const { verified } = await import(pathToFileURL(file).href)
    for (const { headers, body, seq } of got) {
      t.same(schemaErrors('alert', JSON.parse(body)), [])
      t.equal(headers['idempotency-key'], `gw-7f3a-${seq}`)
      t.equal(headers['content-type'], 'application/json')
      t.equal(headers['x-plant'], 'hall')
      const header = headers['x-wearwatch-signature'] as string
      const signedS = Number(/t=(\d+)/.exec(header)![1])
      t.equal(verified(SECRET, header, Buffer.from(body), signedS), true)
      t.equal(verified(SECRET, header, Buffer.from(`${body} `), signedS), false, 'changed')
      t.equal(verified('another', header, Buffer.from(body), signedS), false, 'other secret')
      t.equal(verified(SECRET, header, Buffer.from(body), signedS + 301), false, 'old')
    }
  })

  t.test(
    'errors, redirects and hanging answers keep the message; a huge answer and one that never ends deliver it',
    async t => {
      const { got, config } = await receiver(t, (response, _, n) => {
        if (n === 1) response.writeHead(503, { 'retry-after': '2' }).end('\u001b[31mfull')
        else if (n === 2) response.writeHead(302, { location: 'https://127.0.0.1:1/' }).end()
        else if (n === 3) response.socket?.destroy()
        else if (n === 4) return
        else if (n === 5) response.writeHead(429).end()
        else if (n === 6) response.writeHead(200).end('x'.repeat(5_000_000))
        else response.writeHead(200).write('and so on')
      })
      const journal = await fresh()
      const { webhook, counters } = sink(t, journal, config, { timeoutMs: 100_000 })
      for (const one of alarms(2)) await journal.alarm(one)
      await until(() => journal.cursorSeq('webhook-tickets') === 2, 'both delivered')
      t.same(
        got.map(({ seq }) => seq),
        [1, 1, 1, 1, 1, 1, 2],
      )
      t.equal(new Set(got.slice(0, 6).map(({ headers }) => headers['idempotency-key'])).size, 1)
      // The third came over a connection used before: it was sent again at once, which is no failed try.
      t.equal(counters.snapshot()['webhook.failed_tries'], 4)
      t.match(webhook.status(), { delivered: 2, refused: 0, lastStatus: 200 })
      t.notMatch(JSON.stringify(webhook.status()), /geheim/)
    },
  )

  t.test('a refused message is passed over after six tries, and stated; the next one is delivered', async t => {
    const { got, config } = await receiver(t, (response, one) =>
      one.seq === 1 ? void response.writeHead(422).end('no such asset') : ok(response, one, 0),
    )
    const journal = await fresh()
    const { webhook, counters } = sink(t, journal, config)
    for (const one of alarms(2)) await journal.alarm(one)
    await until(() => journal.cursorSeq('webhook-tickets') === 2, 'the second delivered')
    t.same(
      got.map(({ seq }) => seq),
      [1, 1, 1, 1, 1, 1, 2],
    )
    t.equal(counters.snapshot()['webhook.refused'], 1)
    t.match(webhook.status(), { delivered: 1, refused: 1 })
  })

  t.test('a wrong path or login passes nothing over: it is kept until it is put right', async t => {
    const answers = [401, 404, 403, 404, 401, 410, 403, 404]
    const { got, config } = await receiver(t, (response, one) => {
      const wrong = answers.shift()
      if (wrong === undefined) ok(response, one, 0)
      else response.writeHead(wrong).end()
    })
    const journal = await fresh()
    const { webhook } = sink(t, journal, config)
    for (const one of alarms(2)) await journal.alarm(one)
    await until(() => journal.cursorSeq('webhook-tickets') === 2, 'both delivered')
    t.same(
      got.map(({ seq }) => seq),
      [1, 1, 1, 1, 1, 1, 1, 1, 1, 2],
    )
    t.match(webhook.status(), { delivered: 2, refused: 0 })
  })

  t.test('a certificate of an unknown authority: nothing is sent, and status says what to do', async t => {
    const { got, config } = await receiver(t, ok, true)
    const journal = await fresh()
    const { webhook } = sink(t, journal, config)
    await journal.alarm(alarms(1)[0]!)
    await until(() => webhook.status().problem !== undefined, 'the problem')
    t.match(webhook.status(), { state: 'retrying', problem: /authority in ca/ })
    t.equal(got.length, 0)
    t.equal(journal.cursorSeq('webhook-tickets'), 0)
  })

  t.test('filters; whoever was told of an alarm is told how it goes on; a new webhook begins at the head', async t => {
    const { got, config } = await receiver(t, ok)
    const journal = new MemoryJournal()
    await journal.alarm(alarms(1)[0]!)
    sink(t, journal, config, { minPriority: 3 })
    await until(() => journal.cursorNames().length > 0, 'its cursor')
    const [a, b, c, d] = alarms(4, 2)
    await journal.alarm(a!)
    await journal.alarm({ ...b!, priority: 4 })
    await journal.alarm({ ...c!, flood: '1HEMVG5WV0FLD' })
    await journal.alarm({ ...d!, suppression: 'shelved' })
    await journal.alarm({ ...a!, alertSeq: 6, transition: 'shelved', suppression: 'shelved' })
    await journal.alarm({ ...d!, alertSeq: 7, transition: 'cleared', active: false, suppression: 'shelved' })
    await journal.alarm({ ...a!, alertSeq: 8, transition: 'cleared', active: false, suppression: 'shelved' })
    await until(() => journal.cursorSeq('webhook-tickets') === 8, 'all settled')
    t.same(
      got.map(({ seq }) => seq),
      [2, 6, 8],
    )
  })

  t.test('what was answered and not yet stored comes again after a restart, with the same key', async t => {
    const { got, config } = await receiver(t, ok)
    const journal = await fresh()
    const first = sink(t, journal, config)
    await journal.alarm(alarms(1)[0]!)
    await until(() => journal.cursorSeq('webhook-tickets') === 1, 'the first')
    journal.failing = new Error('no disk')
    await journal.append({ kind: 'alarm', priority: 2, payload: Buffer.from(JSON.stringify(alarms(1, 2)[0])) })
    await first.webhook.stop(0)
    journal.failing = undefined
    sink(t, journal, config)
    await until(() => journal.cursorSeq('webhook-tickets') === 2, 'the second')
    t.same([...new Set(got.map(({ seq }) => seq))], [1, 2])
  })
})

t.test('the journal: a new position is durable at once, one of a removed webhook goes', async t => {
  const dir = t.testdir()
  const record = { kind: 'alarm', priority: 2, payload: Buffer.from('{}') } as const
  const first = await openTestJournal(dir, realDisk)
  t.equal((await first.cursorFrom('webhook-a', 0)).began, true)
  await first.append(record)
  await first.append(record)
  t.equal((await first.cursorFrom('webhook-b', 2)).began, true)
  await first.close()
  const second = await openTestJournal(dir, realDisk)
  const { cursor, began } = await second.cursorFrom('webhook-a', 2)
  t.same([began, cursor.seq], [false, 0], 'nothing between its beginning and the restart is skipped')
  t.equal((await second.cursor('webhook-b')).seq, 2)
  const kept = { name: 'b', url: 'https://x', headers: {}, timeoutMs: 1, minPriority: 4, floods: false, hidden: false }
  await dropUnusedCursors(second, [kept], silentLogger)
  t.same(second.cursorNames(), ['webhook-b'])
  await second.close()
  const third = await openTestJournal(dir, realDisk)
  t.same(third.cursorNames(), ['webhook-b'])
  await third.close()
})
