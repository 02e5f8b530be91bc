// kill -9 of the agent around a POST, before its answer and between the answer and the cursor: at least once, none lost.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import { plantConfig } from '../support/plant.ts'
import { range } from '../support/uplink-parts.ts'
import { until } from '../support/waiting.ts'

const KILLS = ['before the answer', 'after the answer', 'before the answer', 'after the answer'] as const
const EACH = 3

t.test('none is lost', { timeout: 240_000 }, async t => {
  const got: { seq: number; key: string }[] = []
  let daemon: Daemon | undefined
  let made = 0
  let killSeq = 0
  let kill: (typeof KILLS)[number] | undefined
  const die = (): void => {
    kill = undefined
    daemon?.child.kill('SIGKILL')
  }
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const { seq } = JSON.parse(Buffer.concat(chunks).toString()) as { seq: number }
    got.push({ seq, key: String(request.headers['idempotency-key']) })
    // By its number: the answer to the one before must not kill before this one is in the journal.
    const due = seq === killSeq ? kill : undefined
    if (due === 'before the answer') die()
    response.end(() => {
      if (due === 'after the answer') die()
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  // Nobody publishes; what is shelved by hand makes the transitions.
  const more = `webhooks: {tickets: {url: "${url}", hidden: true}}\nuplink: {mqtt: {url: "mqtt://127.0.0.1:1"}}`
  const config = plantConfig({ port: 1, more })
  let dir: string | undefined
  for (const when of KILLS) {
    daemon = await startDaemon(t, config, dir === undefined ? {} : { dir })
    dir = daemon.dir
    const { child } = daemon
    await until(() => new Set(got.map(({ seq }) => seq)).size === made, 'what was left over')
    for (let i = 0; i < EACH; i++) {
      if (i === EACH - 1) [kill, killSeq] = [when, made + 1]
      const action = made % 2 === 0 ? { action: 'shelve', forMs: 3_600_000 } : { action: 'unshelve' }
      // The last one may be killed before it answers the socket; its record was durable, for it was posted.
      const asked = daemon.post('/v1/alarms/suppress', { ...action, target: 'p-1', rule: 'pressure.max', by: 'kim' })
      if (i === EACH - 1) await asked.catch(() => {})
      else await asked
      made++
    }
    await until(() => child.exitCode !== null || child.signalCode !== null, `the kill ${when}`)
    t.equal(child.signalCode, 'SIGKILL')
  }
  daemon = await startDaemon(t, config, { dir: dir! })
  const { ask } = daemon
  const status = async (): Promise<{ webhooks: { pending: number; state: string }[] }> => ask('/v1/status')
  await until(async () => (await status()).webhooks[0]!.state === 'idle', 'all delivered')
  const seqs = got.map(({ seq }) => seq)
  t.same([...new Set(seqs)], range(1, made), 'all, and first in order')
  for (const { seq, key } of got) t.equal(key, `gw-1-${seq}`)
  t.ok(seqs.length > made, 'some came twice')
  t.comment(`${seqs.length - made} of ${made} came twice`)
  await daemon.stop('SIGTERM')
})
