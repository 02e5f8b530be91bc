// What a broker may do to its clients: one session a kind, each made of the seed. `talk` gets what the client said in its
// CONNECT and answers on the socket; the session is ended from outside.
const CONNACK = 0x20
const PUBLISH = 0x30
const PUBACK = 0x40
const SUBACK = 0x90
const DISCONNECT = 0xe0
const BASE = 'wearwatch/v1/hall'
const MIB = 2 ** 20

/** @param {number} type @param {Buffer} body */
export function packet(type, body, length = body.length) {
  const head = [type]
  for (let rest = length; ; rest = Math.floor(rest / 128)) {
    head.push((rest % 128) | (rest >= 128 ? 0x80 : 0))
    if (rest < 128) break
  }
  return Buffer.concat([Buffer.from(head), body])
}

const u16 = n => Buffer.from([n >> 8, n & 0xff])
const text = value => {
  const bytes = Buffer.isBuffer(value) ? value : Buffer.from(value)
  return Buffer.concat([u16(bytes.length), bytes])
}
const repeated = (n, make) => Buffer.concat(Array.from({ length: n }, (_, i) => make(i)))

function connack(v5, props = Buffer.alloc(0)) {
  return packet(CONNACK, v5 ? Buffer.concat([Buffer.from([0, 0, props.length]), props]) : Buffer.from([0, 0]))
}

function publish(v5, { topic, payload, flags = 0, id = 1, props = Buffer.alloc(0) }) {
  const qos = (flags >> 1) & 3
  const parts = [
    text(topic),
    ...(qos > 0 ? [u16(id)] : []),
    ...(v5 ? [lengthOf(props), props] : []),
    Buffer.from(payload),
  ]
  return packet(PUBLISH | flags, Buffer.concat(parts))
}

function lengthOf(props) {
  return packet(0, props).subarray(1, packet(0, props).length - props.length)
}

const bytes = (prng, n) => Buffer.from(Array.from({ length: n }, () => Math.floor(prng.next() * 256)))
const int = (prng, below) => Math.floor(prng.next() * below)
const ack = (type, id, v5) => packet(type, v5 ? Buffer.concat([u16(id), Buffer.from([0, 0])]) : u16(id))

/** Properties with their right ids, and values that are random, cut short or come twice. */
function oddProps(prng) {
  const known = [
    0x01, 0x02, 0x03, 0x08, 0x09, 0x0b, 0x11, 0x12, 0x13, 0x15, 0x16, 0x1a, 0x1c, 0x1f, 0x21, 0x22, 0x23, 0x24, 0x25,
    0x26, 0x27, 0x28,
  ]
  return repeated(1 + int(prng, 6), () => {
    const id = prng.next() < 0.9 ? known[int(prng, known.length)] : int(prng, 256)
    const piece = Buffer.concat([Buffer.from([id]), bytes(prng, int(prng, 6))])
    return prng.next() < 0.4 ? Buffer.concat([piece, piece]) : piece
  })
}

function wellBehaved(v5, gateway) {
  return Buffer.concat([
    connack(v5),
    packet(SUBACK, v5 ? Buffer.from([0, 1, 0, 0]) : Buffer.from([0, 1, 0])),
    publish(v5, { topic: `${BASE}/${gateway}/alarm/p-1/0000000000001`, payload: '{"id":1}', flags: 1 }),
    publish(v5, { topic: 'plant/p-1', payload: '{"flow":1,"current":2,"pressure":3}', flags: 2, id: 7 }),
    ack(PUBACK, 60_000, v5),
    packet(0xd0, Buffer.alloc(0)),
  ])
}

/** name -> what is sent after the CONNECT, as a list of pieces; a number is a pause in ms. */
export const KINDS = {
  silence: () => [],
  garbage: ({ prng }) => [bytes(prng, 1 + int(prng, 2000))],
  'other service': ({ prng }) => [
    ['HTTP/1.1 400 Bad Request\r\n\r\n', 'SSH-2.0-x\r\n', '\x15\x03\x01\x00\x02\x02\x28'][int(prng, 3)],
  ],
  'connack of noise': ({ prng }) => [packet(CONNACK, bytes(prng, int(prng, 40)))],
  'connack properties': ({ prng }) => [connack(true, oddProps(prng))],
  'connack twice': ({ v5 }) => [connack(v5), connack(v5)],
  'keepalive twice': () => [connack(true, Buffer.from([0x13, 0, 30, 0x13, 0, 20]))],
  'refused with noise': ({ prng, v5 }) => [
    packet(CONNACK, Buffer.from(v5 ? [0, int(prng, 256), 0] : [0, int(prng, 256)])),
  ],
  'giant length': ({ v5 }) => [
    connack(v5),
    packet(PUBLISH, Buffer.alloc(0), 268_435_455),
    ...Array.from({ length: 32 }, () => Buffer.alloc(65_536)),
  ],
  'length without end': ({ v5 }) => [connack(v5), Buffer.from([PUBLISH, 0xff, 0xff, 0xff, 0xff, 0x7f])],
  'oversize payload': ({ prng, v5 }) => [
    connack(v5),
    publish(v5, { topic: 'plant/p-1', payload: Buffer.alloc(MIB * (1 + int(prng, 5))) }),
  ],
  'deep topics': ({ v5 }) => {
    const topic = '/'.repeat(65_535)
    return [connack(v5), ...Array.from({ length: 8 }, () => publish(v5, { topic, payload: '1' }))]
  },
  'topics under ours': ({ v5, gateway }) => {
    const topic = `${BASE}/${gateway}/alarm/${'a/'.repeat(20_000)}x`
    return [connack(v5), ...Array.from({ length: 8 }, () => publish(v5, { topic, payload: '1', flags: 1 }))]
  },
  'wrong packet ids': ({ prng, v5 }) => [
    connack(v5),
    repeated(500, () => ack([0x40, 0x50, 0x62, 0x70, SUBACK, 0xb0][int(prng, 6)], 5_000 + int(prng, 60_000), v5)),
  ],
  'acks of noise': ({ prng, v5 }) => [
    connack(v5),
    repeated(200, () => packet([0x40, 0x50, 0x62, 0x70, SUBACK, 0xb0][int(prng, 6)], bytes(prng, int(prng, 6)))),
  ],
  'flood of pubacks': ({ v5 }) => [
    connack(v5),
    ...Array.from({ length: 8 }, () => repeated(4_000, () => ack(PUBACK, 61_000, v5))),
  ],
  'flood of retained': ({ v5, gateway }) => [
    connack(v5),
    repeated(2_000, i => publish(v5, { topic: `${BASE}/${gateway}/alarm/p-1/stray${i}`, payload: 'x', flags: 1 })),
  ],
  'invalid utf-8': ({ prng, v5 }) => [
    connack(v5),
    repeated(50, () =>
      publish(v5, { topic: Buffer.concat([Buffer.from('plant/'), bytes(prng, 20)]), payload: bytes(prng, 60) }),
    ),
  ],
  'nonsense for commands': ({ prng, v5, gateway }) => {
    const topic = `${BASE}/${gateway}/command`
    const payloads = [
      '['.repeat(15_000),
      '{"command":"sync","id":1}',
      bytes(prng, 200),
      '{"__proto__":{"x":1},"command":"__proto__","id":"a"}',
    ]
    return [connack(v5), repeated(20, i => publish(v5, { topic, payload: payloads[i % 4], flags: 2, id: i + 1 }))]
  },
  'publish properties': ({ prng }) => [
    connack(true),
    repeated(20, () => publish(true, { topic: 'plant/p-1', payload: '1', props: oddProps(prng) })),
  ],
  'topic aliases': ({ prng }) => [
    connack(true),
    publish(true, {
      topic: prng.next() < 0.5 ? '' : 'plant/p-1',
      payload: '1',
      props: Buffer.concat([Buffer.from([0x23]), u16(int(prng, 65_536))]),
    }),
  ],
  'user properties': () => {
    const pair = Buffer.concat([Buffer.from([0x26]), text('__proto__'), text('x'.repeat(30))])
    return [connack(true), publish(true, { topic: 'plant/p-1', payload: '1', props: repeated(2_000, () => pair) })]
  },
  'properties that are cut': ({ prng }) => {
    const whole = publish(true, { topic: 'plant/p-1', payload: '', props: oddProps(prng) })
    return [connack(true), packet(PUBLISH, whole.subarray(2, 2 + int(prng, whole.length)))]
  },
  'qos 2': ({ v5 }) => [
    connack(v5),
    repeated(300, i => publish(v5, { topic: 'plant/p-1', payload: Buffer.alloc(1_000), flags: 4, id: i + 1 })),
  ],
  'qos 3': ({ v5 }) => [connack(v5), publish(v5, { topic: 'plant/p-1', payload: '1', flags: 6 })],
  'packets of clients': ({ prng, v5 }) => [
    connack(v5),
    packet([0x10, 0x82, 0xa2, 0xc0, 0xf0, 0x00][int(prng, 6)], bytes(prng, int(prng, 30))),
  ],
  'slow loris': ({ v5 }) => {
    const slow = publish(v5, { topic: 'plant/p-1', payload: Buffer.alloc(60_000) })
    return [connack(v5), ...Array.from({ length: 400 }, (_, i) => slow.subarray(i, i + 1)), 20]
  },
  'slow connack': ({ v5 }) => [...connack(v5)].flatMap(byte => [Buffer.from([byte]), 4]),
  'partial packet': ({ prng, v5 }) => {
    const whole = publish(v5, { topic: 'plant/p-1', payload: Buffer.alloc(MIB - 100) })
    return [connack(v5), whole.subarray(0, 1 + int(prng, 200_000)), 30]
  },
  'cut at a byte': ({ n, v5, gateway }) => {
    const whole = wellBehaved(v5, gateway)
    return [whole.subarray(0, n % whole.length)]
  },
  'turned bytes': ({ prng, v5, gateway }) => {
    const whole = wellBehaved(v5, gateway)
    for (let i = 0; i <= int(prng, 6); i++) whole[int(prng, whole.length)] ^= 1 << int(prng, 8)
    return [whole, 5]
  },
  'goodbye of noise': ({ prng, v5 }) => [connack(v5), packet(DISCONNECT, bytes(prng, int(prng, 20)))],
  'pings and no acks': ({ v5 }) => [connack(v5), repeated(500, () => packet(0xd0, Buffer.alloc(0))), 30],
}
