import t from 'tap'
import type { StreamDecoder } from '../../../agent/decode/contract.ts'
import { createCsvLinesDecoder } from '../../../agent/decode/csv-lines.ts'
import { createJsonLinesDecoder } from '../../../agent/decode/json-lines.ts'
import { KeepingSink, testAsset, testContext } from '../../support/source-assets.ts'

const NAN = Number.NaN
const push = (decoder: StreamDecoder, text: string, receivedUs = 5): void => decoder.push(Buffer.from(text), receivedUs)

t.test('csv: columns by index, 1,5 is a number; the first line may be a cut one and is not believed', async t => {
  const sink = new KeepingSink()
  const context = testContext(
    [
      testAsset(0, [
        { id: 'a', scale: 2, binding: { column: 1 } },
        { id: 'b', binding: { column: 0, timeColumn: 2 } },
      ]),
    ],
    sink,
  )
  const decoder = createCsvLinesDecoder(context, { delimiter: ';', lineBytesMax: 100 })
  push(decoder, '2.5;7;1764000000\n1,5;2;')
  push(decoder, '1764000001\r\n\r\n3;x;oops\n1;2\nx;y;1764000001\n')
  t.same(sink.rows, [
    { asset: 0, timeUs: 1_764_000_001_000_000, values: [4, 1.5] },
    { asset: 0, timeUs: 5, values: [NAN, 3] },
  ])
  t.same(context.counters.snapshot(), {
    'decode.line.bad_lines': 2,
    'decode.line.bad_times': 1,
    'decode.line.bad_values': 3,
  })
})

t.test('csv: columns by name once the header came, also when the device sends it again', async t => {
  const sink = new KeepingSink()
  const channels = [
    { id: 'flow', binding: { timeColumn: 'ts' } },
    { id: 'p', binding: { column: 'Druck' } },
  ]
  const context = testContext([testAsset(0, channels)], sink)
  const decoder = createCsvLinesDecoder(context, { delimiter: ',', lineBytesMax: 100 })
  push(decoder, '9,9,9\n1,2,3\nts,"Druck",flow\n2026-11-22T06:14:00Z,1.5,10\nflow,Druck,ts\n20,2.5,never\n1,2\n', 7)
  t.same(sink.rows, [
    { asset: 0, timeUs: Date.UTC(2026, 10, 22, 6, 14) * 1000, values: [10, 1.5] },
    { asset: 0, timeUs: 7, values: [20, 2.5] },
  ])
  t.same(context.counters.snapshot(), {
    'decode.line.bad_lines': 1,
    'decode.line.bad_times': 1,
    'decode.line.no_header': 2,
  })
})

const FLOW_AND_PRESSURE = [{ id: 'flow' }, { id: 'p', binding: { column: 'Druck' } }]
const byName = (delimiter: ',' | ';' = ','): StreamDecoder =>
  createCsvLinesDecoder(testContext([testAsset(0, FLOW_AND_PRESSURE)]), { delimiter, lineBytesMax: 2000 })

t.test(
  'csv: a header without the wanted columns is told, with those it has, until one comes that has them',
  async t => {
    const decoder = byName()
    push(decoder, 'Druck,"Fluss",T\n')
    t.equal(decoder.problem, undefined, 'it may be a banner')
    push(decoder, '1,2,3\n')
    t.equal(
      decoder.problem,
      'no row is taken: the stream has no column flow; its header has Druck, Fluss, T; check column of the channels (a name, or a position from 0) and delimiter',
    )
    const said = decoder.problem
    push(decoder, 'other,names\n1,2\n')
    t.equal(decoder.problem, said, 'said once')
    decoder.reset()
    t.equal(decoder.problem, said)
    push(decoder, 'flow,Druck\n')
    t.equal(decoder.problem, undefined)
  },
)

t.test('csv: a header that never comes is told after ten lines', async t => {
  const decoder = byName(';')
  for (let line = 0; line < 9; line++) push(decoder, '9;1,5\n')
  t.equal(decoder.problem, undefined)
  push(decoder, '9;1,5\n')
  t.match(decoder.problem, /no column flow, Druck; it sent no header, and its lines have 2 columns: 9, 1,5; check/)
})

t.test('csv: a banner before the header and a wanted header in the first line are no problem', async t => {
  const banner = byName()
  push(banner, 'Pump station\r\nready\r\nflow,Druck\r\n1,2\r\n')
  t.equal(banner.problem, undefined)
  const atOnce = byName()
  push(atOnce, 'flow,Druck\n1,2\n'.repeat(20))
  t.equal(atOnce.problem, undefined)
})

t.test('csv: what the stream has is shown within bounds and without control characters', async t => {
  const decoder = byName()
  push(decoder, `\u001b[2J${'x'.repeat(1000)}${',y'.repeat(400)}\n1,2\n`)
  t.match(decoder.problem, /its header has {2}\[2Jx{28}…, y, y, y, y, y, y, y and 393 more; check/)
})

t.test('csv: after reset() half a line is forgotten and the next one not believed', async t => {
  const sink = new KeepingSink()
  const context = testContext([testAsset(0, [{ id: 'a', binding: { column: 0 } }])], sink)
  const decoder = createCsvLinesDecoder(context, { delimiter: ',', lineBytesMax: 10 })
  push(decoder, '0\n1\n12')
  decoder.reset()
  push(decoder, '34\n5\n12345678901\n6\n')
  t.same(
    sink.rows.map(row => row.values[0]),
    [1, 5, 6],
  )
  t.same(context.counters.snapshot(), { 'decode.line.oversize': 1 })
})

t.test('json: an object a line; cut lines and other values are counted', async t => {
  const sink = new KeepingSink()
  const asset = testAsset(0, [{ id: 'a', binding: { valuePath: '$.a', timePath: '$.t' } }])
  const context = testContext([asset], sink)
  const decoder = createJsonLinesDecoder(context, 64)
  push(decoder, '.5,"t":1764000000}\n{"a":1,"t":1764000000}\n12\n{"a":2}\n{"a":\n', 3)
  push(decoder, `${'{"a":'.repeat(40)}\n{"a":4}\n`, 4)
  t.same(sink.rows, [
    { asset: 0, timeUs: 1_764_000_000_000_000, values: [1] },
    { asset: 0, timeUs: 3, values: [2] },
    { asset: 0, timeUs: 4, values: [4] },
  ])
  t.same(context.counters.snapshot(), {
    'decode.line.bad_json': 3,
    'decode.line.bad_times': 2,
    'decode.line.oversize': 1,
  })
})
