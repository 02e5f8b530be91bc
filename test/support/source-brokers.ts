// Brokers for tests of the MQTT source: aedes in this process, mosquitto as a child.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { Aedes } from 'aedes'
import { until } from './waiting.ts'

export interface TestBroker {
  port: number
  publish(topic: string, payload: string, retain?: boolean): Promise<void>
  stop(): Promise<void>
}

/** aedes (MQTT 3.1.1 only); with `login`, only that name and password get in, and not to filter `denied`. Port 0 = any free one. */
export async function startAedes(
  port = 0,
  login?: { user: string; password: string; denied?: string },
): Promise<TestBroker> {
  const broker = await Aedes.createBroker()
  if (login) {
    broker.authenticate = (_client, user, password, done) => {
      const good = user === login.user && password?.toString() === login.password
      if (good) done(null, true)
      else done(Object.assign(new Error('bad login'), { returnCode: 4 }) as never, null)
    }
  }
  if (login?.denied) {
    broker.authorizeSubscribe = (_client, subscription, done) =>
      done(null, subscription.topic === login.denied ? null : subscription)
  }
  const sockets = new Set<Socket>()
  const server: Server = createServer(socket => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    broker.handle(socket)
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    publish: (topic, payload, retain = false) =>
      new Promise((resolve, reject) => {
        const packet = { cmd: 'publish', topic, payload: Buffer.from(payload), qos: 0, retain, dup: false } as const
        broker.publish(packet, error => (error ? reject(error) : resolve()))
      }),
    async stop() {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>(resolve => broker.close(() => resolve()))
      await new Promise<void>(resolve => server.close(() => resolve()))
    },
  }
}

export function hasMosquitto(): boolean {
  return spawnSync('mosquitto', ['-h']).error === undefined && spawnSync('mosquitto_passwd', ['-h']).error === undefined
}

export async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  return port
}

export interface MosquittoOptions {
  dir: string
  port: number
  login?: { user: string; password: string }
  /** Lines of the ACL file. */
  acl?: string
}

export async function startMosquitto(options: MosquittoOptions): Promise<Omit<TestBroker, 'publish'>> {
  const { dir, port, login, acl } = options
  // Started by root, mosquitto gives up its rights and could not read these files.
  const lines = [
    `listener ${port} 127.0.0.1`,
    'persistence false',
    // By default it drops what a subscriber has not taken beyond 1,000 messages, in silence.
    'max_queued_messages 0',
    'user root',
    `allow_anonymous ${login === undefined}`,
  ]
  if (login) {
    const file = join(dir, 'passwords')
    spawnSync('mosquitto_passwd', ['-b', '-c', file, login.user, login.password])
    lines.push(`password_file ${file}`)
  }
  if (acl !== undefined) {
    writeFileSync(join(dir, 'acl'), acl)
    lines.push(`acl_file ${join(dir, 'acl')}`)
  }
  writeFileSync(join(dir, 'mosquitto.conf'), `${lines.join('\n')}\n`)
  const child = spawn('mosquitto', ['-c', join(dir, 'mosquitto.conf')], { stdio: 'ignore' })
  await until(() => child.exitCode !== null || accepts(port), `mosquitto on port ${port}`)
  return { port, stop: () => endChild(child) }
}

export async function endChild(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill(signal)
  await exited
}

function accepts(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => resolve(true))
    socket.on('error', () => resolve(false))
    socket.on('connect', () => socket.destroy())
  })
}
