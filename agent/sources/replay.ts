// Recorded files as a source, at their own pace, faster, or as fast as they are taken.
import { setImmediate } from 'node:timers/promises'
import type { ReplaySourceConfig } from '../config/contract.ts'
import { sleep } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import type { Source, SourceDeps, SourceStatus } from './contract.ts'
import { Pace } from './pace.ts'
import { playCsv } from './replay-csv.ts'
import { playNpy } from './replay-npy.ts'
import { StatusBoard } from './status-board.ts'

export class ReplaySource implements Source {
  readonly id: string
  readonly ended: Promise<void>
  readonly #config: ReplaySourceConfig
  readonly #deps: SourceDeps
  readonly #board: StatusBoard
  readonly #abort = new AbortController()
  #resolveEnded: () => void = () => {}
  #playing: Promise<void> = Promise.resolve()

  constructor(config: ReplaySourceConfig, deps: SourceDeps) {
    this.id = config.id
    this.#config = config
    this.#deps = deps
    this.#board = new StatusBoard(config.id, 'replay', deps.logger)
    this.ended = new Promise(resolve => {
      this.#resolveEnded = resolve
    })
  }

  start(): void {
    this.#board.set('starting', `${this.#config.files.length} to play`)
    this.#playing = this.#play()
  }

  status(): SourceStatus {
    return this.#board.get()
  }

  async stop(): Promise<void> {
    this.#abort.abort()
    await this.#playing
    if (this.#board.get().state !== 'ended') this.#board.set('stopped', 'stopped')
  }

  async #play(): Promise<void> {
    const failures: string[] = []
    const problems: string[] = []
    for (const file of this.#config.files) {
      if (this.#abort.signal.aborted) return
      this.#board.set('up', `playing ${file}, speed ${this.#config.speed}`)
      try {
        const play = file.toLowerCase().endsWith('.npy') ? playNpy : playCsv
        await play({
          file,
          config: this.#config,
          deps: this.#deps,
          pace: this.#pace(),
          onData: us => this.#board.dataAt(us),
          onProblem: problem => {
            problems.push(problem)
            this.#board.warn(problem)
          },
        })
      } catch (error) {
        // The other files are still worth playing; what is wrong with this one stays in sight.
        failures.push(messageOf(error))
        this.#deps.logger.error(messageOf(error), { source: this.id })
      }
    }
    if (this.#abort.signal.aborted) return
    const played = this.#config.files.length - failures.length
    this.#board.set('ended', [`played ${played} of ${this.#config.files.length}`, ...failures, ...problems].join('; '))
    this.#resolveEnded()
  }

  #pace(): Pace {
    const { clock } = this.#deps
    return new Pace(this.#config.speed, {
      nowMs: () => clock.monotonicMs(),
      sleep: ms => sleep(clock, ms, this.#abort.signal),
      yield: () => setImmediate(),
      signal: this.#abort.signal,
    })
  }
}
