import { createServer, type Server } from 'node:net'
import { Aedes } from 'aedes'

export interface DemoBroker {
  port: number
  /** Publishes from inside the broker; subscribers get it over TCP like anything else. `taken`: it was written to them. */
  publish(topic: string, payload: string, taken: () => void): void
  stop(): Promise<void>
}

/** aedes on loopback: port 1883, or a free one when that is taken. For the demo only: it has no authentication. */
export async function startBroker(): Promise<DemoBroker> {
  const broker = await Aedes.createBroker()
  const server = createServer({ noDelay: true }, broker.handle)
  const port = (await listen(server, 1883)) ?? (await listen(server, 0))
  if (port === undefined) throw new Error('no free port on 127.0.0.1 for the demo broker')
  return {
    port,
    publish(topic, payload, taken) {
      const packet = {
        cmd: 'publish',
        topic,
        payload: Buffer.from(payload),
        qos: 0,
        retain: false,
        dup: false,
      } as const
      broker.publish(packet, taken)
    },
    async stop() {
      await new Promise<void>(resolve => broker.close(() => resolve()))
      await new Promise<void>(resolve => server.close(() => resolve()))
    },
  }
}

/** The port, or undefined when it is taken. */
function listen(server: Server, port: number): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => {
      if (error.code === 'EADDRINUSE' && port !== 0) resolve(undefined)
      else reject(error)
    }
    server.once('error', failed)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', failed)
      const address = server.address()
      resolve(typeof address === 'object' && address ? address.port : undefined)
    })
  })
}
