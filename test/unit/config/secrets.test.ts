import t from 'tap'
import { redacted } from '../../../agent/config/redact.ts'
import { issuesOf, lines, load, PEM, withParts } from '../../support/config-io.ts'

const PW = '/etc/ww/pw'
const link = (keys: string, scheme = 'mqtts'): string =>
  withParts(`uplink: {mqtt: {url: "${scheme}://b", username: u, ${keys}}}`)
const FILE = link('password: {file: pw}')

t.test('a secret comes from a file, the environment, or the text itself', async t => {
  t.equal(load(FILE, { files: { [PW]: 'geheim\n' } }).config.uplink?.password, 'geheim')
  t.equal(
    load(FILE, { files: { [PW]: ' two words \r\n' } }).config.uplink?.password,
    ' two words ',
    'only the newline goes',
  )
  t.same(load(FILE, { files: { [PW]: 'geheim' } }).warnings, [])
  t.equal(load(link('password: {env: BROKER_PW}'), { env: { BROKER_PW: 'geheim' } }).config.uplink?.password, 'geheim')
  const plain = load(link('password: geheim'))
  t.equal(plain.config.uplink?.password, 'geheim')
  t.same(lines(plain.warnings), [
    'uplink.mqtt.password: the password stands in the configuration itself | better: password: {file: broker.pw}, a file only the agent can read',
  ])
})

t.test('a file that others can read is warned about', async t => {
  const world = { files: { [PW]: 'geheim' }, modes: { [PW]: 0o100644 } }
  t.same(lines(load(FILE, world).warnings), [
    'uplink.mqtt.password.file: /etc/ww/pw can be read by others than its owner (mode 644) | chmod 600 /etc/ww/pw',
  ])
})

t.test('an unreadable secret is SECRET_UNREADABLE, with what to do', async t => {
  const create = 'create it, readable by the user the agent runs as; relative paths begin at the folder of this file'
  for (const [what, yaml, files, expected] of [
    ['no file', FILE, {}, `uplink.mqtt.password.file: /etc/ww/pw cannot be read (it does not exist) | ${create}`],
    [
      'empty',
      FILE,
      { [PW]: '\n' },
      'uplink.mqtt.password.file: the secret file /etc/ww/pw is empty | put the password alone into it',
    ],
    [
      'two lines',
      FILE,
      { [PW]: 'a\nb\n' },
      'uplink.mqtt.password.file: the secret file /etc/ww/pw holds more than one line | put the password alone into it',
    ],
    [
      'too long',
      FILE,
      { [PW]: 'a'.repeat(65_537) },
      'uplink.mqtt.password.file: /etc/ww/pw has 65537 bytes; the most is 65536 | is it the right file?',
    ],
    [
      'not set',
      link('password: {env: BROKER_PW}'),
      {},
      'uplink.mqtt.password.env: the environment variable BROKER_PW is not set | set it for the service (systemd: EnvironmentFile=), or use {file: PATH}',
    ],
    [
      'no ca',
      link('tls: {ca: ca.pem}'),
      {},
      `uplink.mqtt.tls.ca: /etc/ww/ca.pem cannot be read (it does not exist) | ${create}`,
    ],
  ] as const) {
    const issues = issuesOf(yaml, { files })
    t.same(lines(issues), [expected], what)
    t.equal(issues[0]?.code, 'SECRET_UNREADABLE', what)
  }
})

t.test('TLS files become PEM text', async t => {
  const files = {
    '/etc/ww/ca.pem': PEM,
    '/etc/ww/c.pem': PEM,
    '/etc/ww/k.pem': PEM.replaceAll('CERTIFICATE', 'PRIVATE KEY'),
  }
  const tls = load(link('tls: {ca: ca.pem, cert: c.pem, key: k.pem}'), { files }).config.uplink?.tls
  t.same(tls, { ca: PEM, cert: PEM, key: files['/etc/ww/k.pem'] })
  t.same(lines(issuesOf(link('tls: {cert: c.pem}'), { files })), [
    'uplink.mqtt.tls: key is missing; a client certificate needs cert and key | add key: FILE, or remove both',
  ])
  t.same(lines(issuesOf(link('tls: {ca: ca.pem}'), { files: { '/etc/ww/ca.pem': '\x30\x82' } })), [
    'uplink.mqtt.tls.ca: /etc/ww/ca.pem is not a PEM file | expected text with -----BEGIN … -----; convert DER with openssl',
  ])
})

t.test('no secret ever comes back in a message', async t => {
  for (const yaml of [
    link('password: 4711'),
    link('password: [geheim]'),
    link('password: {fil: geheim}'),
    link('password: {env: geheim}'),
    link('password: geheim, qos: 3'),
    link('password: "geheim'),
    link('password: geheim: x'),
    link('password: @geheim'),
    link('password: "geheim", password: "geheim"'),
    link('tls: {key: "-----BEGIN PRIVATE KEY-----\\ngeheim"}'),
    withParts('uplink: {mqtt: "mqtt://u:geheim@b"}'),
    withParts('uplink: {mqtt: {url: "mqt://u:geheim@b"}}'),
    withParts('uplink: {mqtt: {url: "mqtt://u:ge/geheim@b:x"}}'),
    withParts('uplink: {mqtt: {url: ["mqtt://u:geheim@b"]}}'),
    withParts('sync: {repository: ["https://u:geheim@b"], root: r}'),
    withParts('sources: {plant: "mqtt://u:p/geheim@b"}'),
  ]) {
    const issues = JSON.stringify(issuesOf(yaml))
    t.notMatch(issues, /geheim|4711/, yaml.slice(yaml.indexOf('uplink')).slice(0, 90))
  }
})

t.test('no secret is printed', async t => {
  const files = {
    [PW]: 'geheim',
    '/etc/ww/ca.pem': PEM,
    '/etc/ww/c.pem': PEM,
    '/etc/ww/k.pem': PEM.replaceAll('CERTIFICATE', 'PRIVATE KEY'),
  }
  const secretive = withParts(`sources:
  plant: {mqtt: {url: "wss://u:geheim@broker/mqtt?token=geheim", tls: {ca: ca.pem, cert: c.pem, key: k.pem}}}
uplink: {mqtt: {url: "mqtts://b", username: u, password: {file: pw}}}
sync: {repository: "https://u:geheim@host/m", root: root.json}`)
  const { config, warnings } = load(secretive, { files })
  t.match(config.sources[0], { url: 'wss://broker:443/mqtt?token=geheim', username: 'u', password: 'geheim' })
  const printed = redacted(config)
  t.notMatch(JSON.stringify(printed) + JSON.stringify(warnings), /geheim|MIIB/)
  t.match(printed, {
    sources: {
      plant: {
        mqtt: {
          url: 'wss://broker:443/mqtt?***',
          username: 'u',
          password: '***',
          tls: { ca: '(PEM, 59 characters)', key: '***' },
        },
      },
    },
    sync: { repository: 'https://***@host/m' },
  })
})
