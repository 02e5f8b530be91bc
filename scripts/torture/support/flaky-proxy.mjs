// Stands between MQTT clients and a broker: holds bytes up, sends PUBLISH packets a second time (with DUP, some packets
// later), and cuts connections in the middle of a packet. What it was not told to harm passes in order.
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { pause } from './agent.mjs'

const PUBLISH = 3
const DUP = 0x08
/** Packets after which a repeat follows. */
const REPEAT_AFTER_MAX = 20
/** Of what is held up. */
const BYTES_MAX = 4 << 20

export class FlakyProxy {
  repeats = 0
  cuts = 0
  delays = 0
  #links = new Set()
  #server

  /** `share` of PUBLISH packets come twice, of chunks are held up for up to `delayMs`. */
  constructor(prng, brokerPort, { share = 0.01, delayMs = 60 } = {}) {
    this.prng = prng
    this.brokerPort = brokerPort
    this.share = share
    this.delayMs = delayMs
  }

  async start() {
    this.#server = createServer({ noDelay: true }, socket => this.#link(socket)).listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    this.port = this.#server.address().port
  }

  /** Every connection, each after half of what comes next on it; at once when nothing does. */
  cut() {
    for (const link of this.#links) link.cutNext = true
  }

  async close() {
    this.#server.close()
    for (const { near, far } of this.#links) {
      near.destroy()
      far.destroy()
    }
    await once(this.#server, 'close')
  }

  #link(near) {
    const far = connect({ port: this.brokerPort, host: '127.0.0.1', noDelay: true })
    const link = { near, far, cutNext: false }
    this.#links.add(link)
    const end = () => {
      near.destroy()
      far.destroy()
      this.#links.delete(link)
    }
    for (const socket of [near, far]) {
      socket.on('error', end)
      socket.on('close', end)
    }
    void this.#pump(link, near, far, end)
    void this.#pump(link, far, near, end)
  }

  async #pump(link, from, to, end) {
    const packets = new Packets()
    const repeats = []
    try {
      for await (const chunk of from) {
        if (this.prng.next() < this.share) {
          this.delays++
          await pause(this.prng.next() * this.delayMs)
        }
        if (link.cutNext) {
          this.cuts++
          to.write(chunk.subarray(0, Math.ceil(chunk.length / 2)))
          return end()
        }
        for (const packet of packets.add(chunk)) {
          to.write(packet)
          this.#repeat(packet, repeats, to)
        }
        if (to.writableLength > BYTES_MAX) await once(to, 'drain')
      }
    } catch {}
    end()
  }

  #repeat(packet, repeats, to) {
    for (const repeat of repeats) repeat.left--
    while (repeats[0]?.left <= 0) to.write(repeats.shift().packet)
    const qos = (packet[0] >> 1) & 3
    if (packet[0] >> 4 !== PUBLISH || qos !== 1 || this.prng.next() >= this.share) return
    this.repeats++
    const again = Buffer.from(packet)
    again[0] |= DUP
    repeats.push({ packet: again, left: Math.floor(this.prng.next() * REPEAT_AFTER_MAX) })
    repeats.sort((a, b) => a.left - b.left)
  }
}

/** Cuts a stream of bytes at the borders of MQTT packets. */
class Packets {
  #rest = Buffer.alloc(0)

  add(chunk) {
    this.#rest = Buffer.concat([this.#rest, chunk])
    const whole = []
    for (let size = sizeOf(this.#rest); size <= this.#rest.length; size = sizeOf(this.#rest)) {
      whole.push(this.#rest.subarray(0, size))
      this.#rest = this.#rest.subarray(size)
    }
    return whole
  }
}

/** Of the first packet, header and all; more than there is while that is not known. */
function sizeOf(bytes) {
  let length = 0
  for (let i = 1; i <= 4; i++) {
    if (i >= bytes.length) return bytes.length + 1
    length += (bytes[i] & 0x7f) << (7 * (i - 1))
    if ((bytes[i] & 0x80) === 0) return 1 + i + length
  }
  return bytes.length + 1
}
