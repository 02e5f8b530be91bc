// Setpoints, sensors, zones and links in the configuration: what they become, and what is refused in which words.
import t from 'tap'
import { stringify } from 'yaml'
import type { AssetConfig, SourceConfig } from '../../../agent/config/contract.ts'
import { redacted } from '../../../agent/config/redact.ts'
import { issuesOf, lines, load, withAsset } from '../../support/config-io.ts'

const CHANNELS = `channels:
  flow: {unit: m3/h, range: [0, 200]}
  motor: {unit: Cel, reports: on-change, heartbeat: 10min}
  speed: {unit: 1/min}`
const DAQ = 'daq: {serial: {path: /dev/ttyUSB0, baud: 921600, frame: cobs-crc16}}'
const AXIS = 'de-h: {unit: g, waveform: int16, rate: 25.6kHz, scale: 0.0005, capture: {length: 5s, every: 10min}}'

const plant = (keys: string): string => withAsset(`source: plant\ntopic: a/{channel}\n${keys}`)
const assetOf = (yaml: string): AssetConfig => load(yaml).config.assets[0]!
const refused = (yaml: string): string[] => lines(issuesOf(yaml))

t.test('several levels a channel, each with what it is', async t => {
  const { setpoints } = assetOf(
    plant(`${CHANNELS}
setpoints:
  - {on: flow, above: 180, priority: 2, on-delay: 10s}
  - {on: flow, above: 190 m3/h, priority: 1, action: Close the valve}
  - {on: flow, above: 195, id: trip, deadband: 0}
  - {on: flow, below: 10000 l/h, above: 185}
  - {on: motor, above: 200degF, deadband: 9degF}
  - {on: score, above: 2, priority: 1}
  - {feature: flow deviation, above: 12}
alarm: {setpoint: 1.3, on-delay: 20min, off-delay: 1h}`),
  )
  t.same(
    setpoints?.map(({ id, side, setpoint, unit, deadband, onDelayMs, offDelayMs, priority }) => [
      ...[id, side, setpoint, unit, deadband],
      ...[onDelayMs, offDelayMs, priority],
    ]),
    [
      ['flow.high', 'above', 180, 'm3/h', 2, 10_000, 10_000, 2],
      ['flow.high-2', 'above', 190, 'm3/h', 2, 0, 10_000, 1],
      ['flow.trip', 'above', 195, 'm3/h', 0, 0, 10_000, 2],
      ['flow.high-3', 'above', 185, 'm3/h', 2, 0, 10_000, 2],
      ['flow.low', 'below', 10, 'm3/h', 2, 0, 10_000, 2],
      ['motor.high', 'above', 93.3333333333, 'Cel', 5, 0, 10_000, 2],
      ['score.high', 'above', 2, '1', 0.2, 1_200_000, 3_600_000, 1],
      ['flow-deviation.high', 'above', 12, '', 1.2, 1_200_000, 3_600_000, 2],
    ],
  )
  t.equal(setpoints?.[1]?.action, 'Close the valve')
  t.match(setpoints?.map(({ on }) => on).slice(6), [{ kind: 'score' }, { kind: 'feature', name: 'flow deviation' }])
})

t.test('figures of captures, by the short name or by the column of the history', async t => {
  const yaml = withAsset(
    `source: daq
channels: {${AXIS}}
setpoints:
  - {on: de-h velocity, above: 4.5mm/s}
  - {on: de-h velocity rms, above: "0.4[in_i]/s", priority: 1}
  - {on: de-h peak, above: 49.03325m/s2}
  - {on: de-h crest factor, above: 8}`,
    DAQ,
  )
  t.match(assetOf(yaml).setpoints, [
    { id: 'de-h.velocity.high', on: { figure: 'velocity' }, setpoint: 4.5, unit: 'mm/s', onDelayMs: 600_000 },
    { id: 'de-h.velocity.high-2', setpoint: 10.16, priority: 1 },
    { id: 'de-h.peak.high', setpoint: 5, unit: 'g' },
    { id: 'de-h.crest.high', setpoint: 8, unit: '1' },
  ])
})

t.test('a type sets them for all of its assets, and an asset for itself alone', async t => {
  const yaml = `version: 1
gateway: {site: a, id: gw-1}
sources: {plant: {mqtt: {url: "mqtt://broker:1883"}}}
uplink: {mqtt: {url: "mqtt://broker:1883"}}
types:
  pump:
    source: plant
    topic: "{asset}/{channel}"
    channels: {flow: {unit: m3/h, sensor: {stuck: 2h}}, level: {unit: m}}
    sensor: {silent: 20min, priority: 3}
    setpoints: [{on: flow, above: 180}]
assets:
  p-1: {type: pump}
  p-2: {type: pump, setpoints: [{on: level, below: 2}], sensor: {silent: off}, channels: {flow: {sensor: {priority: 2}}}}
  p-3: {type: pump, sensor: {watch: off}}
`
  const [first, second, third] = load(yaml).config.assets
  t.same(
    first!.setpoints?.map(({ id }) => id),
    ['flow.high'],
  )
  t.match(first!.channels, [
    { sensor: { silentMs: 1_200_000, stuckMs: 7_200_000, priority: 3 } },
    { sensor: { silentMs: 1_200_000, priority: 3 } },
  ])
  t.same(
    second!.setpoints?.map(({ id }) => id),
    ['level.low'],
  )
  t.match(second!.channels, [{ sensor: { stuckMs: 7_200_000, priority: 2 } }, { sensor: { priority: 3 } }])
  t.equal(second!.channels[0]!.sensor?.silentMs, undefined)
  t.same(
    third!.channels.map(({ sensor }) => sensor),
    [undefined, undefined],
  )
})

t.test('what can be watched stands beside what cannot, all errors at once', async t => {
  const known = 'can be watched: flow, motor, speed, score; features of a model by feature:'
  const at = 'assets.p-101.setpoints'
  t.same(
    refused(
      plant(`${CHANNELS}
setpoints:
  - {on: flwo, above: 180}
  - {above: 3}
  - {on: flow}
  - {on: flow, above: 4bar}
  - {on: flow, above: 4parsec}
  - {on: speed, above: 3001/min}
  - {on: flow, above: 10, below: 20}
  - {on: flow, above: 10, id: stuck}
  - {on: flow, above: 10, id: trip}
  - {on: flow, above: 20, id: trip}
  - {on: flow, over: 20}
  - {feature: flow deviation, above: 3bar}
  - {on: flow, above: 20, deadband: -1}
  - 7`),
    ),
    [
      `${at}[0].on: nothing "flwo" is measured of this asset | did you mean "flow"?; ${known}`,
      `${at}[1]: is on nothing; expected on or feature | can be watched: flow, motor, speed, score`,
      `${at}[2]: has no setpoint; expected above or below | write above: 180`,
      `${at}[3].above: bar is a pressure and cannot become m3/h, a volume flow | write the number, in m3/h`,
      `${at}[4].above: unknown unit "parsec"; expected a UCUM code | units are UCUM codes; docs/config.md lists them`,
      `${at}[5].above: unknown unit "/min"; expected a UCUM code | a unit that begins with a digit wants a space before it: 300 1/min`,
      `${at}[6].below: below 20 is not less than above 10: one of them would always alarm | swap them`,
      `${at}[7].id: "stuck" is the name of a rule of the agent's own | write another word, such as trip`,
      `${at}[9].id: "trip" names two setpoints on flow | make them differ`,
      `${at}[10].over: unknown key "over" | known here: on, feature, id, above, below, on-delay, off-delay, deadband, priority, action`,
      `${at}[10]: has no setpoint; expected above or below | write above: 180`,
      `${at}[11].above: expected a number in the unit of the feature, which only its model knows | write the number alone; \`wearwatch history ASSET --class features\` shows the values`,
      `${at}[12].deadband: expected 0 or more, got -1`,
      `${at}[13]: expected a setpoint, a mapping of keys, got the number 7 | keys: on, feature, id, above, below, on-delay, off-delay, deadband, priority, action`,
    ],
  )
  t.match(refused(plant(`${CHANNELS}\nsetpoints: {on: flow}`)), [/expected a list of setpoints, got a mapping/])
  const wave = withAsset(
    'source: daq\nchannels: {de-h: {unit: g, waveform: int16, rate: 25.6kHz}}\nsetpoints: [{on: de-h rms, above: 1}]',
    DAQ,
  )
  t.match(refused(wave), [/\[0\]\.on: nothing "de-h rms" is measured .*de-h is measured by captures: add capture:/])
})

t.test('sensors: what cannot be told of a channel is refused where it is asked for', async t => {
  const at = 'assets.p-101.channels'
  t.same(
    refused(
      plant(`channels:
  flow: {unit: m3/h, sensor: {out-of-range: 10s, clipping: 1min}}
  motor: {unit: Cel, reports: on-change, heartbeat: 10min, sensor: {silent: 5min, stuck: 1h}}
  level: {unit: m, sensor: {noise: 0.5}}
  depth: {unit: m, sensor: {silent: 5}}`),
    ),
    [
      `${at}.flow.sensor.out-of-range: needs to know which values are plausible | add range: [0, 200] to the channel`,
      `${at}.flow.sensor.clipping: needs to know which values are plausible | add range: [0, 200] to the channel`,
      `${at}.motor.sensor.stuck: of a channel that reports on change a constant value says nothing | remove it; silent tells by the heartbeat`,
      `${at}.motor.sensor.silent: is shorter than the heartbeat: it would alarm while all is well | write silent: 15min, or leave it out`,
      `${at}.level.sensor.noise: expected a factor such as 3, got 0.5; the least is 1.1`,
      `${at}.depth.sensor.silent: expected silent, a duration such as 10min, or off, got the number 5 | write 5s`,
    ],
  )
  const wave = withAsset(`source: daq\nchannels: {${AXIS.replace('capture', 'sensor: {stuck: 1h}, capture')}}`, DAQ)
  t.match(refused(wave), [/sensor\.stuck: every capture is judged for that already/])
})

t.test('defaults: a recording is never silent, nor a publisher on change without a heartbeat', async t => {
  const sensors = (yaml: string) => assetOf(yaml).channels.map(({ sensor }) => sensor)
  t.match(sensors(withAsset('source: s\nchannels: {flow: {unit: m3/h}}', 's: {replay: {files: a.csv}}')), [
    { silentMs: undefined, clockMs: undefined },
  ])
  t.match(sensors(plant('channels: {a: {unit: A, reports: on-change, max-age: 1h}, b: {unit: A, every: 10min}}')), [
    { silentMs: undefined },
    { silentMs: 100 * 60_000 },
  ])
  t.match(sensors(withAsset(`source: daq\nchannels: {${AXIS}}`, DAQ)), [{ silentMs: 30 * 60_000 }])
})

t.test('zones of the machine: a pump, borders of its own, and what is wanting', async t => {
  const warned = (machine: string): string[] => lines(load(plant(`${CHANNELS}\nmachine: ${machine}`)).warnings)
  t.same(warned('{standard: iso10816-7, category: 2, power: 55kW}'), [])
  t.same(warned('{standard: din iso 10816-7, power: 55kW}'), [
    'assets.p-101.machine: category: expected 1 (high demands on reliability or safety) or 2 (all others) of ISO 10816-7; without it no vibration velocity is judged by zones | write category: 2',
  ])
  t.match(warned('{category: 1}'), [/power: expected the rated power/])
  t.match(warned('{standard: api610, group: 2}'), [/standard: expected iso20816-3 or iso10816-7/])
  t.same(assetOf(plant(`${CHANNELS}\nmachine: {zones: [2, 4, "0.3[in_i]/s"]}`)).machine, { zones: [2, 4, 7.62] })
  const at = 'assets.p-101.machine.zones'
  t.same(refused(plant(`${CHANNELS}\nmachine: {zones: [2, 4]}`)), [
    `${at}: expected three rising velocities, A/B, B/C and C/D | write zones: [2.3, 4.5, 7.1]`,
  ])
  t.match(refused(plant(`${CHANNELS}\nmachine: {zones: [2, 4, 6bar]}`)), [/zones\[2\]: bar is a pressure/])
})

t.test('links: how long one may be gone, how many frames may be bad', async t => {
  const watchOf = (source: string): unknown => {
    const [found] = load(withAsset('source: s\nchannels: {flow: {unit: m3/h, column: 0}}', `s: ${source}`)).config
      .sources
    return (found as SourceConfig & { watch?: unknown }).watch
  }
  t.same(watchOf('{serial: {path: /d, baud: 9600, frame: csv}}'), { downMs: 300_000, errorsPerMin: 60 })
  t.same(watchOf('{serial: {path: /d, baud: 9600, frame: csv, down: off, frame-errors: 5}}'), { errorsPerMin: 5 })
  t.same(watchOf('{replay: {files: a.csv}}'), undefined)
})

t.test('the effective configuration says all of it, and loads again to the same', async t => {
  const plain =
    plant(`${CHANNELS.replace('range:', 'sensor: {stuck: 1h, noise: 3, clipping: 5min, priority: 2}, range:')}
setpoints:
  - {on: flow, above: 180, below: 3, action: Look}
  - {on: flow, above: 190, id: trip}
  - {feature: flow deviation, above: 12}
  - {on: score, above: 2}
machine: {zones: [1, 2, 3]}
alarm: {setpoint: 1.3, zones: off}
sensor: {silent: off, clock: 1h}`)
  const first = load(plain).config
  const again = load(stringify(redacted(first))).config
  t.same(again.assets, first.assets)
  t.same(again.sources, first.sources)
  t.match(stringify(redacted(first)), /id: trip/)
})
