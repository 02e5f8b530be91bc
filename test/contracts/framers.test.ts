// What every framer promises, held against each: any chunking gives the same frames, garbage costs linear time and no
// good frame after it, nothing throws.
import fc from 'fast-check'
import t from 'tap'
import { seededPrng } from '../../agent/core/prng.ts'
import { CobsFramer, cobsBytesMax, cobsEncode } from '../../agent/decode/cobs.ts'
import type { Framer } from '../../agent/decode/contract.ts'
import { LineFramer } from '../../agent/decode/line-framer.ts'
import { concat, garbage, inPieces } from '../support/decode-bytes.ts'

const FRAME_MAX = 4096
const MIB = 1024 * 1024
const SEED = 20_261_122

interface Subject {
  name: string
  open(frames: string[], skips: { n: number }): Framer & { bytesHandled: number }
  /** A frame on the wire, with all delimiters. */
  wire(frame: Uint8Array): Uint8Array
  frame: fc.Arbitrary<Uint8Array>
}

const hex = (bytes: Uint8Array, start: number, end: number): string =>
  Buffer.from(bytes.slice(start, end)).toString('hex')

const SUBJECTS: Subject[] = [
  {
    name: 'cobs',
    open: (frames, skips) =>
      new CobsFramer({
        frameBytesMax: FRAME_MAX,
        at: 4,
        sink: (bytes, start, end) => frames.push(hex(bytes, start, end)),
        onSkip: () => skips.n++,
      }),
    wire(frame) {
      const wire = new Uint8Array(cobsBytesMax(frame.length) + 2)
      return wire.slice(0, cobsEncode(frame, wire, 1) + 1)
    },
    frame: fc.uint8Array({ minLength: 1, maxLength: 600 }),
  },
  {
    name: 'lines',
    open: (frames, skips) =>
      new LineFramer(
        FRAME_MAX,
        (bytes, start, end) => frames.push(hex(bytes, start, end)),
        () => skips.n++,
      ),
    wire: frame => concat(Uint8Array.of(0x0a), frame, Uint8Array.of(0x0d, 0x0a)),
    frame: fc.uint8Array({ minLength: 1, maxLength: 600, min: 0x20, max: 0xff }),
  },
]

for (const { name, open, wire, frame } of SUBJECTS) {
  t.test(`${name}: any chunking gives the same frames`, async t => {
    const property = fc.property(
      fc.array(frame, { maxLength: 8 }),
      fc.integer({ min: 1, max: 700 }),
      fc.nat(),
      (list, max, seed) => {
        const frames: string[] = []
        const framer = open(frames, { n: 0 })
        inPieces(concat(...list.map(wire)), max, seed, piece => framer.push(piece))
        t.same(
          frames,
          list.map(bytes => hex(bytes, 0, bytes.length)),
        )
      },
    )
    t.doesNotThrow(() => fc.assert(property, { seed: SEED, numRuns: 200 }))
  })

  t.test(`${name}: 8 MiB of garbage costs linear work and never the good frame behind it`, async t => {
    const prng = seededPrng(SEED)
    t.comment(`seed ${SEED}`)
    const good = Uint8Array.from({ length: 300 }, (_, i) => 0x20 + (i % 200))
    // Dense delimiters, rare ones, none at all: short frames, over-long ones, and one that never ends.
    for (const [zeroes, lineEnds] of [
      [20, 20],
      [1, 1],
      [0, 0],
    ] as const) {
      const frames: string[] = []
      const framer = open(frames, { n: 0 })
      let pushed = 0
      const push = (piece: Uint8Array): void => {
        pushed += piece.length
        framer.push(piece)
      }
      for (let round = 0; round < 16; round++) {
        const noise = garbage(prng, (8 * MIB) / 3 / 16, zeroes, lineEnds)
        if (zeroes === 0)
          for (let i = 0; i < noise.length; i++) if (noise[i] === 0 || noise[i] === 10 || noise[i] === 13) noise[i] = 1
        inPieces(noise, 65_536, round, push)
        push(wire(good))
        t.equal(frames.at(-1), hex(good, 0, good.length), `round ${round}, ${zeroes} of 1000 delimiters`)
      }
      t.ok(framer.bytesHandled <= 3 * pushed, `${framer.bytesHandled} bytes handled for ${pushed}`)
    }
  })

  t.test(
    `${name}: a frame one byte too long is skipped and reported once, the longest possible one is kept`,
    async t => {
      for (const pieceMax of [1, 100_000]) {
        const frames: string[] = []
        const skips = { n: 0 }
        const framer = open(frames, skips)
        const long = new Uint8Array(FRAME_MAX + 1).fill(0x41)
        inPieces(
          concat(wire(long), wire(long.subarray(1)), wire(new Uint8Array(3 * FRAME_MAX).fill(0x41))),
          pieceMax,
          1,
          piece => framer.push(piece),
        )
        t.equal(frames.length, 1)
        t.equal(frames[0]?.length, 2 * FRAME_MAX)
        t.equal(skips.n, 2)
      }
    },
  )

  t.test(`${name}: reset forgets a half frame`, async t => {
    const frames: string[] = []
    const framer = open(frames, { n: 0 })
    const bytes = wire(Uint8Array.of(0x31, 0x32, 0x33))
    framer.push(bytes.subarray(0, 3))
    framer.reset()
    framer.push(wire(Uint8Array.of(0x34)))
    t.same(frames, ['34'])
  })
}
