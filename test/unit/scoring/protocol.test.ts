import fc from 'fast-check'
import t from 'tap'
import { FrameReader } from '../../../agent/scoring/frame-reader.ts'
import {
  decodeLoad,
  encodeFrame,
  encodeJson,
  encodeLoad,
  encodeScore,
  FRAME,
  FROM_CHILD_BYTES_MAX,
  HEADER_BYTES,
  type LoadMeta,
  viewOf,
} from '../../../agent/scoring/protocol.ts'

t.test('frames come out whole, however the stream is cut', async t => {
  const frames = [
    new Uint8Array(0),
    new Uint8Array(5).fill(1),
    new Uint8Array(100_000).fill(2),
    new Uint8Array(16).fill(3),
  ]
  const stream = Buffer.concat(frames.map((payload, i) => encodeFrame(i + 1, i * 7, payload)))
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 40_000 }), { minLength: 1, maxLength: 20 }), cuts => {
      const got: [number, number, number][] = []
      const reader = new FrameReader((type, id, payload) => got.push([type, id, payload.length]))
      for (let at = 0, i = 0; at < stream.length; i++) {
        const end = at + (cuts[i % cuts.length] ?? 1)
        reader.push(stream.subarray(at, end))
        at = end
      }
      return JSON.stringify(got) === JSON.stringify(frames.map((payload, i) => [i + 1, i * 7, payload.length]))
    }),
    { seed: 5, numRuns: 200 },
  )
  t.pass('seed 5')
})

t.test('what is no frame, or too long, is an error and not a buffer', async t => {
  const reader = new FrameReader(() => {})
  t.throws(() => reader.push(Buffer.alloc(HEADER_BYTES, 0x41)), {
    code: 'SCORER_PROTOCOL',
    message: /magic 0x41414141/,
  })
  const long = encodeFrame(FRAME.scores, 0)
  viewOf(long).setUint32(12, FROM_CHILD_BYTES_MAX + 1, true)
  t.throws(() => new FrameReader(() => {}).push(long), { code: 'SCORER_PROTOCOL', message: /at most/ })
})

t.test('LOAD carries metadata and bytes; lying lengths are refused', async t => {
  const meta = { name: 'm', channels: 2 } as LoadMeta
  const frame = encodeLoad(FRAME.load, 3, meta, Uint8Array.of(9, 8, 7))
  const back = decodeLoad(frame.subarray(HEADER_BYTES))
  t.same(back.meta, meta)
  t.same([...back.model], [9, 8, 7])
  viewOf(frame.subarray(HEADER_BYTES)).setUint32(0, 1000, true)
  t.throws(() => decodeLoad(frame.subarray(HEADER_BYTES)), { code: 'SCORER_PROTOCOL' })
})

t.test('the layout on the wire is what the prose says', async t => {
  t.equal(
    Buffer.from(encodeScore(7, 1, 64, 1)).toString('hex'),
    `57575331${'07000000'}${'07000000'}${'10000000'}01000000400000000100000000000000`,
  )
  t.equal(
    Buffer.from(encodeJson(FRAME.init, 0, { slotBytes: 4 }))
      .subarray(HEADER_BYTES)
      .toString(),
    '{"slotBytes":4}',
  )
})
