// A serial port that opens again by itself: unplugged adapters come back under the same /dev/serial/by-id path.
import { SerialPort } from 'serialport'
import type { SerialSourceConfig } from '../config/contract.ts'
import { Backoff } from '../core/backoff.ts'
import type { Cancel } from '../core/clock.ts'
import type { Counter } from '../core/counters.ts'
import { messageOf } from '../core/errors.ts'
import type { StreamDecoder } from '../decode/contract.ts'
import type { Source, SourceDeps, SourceStatus } from './contract.ts'
import { serialBinding } from './serial-binding.ts'
import { StatusBoard } from './status-board.ts'

const RETRY_FIRST_MS = 250
const RETRY_CAP_MS = 30_000
const READ_BYTES = 64 * 1024
const WATCH_MS = 1000
// The kernel holds 64 KiB per port. At 115,200 baud 8N1 (11,520 bytes/s) it is full after 5.7 s of a blocked loop, at
// 921,600 after 0.7 s; then bytes are lost without a word, and two halves of lines would be read as one.
const KERNEL_BUFFER_BITS = 64 * 1024 * 10

export class SerialSource implements Source {
  readonly id: string
  readonly ended: Promise<void> = new Promise(() => {})
  readonly #config: SerialSourceConfig
  readonly #deps: SourceDeps
  readonly #board: StatusBoard
  readonly #decoder: StreamDecoder
  readonly #backoff: Backoff
  readonly #stalls: Counter
  #port: SerialPort | undefined
  #cancelRetry: Cancel | undefined
  #cancelWatch: Cancel | undefined
  #stopped = false
  #problemSaid = false

  constructor(config: SerialSourceConfig, deps: SourceDeps) {
    this.id = config.id
    this.#config = config
    this.#deps = deps
    this.#board = new StatusBoard(config.id, 'serial', deps.logger)
    this.#decoder = deps.decoders.stream(config, {
      sourceId: config.id,
      assets: deps.assets,
      sink: deps.sink,
      counters: deps.counters,
    })
    this.#backoff = new Backoff(deps.prng, RETRY_FIRST_MS, RETRY_CAP_MS)
    this.#stalls = deps.counters.get(`sources.${config.id}.stalls`)
  }

  start(): void {
    this.#board.set('starting', `opening ${this.#config.path}`)
    this.#watch()
    this.#open()
  }

  status(): SourceStatus {
    const status = this.#board.get()
    const { problem } = this.#decoder
    return status.state === 'up' && problem ? { ...status, detail: `${status.detail}; ${problem}` } : status
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#cancelRetry?.()
    this.#cancelWatch?.()
    const port = this.#port
    this.#port = undefined
    // An open() under way closes itself when it sees that it is no longer wanted.
    if (port?.isOpen) await new Promise<void>(resolve => port.close(() => resolve()))
    this.#board.set('stopped', 'stopped')
  }

  #open(): void {
    const { path, baud, parity, dataBits, stopBits } = this.#config
    const options = {
      binding: serialBinding,
      path,
      baudRate: baud,
      parity,
      dataBits,
      stopBits,
      autoOpen: false,
      highWaterMark: READ_BYTES,
    }
    const port = new SerialPort(options)
    this.#port = port
    const current = (): boolean => this.#port === port
    port.on('data', (chunk: Buffer) => current() && this.#data(chunk))
    port.on('error', error => current() && this.#lost(port, `${path}: ${messageOf(error)}`))
    port.on('close', () => current() && this.#lost(port, `${path} went away; is it plugged in?`))
    port.open(error => {
      if (!current()) {
        if (!error) port.close(() => {})
      } else if (error) {
        this.#lost(port, explainOpenError(path, messageOf(error)))
      } else {
        this.#board.set(
          'up',
          `${path}, ${baud} baud ${dataBits}${parity[0]?.toUpperCase()}${stopBits}, ${this.#config.frame}`,
        )
      }
    })
  }

  #data(chunk: Buffer): void {
    const nowUs = this.#deps.clock.nowUs()
    this.#board.dataAt(nowUs)
    // A port that opens but never gives a byte is not yet well again.
    this.#backoff.reset()
    this.#decoder.push(chunk, nowUs)
    const { problem } = this.#decoder
    if (!problem || this.#problemSaid) return
    this.#problemSaid = true
    this.#deps.logger.warn(problem, { source: this.id })
  }

  #lost(port: SerialPort, why: string): void {
    if (port.isOpen) port.close(() => {})
    this.#port = undefined
    this.#decoder.reset()
    this.#board.set('waiting', why)
    if (this.#stopped) return
    this.#cancelRetry = this.#deps.clock.after(this.#backoff.nextMs(), () => {
      this.#board.reconnecting()
      this.#open()
    })
  }

  /** Notices when this process was kept from reading for so long that the kernel had to drop bytes. */
  #watch(): void {
    const { clock } = this.#deps
    const lateMs = Math.max(500, (KERNEL_BUFFER_BITS / this.#config.baud) * 1000)
    let beforeMs = clock.monotonicMs()
    this.#cancelWatch = clock.every(WATCH_MS, () => {
      const nowMs = clock.monotonicMs()
      if (nowMs - beforeMs - WATCH_MS > lateMs && this.#port?.isOpen) {
        this.#stalls.n++
        this.#decoder.reset()
      }
      beforeMs = nowMs
    })
  }
}

/** serialport passes on the text of the system's error. */
export function explainOpenError(path: string, message: string): string {
  if (/no such file/i.test(message))
    return `cannot open ${path}: it does not exist; is it plugged in, is the path right?`
  if (/permission denied/i.test(message)) {
    return `cannot open ${path}: permission denied; add the user to the dialout group`
  }
  if (/lock|busy|temporarily unavailable/i.test(message)) {
    return `cannot open ${path}: in use by another program; stop it (ModemManager often grabs new ports)`
  }
  return `cannot open ${path}: ${message.replace(/^Error:? ?/, '').replace(/, cannot open .*$/, '')}`
}
