// Rules of channels and assets.
import t from 'tap'
import { issuesOf, lines, withAsset, withParts } from '../../support/config-io.ts'
import { asset, CH, channel, FLOW, type Rule, refuses, wave } from '../../support/config-rules.ts'

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
    'half a capture',
    wave('waveform: int16, rate: 25600, capture: {length: 5s}'),
    ['assets.p-101.channels.de-h.capture.every: is missing; expected every, a duration with its unit, such as 10min'],
  ],
  [
    'captures that overlap',
    wave('waveform: int16, rate: 25600, capture: {length: 5s, every: 4s}'),
    ['assets.p-101.channels.de-h.capture.length: is longer than every: captures would overlap | write every: 10min'],
  ],
  [
    'a capture longer than a model may look at',
    wave('waveform: int16, rate: 25600, capture: {length: 60s, every: 10min}'),
    [
      'assets.p-101.channels.de-h.capture.length: is 1536000 samples at 25600 Hz; expected 64 to 1048576 | write a length from 0.0025s to 40s',
    ],
  ],
  [
    'captures of a scalar',
    channel('capture: {length: 5s, every: 10min}'),
    [`${CH}.capture: is for waveforms; this channel has one value at a time | remove it, or add waveform: int16`],
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
    'bands without captures',
    asset(`${FLOW}\nmodel: {family: bands}`),
    [
      'assets.p-101.model.family: bands learns from captures of waveforms, and no channel here has any | write capture: {length: 5s, every: 10min}',
    ],
  ],
  [
    'rows of waveforms',
    withAsset(
      'source: daq\nchannels: {de-h: {unit: g, waveform: int16, rate: 100, capture: {length: 60s, every: 10min}}}\nmodel: {family: var}',
      'daq: {serial: {path: /dev/ttyUSB0, baud: 921600, frame: cobs-crc16}}',
    ),
    [
      'assets.p-101.model.family: var learns from rows of values, and every channel here is a waveform | write family: bands, or leave family out',
    ],
  ],
  [
    'unknown family',
    asset(`${FLOW}\nmodel: {family: arima}`),
    ['assets.p-101.model.family: expected one of auto, var, aakr, autoencoder, bands, got the text "arima"'],
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

const SUPPRESS: Rule[] = [
  [
    'neither window nor state, both, a window without end, a state with one',
    asset(
      `${FLOW}\nsuppress: [{note: why}, {cron: "0 22 * * 6", for: 4h, when: flow > 3}, {cron: "0 22 * * 6"}, {when: flow > 3, for: 4h}]`,
    ),
    [
      'assets.p-101.suppress[0]: has neither cron nor when; an entry is a window or a state | write {cron: "0 22 * * 6", for: 4h} or {when: mode > 2}',
      'assets.p-101.suppress[1]: has both cron and when; an entry is a window or a state | write {cron: "0 22 * * 6", for: 4h} or {when: mode > 2}',
      'assets.p-101.suppress[2]: has no end | add how long it lasts: for: 4h',
      'assets.p-101.suppress[3].for: means nothing beside when: a state lasts as long as it holds | remove it',
    ],
  ],
  [
    'no cron, too long, no channel',
    asset(`${FLOW}\nsuppress: [{cron: "0 25 * * *", for: 2d}]`),
    [
      'assets.p-101.suppress[0].cron: "25" is no hour; expected 0-23, *, lists, ranges or */n | write cron: "0 22 * * 6" for 22:00 each Saturday',
      'assets.p-101.suppress[0].for: 2d is too large; the most is 1d',
    ],
  ],
  [
    'no channel',
    asset(`${FLOW}\nsuppress: [{when: mode > 2}]`),
    ['assets.p-101.suppress[0].when: no channel "mode" in this asset | known here: flow'],
  ],
  [
    'seconds',
    asset(`${FLOW}\nsuppress: [{cron: "0 0 22 * * 6", for: 1h}]`),
    [
      'assets.p-101.suppress[0].cron: expected 5 fields: windows begin at a minute | write cron: "0 22 * * 6" for 22:00 each Saturday',
    ],
  ],
  [
    'latching',
    asset(`${FLOW}\nalarm: {latching: 1}`),
    ['assets.p-101.alarm.latching: expected true or false, got the number 1'],
  ],
]

t.test('refused: channels', async t => refuses(t, CHANNELS))
t.test('refused: assets', async t => refuses(t, ASSETS))
t.test('refused: suppression', async t => refuses(t, SUPPRESS))

t.test(
  'one error hides no other: unused types, a bad value beside an unknown source, a duration as written',
  async t => {
    const found = lines(
      issuesOf(
        withParts(`types: {t: {channels: {flow: {unit: bar, range: [9, 1]}}, running: {when: sped > 3}}}
assets: {a: {source: nope, value: v, every: 2 minutes, channels: {flow: {unit: bar}}}}`),
      ),
    ).join('\n')
    t.match(found, 'types.t.channels.flow.range: [9, 1] is empty')
    t.match(found, 'types.t.running.when: no channel "sped"')
    t.match(found, 'no source "nope"')
    t.match(found, 'assets.a.value: "v" is not a JSON path')
    t.match(found, 'got "2 minutes"')
  },
)
