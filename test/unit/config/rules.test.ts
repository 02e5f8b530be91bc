// One line per rule: what is written, where it is refused, in which words, and what would do instead.
import t from 'tap'
import { issuesOf, lines, load, withAsset, withParts } from '../../support/config-io.ts'

type Rule = readonly [what: string, yaml: string, expected: readonly string[]]

const MQTT = 'plant: {mqtt: {url: "mqtt://broker:1883"}}'
const DAQ = 'daq: {serial: {path: /dev/ttyUSB0, baud: 921600, frame: cobs-crc16}}'
const asset = (keys: string): string => withAsset(`source: plant\ntopic: a/{channel}\n${keys}`)
const channel = (keys: string): string => asset(`channels: {flow: {unit: m3/h, ${keys}}}`)
const wave = (keys: string): string => withAsset(`source: daq\nchannels: {de-h: {unit: g, ${keys}}}`, DAQ)
const CH = 'assets.p-101.channels.flow'

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

const source = (text: string): string => withAsset('source: s\nchannels: {flow: {unit: m3/h}}', `s: ${text}`)
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

const CHANNELS: Rule[] = [
  [
    'no unit',
    asset('channels: {flow: {}}'),
    [
      `${CH}.unit: is missing; expected a UCUM unit | write unit: bar, unit: Cel, unit: "1/min", or unit: "1" for a bare number`,
    ],
  ],
  [
    'unknown unit',
    asset('channels: {flow: {unit: rpm}}'),
    [`${CH}.unit: unknown unit "rpm"; expected a UCUM code | did you mean "1/min"?`],
  ],
  [
    'no conversion',
    channel('wire-unit: Cel'),
    [
      `${CH}.wire-unit: Cel is a temperature and cannot become m3/h, a volume flow | name the unit that is on the wire, or scale and offset`,
    ],
  ],
  [
    'range turned round',
    channel('range: [200, 0]'),
    [`${CH}.range: [200, 0] is empty; expected low below high | write range: [0, 200]`],
  ],
  [
    'range of one',
    channel('range: [200]'),
    [`${CH}.range: expected a list of two numbers, [low, high], got a list | write range: [0, 200]`],
  ],
  [
    'min above max',
    channel('min: 9, max: 3'),
    [`${CH}.min: min 9 is not below max 3: one of them would always alarm | swap them, or remove one`],
  ],
  [
    'limit in quotes',
    channel('max: "9"'),
    [`${CH}.max: expected an upper limit in the unit of the channel, got the text "9" | write it without quotes: 9`],
  ],
  [
    'limit not finite',
    channel('max: .inf'),
    [`${CH}.max: expected an upper limit in the unit of the channel, got the number Infinity`],
  ],
  [
    'priority',
    channel('max: 9, limit: {priority: 5}'),
    [`${CH}.limit.priority: expected a priority, 1 (highest) to 4, got the number 5`],
  ],
  [
    'delay without unit',
    channel('max: 9, limit: {on-delay: 5}'),
    [
      `${CH}.limit.on-delay: expected on-delay, a duration with its unit, such as 10min, got the number 5 | write 5s, 5min or 5h`,
    ],
  ],
  [
    'heartbeat alone',
    channel('heartbeat: 10min'),
    [`${CH}.heartbeat: is for channels that report on change | add reports: on-change`],
  ],
  [
    'on-change without heartbeat',
    channel('reports: on-change'),
    [
      `${CH}.heartbeat: is missing; without it a silent publisher and a dead one look the same | write heartbeat: 10min, the longest silence while all is well`,
    ],
  ],
  [
    'rate alone',
    channel('rate: 10Hz'),
    [`${CH}.rate: is for waveforms; this channel has one value at a time | write every: 100ms, or add waveform: int16`],
  ],
  ['misspelt', channel('unti: bar'), [`${CH}.unti: unknown key "unti" | did you mean "unit"?`]],
  [
    'later: capture',
    wave('waveform: int16, rate: 25600, capture: {length: 5s}'),
    [
      'assets.p-101.channels.de-h.capture: capture (recording a waveform part of the time) is not supported yet by this version | leave it out: this version takes a waveform continuously',
    ],
  ],
  [
    'later: Modbus',
    channel('holding: 4'),
    [
      `${CH}: holding addresses Modbus registers; reading Modbus is not supported yet by this version | this version reads mqtt, serial, replay, simulator`,
    ],
  ],
  [
    'waveform over mqtt',
    channel('waveform: int16, rate: 100'),
    [
      `${CH}.waveform: source plant (mqtt) carries no waveforms | waveforms come over serial with frame cobs-crc16, or from NPY files by replay`,
    ],
  ],
  [
    'waveform without rate',
    wave('waveform: int16'),
    ['assets.p-101.channels.de-h.rate: is missing; a waveform needs its samples per second | write rate: 25.6kHz'],
  ],
  [
    'limit on a waveform',
    wave('waveform: int16, rate: 100, max: 3'),
    [
      'assets.p-101.channels.de-h.max: "max" is not supported yet on a waveform | put it on a channel with one value at a time',
    ],
  ],
  [
    'two rates',
    withAsset(
      'source: s\nchannels: {w: {unit: g, waveform: int16, rate: 10kHz}}',
      's: {replay: {files: a.npy, rate: 20kHz}}',
    ),
    [
      'assets.p-101.channels.w.rate: 10000 Hz differs from the 20000 Hz of source s | remove it here; the source says it',
    ],
  ],
  [
    'bad id',
    asset('channels: {Flow Rate: {unit: m3/h}}'),
    [
      'assets.p-101.channels."Flow Rate": "Flow Rate" cannot be the id of a channel: expected small letters, digits and hyphens, beginning with a letter or digit, 64 characters at most | write flow-rate',
    ],
  ],
]

const FLOW = 'channels: {flow: {unit: m3/h}}'
const ASSETS: Rule[] = [
  ['unknown type', asset('type: pmup'), ['assets.p-101.type: no type "pmup" | add it under types']],
  [
    'unknown source',
    withAsset(`source: plnt\ntopic: a\n${FLOW}`),
    ['assets.p-101.source: no source "plnt" | did you mean "plant"?'],
  ],
  [
    'no source',
    withAsset(`topic: a\n${FLOW}`),
    ['assets.p-101.source: is missing; expected the id of a source | write source: plant'],
  ],
  [
    'no channels',
    withAsset('source: plant'),
    ['assets.p-101: has no channels | add channels:, or type: with a type that has some'],
  ],
  [
    'no topic',
    withAsset(`source: plant\n${FLOW}`),
    ['assets.p-101.topic: is missing; an mqtt source needs a topic | write topic: "line1/{asset}/{channel}"'],
  ],
  [
    'placeholder',
    withAsset(`source: plant\ntopic: a/{chanel}\n${FLOW}`),
    ['assets.p-101.topic: unknown placeholder {chanel} | did you mean "channel"?'],
  ],
  [
    '{tag} without tag',
    withAsset(`source: plant\ntopic: a/{tag}\n${FLOW}`),
    ['assets.p-101.topic: uses {tag}, but p-101 has no tag | add tag: to the asset, or write it out'],
  ],
  [
    '# in the middle',
    withAsset(`source: plant\ntopic: "a/#/b"\n${FLOW}`),
    ['assets.p-101.topic: "a/#/b": # may only stand at the end | use + for one level in the middle'],
  ],
  [
    '+ beside text',
    withAsset(`source: plant\ntopic: "a/b+"\n${FLOW}`),
    ['assets.p-101.topic: "a/b+": + and # must fill a level of their own | write a/+/b, not a/b+'],
  ],
  ['JSON path', asset(`value: v\n${FLOW}`), ['assets.p-101.value: "v" is not a JSON path | write $.v']],
  [
    'JSON path with a blank',
    asset(`value: $.a[b]\n${FLOW}`),
    [`assets.p-101.value: "$.a[b]" is not a JSON path | write it like $.v, $.a.b[0] or $['Volume Flow']`],
  ],
  [
    'time by position over mqtt',
    asset(`time: 0\n${FLOW}`),
    ['assets.p-101.time: expected a JSON path, got the number 0 | write time: $.ts'],
  ],
  [
    'key of another kind on a channel',
    channel('column: 3'),
    [`${CH}.column: "column" means nothing on source plant (mqtt) | this source takes topic, value, time`],
  ],
  [
    'key of another kind on the asset',
    asset(`stream: 3\n${FLOW}`),
    ['assets.p-101.stream: "stream" means nothing on source plant | remove it'],
  ],
  [
    'running',
    asset(`${FLOW}\nrunning: {when: flo > 3}`),
    ['assets.p-101.running.when: no channel "flo" in this asset | did you mean "flow"?'],
  ],
  [
    'running without when',
    asset(`${FLOW}\nrunning: {settle: 2min}`),
    ['assets.p-101.running.when: is missing; expected a condition | write when: speed > 300'],
  ],
  [
    'settle without unit',
    asset(`${FLOW}\nrunning: {when: flow > 3, settle: 2}`),
    [
      'assets.p-101.running.settle: expected settle, a duration with its unit, such as 10min, got the number 2 | write 2s, 2min or 2h',
    ],
  ],
  [
    'deadband',
    asset(`${FLOW}\nalarm: {deadband: 1}`),
    ['assets.p-101.alarm.deadband: expected a share of the setpoint, 0 to 0.9, got 1; the most is 0.9'],
  ],
  [
    'later family',
    asset(`${FLOW}\nmodel: {family: aakr}`),
    [
      'assets.p-101.model.family: model family aakr is not supported yet by this version | this version fits var (vector autoregression), also as auto',
    ],
  ],
  [
    'unknown family',
    asset(`${FLOW}\nmodel: {family: arima}`),
    [
      'assets.p-101.model.family: expected a model family, auto or var, got the text "arima" | this version fits var (vector autoregression), also as auto',
    ],
  ],
  [
    'order',
    asset(`${FLOW}\nmodel: {order: 0.5}`),
    ['assets.p-101.model.order: expected order, a whole number from 1 to 50, got a fraction'],
  ],
  [
    'id',
    withParts('assets: {P-101A: {source: plant, topic: a, channels: {flow: {unit: bar}}}}'),
    [
      'assets.P-101A: "P-101A" cannot be the id of an asset: expected small letters, digits and hyphens, beginning with a letter or digit, 64 characters at most | write p-101a; the name people use goes into "tag"',
    ],
  ],
]

const SECTIONS: Rule[] = [
  [
    'uplink without mqtt',
    withParts('uplink: {health: 1min}'),
    [
      'uplink.mqtt: is missing; expected mqtt, a mapping of keys | keys: url, client-id, username, password, tls, protocol, keepalive',
    ],
  ],
  [
    'later command',
    withParts('uplink: {mqtt: {url: "mqtt://b"}, commands: [shelve]}'),
    [
      'uplink.commands[0]: expected one of sync, status, got the text "shelve" | the command shelve is not supported yet by this version',
    ],
  ],
  [
    'commands',
    withParts('uplink: {mqtt: {url: "mqtt://b"}, commands: sync}'),
    ['uplink.commands: expected a list of commands, got the text "sync" | write commands: [sync]'],
  ],
  [
    'size without unit',
    withParts('storage: {journal: 64}'),
    [
      'storage.journal: expected journal, a size with its unit, such as 512MiB, got the number 64 | write 64MiB or 64GiB',
    ],
  ],
  [
    'size too small',
    withParts('storage: {samples: {size: 1kB}}'),
    ['storage.samples.size: 1kB is too small; the least is 1MiB'],
  ],
  ['deadline', withParts('scorer: {deadline: 10ms}'), ['scorer.deadline: 10ms is too small; the least is 50ms']],
  ['memory', withParts('scorer: {memory: 512MiB}'), ['scorer.memory: 512MiB is too small; the least is 768MiB']],
  [
    'provider',
    withParts('scorer: {provider: rocm}'),
    [
      'scorer.provider: expected gpu, auto, cpu, cuda, tensorrt, a list such as [cuda, cpu], or {require: cuda}, got the text "rocm" | gpu tries tensorrt, then cuda, then cpu',
    ],
  ],
  [
    'provider twice',
    withParts('scorer: {provider: [cpu, cpu]}'),
    ['scorer.provider: [cpu, cpu] names a provider twice | name each once, the best first'],
  ],
  [
    'later: library',
    withParts('scorer: {library: /x.so}'),
    [
      'scorer.library: library (a libonnxruntime.so of your own) is not supported yet by this version | leave it out: this version scores with the onnxruntime-node it ships with',
    ],
  ],
  [
    'sync without root',
    withParts('sync: {repository: /m}'),
    [
      'sync.root: is missing; expected the path of a trusted root.json | copy the root.json that "wearwatch publish init" wrote by a way you trust, and name it here: root: root.json',
    ],
  ],
  [
    'sync over ftp',
    withParts('sync: {repository: "ftp://m", root: r}'),
    [
      'sync.repository: expected http://, https:// or a folder, got ftp: | write https://HOST/PATH or /path/of/a/folder',
    ],
  ],
  [
    'schedule',
    withParts('sync: {repository: /m, root: r, schedule: 99 * * * *}'),
    [
      'sync.schedule: "99" is no minute; expected 0-59, *, lists, ranges or */n | write schedule: "15 3 * * *" for a quarter past three each night',
    ],
  ],
  [
    'socket',
    withParts(`control: {socket: /${'s'.repeat(107)}}`),
    [
      `control.socket: the socket /${'s'.repeat(107)} has 108 bytes; Linux takes 107 at most | write control: {socket: /run/wearwatch/wearwatch.sock}`,
    ],
  ],
]

for (const [group, rules] of Object.entries({ TOP, SOURCES, LINKS, CHANNELS, ASSETS, SECTIONS })) {
  t.test(`refused: ${group.toLowerCase()}`, async t => {
    for (const [what, yaml, expected] of rules) t.same(lines(issuesOf(yaml)), expected, what)
  })
}

t.test('warned about, loads all the same', async t => {
  const warnings = (yaml: string): string[] => lines(load(yaml).warnings)
  t.same(warnings(withParts('')), [], 'the base of these tests')
  for (const [what, yaml, expected] of [
    [
      'no version',
      withParts('').replace('version: 1\n', ''),
      ['version: is missing; read as version 1 | write version: 1 at the top'],
    ],
    [
      'no uplink',
      withParts('').replace(/uplink.*\n/, ''),
      [
        'uplink: is missing: alarms are kept and shown on this gateway and sent nowhere | write uplink: {mqtt: {url: mqtts://broker:8883}}',
      ],
    ],
    [
      'unused source',
      withAsset(`source: plant\ntopic: a\n${FLOW}`, `${MQTT}\n  sim: {simulator: {}}`),
      [
        'sources.sim: has no channels: it is opened and nothing is read from it | write source: sim at an asset, or remove it',
      ],
    ],
    [
      'unused type',
      withParts('types: {pump: {}}'),
      ['types.pump: is not used by any asset | write type: pump at an asset, or remove it'],
    ],
    [
      'one place twice',
      withAsset('source: plant\ntopic: a\nchannels: {x: {unit: bar}, y: {unit: bar}}'),
      [
        'assets.p-101.channels.y: reads the same value as assets.p-101.channels.x: plant, topic a, value $ | put {channel} or {asset} into topic, value or column, or name another place',
      ],
    ],
    [
      'limit outside of range',
      channel('range: [0, 8], max: 9'),
      [
        `${CH}.max: max 9 lies outside of range [0, 8]: a value there is bad and never reaches the limit | widen the range`,
      ],
    ],
    [
      'max-age below heartbeat',
      channel('reports: on-change, heartbeat: 10min, max-age: 1min'),
      [
        `${CH}.max-age: is shorter than the heartbeat: the value goes stale while all is well | leave it out: 1.5 x heartbeat holds`,
      ],
    ],
    [
      'description only',
      asset(`${FLOW}\nmachine: {power: 55kW}`),
      ['assets.p-101.machine: is kept and shown; this version computes nothing from it yet | nothing to do'],
    ],
    [
      'rows beside running',
      asset(`${FLOW}\nlearn: {rows: 500, running: 2h}`),
      ['assets.p-101.learn.running: has no effect beside rows | keep one of the two'],
    ],
    [
      'starts without running',
      asset(`${FLOW}\nlearn: {starts: 3}`),
      [
        'assets.p-101.learn.starts: without "running" the machine counts as always running, so there is one start and no more | add running: {when: speed > 300}, or remove starts',
      ],
    ],
    [
      'password in the address',
      withParts('uplink: {mqtt: {url: "mqtt://u:geheim@b"}}'),
      ['uplink.mqtt.url: the password stands in the address | better: username: NAME and password: {file: broker.pw}'],
    ],
  ] as const) {
    t.same(warnings(yaml), expected, what)
  }
})

t.test('one mistake does not hide another', async t => {
  const yaml = withParts(`sources:
  plant: {mqtt: {url: "mqt://b", keepalive: 3, password: {env: NOPE}}}
assets:
  p-101: {source: plnt, channels: {flow: {unit: nope, min: 3, max: 1, spam: 1}}}`)
  t.same(
    issuesOf(yaml).map(issue => issue.path),
    [
      'sources.plant.mqtt.keepalive',
      'sources.plant.mqtt.url',
      'sources.plant.mqtt.password.env',
      'sources.plant.mqtt.username',
      'assets.p-101.channels.flow.unit',
      'assets.p-101.channels.flow.spam',
      'assets.p-101.channels.flow.min',
      'assets.p-101.source',
    ],
  )
})

t.test('forty pumps of one type say once what is wrong with the type', async t => {
  const pumps = Array.from({ length: 40 }, (_, i) => `  p-${i}: {type: pump}`).join('\n')
  const issues = issuesOf(
    withParts(
      `types:\n  pump: {source: plant, topic: "a/{asset}", channels: {flow: {min: 3, max: 1}}}\nassets:\n${pumps}`,
    ),
  )
  t.same(
    issues.map(({ line, path }) => `${line} ${path}`),
    ['7 types.pump.channels.flow.unit', '7 types.pump.channels.flow.min'],
  )
})

t.test('a megabyte of mistakes is cut short, and says so', async t => {
  const assets = Array.from({ length: 900 }, (_, i) => `  P ${i}: {typ: 3}`).join('\n')
  const issues = issuesOf(withParts(`assets:\n${assets}`))
  t.equal(issues.length, 501)
  t.equal(issues.filter(({ message }) => message === 'there are more than 500; the rest is not shown').length, 1)
})
