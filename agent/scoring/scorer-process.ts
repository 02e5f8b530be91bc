// One scorer child, seen from the host: started, spoken to, killed. Knows frames and processes, nothing of models.
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { Writable } from 'node:stream'
import type { Cancel, Clock } from '../core/clock.ts'
import { AgentError, messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { Deadline } from './deadline.ts'
import { FrameReader, type FrameSink } from './frame-reader.ts'
import type { LaunchCommand } from './launch.ts'
import { decodeJson, encodeFrame, encodeJson, FRAME, type Hello, PROTOCOL_VERSION } from './protocol.ts'
import { SlotFile } from './slot-file.ts'
import { StderrTail } from './stderr-tail.ts'

/** 112 ms are normal; a loaded board reading a cold SD card takes seconds. */
const HELLO_DEADLINE_MS = 20_000
const RSS_WATCH_MS = 250
/** From END to SIGKILL. */
const END_GRACE_MS = 1000

export interface ProcessOptions {
  command: LaunchCommand
  /** Bytes of the largest batch of any model it will load. */
  slotBytes: number
  /** Resident size beyond which it is killed; only where the address space is not bounded. */
  memoryMb: number
  clock: Clock
  logger: Logger
  /** Called before the child has said anything, so that its owner can end it at any time. */
  onSpawn(child: ScorerProcess): void
}

export interface Death {
  /** `deadline`: the host lost patience; `killed`: a signal from outside; `own`: it aborted or left by itself. */
  cause: 'deadline' | 'memory' | 'killed' | 'own' | 'ended'
  message: string
}

let serial = 0

export class ScorerProcess {
  readonly #options: ProcessOptions
  readonly #slots: SlotFile
  readonly #child: ChildProcess
  readonly #stdin: Writable
  readonly #stderr: StderrTail
  readonly #killTimer: Deadline
  #sink: FrameSink = () => {}
  #hello: Hello | undefined
  #onHello: (() => void) | undefined
  #verdict: Death | undefined
  #cancelWatch: Cancel | undefined
  /** Resolves when it is gone and all it had written has been read. */
  readonly closed: Promise<Death>

  /** Resolves when the child has said hello. Throws SCORER_DIED or SCORER_DEADLINE. */
  static async start(options: ProcessOptions): Promise<ScorerProcess> {
    const child = new ScorerProcess(options)
    options.onSpawn(child)
    await child.#greeted()
    return child
  }

  private constructor(options: ProcessOptions) {
    this.#options = options
    this.#slots = new SlotFile(options.slotBytes, serial++)
    const { file, args, env, memory } = options.command
    const stdio = ['pipe', 'pipe', 'pipe', this.#slots.descriptor] as const
    const child = spawn(file, args, { stdio: [...stdio], env, cwd: '/' })
    this.#child = child
    this.#stderr = new StderrTail(options.logger)
    this.#killTimer = new Deadline(options.clock, () => child.kill('SIGKILL'))
    this.closed = this.#watchClose(child)
    const { stdin, stdout, stderr } = child
    if (!stdin || !stdout || !stderr) {
      this.#slots.close()
      throw new AgentError('SCORER_DIED', 'scorer: no pipes to the child; is the limit of open files reached?')
    }
    this.#stdin = stdin
    // A write to a dead child fails here; its end is reported by `closed`.
    stdin.on('error', () => {})
    const reader = new FrameReader((type, id, payload) => this.#receive(type, id, payload))
    stdout.on('data', (chunk: Buffer) => this.#read(reader, chunk))
    stderr.on('data', (chunk: Buffer) => this.#stderr.push(chunk))
    if (memory === 'rss') this.#cancelWatch = options.clock.every(RSS_WATCH_MS, () => this.#checkMemory())
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** What the child said of itself; known once start() has resolved. */
  get hello(): Hello {
    if (!this.#hello) throw new AgentError('SCORER_PROTOCOL', 'scorer: spoken to before it said hello')
    return this.#hello
  }

  get rssMb(): number | undefined {
    try {
      const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8')
      return Math.round(Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024) || undefined
    } catch {
      return undefined // gone, or no /proc on this system
    }
  }

  /** Frames go to `sink` from now on. */
  listen(sink: FrameSink): void {
    this.#sink = sink
  }

  send(frame: Uint8Array): void {
    if (!this.#stdin.destroyed) this.#stdin.write(frame)
  }

  writeSlot(slot: number, windows: readonly Uint8Array[]): void {
    this.#slots.write(slot, windows)
  }

  /** SIGKILL: nothing less ends a process inside a native run. */
  kill(cause: 'deadline' | 'memory' | 'own', message: string): void {
    this.#verdict ??= { cause, message }
    this.#child.kill('SIGKILL')
  }

  /** Asks it to leave, kills it when it does not; resolves when it is gone. */
  async end(): Promise<void> {
    this.#verdict ??= { cause: 'ended', message: 'ended' }
    this.send(encodeFrame(FRAME.end, 0))
    this.#stdin.end()
    this.#killTimer.arm(END_GRACE_MS)
    await this.closed
  }

  async #greeted(): Promise<void> {
    const greeting = new Promise<void>(resolve => {
      this.#onHello = resolve
    })
    const limit = `scorer: no hello within ${HELLO_DEADLINE_MS} ms; is the machine out of memory?`
    const deadline = new Deadline(this.#options.clock, () => this.kill('deadline', limit))
    deadline.arm(HELLO_DEADLINE_MS)
    const death = await Promise.race([greeting, this.closed])
    deadline.disarm()
    if (death) throw new AgentError(death.cause === 'deadline' ? 'SCORER_DEADLINE' : 'SCORER_DIED', death.message)
    if (this.#hello?.protocol !== PROTOCOL_VERSION) {
      this.kill('own', 'scorer: the child speaks another protocol version; run npm run build')
      throw new AgentError('SCORER_PROTOCOL', (await this.closed).message)
    }
    this.send(encodeJson(FRAME.init, 0, { slotBytes: this.#options.slotBytes }))
  }

  #read(reader: FrameReader, chunk: Buffer): void {
    try {
      reader.push(chunk)
    } catch (error) {
      if (!(error instanceof AgentError)) throw error
      this.kill('own', error.message)
    }
  }

  #receive(type: number, id: number, payload: Uint8Array): void {
    if (type === FRAME.hello) {
      this.#hello = decodeJson<Hello>(payload)
      this.#onHello?.()
    } else this.#sink(type, id, payload)
  }

  #checkMemory(): void {
    const { memoryMb } = this.#options
    const rssMb = this.rssMb ?? 0
    if (rssMb > memoryMb) this.kill('memory', `scorer: ${rssMb} MB resident, scorer.memory allows ${memoryMb} MB`)
  }

  #watchClose(child: ChildProcess): Promise<Death> {
    return new Promise(resolve => {
      let closed = false
      const done = (death: Death): void => {
        if (closed) return
        closed = true
        this.#cancelWatch?.()
        this.#killTimer.disarm()
        this.#slots.close()
        resolve(this.#verdict ?? death)
      }
      child.once('error', error => {
        if (child.pid === undefined)
          done({ cause: 'own', message: `scorer: could not be started: ${messageOf(error)}` })
      })
      child.once('close', (code, signal) => {
        const how = signal ? `killed by ${signal}` : `exited with ${code}`
        const tail = this.#stderr.lastLine
        const cause = signal === 'SIGKILL' || signal === 'SIGTERM' ? 'killed' : 'own'
        done({ cause, message: `scorer: process ${child.pid} ${how}${tail ? `: ${tail}` : ''}` })
      })
    })
  }
}
