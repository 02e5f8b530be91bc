// Puts a PacketGuard between a connection and the parser of mqtt.js. One packet at a time goes in, and what the parser or a
// handler throws at it ends this connection instead of the process: some properties that a peer may send make mqtt.js throw
// (a server keepalive given twice, for one).
import type { Duplex, Writable } from 'node:stream'
import { messageOf } from '../errors.ts'
import { GuardError, PacketGuard } from './packet-guard.ts'

/**
 * For a client of mqtt.js that is not connected yet (`manualConnect`). Its stream builder is private, and no option offers a
 * place between stream and parser.
 */
export function guardClient(client: object, bytesMax: number): void {
  const inner = client as { streamBuilder: (client: unknown) => Duplex }
  const build = inner.streamBuilder
  inner.streamBuilder = owner => guardStream(build(owner), new PacketGuard(bytesMax))
}

export function guardStream(stream: Duplex, guard: PacketGuard): Duplex {
  stream.pipe = <T extends NodeJS.WritableStream>(parser: T): T => {
    pump(stream, guard, parser as unknown as Writable)
    return parser
  }
  return stream
}

function pump(stream: Duplex, guard: PacketGuard, parser: Writable): void {
  let packets: Buffer[] = []
  const fail = (error: Error): void => {
    packets = []
    stream.destroy(error)
  }
  const next = (): void => {
    const packet = packets.shift()
    if (stream.destroyed) return
    if (!packet) {
      stream.resume()
      return
    }
    try {
      parser.write(packet, next)
    } catch (error) {
      fail(new GuardError('MALFORMED', `sent a packet that cannot be understood (${messageOf(error)})`))
    }
  }
  stream.on('data', (chunk: Buffer) => {
    const wrong = guard.push(chunk, packet => packets.push(packet))
    if (wrong) return fail(wrong)
    if (packets.length === 0) return
    // What the parser has not taken yet is bounded by this chunk and one that the stream has read already.
    stream.pause()
    next()
  })
}
