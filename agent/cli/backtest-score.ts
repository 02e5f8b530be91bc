// Rows of a recording through what the live agent has: gate, windows, scorer child, alarm rule. Only the sources, the
// stores and the links are missing.
//
// A row is a sample: the rows get times of their own, one usual step apart, so that delays count rows and a recorder that
// skipped a beat, or wrote a time twice, changes nothing. A long silence stays one.
import { AlarmEngine } from '../alarms/engine.ts'
import { newAlarmState } from '../alarms/state.ts'
import { DEFAULTS } from '../config/defaults.ts'
import { systemClock } from '../core/clock.ts'
import { Counters } from '../core/counters.ts'
import { AgentError } from '../core/errors.ts'
import { silentLogger } from '../core/logger.ts'
import { seededPrng } from '../core/prng.ts'
import type { ModelFile } from '../models/contract.ts'
import type { ScoringHost } from '../scoring/contract.ts'
import { createScoringHost } from '../scoring/host.ts'
import type { GatedBlock } from '../windows/contract.ts'
import { Cutter } from '../windows/cutter.ts'
import { assetOf, gated, slice } from './backtest-gate.ts'
import type { GoneChannels, LeftOut } from './backtest-gone.ts'
import type { AlarmDelays } from './backtest-options.ts'
import type { Rebaseliner, Rebaselining } from './backtest-rebaseline.ts'
import type { Recording } from './backtest-recording.ts'
import type { ModelRows } from './backtest-rows.ts'

const BLOCK_ROWS = 1024
const KEY = 'backtest'

export interface BacktestScores {
  /** [rows - fromRow]; a row without a window of its own keeps the score before it, 0 before the first. */
  scores: Float64Array
  /** [rows - fromRow] 1 while the alarm stands, after delays and deadband. */
  alarms: Uint8Array
  /** Rows that ended a window. */
  scored: number
  /** What the alarms said, in order. */
  messages: { row: number; text: string }[]
  /** Times that a re-baselining was due, in order. */
  rebaselines?: Rebaselining[]
  /** Times that another set of channels was left out, in order. */
  leftOut?: LeftOut[]
}

export interface ScoreOptions {
  /** First row to score and report. */
  fromRow: number
  delays: AlarmDelays
  rebaseliner: Rebaseliner | undefined
  /** Undefined for a model that cannot be fitted again. */
  gone: GoneChannels | undefined
  progress: (row: number) => void
}

/** The scorer with one model in it, for any number of recordings. Throws the reason when the model is refused. */
export async function startScorer(model: ModelFile): Promise<ScoringHost> {
  const host = createScoringHost({
    config: { ...DEFAULTS.scorer, providers: ['cpu'], require: true },
    clock: systemClock(),
    prng: seededPrng(1),
    logger: silentLogger,
    counters: new Counters(),
    environment: process.env,
  })
  try {
    await load(host, model)
  } catch (error) {
    await host.stop(0)
    throw error
  }
  return host
}

async function load(host: ScoringHost, model: ModelFile): Promise<void> {
  const { refused } = await host.load([{ key: KEY, model }])
  if (refused[0]) throw new AgentError(refused[0].code, refused[0].message)
}

/** Delays of the model in rows of its own step; `given` in ms instead, for what the live default would do. */
export function delaysOf(
  { manifest }: ModelFile,
  everyUs: number,
  given: { onMs: number | undefined; offMs: number | undefined },
): AlarmDelays {
  const { onDelayMs, offDelayMs, deadband } = manifest.alarm
  const everyMs = manifest.everyMs ?? everyUs / 1000
  const rows = (ownMs: number, givenMs: number | undefined): number =>
    Math.round(givenMs === undefined ? ownMs / everyMs : givenMs / (everyUs / 1000))
  return { onRows: rows(onDelayMs, given.onMs), offRows: rows(offDelayMs, given.offMs), deadband }
}

/** Scores rows [fromRow, end), strictly in order: a row's score and alarm use nothing after it. */
export async function scoreRecording(
  host: ScoringHost,
  model: ModelFile,
  recording: Recording,
  rows: ModelRows,
  options: ScoreOptions,
): Promise<BacktestScores> {
  const walk = new Walk(host, model, recording, rows, options)
  return walk.run()
}

/**
 *   gated rows ─┬─► cutter ─► scorer ─► scores, alarms ─► rebaseliner ─┬─► another model between two rows
 *               └─► gone channels ─────────────────────────────────────┘
 */
class Walk {
  readonly #host: ScoringHost
  readonly #options: ScoreOptions
  /** Column of each channel. */
  readonly #columns: ReadonlyMap<string, number>
  readonly #block: GatedBlock
  readonly #engine: AlarmEngine
  readonly #rowAt = new Map<number, number>()
  readonly #scored: Uint8Array
  readonly #out: BacktestScores
  /** Rows of the stretch being scored at which the alarm was raised, and cleared. */
  readonly #raised = new Set<number>()
  readonly #cleared = new Set<number>()
  #model: ModelFile
  #cutter: Cutter
  #inAlarm = false
  #listening = true

  constructor(host: ScoringHost, model: ModelFile, recording: Recording, rows: ModelRows, options: ScoreOptions) {
    this.#host = host
    this.#model = model
    this.#options = options
    this.#columns = new Map(model.manifest.channels.map(({ id }, column) => [id, column]))
    const count = recording.rows - options.fromRow
    const asset = assetOf(model, options.delays)
    this.#block = gated(asset, recording, rows)
    this.#block.timesUs.forEach((timeUs, row) => {
      this.#rowAt.set(timeUs, row)
    })
    this.#scored = new Uint8Array(count)
    this.#out = { scores: new Float64Array(count), alarms: new Uint8Array(count), scored: 0, messages: [] }
    this.#cutter = this.#newCutter(options.fromRow)
    this.#engine = new AlarmEngine({
      assets: [asset],
      state: newAlarmState(),
      clock: systemClock(),
      prng: seededPrng(1),
      counters: new Counters(),
      clockState: () => 'synced',
      commit: ({ transition, atUs, message }) => this.#transition(transition, atUs, message),
    })
  }

  async run(): Promise<BacktestScores> {
    const { fromRow, rebaseliner, gone, progress } = this.#options
    this.#listen()
    await this.#push(Math.max(0, fromRow - this.#model.manifest.samples - 1), fromRow)
    gone?.skip(fromRow)
    if (gone?.changed) await this.#leaveOut(gone, fromRow)
    for (let row = fromRow; row < this.#block.rows; ) {
      const due = Math.min(this.#block.rows, row + Math.min(BLOCK_ROWS, rebaseliner?.rowsToDue ?? BLOCK_ROWS))
      const to = gone?.watch(due) ?? due
      await this.#push(row, to)
      this.#settle(row, to)
      row = to
      progress(row)
      if (row === this.#block.rows) break
      if (rebaseliner?.rowsToDue === 0) await this.#swap(await rebaseliner.next(row, gone?.without ?? []), row)
      if (gone?.changed) await this.#leaveOut(gone, row)
    }
    this.#listening = false
    return {
      ...this.#out,
      ...(rebaseliner ? { rebaselines: rebaseliner.log } : {}),
      ...(gone ? { leftOut: gone.log } : {}),
    }
  }

  #listen(): void {
    this.#host.onScores(batch => {
      if (!this.#listening) return
      for (let i = 0; i < batch.count; i++) {
        const at = this.#rowAt.get(batch.timesUs[i]!)! - this.#options.fromRow
        this.#out.scores[at] = batch.scores[i]!
        this.#scored[at] = 1
      }
      this.#engine.scores(batch)
    })
  }

  /** No row since a channel was gone has a score; where one is back, those before it have. */
  async #leaveOut(gone: GoneChannels, row: number): Promise<void> {
    if (row > this.#options.fromRow && this.#scored[row - 1 - this.#options.fromRow] === 0) this.#engine.unscored(0)
    await this.#swap(await gone.next(row), row)
  }

  /** Rows [from, to) through the cutter and the scorer. */
  async #push(from: number, to: number): Promise<void> {
    if (from >= to) return
    const queue = this.#host.queue(KEY)
    if (!queue) throw new AgentError('SCORER_DIED', 'the scorer lost its model')
    this.#engine.rows(slice(this.#block, from, to))
    this.#cutter.push(this.#block, queue, () => {}, from, to)
    // A sensor cannot be slowed down and loses windows when the queue is full; a file can.
    await this.#host.idle()
  }

  /** Rows [from, to) are scored: those without a window keep what was known, and alarms hold from one row to the next. */
  #settle(from: number, to: number): void {
    const { fromRow, rebaseliner } = this.#options
    for (let row = from; row < to; row++) {
      const at = row - fromRow
      if (this.#raised.has(row)) this.#inAlarm = true
      if (this.#cleared.has(row)) this.#inAlarm = false
      this.#out.alarms[at] = this.#inAlarm ? 1 : 0
      if (this.#scored[at]) this.#out.scored++
      else this.#out.scores[at] = at > 0 ? this.#out.scores[at - 1]! : 0
      if (this.#scored[at]) rebaseliner?.row(row, this.#out.scores[at]!, this.#inAlarm)
    }
    this.#raised.clear()
    this.#cleared.clear()
  }

  #transition(transition: string, atUs: number, text: string): void {
    const row = this.#rowAt.get(atUs)
    if (row === undefined || transition === 'acknowledged') return
    if (transition !== 'raised') {
      this.#cleared.add(row)
      return
    }
    this.#raised.add(row)
    this.#out.messages.push({ row, text })
  }

  /** Another model from `row` on. Its first window reaches back over rows that the one before scored. */
  async #swap(model: ModelFile | undefined, row: number): Promise<void> {
    if (!model) return
    await load(this.#host, model)
    this.#model = model
    this.#cutter = this.#newCutter(row)
    const queue = this.#host.queue(KEY)
    if (queue) this.#cutter.push(this.#block, queue, () => {}, Math.max(0, row - model.manifest.samples - 1), row)
  }

  /** Cuts windows that end at `row` or later. */
  #newCutter(row: number): Cutter {
    const { channels, samples } = this.#model.manifest
    const shape = { columns: channels.map(({ id }) => this.#columns.get(id)!), samples, hop: 1 }
    return new Cutter(0, shape, row > 0 ? this.#block.timesUs[row - 1] : undefined)
  }
}
