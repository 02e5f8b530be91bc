import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { systemClock } from '../../agent/core/clock.ts'
import { silentLogger } from '../../agent/core/logger.ts'
import { seededPrng } from '../../agent/core/prng.ts'
import { type CollectOptions, Collector } from '../../agent/uplink/collect.ts'
import type { CollectItem } from '../../agent/uplink/collect-items.ts'
import { alertPayload } from '../../agent/uplink/payloads.ts'
import { aedesBroker, type TestBroker } from '../support/uplink-brokers.ts'
import { MemoryJournal } from '../support/uplink-journal.ts'
import { alarms, BASE, GATEWAY, listen, range, testUplink, uplinkConfig } from '../support/uplink-parts.ts'
import { until } from '../support/waiting.ts'

function collector(broker: TestBroker, extra: Partial<CollectOptions> = {}) {
  const items: CollectItem[] = []
  const { url, clientId, tls, protocol, keepaliveS } = uplinkConfig(broker.url, { clientId: 'scada' })
  const made = new Collector({
    config: { url, clientId, tls, protocol, keepaliveS },
    persistent: false,
    retained: false,
    clock: systemClock(),
    prng: seededPrng(1),
    logger: silentLogger,
    onItem: item => items.push(item),
    ...extra,
  })
  return { collector: made, items }
}

const numbers = (items: readonly CollectItem[]): number[] =>
  items.flatMap(item => (item.kind === 'alert' ? [item.alert.seq] : []))

t.test('drops repeats, reports gaps, names what is no alert', async t => {
  const broker = await aedesBroker()
  const { collector: collect, items } = collector(broker)
  collect.start()
  await until(() => broker.aedes.connectedClients === 1 && collect.status.state === 'up', 'the collector')
  const [ear] = [await listen(broker.url)]
  await until(async () => {
    await ear.publish(`${BASE}/alert/p-101`, 'first')
    return collect.malformed > 0
  }, 'the subscription')
  const send = (seq: number): Promise<void> =>
    ear.publish(`${BASE}/alert/p-101`, alertPayload(GATEWAY, alarms(1, seq)[0]!).toString())
  for (const seq of [1, 2, 2, 3, 7, 5]) await send(seq)
  await ear.publish(`${BASE}/alert/_gap`, '{"schema":"wearwatch.gap/1"}')
  await until(() => items.at(-1)?.kind === 'stated-gap', 'everything')
  t.same(numbers(items), [1, 2, 3, 7, 5])
  t.match(
    items.find(item => item.kind === 'gap'),
    { gateway: 'hamburg/gw-7f3a', from: 4, to: 6 },
  )
  t.match(
    items.find(item => item.kind === 'alert' && item.late),
    { alert: { seq: 5 } },
  )
  t.match(collect.ledger, { received: 5, duplicates: 1, missing: 2, outOfOrder: 1 })
  await collect.stop()
  await ear.end()
  await broker.close()
})

t.test('a kept session delivers what came meanwhile, and what was not taken comes again', async t => {
  const broker = await aedesBroker()
  const journal = new MemoryJournal()
  const uplink = testUplink(journal, uplinkConfig(broker.url))
  uplink.start()
  const first = collector(broker, { persistent: true })
  first.collector.start()
  await until(() => first.collector.status.state === 'up', 'the first')
  const stopping = collector(broker, {
    persistent: true,
    onItem: item => {
      stopping.items.push(item)
      if (stopping.items.length === 3) stopping.collector.close()
    },
  })
  for (const alarm of alarms(2)) await journal.alarm(alarm)
  await until(() => first.items.length === 2, 'two')
  await first.collector.stop()
  for (const alarm of alarms(8, 3)) await journal.alarm(alarm)
  await until(() => journal.cursorSeq() === 10, 'the rest at the broker')
  stopping.collector.start()
  await until(() => stopping.items.length === 3, 'three more')
  await stopping.collector.stop()
  const last = collector(broker, { persistent: true })
  last.collector.start()
  await until(() => numbers(last.items).at(-1) === 10, 'what was left')
  const seen = [...numbers(first.items), ...numbers(stopping.items), ...numbers(last.items)]
  t.same(numbers(stopping.items), [3, 4, 5])
  t.same([...new Set(seen)], range(1, 10))
  await last.collector.stop()
  await uplink.stop(0)
  await broker.close()
})

t.test('begins with the alarms that stand', async t => {
  const broker = await aedesBroker()
  const journal = new MemoryJournal()
  for (const alarm of alarms(2)) await journal.alarm(alarm)
  const uplink = testUplink(journal, uplinkConfig(broker.url))
  uplink.start()
  await until(() => journal.cursorSeq() === 2, 'both')
  const { collector: collect, items } = collector(broker, { retained: true, site: 'hamburg', gateway: 'gw-7f3a' })
  collect.start()
  await until(() => items.length === 2, 'both')
  t.match(items, [{ kind: 'standing' }, { kind: 'standing' }])
  await collect.stop()
  await uplink.stop(0)
  await broker.close()
})

/** The command as users run it: a built program in a process of its own. */
function run(args: readonly string[]): {
  child: ChildProcess
  out: () => string
  err: () => string
  ended: Promise<number | null>
} {
  const main = `import('${new URL('../../dist/cli/collect.js', import.meta.url).href}').then(m => m.collectCommand().parseAsync(process.argv.slice(1), { from: 'user' }))`
  const child = spawn(process.execPath, ['-e', main, '--', ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  let err = ''
  child.stdout?.on('data', (chunk: Buffer) => (out += chunk))
  child.stderr?.on('data', (chunk: Buffer) => (err += chunk))
  const ended = once(child, 'close').then(([code]) => code as number | null)
  return { child, out: () => out, err: () => err, ended }
}

t.test('wearwatch collect: lines, NDJSON, --count, Ctrl-C, exit code 0', async t => {
  const broker = await aedesBroker()
  const dir = t.testdir()
  const file = join(dir, 'alerts.ndjson')
  const journal = new MemoryJournal()
  for (const alarm of alarms(3)) await journal.alarm(alarm)
  const uplink = testUplink(journal, uplinkConfig(broker.url))
  uplink.start()
  await until(() => journal.cursorSeq() === 3, 'the alarms')
  const lines = run(['--url', broker.url, '--from-retained', '--site', 'hamburg'])
  const counted = run(['--url', broker.url, '--json', '--out', file, '--count', '2'])
  await until(() => /connected/.test(counted.err()) && lines.out().split('\n').length > 3, 'both processes')
  t.match(
    lines.out(),
    /ALARM P3 {2}hamburg\/gw-7f3a {2}p-101 {2}flow 18 % below prediction .*\(standing, seq 1, 0{12}1, p-101-var r3\)/,
  )
  // The subscription is known to be in place once an alert arrives; earlier ones are nobody's.
  let seq = 3
  await until(async () => {
    await journal.alarm(alarms(1, ++seq)[0]!)
    return counted.child.exitCode !== null
  }, 'two alerts')
  t.equal(await counted.ended, 0)
  t.match(counted.err(), /received 2, duplicates 0, missing 0, out of order 0/)
  const stored = readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as { schema: string })
  t.match(stored, [{ schema: 'wearwatch.alert/1' }, { schema: 'wearwatch.alert/1' }])
  t.equal(counted.out(), readFileSync(file, 'utf8'))
  lines.child.kill('SIGINT')
  t.equal(await lines.ended, 0)
  t.match(lines.err(), /received \d+, duplicates 0/)
  await uplink.stop(0)
  await broker.close()
})
