// The publisher of `wearwatch bench`, a process of its own: writes packets made beforehand to a socket.
// Usage: fork(bench-publisher.js, [port]), then PublishJob messages, each answered by one PublishDone.
import { once } from 'node:events'
import { connect } from 'node:net'
import { PacketMill } from './bench-telemetry.ts'

export interface PublishJob {
  prefix: string
  assets: number
  count: number
  /** Messages per second; 0 = all at once, as fast as the broker takes them. */
  perSecond: number
}

export interface PublishDone {
  sent: number
  /** Wall clock when the last byte was handed to the system. */
  endMs: number
  /** Time that the next row of an asset will state. */
  nextMs: number
}

const TICK_MS = 5
const CHUNK = 1000
// MQTT 3.1.1: CONNECT, clean session, no keepalive, client id of 0 bytes.
const CONNECT = Buffer.from([0x10, 12, 0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 2, 0, 0, 0, 0])

const socket = connect(Number(process.argv[2]), '127.0.0.1')
const mills = new Map<string, PacketMill>()
socket.write(CONNECT)
await once(socket, 'data') // CONNACK
process.on('disconnect', () => process.exit(0))
process.on('message', (job: PublishJob) => void run(job))
process.send?.('ready')

async function run(job: PublishJob): Promise<void> {
  const mill = millOf(job)
  if (job.perSecond === 0) await burst(mill, job.count)
  else await paced(mill, job)
  const done: PublishDone = { sent: job.count, endMs: Date.now(), nextMs: mill.nextMs }
  process.send?.(done)
}

/** Times of a prefix go on from job to job: a row that is not newer than the last is late and dropped. */
function millOf({ prefix, assets }: PublishJob): PacketMill {
  const mill = mills.get(prefix) ?? new PacketMill(prefix, assets, Date.now())
  mills.set(prefix, mill)
  return mill
}

async function burst(mill: PacketMill, count: number): Promise<void> {
  const chunks: Buffer[] = []
  for (let made = 0; made < count; made += CHUNK) chunks.push(mill.next(Math.min(CHUNK, count - made)))
  for (const chunk of chunks) await write(chunk)
}

async function paced(mill: PacketMill, { count, perSecond }: PublishJob): Promise<void> {
  const startMs = performance.now()
  for (let sent = 0; sent < count; ) {
    const due = Math.min(count, Math.floor(((performance.now() - startMs) * perSecond) / 1000))
    if (due > sent) await write(mill.next(due - sent))
    sent = Math.max(sent, due)
    await new Promise(resolve => setTimeout(resolve, TICK_MS))
  }
}

async function write(bytes: Buffer): Promise<void> {
  if (!socket.write(bytes)) await once(socket, 'drain')
}
