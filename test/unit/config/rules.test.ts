// Rules of the other sections, what is only warned about, and many mistakes at once.
import t from 'tap'
import { COMMANDS } from '../../support/config-commands.ts'
import { issuesOf, lines, load, withAsset, withParts } from '../../support/config-io.ts'
import { asset, CH, channel, FLOW, MQTT, type Rule, refuses } from '../../support/config-rules.ts'

const SECTIONS: Rule[] = [
  [
    'uplink without mqtt',
    withParts('uplink: {health: 1min}'),
    [
      'uplink.mqtt: is missing; expected mqtt, a mapping of keys | keys: url, client-id, username, password, tls, protocol, keepalive',
    ],
  ],
  ...COMMANDS,
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

t.test('refused: sections', async t => refuses(t, SECTIONS))

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
      'half of what a zone needs',
      asset(`${FLOW}\nmachine: {power: 55kW, group: 2}`),
      [
        'assets.p-101.machine: support: expected rigid or flexible of ISO 20816-3; without it no vibration velocity is judged by zones | write support: rigid',
      ],
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
