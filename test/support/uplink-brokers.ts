import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Aedes } from 'aedes'
import { until } from './waiting.ts'

export interface TestBroker {
  readonly port: number
  readonly url: string
  /** Takes the connections away and listens no more; what it retains is lost for a fresh in-process broker. */
  stop(): Promise<void>
  /** Listens again at the same port. */
  start(): Promise<void>
  /** Gone for good. */
  close(): Promise<void>
}

/** Node may be asked for a port and mosquitto told to use it: free at that moment, on loopback. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** aedes in this process: MQTT 3.1.1 only. */
export async function aedesBroker(): Promise<TestBroker & { aedes: Aedes }> {
  const port = await freePort()
  const sockets = new Set<Socket>()
  let server: Server | undefined
  const aedes = await Aedes.createBroker()
  const broker = {
    aedes,
    port,
    url: `mqtt://127.0.0.1:${port}`,
    async start() {
      server = createServer({ noDelay: true }, socket => {
        sockets.add(socket)
        socket.on('close', () => sockets.delete(socket))
        aedes.handle(socket)
      }).listen(port, '127.0.0.1')
      await once(server, 'listening')
    },
    async stop() {
      if (!server) return
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
      server = undefined
    },
    async close() {
      await broker.stop()
      await new Promise<void>(resolve => aedes.close(resolve))
    },
  }
  await broker.start()
  return broker
}

export const MOSQUITTO_MISSING =
  spawnSync('mosquitto', ['-h'], { env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/usr/local/sbin` } })
    .error === undefined
    ? false
    : 'mosquitto is not installed (apt-get install mosquitto)'

export interface Mosquitto extends TestBroker {
  /** SIGKILL: nothing is said to clients, nothing is stored. */
  kill(): Promise<void>
  /** SIGSTOP: its connections stand, nothing is read or answered. Ended with kill(). */
  freeze(): void
  /** Replaces one of `files` and makes the broker read it (SIGHUP). */
  rewrite(name: string, text: string): Promise<void>
}

/** A real broker. `lines` are added to its configuration; files named in them go through `files`. */
export async function mosquitto(
  lines: readonly string[] = ['allow_anonymous true'],
  files: Record<string, string> = {},
): Promise<Mosquitto> {
  const port = await freePort()
  const dir = mkdtempSync(join(tmpdir(), 'ww-mosquitto-'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text, { mode: 0o600 })
  const config = join(dir, 'mosquitto.conf')
  // Otherwise it drops to a user that may not read the files when it is started by root.
  const user = process.getuid?.() === 0 ? ['user root'] : []
  writeFileSync(
    config,
    [`listener ${port} 127.0.0.1`, ...user, ...lines.map(line => line.replaceAll('$DIR', dir)), ''].join('\n'),
  )
  let child: ChildProcess | undefined
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (!child) return
    const exited = once(child, 'exit')
    child.kill(signal)
    await exited
    child = undefined
  }
  const broker: Mosquitto = {
    port,
    url: `mqtt://127.0.0.1:${port}`,
    async start() {
      const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/usr/local/sbin` }
      child = spawn('mosquitto', ['-c', config], { env, stdio: 'ignore' })
      await until(() => listens(port), `mosquitto on port ${port}`)
    },
    stop: () => end('SIGTERM'),
    async close() {
      await end('SIGTERM')
      rmSync(dir, { recursive: true, force: true })
    },
    kill: () => end('SIGKILL'),
    freeze: () => void child?.kill('SIGSTOP'),
    async rewrite(name, text) {
      writeFileSync(join(dir, name), text, { mode: 0o600 })
      child?.kill('SIGHUP')
    },
  }
  await broker.start()
  return broker
}

function listens(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}
