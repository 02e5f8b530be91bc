// The two examples of the interface, defaults, merging, layout.
import t from 'tap'
import type { AssetConfig } from '../../../agent/config/contract.ts'
import { ConfigError, loadConfigFile } from '../../../agent/config/load.ts'
import { issuesOf, lines, load, withAsset, withParts } from '../../support/config-io.ts'

const PUMP = `version: 1
gateway: {site: hamburg}          # id: from the machine-id
sources:
  plant: {mqtt: {url: mqtts://broker:8883, username: ww, password: {file: broker.pw}, retained: ignore}}
types:
  pump:
    channels:
      flow: {unit: m3/h, range: [0, 200]}
      suction: {unit: bar}
      discharge: {unit: bar, max: 9}             # fixed limit, guards from the first sample
      current: {unit: A}
      speed: {unit: 1/min}
      motor-temp: {unit: Cel, reports: on-change, heartbeat: 10min}
      bearing-temp: {unit: Cel, max: 95}
      vibration: {unit: mm/s, detector: rms}
    running: {when: speed > 300, settle: 2min}   # gates learning and scoring
    learn: {running: 24h, starts: 3, provisional-after: 7d}
    alarm: {on-delay: 10min, off-delay: 30min, priority: 3, action: Check strainer}
assets:
  p-101: {type: pump, tag: P-101A, source: plant, topic: "line1/p-101/{channel}", value: $.v, time: $.ts}
`
const MOTOR = `sources:
  daq: {serial: {path: /dev/serial/by-id/usb-daq, baud: 921600, frame: cobs-crc16, counter: u16}}
  bus: {modbus-rtu: {path: /dev/serial/by-id/usb-485, baud: 19200, parity: even}}
assets:
  m-204:
    machine: {power: 55kW, speed: 1480/min, standard: iso20816-3, group: 2, support: rigid}
    channels:
      de-h: {source: daq, waveform: int16, rate: 25600, unit: g, scale: 0.000488, point: DE, axis: horizontal, mount: stud, capture: {length: 5s, every: 10min}}
      current: {source: bus, slave: 3, input: 11, type: u16, scale: 0.1, unit: A, every: 1s}
      winding: {source: bus, slave: 3, input: 12, type: s16, scale: 0.1, unit: Cel, max: 130, every: 5s}
    running: {when: current > 8, settle: 60s}
    model: {family: bands}
`
const MIN = 60_000
const HOUR = 60 * MIN
const DAY = 24 * HOUR

t.test('a pump with eight channels over MQTT', async t => {
  const { config, warnings, lineLoads } = load(PUMP, { files: { '/etc/ww/broker.pw': 'geheim\n' } })
  t.same(lines(warnings), [
    'uplink: is missing: alarms are kept and shown on this gateway and sent nowhere | write uplink: {mqtt: {url: mqtts://broker:8883}}',
  ])
  t.same(lineLoads, [])
  t.same(config.gateway, { site: 'hamburg', id: 'gw-fa0a' }, 'sha256 of the machine-id without its newline')
  t.same(config.sources, [
    {
      kind: 'mqtt',
      id: 'plant',
      url: 'mqtts://broker:8883',
      clientId: 'gw-fa0a-plant',
      username: 'ww',
      password: 'geheim',
      tls: {},
      files: { password: '/etc/ww/broker.pw' },
      protocol: 'auto',
      keepaliveS: 30,
      qos: 1,
      retained: 'ignore',
      watch: { downMs: 5 * MIN, errorsPerMin: 60 },
    },
  ])
  const pump = config.assets[0] as AssetConfig
  t.match(pump, {
    id: 'p-101',
    index: 0,
    tag: 'P-101A',
    type: 'pump',
    layout: 'scattered',
    everyMs: 1000,
    gapMs: 10_000,
  })
  t.same(
    pump.channels.map(channel => channel.id),
    ['flow', 'suction', 'discharge', 'current', 'speed', 'motor-temp', 'bearing-temp', 'vibration'],
  )
  const limit = { onDelayMs: 0, offDelayMs: 10_000, priority: 2 }
  const common = { scale: 1, offset: 0, reports: 'periodic', maxAgeMs: 10_000 }
  const bound = (id: string) => ({
    source: 'plant',
    topic: `line1/p-101/${id}`,
    valuePath: '$.v',
    timePath: '$.ts',
    stream: 0,
    index: 0,
  })
  const sensor = { priority: 4, offDelayMs: 5 * MIN, silentMs: 5 * MIN, clockMs: 5 * MIN }
  t.same(pump.channels[0], {
    id: 'flow',
    unit: 'm3/h',
    ...common,
    sensor: { ...sensor, outOfRangeMs: MIN },
    range: { low: 0, high: 200 },
    limit: { ...limit, deadband: 2 },
    binding: bound('flow'),
  })
  t.same(pump.channels[2], {
    id: 'discharge',
    unit: 'bar',
    ...common,
    sensor,
    max: 9,
    limit: { ...limit, deadband: 0.09 },
    binding: bound('discharge'),
  })
  t.match(pump.channels[5], { unit: 'Cel', reports: 'on-change', maxAgeMs: 15 * MIN, sensor: { silentMs: 15 * MIN } })
  t.match(pump.channels[6], { max: 95, limit: { deadband: 0.95 } })
  t.match(pump.channels[7], { unit: 'mm/s', detector: 'rms' })
  t.same(pump.running, { text: 'speed > 300', anyOf: [[{ channel: 4, op: '>', value: 300 }]], settleMs: 2 * MIN })
  t.same(pump.learn, {
    runningMs: 24 * HOUR,
    starts: 3,
    provisionalAfterMs: 7 * DAY,
    rebaseline: 'daily',
    sufficiency: 'wait',
  })
  t.same(pump.alarm, {
    onDelayMs: 10 * MIN,
    offDelayMs: 30 * MIN,
    deadband: 0.1,
    priority: 3,
    action: 'Check strainer',
    setpoint: 1,
    zones: 'on',
    trendHorizonMs: 30 * DAY,
    shelveMaxMs: 7 * DAY,
  })
  t.same(pump.model, { family: 'auto', order: 5, mean: 10, hop: 1 })
})

t.test('a motor with an accelerometer and Modbus: only what this version cannot do yet is refused', async t => {
  t.same(lines(issuesOf(`version: 1\ngateway: {site: hamburg}\n${MOTOR}`)), [
    'sources.bus.modbus-rtu: modbus-rtu is not supported yet by this version | this version reads mqtt, serial, replay, simulator',
    'assets.m-204.channels.current: slave, input, type address Modbus registers; reading Modbus is not supported yet by this version | this version reads mqtt, serial, replay, simulator',
    'assets.m-204.channels.winding: slave, input, type address Modbus registers; reading Modbus is not supported yet by this version | this version reads mqtt, serial, replay, simulator',
  ])
})

t.test('defaults of everything that may be left out', async t => {
  const { config } = load(withParts(''))
  t.same(config.storage, {
    dir: '/var/lib/wearwatch',
    journalBytesMax: 64 * 2 ** 20,
    samples: { ageMs: 90 * DAY, bytes: 2 * 2 ** 30 },
    scores: { ageMs: 365 * DAY, bytes: 2 ** 30 },
    waveforms: { ageMs: 30 * DAY, bytes: 4 * 2 ** 30 },
    writeBytesPerDayMax: 20e9,
    minutes: { ageMs: 365 * DAY, bytes: 2 ** 30 },
    hours: { ageMs: 3650 * DAY, bytes: 256 * 2 ** 20 },
    blackBox: { ageMs: 730 * DAY, bytes: 512 * 2 ** 20, beforeMs: 3_600_000, afterMs: 3_600_000 },
  })
  t.same(config.scorer, {
    providers: ['tensorrt', 'cuda', 'cpu'],
    require: false,
    deviceId: 0,
    threads: 1,
    deadlineMs: 10_000,
    queueWindowsMax: 4096,
    batchMax: 64,
    memoryMb: 1024,
  })
  t.match(config.uplink, {
    url: 'mqtt://broker:1883',
    clientId: 'gw-1',
    healthEveryMs: MIN,
    featuresEveryMs: MIN,
    inFlightMax: 16,
    commands: [],
  })
  t.same(config.control, { socket: '/var/lib/wearwatch/wearwatch.sock' })
  t.same(config.log, { level: 'info' })
  t.equal(config.sync, undefined)
  t.same(config.assets[0]?.learn.starts, 0, 'always running: there is no start to wait for')
})

t.test('paths begin at the folder of the file', async t => {
  const { config } = load(
    withParts(
      'storage: {dir: data}\nsync: {repository: models, root: ../root.json, schedule: 15 3 * * *, limit: 20MB}',
    ),
  )
  t.equal(config.storage.dir, '/etc/ww/data')
  t.equal(config.control.socket, '/etc/ww/data/wearwatch.sock')
  t.same(config.sync, { repository: '/etc/ww/models', root: '/etc/root.json', schedule: '15 3 * * *', bytesMax: 20e6 })
})

t.test('the ladder of providers', async t => {
  const of = (provider: string) => load(withParts(`scorer: {provider: ${provider}}`)).config.scorer
  t.match(of('auto'), { providers: ['tensorrt', 'cuda', 'cpu'], require: false })
  t.match(of('cpu'), { providers: ['cpu'], require: false })
  t.match(of('[cuda, cpu]'), { providers: ['cuda', 'cpu'], require: false })
  t.match(of('{require: cuda}'), { providers: ['cuda'], require: true })
})

t.test('own keys win over those of the type, group by group and channel by channel', async t => {
  const { config } = load(
    withParts(`types:
  pump:
    channels: {flow: {unit: m3/h, max: 100, limit: {on-delay: 5s, priority: 1}}, speed: {unit: 1/min}}
    running: {when: speed > 300, settle: 5min}
    alarm: {priority: 4, action: Look}
    source: plant
    topic: t/{type}/{tag}/{asset}/{channel}
assets:
  p-1: {type: pump, tag: A}
  p-2: {type: pump, tag: B, channels: {flow: {max: 80, limit: {priority: 3}}, temp: {unit: Cel}}, running: {when: flow > 1}, alarm: {priority: 2}}`),
  )
  const [first, second] = config.assets
  t.match(first?.channels[0], {
    max: 100,
    limit: { onDelayMs: 5000, priority: 1, deadband: 1 },
    binding: { topic: 't/pump/A/p-1/flow' },
  })
  t.match(second?.channels[0], {
    unit: 'm3/h',
    max: 80,
    limit: { onDelayMs: 5000, priority: 3, deadband: 0.8 },
    binding: { topic: 't/pump/B/p-2/flow' },
  })
  t.same(
    second?.channels.map(channel => channel.id),
    ['flow', 'speed', 'temp'],
  )
  t.match(second?.running, { text: 'flow > 1', settleMs: 5 * MIN })
  t.match(second?.alarm, { priority: 2, action: 'Look' })
})

t.test('units on the wire become units of the channel', async t => {
  const one = (keys: string) =>
    load(withAsset(`source: plant\ntopic: a\nchannels: {x: {${keys}}}`)).config.assets[0]?.channels[0]
  t.match(one('unit: bar, wire-unit: kPa'), { unit: 'bar', scale: 0.01, offset: 0 })
  t.match(one('unit: Cel, wire-unit: K'), { scale: 1, offset: -273.15 })
  // A raw count of 1234 is 123.4 kPa above vacuum at 10 kPa: (1234 * 0.1 + 10) kPa = 1.334 bar.
  const x = one('unit: bar, wire-unit: kPa, scale: 0.1, offset: 10')
  t.ok(Math.abs(1234 * (x?.scale ?? 0) + (x?.offset ?? 0) - 1.334) < 1e-12)
})

t.test('layout follows from where the channels come from', async t => {
  const DAQ = 'daq: {serial: {path: /dev/ttyS0, baud: 921600, frame: cobs-crc16}}'
  const CSV = 'csv: {serial: {path: /dev/ttyS0, baud: 9600, frame: csv}}'
  const two = (a: string, b: string): string => `channels: {a: {unit: bar${a}}, b: {unit: bar${b}}}`
  for (const [what, layout, yaml] of [
    ['a topic each', 'scattered', withAsset(`source: plant\ntopic: x/{channel}\n${two('', '')}`)],
    ['one topic', 'rows', withAsset(`source: plant\ntopic: x\nvalue: $.{channel}\n${two('', '')}`)],
    [
      'one topic, two times',
      'scattered',
      withAsset(`source: plant\ntopic: x\nvalue: $.{channel}\n${two('', ', time: $.t')}`),
    ],
    ['one channel', 'rows', withAsset('source: plant\ntopic: x/{channel}\nchannels: {a: {unit: bar}}')],
    ['one stream', 'rows', withAsset(`source: daq\n${two('', '')}`, DAQ)],
    ['two streams', 'scattered', withAsset(`source: daq\n${two('', ', stream: 1')}`, DAQ)],
    [
      'a stream and a waveform',
      'rows',
      withAsset(`source: daq\n${two('', ', stream: 1, waveform: int16, rate: 100')}`, DAQ),
    ],
    ['a line', 'rows', withAsset(`source: csv\n${two('', '')}`, CSV)],
    [
      'two sources',
      'scattered',
      withAsset(`source: csv\n${two('', ', source: sim, column: flow')}`, `${CSV}\n  sim: {simulator: {}}`),
    ],
    ['said otherwise', 'rows', withAsset(`source: plant\ntopic: x/{channel}\nlayout: rows\n${two('', '')}`)],
  ] as const) {
    t.equal(load(yaml).config.assets[0]?.layout, layout, what)
  }
})

t.test('bindings by kind of source', async t => {
  const bound = (keys: string, source: string) =>
    load(withAsset(keys, source)).config.assets[0]?.channels.map(channel => channel.binding)
  const base = { stream: 0, index: 0 }
  t.same(
    bound(
      'source: daq\nchannels: {a: {unit: A}, b: {unit: A}, c: {unit: A, stream: 2}, d: {unit: A, index: 7}, w: {unit: g, waveform: int16, rate: 100}}',
      'daq: {serial: {path: /d, baud: 115200, frame: cobs-crc16}}',
    ),
    [
      { source: 'daq', stream: 0, index: 0 },
      { source: 'daq', stream: 0, index: 1 },
      { source: 'daq', stream: 2, index: 0 },
      { source: 'daq', stream: 0, index: 7 },
      { source: 'daq', stream: 0, index: 0 },
    ],
  )
  t.same(
    bound(
      'source: s\ntime: 0\nchannels: {a: {unit: A, column: 2}, b: {unit: A}}',
      's: {serial: {path: /d, baud: 9600, frame: csv}}',
    ),
    [
      { ...base, source: 's', column: 2, timeColumn: 0 },
      { ...base, source: 's', column: 'b', timeColumn: 0 },
    ],
  )
  t.same(
    bound('source: s\ntime: $.t\nchannels: {a-b: {unit: A}}', 's: {serial: {path: /d, baud: 9600, frame: json}}'),
    [{ ...base, source: 's', valuePath: '$.a-b', timePath: '$.t' }],
  )
  t.same(
    bound('source: s\ntime: Time\ncolumn: "{channel} [A]"\nchannels: {a: {unit: A}}', 's: {replay: {files: x.csv}}'),
    [{ ...base, source: 's', column: 'a [A]', timeColumn: 'Time' }],
  )
  t.same(
    bound(
      'source: s\nchannels: {a: {unit: g, waveform: int16}, b: {unit: g, waveform: int16}}',
      's: {replay: {files: x.npy, rate: 20kHz}}',
    ),
    [
      { source: 's', stream: 0, index: 0 },
      { source: 's', stream: 0, index: 1 },
    ],
  )
})

t.test('times', async t => {
  const one = (keys: string, source?: string) =>
    load(withAsset(`source: plant\ntopic: a/{channel}\n${keys}`, source)).config.assets[0]
  t.match(one('every: 5s\nchannels: {a: {unit: A}, b: {unit: A, max-age: 7s}}'), {
    everyMs: 5000,
    gapMs: 50_000,
    channels: [{ maxAgeMs: 50_000 }, { maxAgeMs: 7000 }],
  })
  t.match(one('channels: {a: {unit: A, every: 2s}, b: {unit: A, every: 5s}}'), {
    everyMs: 2000,
    channels: [{ maxAgeMs: 20_000 }, { maxAgeMs: 50_000 }],
  })
  t.match(one('gap: 3min\nmax-age: 9s\nchannels: {a: {unit: A}, b: {unit: A, reports: on-change, heartbeat: 1h}}'), {
    gapMs: 3 * MIN,
    channels: [{ maxAgeMs: 9000 }, { maxAgeMs: 1.5 * HOUR }],
  })
  t.match(
    load(withAsset('source: s\nchannels: {flow: {unit: m3/h}}', 's: {simulator: {rate: 3Hz}}')).config.assets[0],
    { everyMs: 333.333333 },
  )
})

t.test('the gateway id', async t => {
  const yaml = withParts('gateway: {site: hamburg}')
  t.equal(load(yaml, { machineId: 'b08dfa6083e7567a1921a715000001fb' }).config.gateway.id, 'gw-fa0a')
  const missing = (machineId: string | undefined, hostname?: string): string[] =>
    lines(issuesOf(yaml, { machineId, ...(hostname ? { hostname } : {}) }))
  const message = 'gateway.id: is missing, and this machine has no machine-id to make one from'
  t.same(missing(undefined), [
    `${message} | write gateway: {id: gw-line1}, or create /etc/machine-id with systemd-machine-id-setup`,
  ])
  t.same(missing('uninitialized\n', 'Orin-3'), [
    `${message} | write gateway: {id: orin-3}, or create /etc/machine-id with systemd-machine-id-setup`,
  ])
})

t.test('the result is frozen all the way down', async t => {
  const { config } = load(withParts(''))
  t.throws(() => Object.assign(config.assets[0]?.channels[0]?.binding ?? {}, { topic: 'x' }), TypeError)
})

t.test('files', async t => {
  const dir = t.testdir({
    'ww.yaml': withParts('storage: {dir: data}'),
    'latin1.yaml': Buffer.from([0x61, 0x3a, 0x20, 0xe9]),
    'bad.yaml': 'x: 1',
  })
  t.equal(loadConfigFile(`${dir}/ww.yaml`).config.storage.dir, `${dir}/data`)
  t.throws(() => loadConfigFile(`${dir}/none.yaml`), {
    code: 'CONFIG_UNREADABLE',
    message: /none.yaml: it does not exist; create it/,
  })
  t.throws(() => loadConfigFile(dir), { code: 'CONFIG_UNREADABLE', message: /it is a folder; name the file in it/ })
  t.throws(() => loadConfigFile(`${dir}/latin1.yaml`), {
    code: 'CONFIG_UNREADABLE',
    message: /not UTF-8 text; save it as UTF-8/,
  })
  try {
    loadConfigFile(`${dir}/bad.yaml`)
    t.fail('bad.yaml loads')
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    t.match(error, { code: 'CONFIG_INVALID', kind: 'config', file: `${dir}/bad.yaml` })
    t.match(error.message, /bad.yaml has 4 errors; nothing was started\n.*bad.yaml:1 {2}x {2}unknown key "x"/)
  }
})
