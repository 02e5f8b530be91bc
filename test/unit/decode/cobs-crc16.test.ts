import fc from 'fast-check'
import t from 'tap'
import type { AssetConfig } from '../../../agent/config/contract.ts'
import { seededPrng } from '../../../agent/core/prng.ts'
import { cobsBytesMax, cobsDecode, cobsEncode } from '../../../agent/decode/cobs.ts'
import { type CobsCrc16Decoder, createCobsCrc16Decoder } from '../../../agent/decode/cobs-crc16.ts'
import { encodeFrame, FRAME_TYPES, type FrameFields } from '../../../agent/decode/frame-format.ts'
import { WaveformTimeline } from '../../../agent/decode/waveform-timeline.ts'
import { concat, garbage, goldenFrames, inPieces } from '../../support/decode-bytes.ts'
import { KeepingSink, testAsset, testContext } from '../../support/source-assets.ts'

const NAN = Number.NaN
const T0 = 1_764_000_000_000_000

interface Opened {
  decoder: CobsCrc16Decoder
  sink: KeepingSink
  counts(): Record<string, number>
}

function open(assets: readonly AssetConfig[], counter: 'u8' | 'u16' | 'u32' = 'u16'): Opened {
  const sink = new KeepingSink()
  const context = testContext(assets, sink)
  const decoder = createCobsCrc16Decoder(context, { counter, frameBytesMax: 8192 })
  const short = ([name, n]: [string, number]): [string, number] => [name.replace('decode.line.', ''), n]
  return { decoder, sink, counts: () => Object.fromEntries(Object.entries(context.counters.snapshot()).map(short)) }
}

const wave = (stream: number, type: 'int16' | 'float32' = 'int16') => ({
  id: `w${stream}`,
  scale: 0.5,
  offset: 1,
  waveform: { type, rateHz: 1000 },
  binding: { stream },
})
const row = (counter: number, values: number[], timeUs = 0): Uint8Array =>
  encodeFrame({ type: FRAME_TYPES.telemetryF32, stream: 0, counter, counterWidth: 'u16', timeUs, values })
const block = (counter: number, samples: number, timeUs = 0, stream = 1): Uint8Array =>
  encodeFrame({
    type: FRAME_TYPES.waveformI16,
    stream,
    counter,
    counterWidth: 'u16',
    timeUs,
    values: Array.from({ length: samples }, (_, i) => i - 2),
  })

t.test('golden frames: written by another implementation, encoded alike, decoded to the same values', async t => {
  for (const golden of goldenFrames()) {
    t.equal(Buffer.from(encodeFrame(golden)).toString('hex'), golden.hex, golden.name)
    const { type, stream, counterWidth, timeUs, values } = golden
    const isWave = type >= FRAME_TYPES.waveformI16
    const asset = isWave
      ? testAsset(0, [wave(stream, type === FRAME_TYPES.waveformI16 ? 'int16' : 'float32')])
      : testAsset(
          0,
          [0, 1, 2].map(index => ({ id: `c${index}`, binding: { stream, index } })),
        )
    const { decoder, sink, counts } = open([asset], counterWidth)
    decoder.push(Buffer.from(golden.hex, 'hex'), T0)
    const expectedUs = timeUs || (isWave ? T0 - values.length * 1000 : T0)
    if (isWave)
      t.match(sink.waves, [
        { startUs: expectedUs, samples: [...(values as number[])], scale: 0.5, offset: 1, gap: false },
      ])
    else {
      t.same(sink.rows, [{ asset: 0, timeUs: expectedUs, values: [0, 1, 2].map(i => values[i] ?? NAN) }])
      t.equal(counts().bad_values ?? 0, 3 - values.length, 'values that the frame lacks are counted')
    }
  }
})

t.test('COBS: every content survives, none has a zero on the wire', async t => {
  const property = fc.property(fc.uint8Array({ maxLength: 1200, max: 3 }), fc.nat(600), (source, ones) => {
    const frame = concat(source, new Uint8Array(ones).fill(1))
    const wire = new Uint8Array(cobsBytesMax(frame.length))
    const end = cobsEncode(frame, wire, 0)
    const back = new Uint8Array(end + 1)
    const backEnd = cobsDecode(wire, 0, end, back, 0)
    return !wire.subarray(0, end).includes(0) && Buffer.compare(back.subarray(0, backEnd), frame) === 0
  })
  t.doesNotThrow(() => fc.assert(property, { seed: 11, numRuns: 500 }))
})

t.test('telemetry: value i goes to index i of its stream, across assets, scaled', async t => {
  const assets = [
    testAsset(0, [
      { id: 'b', binding: { index: 1 }, scale: 10, offset: 1 },
      { id: 'a', binding: { index: 0 } },
    ]),
    testAsset(1, [
      { id: 'c', binding: { index: 2 } },
      { id: 'x', binding: { stream: 7 } },
    ]),
  ]
  const { decoder, sink, counts } = open(assets)
  decoder.push(concat(row(1, [1, 2, 3], T0), row(2, [4, NAN, 6], T0 + 1000), row(3, [7])), 99)
  t.same(sink.rows, [
    { asset: 0, timeUs: T0, values: [21, 1] },
    { asset: 0, timeUs: T0 + 1000, values: [NAN, 4] },
    { asset: 0, timeUs: 99, values: [NAN, 7] },
    { asset: 1, timeUs: T0, values: [3, NAN] },
    { asset: 1, timeUs: T0 + 1000, values: [6, NAN] },
    { asset: 1, timeUs: 99, values: [NAN, NAN] },
  ])
  t.equal(sink.blocks, 2, 'rows of one read go out together')
  t.same(counts(), { bad_values: 3 })
})

t.test('a counter gap voids the capture of its stream and is counted', async t => {
  const { decoder, sink, counts } = open([testAsset(0, [wave(1), wave(2)])])
  decoder.push(concat(block(65_535, 4), block(0, 4), block(2, 4), block(3, 4), block(5, 4, 0, 2)), T0)
  t.same(
    sink.waves.map(w => [w.channel, w.gap]),
    [
      [0, false],
      [0, false],
      [0, true],
      [0, false],
      [1, false],
    ],
  )
  t.same(counts(), { counter_gaps: 1 })
})

t.test('a damaged frame voids captures of every stream', async t => {
  const { decoder, sink, counts } = open([testAsset(0, [wave(1), wave(2)])])
  const damaged = Uint8Array.from(row(1, [1, 2]))
  damaged[damaged.length - 2]! ^= 0x80
  decoder.push(concat(block(0, 4), block(0, 4, 0, 2), damaged, block(1, 4), block(1, 4, 0, 2), block(2, 4)), T0)
  t.same(
    sink.waves.map(w => w.gap),
    [false, false, true, true, false],
  )
  t.same(counts(), { crc_errors: 1 })
})

t.test('a repeated frame is dropped; its stream may have wrapped, so the capture is void', async t => {
  const { decoder, sink, counts } = open([testAsset(0, [wave(1)])])
  decoder.push(concat(block(1, 4), block(1, 4), block(2, 4)), T0)
  t.same(
    sink.waves.map(w => w.gap),
    [false, true],
  )
  t.same(counts(), { duplicates: 1 })
})

t.test('after reset() the next frame follows a gap, whatever its counter', async t => {
  const { decoder, sink, counts } = open([testAsset(0, [wave(1)])])
  decoder.push(concat(block(1, 4), block(2, 4).subarray(0, 9)), T0)
  decoder.reset()
  decoder.push(concat(block(900, 4), block(901, 4)), T0)
  t.same(
    sink.waves.map(w => w.gap),
    [false, true, false],
  )
  t.same(counts(), {})
})

t.test('frames nobody wants, of a wrong type, too short or odd are counted', async t => {
  const { decoder, sink, counts } = open([testAsset(0, [wave(1, 'float32')])])
  const tiny = new Uint8Array([0, 2, 7, 0])
  const odd = encodeFrame({
    type: 9 as FrameFields['type'],
    stream: 1,
    counter: 1,
    counterWidth: 'u16',
    timeUs: 0,
    values: [1],
  })
  decoder.push(concat(row(0, [1]), block(0, 4), tiny, odd), T0)
  t.same(sink.waves, [])
  t.same(counts(), { bad_frames: 2, unbound: 2 })
})

t.test(
  'waveforms without a time join by count; a late arrival does not shake them, a long pause begins anew',
  async t => {
    const { decoder, sink, counts } = open([testAsset(0, [wave(1)])])
    // 100 samples at 1 kHz are 100 ms; frame 2 comes 40 ms late, frame 4 with it, frame 5 after 10 s.
    const arrivals = [100, 200, 340, 400, 400, 10_400].map(ms => T0 + ms * 1000)
    for (const [i, atUs] of arrivals.entries()) decoder.push(block(i, 100), atUs)
    const starts = sink.waves.map(w => w.startUs - T0)
    t.equal(starts[0], 0)
    for (const i of [1, 2, 3, 4]) {
      t.ok(
        Math.abs(starts[i]! - i * 100_000) <= i * 20,
        `block ${i} starts at ${starts[i]} µs, within 200 ppm of the count`,
      )
    }
    t.equal(starts[5], 10_300_000)
    t.same(counts(), { time_resyncs: 1 })
  },
)

t.test('a crystal 80 ppm off is followed for a day without a jump', async t => {
  const timeline = new WaveformTimeline(1000)
  const prng = seededPrng(5)
  let beforeUs = Number.NaN
  let joinsWorstUs = 0
  for (let i = 1; i <= 86_400; i++) {
    const startUs = timeline.place(1000, T0 + i * 1e6 * (1 + 80e-6) + prng.next() * 5000)
    if (i > 1) joinsWorstUs = Math.max(joinsWorstUs, Math.abs(startUs - beforeUs - 1e6))
    beforeUs = startUs
  }
  t.equal(timeline.resyncs, 0)
  t.ok(joinsWorstUs <= 250, `blocks join within a quarter of a sample: ${joinsWorstUs} µs`)
  t.ok(Math.abs(beforeUs - T0 - 86_399e6 * (1 + 80e-6)) < 10_000, 'and the time is right after a day')
})

t.test('fuzz: garbage between frames never costs a good frame, never throws', async t => {
  const seed = 20_261_122
  const prng = seededPrng(seed)
  t.comment(`seed ${seed}`)
  const { decoder, sink, counts } = open([testAsset(0, [{ id: 'a' }])])
  const pieces: Uint8Array[] = []
  for (let i = 0; i < 256; i++) pieces.push(garbage(prng, 16_384, i % 10), row(i, [i]))
  inPieces(concat(...pieces), 3000, seed, piece => decoder.push(piece, T0))
  t.same(
    sink.rows.map(r => r.values[0]),
    Array.from({ length: 256 }, (_, i) => i),
  )
  t.match(counts(), { crc_errors: Number, bad_frames: Number, oversize: Number })
})
