// What a broker sends, cut into whole MQTT packets before any parser sees it. mqtt.js buffers whatever length a packet
// announces (256 MB) in as many pieces as the peer likes, and goes on after bytes that are no MQTT.
//
//   byte 1: type, flags │ 1–4 bytes: remaining length │ the rest        (MQTT 5 section 2.1)
//
// A packet that lies in one chunk is passed on as it is; one that straddles chunks is gathered in one buffer of its announced
// size, which is at most `bytesMax`: single bytes cost no more memory than large pieces.

export type GuardCode = 'NOT_MQTT' | 'TLS_THERE' | 'PACKET_TOO_LARGE' | 'MALFORMED'

export class GuardError extends Error {
  readonly code: GuardCode

  constructor(code: GuardCode, message: string) {
    super(message)
    this.code = code
  }
}

const CONNACK = 2
const PUBLISH = 3
/** Types that only clients send, reserved ones, and AUTH, which is never asked for. */
const NOT_OF_A_BROKER = [0, 1, 8, 10, 12, 15]
const TLS_ALERT = 0x15
const LENGTH_BYTES_MAX = 4
const SHOWN_BYTES_MAX = 24

export class PacketGuard {
  readonly #bytesMax: number
  #begun = false
  /** A header that is not complete: 4 bytes at most. */
  #head: Buffer | undefined
  #packet: Buffer | undefined
  #filled = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** Calls `emit` for each packet that is complete, in order. Returns what is wrong; nothing may be pushed after that. */
  push(data: Buffer, emit: (packet: Buffer) => void): GuardError | undefined {
    const chunk = this.#head ? Buffer.concat([this.#head, data]) : data
    this.#head = undefined
    let at = this.#fill(chunk, emit)
    while (at < chunk.length) {
      const wrong = this.#wrongType(chunk, at)
      if (wrong) return wrong
      const size = sizeAt(chunk, at)
      if (size === 'malformed') return new GuardError('MALFORMED', 'sent a packet whose length cannot be read')
      if (size === undefined) {
        this.#head = Buffer.from(chunk.subarray(at))
        return undefined
      }
      if (size > this.#bytesMax)
        return new GuardError('PACKET_TOO_LARGE', `sent a packet of ${size} bytes; ${this.#bytesMax} are taken at most`)
      if (size <= chunk.length - at) emit(chunk.subarray(at, at + size))
      else {
        this.#packet = Buffer.allocUnsafe(size)
        this.#filled = chunk.copy(this.#packet, 0, at)
      }
      at += size
    }
    return undefined
  }

  /** Completes the packet that straddles; returns where the next one begins. */
  #fill(chunk: Buffer, emit: (packet: Buffer) => void): number {
    if (!this.#packet) return 0
    const copied = chunk.copy(this.#packet, this.#filled)
    this.#filled += copied
    if (this.#filled < this.#packet.length) return chunk.length
    const packet = this.#packet
    this.#packet = undefined
    emit(packet)
    return copied
  }

  #wrongType(chunk: Buffer, at: number): GuardError | undefined {
    const type = chunk[at]! >> 4
    if (!this.#begun) {
      // The first packet of a broker is CONNACK (3.2.0-1); whatever else is there is another service.
      if (type !== CONNACK) return notMqtt(chunk)
      this.#begun = true
    }
    if (NOT_OF_A_BROKER.includes(type)) return new GuardError('MALFORMED', `sent a packet of type ${type}`)
    // Never asked for: all subscriptions are of QoS 0 or 1, and QoS 2 would be stored.
    if (type === PUBLISH && (chunk[at]! & 0x04) !== 0) return new GuardError('MALFORMED', 'sent a message of QoS 2')
    return undefined
  }
}

/** Bytes of the whole packet; undefined while its header is not complete. */
function sizeAt(chunk: Buffer, at: number): number | undefined | 'malformed' {
  let length = 0
  for (let i = 0; i < LENGTH_BYTES_MAX; i++) {
    const byte = chunk[at + 1 + i]
    if (byte === undefined) return undefined
    length += (byte & 0x7f) * 128 ** i
    if (byte < 0x80) return 2 + i + length
  }
  return 'malformed'
}

function notMqtt(chunk: Buffer): GuardError {
  if (chunk[0] === TLS_ALERT) return new GuardError('TLS_THERE', 'answered with TLS')
  const text =
    chunk
      .subarray(0, SHOWN_BYTES_MAX)
      .toString('latin1')
      .split(/[\r\n]/, 1)[0] ?? ''
  const shown = /^[ -~]{2,}$/.test(text) ? `"${text}"` : `bytes ${chunk.subarray(0, 4).toString('hex')}`
  return new GuardError('NOT_MQTT', `answered ${shown}, which is not MQTT`)
}
