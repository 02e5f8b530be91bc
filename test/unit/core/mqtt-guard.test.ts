import { PassThrough, Writable } from 'node:stream'
import fc from 'fast-check'
import t from 'tap'
import { tameConnack } from '../../../agent/core/mqtt/connack.ts'
import { guardStream } from '../../../agent/core/mqtt/guarded.ts'
import { PacketGuard } from '../../../agent/core/mqtt/packet-guard.ts'
import { until } from '../../support/waiting.ts'

const CONNACK = Buffer.from([0x20, 2, 0, 0])
const LIMIT = 1000

function publishOf(bytes: number): Buffer {
  const body = Buffer.alloc(bytes, 0x61)
  body.writeUInt16BE(1)
  const length = bytes < 128 ? [bytes] : [(bytes % 128) | 0x80, Math.floor(bytes / 128)]
  return Buffer.concat([Buffer.from([0x30, ...length]), body])
}

/** Pushes the pieces; what came out, and what is wrong. */
function guarded(pieces: Iterable<Buffer>): { packets: string[]; code: string | undefined } {
  const guard = new PacketGuard(LIMIT)
  const packets: string[] = []
  for (const piece of pieces) {
    const wrong = guard.push(piece, packet => packets.push(packet.toString('hex')))
    if (wrong) return { packets, code: wrong.code }
  }
  return { packets, code: undefined }
}

t.test('however a stream is cut, the same whole packets come out', async t => {
  const packets = fc.array(fc.integer({ min: 3, max: 900 }).map(publishOf), { maxLength: 8 })
  const property = fc.property(packets, fc.array(fc.nat(6000), { maxLength: 20 }), (some, cuts) => {
    const whole = [CONNACK, ...some]
    const stream = Buffer.concat(whole)
    const at = [0, ...cuts.map(cut => cut % stream.length).sort((a, b) => a - b), stream.length]
    const pieces = at.slice(1).map((end, i) => stream.subarray(at[i], end))
    t.same(guarded(pieces), { packets: whole.map(packet => packet.toString('hex')), code: undefined })
  })
  fc.assert(property, { numRuns: 300 })
})

t.test('what ends a connection, at the first byte that tells', async t => {
  const bytes = (...list: number[]): Buffer => Buffer.from(list)
  const rows: [string, Buffer[], string][] = [
    ['another service', [Buffer.from('HTTP/1.1 400 Bad Request')], 'NOT_MQTT'],
    ['TLS', [bytes(0x15, 3, 1, 0, 2, 2, 0x28)], 'TLS_THERE'],
    ['larger than the limit', [CONNACK, bytes(0x30, 0xff, 0x7f)], 'PACKET_TOO_LARGE'],
    ['256 MB announced', [CONNACK, bytes(0x30), bytes(0xff), bytes(0xff, 0xff, 0x7f)], 'PACKET_TOO_LARGE'],
    ['a length of five bytes', [CONNACK, bytes(0x30, 0xff, 0xff, 0xff, 0xff)], 'MALFORMED'],
    ['QoS 2', [CONNACK, bytes(0x34, 5, 0, 1, 0x61, 0, 1)], 'MALFORMED'],
    ['a CONNECT', [CONNACK, bytes(0x10, 0)], 'MALFORMED'],
    ['AUTH', [CONNACK, bytes(0xf0, 0)], 'MALFORMED'],
  ]
  for (const [what, pieces, code] of rows) t.equal(guarded(pieces).code, code, what)
})

t.test('a packet in single bytes is gathered in one buffer', async t => {
  const { packets, code } = guarded([CONNACK, ...[...publishOf(900)].map(byte => Buffer.from([byte]))])
  t.equal(code, undefined)
  t.equal(packets[1], publishOf(900).toString('hex'))
})

t.test('a parser that throws ends the stream, and nothing else', async t => {
  const stream = new PassThrough()
  const taken: string[] = []
  const parser = new Writable({
    write(chunk: Buffer, _encoding, done) {
      taken.push(chunk.toString('hex'))
      if (chunk[0] === 0x30) throw new Error('Keepalive value must be an integer')
      done()
    },
  })
  let failure: unknown
  stream.on('error', error => {
    failure = error
  })
  guardStream(stream, new PacketGuard(LIMIT)).pipe(parser)
  stream.write(Buffer.concat([CONNACK, publishOf(10), publishOf(10)]))
  await until(() => stream.destroyed && failure !== undefined, 'the end of the stream')
  t.match(failure, { code: 'MALFORMED', message: /cannot be understood \(Keepalive value/ })
  t.equal(taken.length, 2, 'nothing behind it was parsed')
})

t.test('a server keepalive longer than ours is not taken; numbers that are none are refused', async t => {
  const longer = { cmd: 'connack', properties: { serverKeepAlive: 65_535 } as Record<string, unknown> }
  t.equal(tameConnack(longer, 30), undefined)
  t.same(longer.properties, {})
  const shorter = { cmd: 'connack', properties: { serverKeepAlive: 10 } }
  t.equal(tameConnack(shorter, 30), undefined)
  t.same(shorter.properties, { serverKeepAlive: 10 })
  for (const value of [-1, [30, 20], Number.NaN])
    t.match(
      tameConnack({ cmd: 'connack', properties: { receiveMaximum: value } }, 30),
      /receiveMaximum that is no number/,
    )
  t.equal(tameConnack({ cmd: 'publish', properties: { receiveMaximum: -1 } }, 30), undefined)
})
