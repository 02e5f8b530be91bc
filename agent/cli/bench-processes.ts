// The processes around a benchmark: broker, publisher, receiver, the agent itself. All end with the bench.
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { builtFile } from '../core/built.ts'
import { AgentError } from '../core/errors.ts'
import { askDaemon } from '../http/client.ts'
import { mosquittoVersion } from './bench-figure.ts'
import type { PublishDone, PublishJob } from './bench-publisher.ts'

const START_MS = 20_000
const END_MS = 6_000
const POLL_MS = 10

export interface BenchContext {
  /** Temporary, removed at the end. */
  dir: string
  broker: BenchBroker
  quick: boolean
  /** Folder for a CPU profile of the agent; undefined = none. */
  profile: string | undefined
  progress(text: string): void
  /** Run in reverse order at the end, whatever happens. */
  teardown: (() => Promise<void>)[]
}

export interface BenchBroker {
  kind: 'mosquitto' | 'aedes'
  port: number
}

/** mosquitto where it is installed, with queues that drop nothing; else aedes. */
export async function startBenchBroker(context: Pick<BenchContext, 'dir' | 'teardown'>): Promise<BenchBroker> {
  if (mosquittoVersion() === undefined) {
    const child = forkPeer('bench-aedes.js', [])
    context.teardown.push(() => endProcess(child))
    return { kind: 'aedes', port: await answerOf<number>(child) }
  }
  const port = await freePort()
  const file = join(context.dir, 'mosquitto.conf')
  const lines = [
    `listener ${port} 127.0.0.1`,
    'allow_anonymous true',
    'persistence false',
    'max_queued_messages 0',
    'set_tcp_nodelay true',
  ]
  writeFileSync(file, `${lines.join('\n')}\n`)
  const child = spawn('mosquitto', ['-c', file], { stdio: 'ignore' })
  context.teardown.push(() => endProcess(child))
  await until(() => accepts(port), `mosquitto to listen on port ${port}`)
  return { kind: 'mosquitto', port }
}

async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  await new Promise(resolve => server.close(resolve))
  return typeof address === 'object' && address ? address.port : 0
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  const open = await Promise.race([
    once(socket, 'connect').then(() => true),
    once(socket, 'error').then(() => false),
  ]).catch(() => false)
  socket.destroy()
  return open
}

export class Publisher {
  readonly #child: ChildProcess

  static async start({ broker, teardown }: BenchContext): Promise<Publisher> {
    const child = forkPeer('bench-publisher.js', [String(broker.port)])
    teardown.push(() => endProcess(child))
    await answerOf(child)
    return new Publisher(child)
  }

  private constructor(child: ChildProcess) {
    this.#child = child
  }

  publish(job: PublishJob): Promise<PublishDone> {
    this.#child.send(job)
    const done = answerOf<PublishDone>(this.#child)
    // Awaited later: until then its failure must not end the bench before it has cleaned up.
    done.catch(() => {})
    return done
  }

  stop(): Promise<void> {
    return endProcess(this.#child)
  }
}

/** Messages received so far, by the receiver's own clock. */
export interface Received {
  messages: number
  atMs: number
  /** Processor time of the process so far. */
  cpuUs: number
}

export async function startReceiver(
  { broker, teardown }: BenchContext,
  prefix: string,
): Promise<() => Promise<Received>> {
  const protocol = broker.kind === 'mosquitto' ? '5' : '4'
  const child = forkPeer('bench-receiver.js', [String(broker.port), `${prefix}/#`, protocol])
  teardown.push(() => endProcess(child))
  await answerOf(child)
  return () => {
    child.send('count')
    return answerOf<Received>(child)
  }
}

/** What of the agent's status the benchmarks read. */
export interface DaemonStatus {
  now: string
  scorer: { windowsScored: number; windowsDropped: number; windowsLost: number; pid?: number; rssMb?: number }
  sources: { state: string }[]
  uplink: { state: string }
  assets: { windowsWaiting?: number }[]
  history: { lostRows: number; bytes: Record<string, number> }
  memoryMb: number
  counters: Record<string, number>
}

/** `wearwatch run` in a process of its own, as installed. */
export class BenchDaemon {
  readonly socket: string
  readonly #child: ChildProcess
  readonly #log: () => string

  /** Resolves at once; `dir` holds its config and stores. */
  static spawn(context: BenchContext, name: string, config: string): BenchDaemon {
    const dir = join(context.dir, name)
    mkdirSync(dir, { recursive: true })
    const file = join(dir, 'wearwatch.yaml')
    writeFileSync(file, config)
    const { profile } = context
    const main = builtFile('main.js')
    // By its first line, as installed, with the node that runs this.
    const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH}` }
    const [command, ...before] =
      profile === undefined ? [main] : [process.execPath, '--cpu-prof', `--cpu-prof-dir=${profile}`, main]
    const args = [...before, 'run', '--config', file, '--log-level', 'warn', '--log-format', 'text']
    const daemon = new BenchDaemon(spawn(command!, args, { stdio: ['ignore', 'ignore', 'pipe'], env }), dir)
    context.teardown.push(() => daemon.stop())
    return daemon
  }

  private constructor(child: ChildProcess, dir: string) {
    let log = ''
    child.stderr?.on('data', (chunk: Buffer) => {
      log = (log + chunk.toString()).slice(-4000)
    })
    this.#child = child
    this.#log = () => log
    this.socket = join(dir, 'data', 'wearwatch.sock')
  }

  status(): Promise<DaemonStatus> {
    return askDaemon<DaemonStatus>(this.socket, 'GET', '/v1/status')
  }

  /** Resolves with the first status that fits. */
  async when(fits: (status: DaemonStatus) => boolean, what: string, timeoutMs = START_MS): Promise<DaemonStatus> {
    let last: DaemonStatus | undefined
    await until(
      async () => {
        if (this.#child.exitCode !== null)
          throw new AgentError('BENCH_FAILED', `the agent ended early:\n${this.#log()}`)
        last = await this.status().catch(() => undefined)
        return last !== undefined && fits(last)
      },
      what,
      timeoutMs,
    )
    return last!
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  stop(): Promise<void> {
    return endProcess(this.#child)
  }
}

function forkPeer(file: string, args: readonly string[]): ChildProcess {
  return fork(builtFile(`cli/${file}`), [...args], { execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
}

/** The next message of a child; throws when it ends instead. */
function answerOf<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const ended = (): void => {
      child.off('message', answered)
      reject(new AgentError('BENCH_FAILED', `a process of the bench ended early: ${child.spawnargs.join(' ')}`))
    }
    const answered = (answer: unknown): void => {
      child.off('exit', ended)
      resolve(answer as T)
    }
    child.once('exit', ended)
    child.once('message', answered)
  })
}

async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  const kill = setTimeout(() => child.kill('SIGKILL'), END_MS)
  await exited
  clearTimeout(kill)
}

export function sleepMs(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}

/** Polls until `done`; throws after `timeoutMs`. */
export async function until(done: () => boolean | Promise<boolean>, what: string, timeoutMs = START_MS): Promise<void> {
  const endMs = performance.now() + timeoutMs
  while (!(await done())) {
    if (performance.now() > endMs) throw new AgentError('BENCH_FAILED', `bench: waited ${timeoutMs} ms for ${what}`)
    await sleepMs(POLL_MS)
  }
}
