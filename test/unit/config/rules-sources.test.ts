// Rules of the file as a whole, of sources and of links to brokers.
import t from 'tap'
import { withAsset, withParts } from '../../support/config-io.ts'
import { type Rule, refuses, source } from '../../support/config-rules.ts'

const TOP: Rule[] = [
  ['unknown key', withParts('scorr: {threads: 2}'), ['scorr: unknown key "scorr" | did you mean "scorer"?']],
  [
    'newer version',
    withParts('version: 2\nassets: 3'),
    [
      'version: this agent understands version 1, the file has version 2 | update the agent, or use the file that belongs to it',
    ],
  ],
  ['version as text', withParts('version: "1"'), ['version: expected 1, got the text "1" | write version: 1']],
  [
    'no gateway',
    'version: 1\nsources: {p: {simulator: {}}}\nassets: {a: {source: p, channels: {flow: {unit: bar}}}}',
    ['gateway: is missing; the site is part of every topic | write gateway: {site: hamburg}'],
  ],
  [
    'no sources, no assets',
    'gateway: {site: x}\nsources: {}',
    [
      'assets: names no asset: there is nothing to watch | add the machines by id, each with its channels or a type',
      'sources: names no source: there is nothing to read | write sources: {plant: {mqtt: {url: mqtt://broker:1883}}}',
    ],
  ],
  [
    'a list for a mapping',
    withParts('gateway: [1]'),
    ['gateway: expected gateway, a mapping of keys, got a list | keys: site, id'],
  ],
  [
    'bad slug',
    withParts('gateway: {site: Hamburg Nord}'),
    [
      'gateway.site: "Hamburg Nord" cannot be the site: expected small letters, digits and hyphens, beginning with a letter or digit, 64 characters at most | write hamburg-nord',
    ],
  ],
  [
    'log level',
    withParts('log: {level: warning}'),
    ['log.level: expected one of debug, info, warn, error, silent, got the text "warning" | did you mean "warn"?'],
  ],
  [
    'not a mapping',
    '- a\n- b',
    ['(file): expected a mapping of keys, got a list | begin with version: 1 and gateway: {site: hamburg}'],
  ],
  [
    'empty',
    '',
    [
      '(file): expected a mapping of keys, got nothing (an empty value) | begin with version: 1 and gateway: {site: hamburg}',
    ],
  ],
]

const SOURCES: Rule[] = [
  [
    'unknown kind',
    source('{opcua: {}}'),
    ['sources.s.opcua: unknown key "opcua" | known here: mqtt, serial, replay, simulator, modbus-rtu, modbus-tcp'],
  ],
  [
    'later kind',
    source('{modbus-tcp: {host: x}}'),
    [
      'sources.s.modbus-tcp: modbus-tcp is not supported yet by this version | this version reads mqtt, serial, replay, simulator',
    ],
  ],
  [
    'no kind',
    source('{}'),
    [
      'sources.s: names no kind; expected exactly one of mqtt, serial, replay, simulator | write mqtt: {url: mqtt://broker:1883}',
    ],
  ],
  [
    'two kinds',
    source('{simulator: {}, replay: {files: a.csv}}'),
    [
      'sources.s: names 2 kinds: simulator, replay; expected exactly one of mqtt, serial, replay, simulator | give every source an id of its own',
    ],
  ],
  [
    'serial without its keys',
    source('{serial: {path: /dev/ttyS0}}'),
    [
      'sources.s.serial.baud: is missing; expected the bits per second of the line, a whole number from 50 to 12000000',
      'sources.s.serial.frame: is missing; expected one of cobs-crc16, csv, json',
    ],
  ],
  [
    'counter on csv',
    source('{serial: {path: /dev/ttyS0, baud: 9600, frame: csv, counter: u8}}'),
    ['sources.s.serial.counter: belongs to frame cobs-crc16; this line has frame csv | remove counter'],
  ],
  [
    'delimiter on json',
    source('{serial: {path: /dev/ttyS0, baud: 9600, frame: json, delimiter: ";"}}'),
    ['sources.s.serial.delimiter: belongs to frame csv; this line has frame json | remove delimiter'],
  ],
  [
    'replay of what',
    source('{replay: {files: a.txt}}'),
    ['sources.s.replay.files: expected a file that ends in .csv or .npy | name files by what they are'],
  ],
  [
    'rate of CSV',
    source('{replay: {files: [a.csv], rate: 10Hz}}'),
    ['sources.s.replay.rate: is for NPY files; CSV rows carry their own times | remove rate'],
  ],
  [
    'NPY without rate',
    source('{replay: {files: [a.npy]}}'),
    ['sources.s.replay.rate: is missing; NPY files do not say how fast they were sampled | write rate: 10Hz'],
  ],
  [
    'replay speed',
    source('{replay: {files: a.csv, speed: fast}}'),
    [
      'sources.s.replay.speed: expected a factor above 0 or max, got the text "fast" | write speed: 10 for ten times real time',
    ],
  ],
  [
    'simulated signal',
    withAsset('source: s\nchannels: {flw: {unit: m3/h}}', 's: {simulator: {}}'),
    ['assets.p-101.channels.flw: the simulator has no signal "flw" | did you mean "flow"?; or write column: SIGNAL'],
  ],
]

const url = (text: string): string =>
  source(`{mqtt: {url: ${text}}}`).replace('source: s\n', 'source: s\n    topic: a\n')
const AT = 'sources.s.mqtt'
const LINKS: Rule[] = [
  [
    'http',
    url('"http://b:1"'),
    [`${AT}.url: expected mqtt://, mqtts://, ws:// or wss://, got http:// | write ws://HOST:PORT`],
  ],
  [
    'tcp',
    url('"tcp://b:1"'),
    [`${AT}.url: expected mqtt://, mqtts://, ws:// or wss://, got tcp:// | write mqtt://HOST:PORT`],
  ],
  [
    'a slip',
    url('"mqts://b"'),
    [`${AT}.url: expected mqtt://, mqtts://, ws:// or wss://, got mqts:// | write mqtts://HOST:PORT`],
  ],
  [
    'no scheme',
    url('broker'),
    [
      `${AT}.url: expected mqtt://, mqtts://, ws:// or wss://, got an address without a scheme | write mqtt://HOST:PORT`,
    ],
  ],
  ['no host', url('"mqtt://"'), [`${AT}.url: names no host | write mqtt://HOST:1883`]],
  [
    'bad port',
    url('"mqtt://b:99999"'),
    [`${AT}.url: is not a valid address | write mqtt://HOST:PORT, such as mqtt://broker:1883`],
  ],
  [
    'tls without tls',
    url('"mqtt://b:1", tls: {}'),
    [
      `${AT}.tls: has no effect: the url says the link is not encrypted | write mqtts:// or wss:// in url, or remove tls`,
    ],
  ],
  [
    'password alone',
    url('"mqtt://b:1", password: x'),
    [`${AT}.username: is missing; MQTT 3.1.1 takes a password only together with a user name | add username: NAME`],
  ],
  [
    'keepalive without unit',
    url('"mqtt://b:1", keepalive: 30'),
    [
      `${AT}.keepalive: expected keepalive, a duration with its unit, such as 10min, got the number 30 | write 30s, 30min or 30h`,
    ],
  ],
  ['protocol', url('"mqtt://b:1", protocol: 3'), [`${AT}.protocol: expected one of auto, 5, 3.1.1, got the number 3`]],
  [
    'same client id',
    withParts(`sources:
  plant: {mqtt: {url: "mqtt://broker:1883", client-id: me}}
uplink: {mqtt: {url: "mqtts://broker", client-id: me}}`),
    [
      "uplink.mqtt.client-id: has the client id me of sources.plant.mqtt on the same broker; they would end each other's connection | leave client-id out, or make them differ",
    ],
  ],
]

t.test('refused: top', async t => refuses(t, TOP))
t.test('refused: sources', async t => refuses(t, SOURCES))
t.test('refused: links', async t => refuses(t, LINKS))
