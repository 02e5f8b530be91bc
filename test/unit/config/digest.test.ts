import t from 'tap'
import { load, withParts } from '../../support/config-io.ts'

const FILE = `sources:
  plant: {mqtt: {url: "mqtt://broker:1883"}}
types:
  pump:
    channels: {flow: {unit: m3/h, max: 100}, speed: {unit: 1/min}}
    running: {when: speed > 300, settle: 2min}
    alarm: {on-delay: 10min}
    source: plant
    topic: a/{asset}/{channel}
assets:
  p-101: {type: pump, tag: P-101A}
  p-102: {type: pump, tag: P-102A}`

const digests = (text: string): (string | undefined)[] => load(withParts(text)).config.assets.map(asset => asset.digest)
const [first, second] = digests(FILE)

t.test('a digest is 64 hex digits, one per asset', async t => {
  t.match(first, /^[0-9a-f]{64}$/)
  t.not(first, second)
  t.same(digests(FILE), [first, second])
})

t.test('what does not make an asset learn anew', async t => {
  for (const [from, to] of [
    ['tag: P-101A', 'tag: P-101B'],
    ['max: 100', 'max: 90, min: 1, range: [0, 200], limit: {priority: 1, deadband: 3}'],
    ['on-delay: 10min', 'on-delay: 1min, off-delay: 2min, priority: 1, deadband: 0.2, action: Look'],
    ['unit: 1/min', 'unit: 1/min, point: DE, axis: axial, mount: stud, detector: rms, max-age: 3s'],
    ['speed > 300,', '"speed   >  300.0",'],
    ['broker:1883', 'other:1884'],
    ['{url: "mqtt://broker:1883"}', '{url: "mqtt://broker:1883", qos: 0, username: u}'],
    ['source: plant', 'source: plant\n    time: $.ts\n    gap: 5min\n    learn: {starts: 9}\n    model: {hop: 3}'],
    ['types:\n  pump:', 'types:\n  old: {}\n  pump:'],
  ] as const) {
    t.same(digests(FILE.replace(from, to)), [first, second], to)
  }
})

t.test('what makes an asset learn anew', async t => {
  for (const [from, to] of [
    ['unit: m3/h', 'unit: l/min'],
    ['unit: m3/h', 'unit: m3/h, wire-unit: l/min'],
    ['unit: m3/h', 'unit: m3/h, scale: 2'],
    ['unit: m3/h', 'unit: m3/h, offset: 1'],
    ['unit: m3/h', 'unit: m3/h, value: $.v'],
    ['flow: {unit: m3/h, max: 100}', 'rate-of-flow: {unit: m3/h}'],
    ['speed: {unit: 1/min}', 'speed: {unit: 1/min}, extra: {unit: A}'],
    ['flow: {unit: m3/h, max: 100}, speed: {unit: 1/min}', 'speed: {unit: 1/min}, flow: {unit: m3/h}'],
    ['a/{asset}', 'b/{asset}'],
    ['speed > 300', 'speed > 301'],
    ['settle: 2min', 'settle: 3min'],
    ['source: plant', 'source: plant\n    every: 2s'],
    ['source: plant', 'source: plant\n    layout: rows'],
    ['source: plant', 'source: plant\n    model: {order: 3}'],
    ['source: plant', 'source: plant\n    model: {mean: 3}'],
  ] as const) {
    const [a, b] = digests(FILE.replace(from, to))
    t.not(a, first, to)
    t.not(b, second, to)
  }
})

t.test('one asset leaves the others alone', async t => {
  const [a, b] = digests(FILE.replace('tag: P-102A}', 'tag: P-102A, channels: {flow: {scale: 2}}, model: {order: 9}}'))
  t.equal(a, first)
  t.not(b, second)
  t.equal(digests(`${FILE}\n  p-103: {type: pump}`)[0], first, 'one more pump')
  const swapped = FILE.replace(/ {2}p-101.*\n {2}p-102.*/, '  p-102: {type: pump}\n  p-101: {type: pump}')
  t.same(digests(swapped), [second, first], 'in another order')
})
