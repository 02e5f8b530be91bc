// TLS of both links against mosquitto: what can be wrong is said in a sentence, and certificates and logins are renewed on
// disk while alerts flow, without a restart and without a loss.

import { spawnSync } from 'node:child_process'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { MqttLinkConfig } from '../../agent/config/contract.ts'
import { scaledClock } from '../../agent/core/clock.ts'
import { createSource } from '../../agent/sources/registry.ts'
import type { Uplink } from '../../agent/uplink/contract.ts'
import { Authority, FUTURE, type Issued, OPENSSL_MISSING, PAST, pemsOf } from '../support/certificates.ts'
import { shortDir } from '../support/short-dir.ts'
import { testAsset } from '../support/source-assets.ts'
import { testDeps } from '../support/source-deps.ts'
import { freePort, MOSQUITTO_MISSING, type Mosquitto, mosquitto } from '../support/uplink-brokers.ts'
import { MemoryJournal } from '../support/uplink-journal.ts'
import { alarms, alertSeqs, listen, range, testUplink, uplinkConfig } from '../support/uplink-parts.ts'
import { until } from '../support/waiting.ts'

const skip = MOSQUITTO_MISSING || OPENSSL_MISSING
/** Files are looked at five times as often as in the field. */
const CLOCK = scaledClock(5)

async function tlsBroker(t: Test, ca: string, { cert, key }: Issued, more: readonly string[] = []): Promise<Mosquitto> {
  const broker = await mosquitto([
    ...(more.some(line => line.startsWith('password_file')) ? [] : ['allow_anonymous true']),
    `cafile ${ca}`,
    `certfile ${cert}`,
    `keyfile ${key}`,
    ...more,
  ])
  t.teardown(() => broker.close())
  return broker
}

type Files = { ca?: string; cert?: string; key?: string }

function linkTo(url: string, files: Files): Partial<MqttLinkConfig> & { url: string } {
  return { url, tls: pemsOf(files), files }
}

/** What uplink and source say of it once they wait. */
async function saidOf(t: Test, link: Partial<MqttLinkConfig> & { url: string }): Promise<string[]> {
  const uplink = testUplink(new MemoryJournal(), uplinkConfig(link.url, link))
  const deps = testDeps([testAsset(0, [{ id: 'flow', binding: { topic: 'p/flow', valuePath: '$.v' } }])])
  const source = await createSource(
    { ...uplinkConfig(link.url, link), kind: 'mqtt', id: 'line', qos: 0, retained: 'ignore', clientId: 'gw-line' },
    deps,
  )
  uplink.start()
  source.start()
  await until(() => uplink.status().state === 'waiting', 'the uplink to wait')
  await until(() => source.status().state === 'waiting', 'the source to wait')
  const said = [uplink.status().detail, source.status().detail]
  await Promise.all([uplink.stop(0), source.stop()])
  t.comment(said[0]!)
  return said
}

t.test('what can be wrong with certificates is said with what to do', { skip }, async t => {
  const dir = shortDir(t)
  const plant = new Authority(dir)
  const other = new Authority(dir, 'other-ca')
  const good = plant.issue('broker')
  const client = plant.issue('client')
  const wants = ['require_certificate true']
  const stranger = other.issue('stranger')
  const expired = plant.issue('expired', PAST)
  const rows: [string, Issued, Files, string[], RegExp][] = [
    ['unknown authority', good, {}, [], /authority that is unknown here; set tls\.ca of/],
    ['another authority', good, { ca: other.ca }, [], /authority that is unknown here|not signed by the authority/],
    [
      'host name',
      plant.issue('named', { san: 'DNS:mq.plant' }),
      { ca: plant.ca },
      [],
      /another host name \(DNS:mq\.plant\); use that name in url/,
    ],
    ['expired', plant.issue('old', PAST), { ca: plant.ca }, [], /its certificate has expired; renew it, or correct/],
    [
      'not yet valid',
      plant.issue('early', FUTURE),
      { ca: plant.ca },
      [],
      /not valid yet; correct this gateway's clock/,
    ],
    [
      'none of ours',
      good,
      { ca: plant.ca },
      wants,
      /asks for a client certificate and there is none; set tls\.cert and tls\.key/,
    ],
    [
      'ours of a stranger',
      good,
      { ca: plant.ca, ...stranger },
      wants,
      /refused the client certificate .*stranger\.pem \(.*\); use one/,
    ],
    [
      'ours expired',
      good,
      { ca: plant.ca, ...expired },
      wants,
      /refused the client certificate .*expired\.pem \(certificate expired\)/,
    ],
    [
      'key of another',
      good,
      { ca: plant.ca, cert: client.cert, key: stranger.key },
      wants,
      /key does not fit the client certificate; set tls\.cert and tls\.key/,
    ],
  ]
  for (const [what, certificate, files, more, expected] of rows) {
    const broker = await tlsBroker(t, plant.ca, certificate, more)
    for (const said of await saidOf(t, linkTo(`mqtts://127.0.0.1:${broker.port}`, files))) t.match(said, expected, what)
    await broker.stop()
  }
})

t.test('TLS towards a port without it, and the other way round', { skip }, async t => {
  const dir = shortDir(t)
  const plant = new Authority(dir)
  const plain = await mosquitto()
  t.teardown(() => plain.close())
  const wrong = linkTo(`mqtts://127.0.0.1:${plain.port}`, { ca: plant.ca })
  for (const said of await saidOf(t, wrong)) t.match(said, /does not speak TLS|with or without TLS/)
  const tls = await tlsBroker(t, plant.ca, plant.issue('broker'))
  for (const said of await saidOf(t, { url: `mqtt://127.0.0.1:${tls.port}`, tls: {} }))
    t.match(said, /speak MQTT, and without TLS\?|speaks TLS|with or without TLS/)
})

t.test('websockets, plain and with TLS, and a path', { skip }, async t => {
  const dir = shortDir(t)
  const plant = new Authority(dir)
  const { cert, key } = plant.issue('broker')
  const [ws, wss] = [await freePort(), await freePort()]
  // mosquitto 2.0.11 does not start with websockets alone: the plain listener of the helper stands beside them.
  const websockets = (port: number): string[] => [`listener ${port} 127.0.0.1`, 'protocol websockets']
  const broker = await mosquitto([
    'allow_anonymous true',
    ...websockets(ws),
    ...websockets(wss),
    `certfile ${cert}`,
    `keyfile ${key}`,
  ])
  t.teardown(() => broker.close())
  const links = [{ url: `ws://127.0.0.1:${ws}/mqtt` }, linkTo(`wss://127.0.0.1:${wss}/mqtt`, { ca: plant.ca })]
  for (const link of links) {
    const journal = new MemoryJournal()
    const uplink = testUplink(journal, uplinkConfig(link.url, link))
    for (const alarm of alarms(3)) await journal.alarm(alarm)
    uplink.start()
    await until(() => journal.cursorSeq() === 3, `the alerts over ${link.url}`)
    t.match(uplink.status().detail, `connected to ${link.url}, MQTT 5`)
    await uplink.stop(0)
  }
  for (const said of await saidOf(t, linkTo(`wss://127.0.0.1:${wss}/mqtt`, {})))
    t.match(said, /unknown here; set tls\.ca/)
})

/** User names, which are the names of certificates, in the order of logins. */
const loginsIn = (log: string): string[] =>
  [...readFileSync(log, 'utf8').matchAll(/ as gw-7f3a-uplink .*u'([^']*)'/g)].map(match => match[1]!)

const noteOf = (uplink: Uplink): string => uplink.status().notes?.join(' ') ?? ''

t.test('a client certificate is renewed while alerts flow', { skip }, async t => {
  const dir = shortDir(t)
  const plant = new Authority(dir)
  const names = ['gw-first', 'gw-second', 'gw-expired'] as const
  const [first, second, old] = names.map(name => plant.issue(name, name === 'gw-expired' ? PAST : {})) as [
    Issued,
    Issued,
    Issued,
  ]
  const log = join(dir, 'broker.log')
  writeFileSync(log, '', { mode: 0o666 })
  const logged = [`log_dest file ${log}`, 'log_type all']
  const broker = await tlsBroker(t, plant.ca, plant.issue('broker'), [
    'require_certificate true',
    'use_identity_as_username true',
    ...logged,
  ])
  const url = `mqtts://127.0.0.1:${broker.port}`
  const [cert, key] = [join(dir, 'gw.pem'), join(dir, 'gw.key')]
  const install = (from: Partial<Issued>): void => {
    if (from.cert) copyFileSync(from.cert, cert)
    if (from.key) copyFileSync(from.key, key)
  }
  install(first)
  const journal = new MemoryJournal()
  const uplink = testUplink(journal, uplinkConfig(url, linkTo(url, { ca: plant.ca, cert, key })), { clock: CLOCK })
  t.teardown(() => uplink.stop(0))
  const ear = await listen(url, 'wearwatch/#', pemsOf({ ca: plant.ca, ...first }))
  t.teardown(() => ear.end())
  uplink.start()
  let made = 0
  const more = async (n: number): Promise<void> => {
    for (const alarm of alarms(n, made + 1)) await journal.alarm(alarm)
    made += n
  }
  await more(20)
  await until(() => alertSeqs(ear).length === made, 'the first alerts')
  t.same(loginsIn(log), ['gw-first'])

  // The new certificate is there before its key; then half of the key; then one that has run out.
  install({ cert: second.cert })
  await until(
    () => /key .*gw\.key does not fit the certificate .*gw\.pem; the one before stays in use/.test(noteOf(uplink)),
    'the pair that does not fit to be told',
  )
  writeFileSync(key, readFileSync(second.key, 'utf8').slice(0, 100))
  await until(
    () => /gw\.key is cut short.*; the one before stays in use/.test(noteOf(uplink)),
    'the half key to be told',
  )
  install(old)
  await until(
    () => /gw\.pem expired on 2021-01-01; the one before stays in use/.test(noteOf(uplink)),
    'the expired one to be told',
  )
  await more(20)
  await until(() => alertSeqs(ear).length === made, 'alerts over the old connection')
  t.equal(uplink.status().state, 'up')
  t.same(loginsIn(log), ['gw-first'], 'the connection was never given up')

  const wills = ear.on('state').filter(({ text }) => /connection lost/.test(text)).length
  install(second)
  await until(async () => {
    await more(5)
    return loginsIn(log).length > 1
  }, 'the second login')
  await until(() => alertSeqs(ear).length === made, 'the alerts of before, during and after')
  t.same(alertSeqs(ear), range(1, made), 'all, in order')
  t.same(loginsIn(log), ['gw-first', 'gw-second'])
  t.equal(noteOf(uplink), '')
  t.equal(ear.on('state').filter(({ text }) => /connection lost/.test(text)).length, wills, 'no last will was sent')
})

t.test('a password and a user name in files are renewed without a restart', { skip }, async t => {
  const dir = shortDir(t)
  const users = join(dir, 'users')
  const made = spawnSync('mosquitto_passwd', ['-b', '-c', users, 'gateway', 'right'])
  if (made.error) return void t.pass('mosquitto_passwd is not installed', { skip: 'mosquitto_passwd is not installed' })
  const broker = await mosquitto(['allow_anonymous false', `password_file ${users}`])
  t.teardown(() => broker.close())
  const files = { username: join(dir, 'user'), password: join(dir, 'pw') }
  writeFileSync(files.username, 'gateway\n')
  writeFileSync(files.password, 'wrong\n')
  const journal = new MemoryJournal()
  for (const alarm of alarms(3)) await journal.alarm(alarm)
  const config = uplinkConfig(broker.url, { username: 'gateway', password: 'wrong', files })
  const uplink = testUplink(journal, config, { clock: CLOCK })
  t.teardown(() => uplink.stop(0))
  uplink.start()
  await until(() => uplink.status().state === 'waiting', 'the refusal')
  t.match(uplink.status().detail, /refused user gateway.*check username and password of the uplink/)
  writeFileSync(files.password, '')
  await until(
    () => /pw cannot be read \(it is empty\); the one before stays in use/.test(noteOf(uplink)),
    'the empty file to be told',
  )
  writeFileSync(files.password, 'right\n')
  await until(() => journal.cursorSeq() === 3, 'the alerts')
  t.match(uplink.status(), { state: 'up', notes: undefined })
})
