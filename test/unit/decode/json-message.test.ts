import t from 'tap'
import type { MessageDecoder } from '../../../agent/decode/contract.ts'
import { createJsonMessageDecoder } from '../../../agent/decode/json-message.ts'
import { compileJsonPath } from '../../../agent/decode/json-path.ts'
import { topicMatches, withoutCovered } from '../../../agent/decode/topics.ts'
import { KeepingSink, testAsset, testContext } from '../../support/source-assets.ts'

const NAN = Number.NaN
const send = (decoder: MessageDecoder, topic: string, payload: unknown, receivedUs = 5): void =>
  decoder.message(topic, Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload)), receivedUs)

const pump = testAsset(0, [
  { id: 'flow', scale: 2, offset: 1, binding: { topic: 'line/p', valuePath: '$.flow', timePath: '$.ts' } },
  { id: 'speed', binding: { topic: 'line/p', valuePath: "$['Volume Flow RateRMS'].x[1]", timePath: '$.ts' } },
])

t.test('a message with all channels is one row at its own time', async t => {
  const sink = new KeepingSink()
  const context = testContext([pump], sink)
  const decoder = createJsonMessageDecoder(context)
  t.same(decoder.filters, ['line/p'])
  send(decoder, 'line/p', { ts: '2026-11-22T06:14:00Z', flow: 3, 'Volume Flow RateRMS': { x: [0, '7.5'] } })
  send(decoder, 'line/p', { ts: 1_764_000_000, flow: true })
  t.same(sink.rows, [
    { asset: 0, timeUs: Date.UTC(2026, 10, 22, 6, 14) * 1000, values: [7, 7.5] },
    { asset: 0, timeUs: 1_764_000_000_000_000, values: [3, NAN] },
  ])
  t.same(context.counters.snapshot(), { 'decode.line.missing': 1 })
})

t.test('an array is a batch of samples', async t => {
  const sink = new KeepingSink()
  const decoder = createJsonMessageDecoder(testContext([pump], sink))
  const batch = Array.from({ length: 150 }, (_, i) => ({ ts: 1_764_000_000 + i, flow: i }))
  send(decoder, 'line/p', batch)
  t.equal(sink.rows.length, 150)
  t.same(sink.rows[149], { asset: 0, timeUs: 1_764_000_149_000_000, values: [299, NAN] })
})

t.test('scattered channels fill a row each; bare numbers are taken; arrival is the time', async t => {
  const sink = new KeepingSink()
  const asset = testAsset(0, [
    { id: 'a', binding: { topic: 'x/+/a', valuePath: '$' } },
    { id: 'b', binding: { topic: 'x/1/b' } },
  ])
  const decoder = createJsonMessageDecoder(testContext([asset], sink))
  send(decoder, 'x/1/a', '4.5', 11)
  send(decoder, 'x/1/b', '+7', 12)
  t.same(sink.rows, [
    { asset: 0, timeUs: 11, values: [4.5, NAN] },
    { asset: 0, timeUs: 12, values: [NAN, 7] },
  ])
})

t.test('a path that indexes the root takes one sample from an array', async t => {
  const sink = new KeepingSink()
  const asset = testAsset(0, [{ id: 'a', binding: { topic: 'x', valuePath: '$[1]' } }])
  send(createJsonMessageDecoder(testContext([asset], sink)), 'x', [1, 2, 3])
  t.same(sink.rows[0]?.values, [2])
})

t.test('one topic may carry several assets', async t => {
  const sink = new KeepingSink()
  const assets = [0, 1].map(i => testAsset(i, [{ id: 'v', binding: { topic: 'all', valuePath: `$.p${i}` } }]))
  send(createJsonMessageDecoder(testContext(assets, sink)), 'all', { p0: 1, p1: 2 })
  t.same(
    sink.rows.map(row => [row.asset, row.values[0]]),
    [
      [0, 1],
      [1, 2],
    ],
  )
})

t.test('what cannot be read is counted per source and never thrown', async t => {
  const sink = new KeepingSink()
  const context = testContext([pump], sink)
  const decoder = createJsonMessageDecoder(context)
  send(decoder, 'line/p', '{"flow":')
  send(decoder, 'line/p', '')
  send(decoder, 'elsewhere', { flow: 1 })
  send(decoder, 'line/p', { other: 1 })
  send(decoder, 'line/p', null)
  send(decoder, 'line/p', { flow: 'broken', ts: 'never' }, 9)
  send(decoder, 'line/p', `"${'x'.repeat(1024 * 1024)}"`)
  decoder.message('line/p', Uint8Array.of(0xff, 0xfe, 0x7b), 1)
  send(decoder, 'line/p', '{"flow":{"toString":1},"constructor":1}')
  t.same(context.counters.snapshot(), {
    'decode.line.bad_json': 3,
    'decode.line.bad_times': 2,
    'decode.line.bad_values': 2,
    'decode.line.missing': 6,
    'decode.line.oversize': 1,
    'decode.line.unmatched': 1,
  })
  t.same(sink.rows, [
    { asset: 0, timeUs: 9, values: [NAN, NAN] },
    { asset: 0, timeUs: 5, values: [NAN, NAN] },
  ])
})

t.test('invented topics under a wildcard do not grow the cache without bound', async t => {
  const sink = new KeepingSink()
  const asset = testAsset(0, [{ id: 'a', binding: { topic: 'x/#' } }])
  const decoder = createJsonMessageDecoder(testContext([asset], sink))
  for (let i = 0; i < 25_000; i++) send(decoder, `x/${i}`, '1')
  t.equal(sink.rows.length, 25_000)
})

t.test('waveform channels and channels of other sources are left alone', async t => {
  const asset = testAsset(0, [
    { id: 'a', binding: { topic: 'x', source: 'other' } },
    { id: 'w', waveform: { type: 'int16', rateHz: 100 }, binding: { topic: 'y' } },
  ])
  t.same(createJsonMessageDecoder(testContext([asset])).filters, [])
})

t.test('topic filters, MQTT 5 section 4.7', async t => {
  for (const [filter, topic, takes] of [
    ['sport/#', 'sport', true],
    ['sport/#', 'sport/tennis/p1', true],
    ['sport/+', 'sport', false],
    ['sport/+', 'sport/', true],
    ['+/+', '/finance', true],
    ['+', '/finance', false],
    ['#', '$SYS/load', false],
    ['$SYS/#', '$SYS/load', true],
    ['a/b', 'a/b/c', false],
    ['$share/g/a/+', 'a/b', true],
  ] as const) {
    t.equal(topicMatches(filter, topic), takes, `${filter} ${topic}`)
  }
  t.same(withoutCovered(['a/b', 'a/+', 'a/b', 'a/b/c', 'a/b/#']), ['a/+', 'a/b/#'])
  t.same(withoutCovered(['a/#', 'a/+/x', 'b']), ['a/#', 'b'])
})

t.test('paths', async t => {
  t.same(compileJsonPath('$'), [])
  t.same(compileJsonPath("$.a.b[0][\"c d\"]['e\\'f']"), ['a', 'b', 0, 'c d', "e'f"])
  for (const bad of ['v', '$.', '$..a', '$[x]', '$.a[', '$*']) {
    t.throws(() => compileJsonPath(bad), { code: 'CONFIG_INVALID' }, bad)
  }
})
