import type { AssetConfig } from '../config/contract.ts'
import { AgentError, ERROR_KINDS, type ErrorCode, messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { History } from '../history/contract.ts'
import type { WindowQueue } from '../scoring/contract.ts'
import type { CutterFactory, GatedBlock, WindowCutter } from '../windows/contract.ts'
import { collectBaseline, type GateFactory, replayHistory } from './baseline.ts'
import type { FitData, FitResult, ModelFile } from './contract.ts'
import type { HeldRows } from './held-rows.ts'
import { LearnMeter, type LearnProgress, type LearnRecord } from './learn-meter.ts'

export interface AssetScoringDeps {
  history: History
  gate: GateFactory
  cutter: CutterFactory
  queue(key: string): WindowQueue | undefined
  /** Resolves when the queue has room again, or the scorer is stopping. */
  room(queue: WindowQueue): Promise<void>
  fit(asset: AssetConfig, data: FitData, signal: AbortSignal): Promise<FitResult>
  /** Runs one baseline at a time: fifty assets that complete theirs in the same minute would take 15 MB and a thread each. */
  alone<T>(work: () => Promise<T>): Promise<T>
  /** Makes a fitted model the active one, calling `bind` as it takes over; why, when it was refused. */
  install(asset: AssetConfig, fitted: FitResult, bind: (model: ModelFile) => void): Promise<Refusal | undefined>
  /** Rows that wait, of all assets. */
  held: HeldRows
  logger: Logger
}

export interface Refusal {
  reason: string
  code?: ErrorCode | undefined
}

export type ScoringMode = 'learning' | 'fitting' | 'catching-up' | 'scoring'

/** A fit that failed for want of more rows is tried again with so many times as many. */
const RETRY_ROWS_FACTOR = 1.5
/** One that failed for a full disk or the like, after so much of the rows' time. */
const RETRY_US = 60e6

/**
 * The life of one asset's telemetry scoring: learn -> fit -> catch up with the rows that arrived meanwhile -> score. The
 * rows to learn from and to catch up with come from the history, so nothing is held in memory for a day of learning and
 * a restart continues where it was.
 */
export class AssetScoring {
  readonly #asset: AssetConfig
  readonly #deps: AssetScoringDeps
  #meter: LearnMeter
  #mode: ScoringMode = 'learning'
  #model: ModelFile | undefined
  #cutter: WindowCutter | undefined
  #lastWindowUs = Number.NEGATIVE_INFINITY
  #lastRowUs = Number.NEGATIVE_INFINITY
  /** Of the catching up under way: a model of another shape that comes in meanwhile begins a new one. */
  #turn = 0
  /** Rows and time at which a failed fit is tried again. */
  #retryRows = 0
  #retryUs = Number.NEGATIVE_INFINITY
  #problem: string | undefined
  #refused: string | undefined
  readonly #stopping = new AbortController()

  constructor(asset: AssetConfig, deps: AssetScoringDeps, learnt: LearnRecord | undefined) {
    this.#asset = asset
    this.#deps = deps
    this.#meter = new LearnMeter(asset, learnt?.digest === asset.digest ? learnt : undefined)
  }

  get mode(): ScoringMode {
    return this.#mode
  }

  get model(): ModelFile | undefined {
    return this.#model
  }

  /** Why the model that was asked for is not at work, or the last fit came to nothing. */
  get problem(): string | undefined {
    return [this.#refused, this.#problem].filter(Boolean).join('; ') || undefined
  }

  /** A model is being loaded for it, which may take minutes: rows wait for it instead of being learnt from. */
  expect(): void {
    this.#mode = 'catching-up'
  }

  /** The model that the configuration or the journal names cannot be used; shown until another is at work, or the next start. */
  refused(reason: string): void {
    this.#refused = reason
    if (this.#model || this.#mode !== 'catching-up') return
    this.#mode = 'learning'
    const { held } = this.#deps
    for (let rows = held.take(this.#asset.index); rows; rows = held.take(this.#asset.index)) this.gated(rows)
  }

  /** Ends a fit under way. What was learnt stays recorded, and the next start fits it. */
  stop(): void {
    this.#stopping.abort()
  }

  /** How far learning has come, while it matters: until there is a model. */
  get learnRecord(): LearnRecord | undefined {
    return this.#mode === 'learning' || this.#mode === 'fitting' ? this.#meter.record : undefined
  }

  progress(): LearnProgress {
    return this.#meter.progress()
  }

  /** Time of the newest row seen. */
  get lastRowUs(): number {
    return this.#lastRowUs
  }

  gated(block: GatedBlock): void {
    if (block.rows > 0) this.#lastRowUs = block.timesUs[block.rows - 1]!
    if (this.#mode === 'scoring') this.#cut(block)
    else if (this.#mode === 'catching-up') this.#deps.held.push(block)
    else if (this.#mode === 'learning') this.#learn(block)
  }

  /**
   * A model was loaded for this asset. A cutter of the same shape goes on as it is; otherwise the rows after `afterUs` (the
   * baseline's end, or the last window that the model before scored) are cut again from the history, so that none is lost.
   */
  bind(model: ModelFile, afterUs: number): void {
    const before = this.#model?.manifest
    this.#model = model
    this.#problem = undefined
    // A file that the configuration names stays wrong until somebody mends that.
    if (!this.#asset.model.file) this.#refused = undefined
    const { channels, samples, hop } = model.manifest
    const columns = channels.map(wanted => this.#asset.channels.findIndex(channel => channel.id === wanted.id))
    const sameShape = before?.samples === samples && before.hop === hop && same(before.channels, channels)
    if (this.#cutter && sameShape) return
    const fromUs = Number.isFinite(this.#lastWindowUs) ? this.#lastWindowUs : afterUs
    const newCutter = (): WindowCutter => this.#deps.cutter(this.#asset.index, { columns, samples, hop }, fromUs)
    this.#cutter = newCutter()
    this.#mode = 'catching-up'
    const turn = ++this.#turn
    this.#catchUp(turn, fromUs, samples).catch((error: unknown) => {
      if (this.#stopping.signal.aborted) return
      const what = `catching up with the rows of ${this.#asset.id}: ${messageOf(error)}; scoring goes on with new rows`
      this.#deps.logger.error(what)
      if (turn !== this.#turn) return
      // An empty one: no window may reach over the rows that are missing.
      this.#cutter = newCutter()
      this.#deps.held.clear(this.#asset.index)
      this.#mode = 'scoring'
    })
  }

  #learn(block: GatedBlock): void {
    const early = block.rows > 0 && isBefore(block.timesUs[0]!, this.#retryUs)
    const completed = this.#meter.count(block, early ? Number.POSITIVE_INFINITY : this.#retryRows)
    const record = this.#meter.record
    if (completed < 0 || !record) return
    this.#mode = 'fitting'
    this.#fit({ ...record }, block.timesUs[completed]!).catch((error: unknown) => {
      const code = error instanceof AgentError ? error.code : undefined
      this.#fitFailed(record, { reason: messageOf(error), code })
    })
  }

  /** `endUs`: the row that completed the baseline; after a clock was set back not the newest of its times. */
  async #fit(record: LearnRecord, endUs: number): Promise<void> {
    const asset = this.#asset
    const { history, gate } = this.#deps
    const fitted = await this.#deps.alone(async () => {
      const data = await collectBaseline(history, asset, gate, record.sinceUs, record.uptoUs, record.rows)
      return this.#deps.fit(asset, data, this.#stopping.signal)
    })
    for (const warning of fitted.warnings) this.#deps.logger.warn(`baseline of ${asset.id}: ${warning}`)
    // A delivered model may have come in while this one was being fitted; it wins.
    if (this.#model) return
    const refused = await this.#deps.install(asset, fitted, model => this.bind(model, endUs))
    if (refused) this.#fitFailed(record, refused)
  }

  #fitFailed(record: LearnRecord, { reason, code }: Refusal): void {
    // A delivered model came in meanwhile and scores; or this is the end of the process and no failure.
    if (this.#model || this.#stopping.signal.aborted) return
    this.#problem = reason
    this.#mode = 'learning'
    // More rows would not help, and a disk that has room again must not leave the machine unwatched for half a day more. A
    // fit that took too long is another matter: it would be so again.
    const passing = code !== undefined && ERROR_KINDS[code] === 'transient' && code !== 'FIT_FAILED'
    if (passing) this.#retryUs = record.uptoUs + RETRY_US
    else this.#retryRows = Math.ceil(record.rows * RETRY_ROWS_FACTOR)
    const when = passing ? `for ${RETRY_US / 1e6} s` : `to ${this.#retryRows} rows`
    this.#deps.logger.warn(`no model for ${this.#asset.id} yet: ${reason}; learning goes on ${when}, then tries again`)
  }

  async #catchUp(turn: number, afterUs: number, samples: number): Promise<void> {
    const { gapMs, everyMs, running } = this.#asset
    const { held } = this.#deps
    // Far enough back for the gate to settle and the first window to fill.
    const reachUs = ((running?.settleMs ?? 0) + 2 * gapMs + 20 * samples * everyMs) * 1000
    const room = async (): Promise<void> => {
      const queue = this.#deps.queue(this.#asset.id)
      if (queue) await this.#deps.room(queue)
    }
    if (Number.isFinite(afterUs)) {
      const range = { fromUs: afterUs - reachUs, toUs: Number.MAX_SAFE_INTEGER }
      const cut = (block: GatedBlock): void => {
        if (turn === this.#turn) this.#cut(block)
      }
      // What was held until now is in the history, which gives what it has at this moment; what comes from here on is not, so
      // the two never overlap, whatever the clock does.
      held.clear(this.#asset.index)
      await replayHistory(this.#deps.history, this.#asset, this.#deps.gate, range, cut, room)
    }
    while (turn === this.#turn) {
      const rows = held.take(this.#asset.index)
      if (!rows) {
        this.#mode = 'scoring'
        return
      }
      this.#cut(rows)
      await room()
    }
  }

  #cut(block: GatedBlock): void {
    const queue = this.#deps.queue(this.#asset.id)
    if (queue) this.#cutter?.push(block, queue, this.#onWindow)
  }

  readonly #onWindow = (timeUs: number): void => {
    this.#lastWindowUs = timeUs
  }
}

function same(a: readonly { id: string }[], b: readonly { id: string }[]): boolean {
  return a.length === b.length && a.every((channel, i) => channel.id === b[i]?.id)
}

/** False also where the clock was set back by more than a retry is away. */
function isBefore(timeUs: number, retryUs: number): boolean {
  return timeUs < retryUs && timeUs >= retryUs - RETRY_US
}
