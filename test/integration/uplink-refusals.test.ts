// What a broker can refuse, on a real one: login, topics, a second client of the same id. Nothing is lost meanwhile, and
// the status says what to do.
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import t from 'tap'
import { scaledClock } from '../../agent/core/clock.ts'
import { aedesBroker, MOSQUITTO_MISSING, mosquitto } from '../support/uplink-brokers.ts'
import { MemoryJournal } from '../support/uplink-journal.ts'
import { alarms, alertSeqs, BASE, listen, testUplink, uplinkConfig } from '../support/uplink-parts.ts'
import { until } from '../support/waiting.ts'

const skip = MOSQUITTO_MISSING
const plain = ['allow_anonymous true']

t.test('wrong password', { skip }, async t => {
  // "secret" as mosquitto_passwd writes it is not needed: nobody can log in against an empty list.
  const broker = await mosquitto(['allow_anonymous false', 'password_file $DIR/users'], { users: '' })
  for (const protocol of [4, 5] as const) {
    const uplink = testUplink(
      new MemoryJournal(),
      uplinkConfig(broker.url, { protocol, username: 'ww', password: 'x' }),
    )
    uplink.start()
    await until(() => uplink.status().state === 'waiting', 'the refusal')
    t.match(uplink.status().detail, /refused user ww.*check username and password of the uplink/, `MQTT ${protocol}`)
    await uplink.stop(0)
  }
  const anonymous = testUplink(new MemoryJournal(), uplinkConfig(broker.url))
  anonymous.start()
  await until(() => anonymous.status().state === 'waiting', 'the refusal')
  t.match(anonymous.status().detail, /set username and password/)
  await anonymous.stop(0)
  await broker.close()
})

t.test('access list refuses alerts: said, nothing skipped, delivered once it allows them', { skip }, async t => {
  const allowed = `topic readwrite ${BASE}/alarm/#\ntopic write ${BASE}/state\ntopic read #\n`
  const broker = await mosquitto([...plain, 'acl_file $DIR/acl'], { acl: allowed })
  const journal = new MemoryJournal()
  for (const alarm of alarms(3)) await journal.alarm(alarm)
  const uplink = testUplink(journal, uplinkConfig(broker.url))
  t.teardown(async () => {
    await uplink.stop(0)
    await broker.close()
  })
  uplink.start()
  await until(() => /refuses messages on/.test(uplink.status().detail), 'the refusal')
  t.match(uplink.status(), { state: 'up', protocol: 5 })
  t.match(uplink.status().detail, `the broker refuses messages on ${BASE}/alert/p-101`)
  t.match(uplink.status().detail, /access list; nothing is lost/)
  t.equal(journal.cursorSeq(), 0)
  await broker.rewrite('acl', 'topic readwrite #\n')
  const ear = await listen(broker.url)
  await until(() => journal.cursorSeq() === 3, 'the alerts')
  await until(() => alertSeqs(ear).length === 3, 'the ear')
  t.same(alertSeqs(ear), [1, 2, 3])
  t.match(uplink.status().detail, /connected/)
  await ear.end()
})

t.test('a second client with our id', { skip }, async t => {
  const broker = await mosquitto(plain)
  const uplink = testUplink(new MemoryJournal(), uplinkConfig(broker.url))
  t.teardown(async () => {
    await uplink.stop(0)
    await broker.close()
  })
  uplink.start()
  await until(() => uplink.status().state === 'up', 'the connection')
  const clone = await listen(broker.url, 'x', { clientId: 'gw-7f3a-uplink', protocolVersion: 5, reconnectPeriod: 0 })
  await until(() => uplink.status().state === 'waiting', 'the takeover')
  // mosquitto 2.0.11 just closes; brokers that say why are below.
  t.match(uplink.status().detail, /another client may use client id "gw-7f3a-uplink"/)
  await clone.end()
})

t.test('MQTT 5: session taken over', async t => {
  const sockets: Socket[] = []
  const server = createServer(socket => {
    sockets.push(socket)
    // CONNACK success without properties, to whatever CONNECT came.
    socket.once('data', () => socket.write(Buffer.from([0x20, 3, 0, 0, 0])))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const uplink = testUplink(new MemoryJournal(), uplinkConfig(`mqtt://127.0.0.1:${port}`))
  uplink.start()
  await until(() => uplink.status().state === 'up', 'the connection')
  // DISCONNECT, reason 0x8e.
  sockets[0]?.end(Buffer.from([0xe0, 2, 0x8e, 0]))
  await until(() => uplink.status().state === 'waiting', 'the takeover')
  t.match(uplink.status().detail, /another client logged in with client id "gw-7f3a-uplink" \(a cloned SD card\?\)/)
  await uplink.stop(0)
  server.close()
})

t.test('a broker that speaks only MQTT 5 or only 3.1.1 is asked in its own words', { skip }, async t => {
  const broker = await mosquitto(plain)
  for (const protocol of [4, 5] as const) {
    const uplink = testUplink(new MemoryJournal(), uplinkConfig(broker.url, { protocol }))
    uplink.start()
    await until(() => uplink.status().state === 'up', 'the connection')
    t.equal(uplink.status().protocol, protocol)
    await uplink.stop(0)
  }
  await broker.close()
})

/** What the uplink says besides its state, in one text. */
const notesOf = (uplink: ReturnType<typeof testUplink>): string => uplink.status().notes?.join(' ') ?? ''

t.test('MQTT 3.1.1: what the broker acknowledges and drops is noticed by its echo', { skip }, async t => {
  const acl = `topic write ${BASE}/state\ntopic read ${BASE}/#\n`
  const broker = await mosquitto([...plain, 'acl_file $DIR/acl'], { acl })
  const journal = new MemoryJournal()
  for (const alarm of alarms(3)) await journal.alarm(alarm)
  const uplink = testUplink(journal, uplinkConfig(broker.url, { protocol: 4 }), { clock: scaledClock(20) })
  t.teardown(async () => {
    await uplink.stop(0)
    await broker.close()
  })
  uplink.start()
  await until(() => notesOf(uplink) !== '', 'the missing echo')
  t.match(notesOf(uplink), /acknowledges what this gateway writes to .*alert\/\+.* and drops it/)
  t.match(notesOf(uplink), /allow it to write and read there in the broker's access list, or use MQTT 5/)
  t.notMatch(notesOf(uplink), /\/state/, 'what is allowed is not named')
  await broker.rewrite('acl', 'topic readwrite #\n')
  let made = 3
  await until(async () => {
    for (const alarm of alarms(1, ++made)) await journal.alarm(alarm)
    return notesOf(uplink) === ''
  }, 'the note to go when the list allows it')
})

t.test('MQTT 5: a broker that does not let us read is noticed by our own state', { skip }, async t => {
  const broker = await mosquitto([...plain, 'acl_file $DIR/acl'], { acl: `topic write ${BASE}/#\n` })
  const uplink = testUplink(new MemoryJournal(), uplinkConfig(broker.url), { clock: scaledClock(20) })
  t.teardown(async () => {
    await uplink.stop(0)
    await broker.close()
  })
  uplink.start()
  await until(() => notesOf(uplink) !== '', 'the missing echo')
  t.match(notesOf(uplink), `does not deliver ${BASE}/state to this gateway, so commands may not arrive either`)
})

t.test('MQTT 3.1.1: two clients that throw each other out', { skip }, async t => {
  const broker = await mosquitto(plain)
  const uplink = testUplink(new MemoryJournal(), uplinkConfig(broker.url, { protocol: 4 }), { clock: scaledClock(4) })
  uplink.start()
  await until(() => uplink.status().state === 'up', 'the connection')
  const clone = await listen(broker.url, 'x', { clientId: 'gw-7f3a-uplink', protocolVersion: 4, reconnectPeriod: 20 })
  t.teardown(async () => {
    await clone.end()
    await uplink.stop(0)
    await broker.close()
  })
  await until(() => /3 times within minutes/.test(uplink.status().detail), 'the pattern to be seen')
  t.match(uplink.status().state, 'waiting')
  t.match(uplink.status().detail, /very likely another client uses client id "gw-7f3a-uplink" \(a cloned SD card\?\)/)
  t.match(uplink.status().detail, /give each gateway an id of its own/)
})

t.test('a port that is no broker, a name that is unknown, a broker that falls silent', { skip }, async t => {
  const said = async (url: string, state: string, wanted: RegExp, extra = {}): Promise<void> => {
    const uplink = testUplink(new MemoryJournal(), uplinkConfig(url, extra), { clock: scaledClock(20) })
    uplink.start()
    const seen = (): boolean => wanted.test(uplink.status().detail) && uplink.status().state === state
    await until(seen, `${wanted} about ${url}, ${state}`)
    t.pass(uplink.status().detail)
    await uplink.stop(0)
  }
  const ports: Server[] = []
  const port = async (answer: (socket: Socket) => void): Promise<number> => {
    const server = createServer(socket => answer(socket.on('error', () => {}))).listen(0, '127.0.0.1')
    ports.push(server)
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }
  const ssh = await port(socket => socket.write('SSH-2.0-OpenSSH_9.2\r\n'))
  await said(`mqtt://127.0.0.1:${ssh}`, 'waiting', /answered "SSH-2.0-OpenSSH_9.2", which is not MQTT; check the port/)
  const closing = await port(socket => socket.end())
  await said(`mqtt://127.0.0.1:${closing}`, 'waiting', /closed before the login was answered; does that port/)
  const silent = await port(() => {})
  await said(`mqtt://127.0.0.1:${silent}`, 'waiting', /accepts connections, but did not answer the login for 10 s/, {
    protocol: 4,
  })
  await said('mqtt://nowhere.invalid:1883', 'waiting', /host name (is unknown|cannot be resolved)/)
  for (const server of ports) server.close()
})

t.test('MQTT 5 asked for, and the broker has 3.1.1 only: alarms go, and the status says so', async t => {
  const broker = await aedesBroker()
  const journal = new MemoryJournal()
  for (const alarm of alarms(2)) await journal.alarm(alarm)
  const uplink = testUplink(journal, uplinkConfig(broker.url, { protocol: 5 }))
  t.teardown(async () => {
    await uplink.stop(0)
    await broker.close()
  })
  uplink.start()
  await until(() => journal.cursorSeq() === 2, 'the alerts')
  t.match(uplink.status(), { state: 'up', protocol: 4, detail: /MQTT 3\.1\.1/ })
  t.match(notesOf(uplink), /does not take MQTT 5/)
})
