import type { AssetConfig } from '../config/contract.ts'
import type { Counter, Counters } from '../core/counters.ts'
import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { History } from '../history/contract.ts'
import type { WindowQueue } from '../scoring/contract.ts'
import type { CutterFactory, GatedBlock, WindowCutter } from '../windows/contract.ts'
import { collectBaseline, type GateFactory, replayHistory } from './baseline.ts'
import type { FitData, FitResult, ModelFile } from './contract.ts'
import { LearnMeter, type LearnProgress, type LearnRecord } from './learn-meter.ts'

export interface AssetScoringDeps {
  history: History
  gate: GateFactory
  cutter: CutterFactory
  queue(key: string): WindowQueue | undefined
  /** Resolves when the queue has room again, or the scorer is stopping. */
  room(queue: WindowQueue): Promise<void>
  fit(asset: AssetConfig, data: FitData): Promise<FitResult>
  /** Runs one baseline at a time: fifty assets that complete theirs in the same minute would take 15 MB and a thread each. */
  alone<T>(work: () => Promise<T>): Promise<T>
  /** Makes a fitted model the active one, calling `bind` as it takes over; the reason when it was refused. */
  install(asset: AssetConfig, fitted: FitResult, bind: (model: ModelFile) => void): Promise<string | undefined>
  logger: Logger
  counters: Counters
}

export type ScoringMode = 'learning' | 'fitting' | 'catching-up' | 'scoring'

// Rows that arrive while stored rows are being caught up with; at 10 Hz half an hour.
const PENDING_ROWS_MAX = 20_000

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
  #pending: GatedBlock[] = []
  #pendingRows = 0
  readonly #pendingDropped: Counter
  /** Rows at which a failed fit is tried again. */
  #retryRows = 0
  #problem: string | undefined
  #refused: string | undefined

  constructor(asset: AssetConfig, deps: AssetScoringDeps, learnt: LearnRecord | undefined) {
    this.#asset = asset
    this.#deps = deps
    this.#meter = new LearnMeter(asset, learnt?.digest === asset.digest ? learnt : undefined)
    this.#pendingDropped = deps.counters.get(`models.${asset.id}.pending_rows_dropped`)
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

  /** The model that the configuration or the journal names cannot be used; shown until the next start. */
  refused(reason: string): void {
    this.#refused = reason
    if (this.#model || this.#mode !== 'catching-up') return
    this.#mode = 'learning'
    const held = this.#pending
    this.#pending = []
    this.#pendingRows = 0
    for (const block of held) this.gated(block)
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
    else if (this.#mode === 'catching-up') this.#hold(block)
    else if (this.#mode === 'learning') this.#learn(block)
  }

  /**
   * A model was loaded for this asset. A cutter of the same shape goes on as it is; otherwise the rows after `afterUs` (the
   * baseline's end, or the last window that the model before scored) are cut again from the history, so that none is lost.
   */
  bind(model: ModelFile, afterUs: number): void {
    const before = this.#model?.manifest
    this.#model = model
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
      const what = `catching up with the rows of ${this.#asset.id}: ${messageOf(error)}; scoring goes on with new rows`
      this.#deps.logger.error(what)
      if (turn !== this.#turn) return
      // An empty one: no window may reach over the rows that are missing.
      this.#cutter = newCutter()
      this.#pending = []
      this.#pendingRows = 0
      this.#mode = 'scoring'
    })
  }

  #learn(block: GatedBlock): void {
    const completed = this.#meter.count(block, this.#retryRows)
    const record = this.#meter.record
    if (completed < 0 || !record) return
    this.#mode = 'fitting'
    this.#fit({ ...record }).catch((error: unknown) => this.#fitFailed(record.rows, messageOf(error)))
  }

  async #fit(record: LearnRecord): Promise<void> {
    const asset = this.#asset
    const { history, gate } = this.#deps
    const fitted = await this.#deps.alone(async () =>
      this.#deps.fit(asset, await collectBaseline(history, asset, gate, record.sinceUs, record.uptoUs, record.rows)),
    )
    for (const warning of fitted.warnings) this.#deps.logger.warn(`baseline of ${asset.id}: ${warning}`)
    // A delivered model may have come in while this one was being fitted; it wins.
    if (this.#model) return
    const refused = await this.#deps.install(asset, fitted, model => this.bind(model, record.uptoUs))
    if (refused !== undefined) this.#fitFailed(record.rows, refused)
    else this.#problem = undefined
  }

  #fitFailed(rows: number, reason: string): void {
    // A delivered model came in meanwhile and scores.
    if (this.#model) return
    this.#problem = reason
    this.#retryRows = Math.ceil(rows * 1.5)
    this.#mode = 'learning'
    this.#deps.logger.warn(
      `no model for ${this.#asset.id} yet: ${reason}; learning goes on to ${this.#retryRows} rows, then tries again`,
    )
  }

  async #catchUp(turn: number, afterUs: number, samples: number): Promise<void> {
    const { gapMs, everyMs, running } = this.#asset
    // Far enough back for the gate to settle and the first window to fill.
    const reachUs = ((running?.settleMs ?? 0) + 2 * gapMs + 20 * samples * everyMs) * 1000
    let lastUs = afterUs
    const room = async (): Promise<void> => {
      const queue = this.#deps.queue(this.#asset.id)
      if (queue) await this.#deps.room(queue)
    }
    if (Number.isFinite(afterUs)) {
      const range = { fromUs: afterUs - reachUs, toUs: Number.MAX_SAFE_INTEGER }
      const cut = (block: GatedBlock): void => {
        if (turn !== this.#turn) return
        this.#cut(block)
        lastUs = block.timesUs[block.rows - 1]!
      }
      await replayHistory(this.#deps.history, this.#asset, this.#deps.gate, range, cut, room)
    }
    while (turn === this.#turn) {
      const block = this.#pending.shift()
      if (!block) {
        this.#mode = 'scoring'
        return
      }
      this.#pendingRows -= block.rows
      if (block.timesUs[block.rows - 1]! > lastUs) this.#cut(rowsAfter(block, lastUs))
      await room()
    }
  }

  #hold(block: GatedBlock): void {
    this.#pending.push(rowsAfter(block, Number.NEGATIVE_INFINITY))
    this.#pendingRows += block.rows
    if (this.#pendingRows <= PENDING_ROWS_MAX) return
    while (this.#pendingRows > PENDING_ROWS_MAX && this.#pending.length > 1) {
      const { rows } = this.#pending.shift()!
      this.#pendingRows -= rows
      this.#pendingDropped.n += rows
    }
    // No window reaches over what was dropped; where the history had those rows after all, the mark goes with them.
    this.#pending[0]!.breaks[0] = 1
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

/** A copy of the rows later than `afterUs` (blocks are borrowed). */
function rowsAfter(block: GatedBlock, afterUs: number): GatedBlock {
  let from = 0
  while (from < block.rows && block.timesUs[from]! <= afterUs) from++
  const { rows, columns } = block
  return {
    asset: block.asset,
    rows: rows - from,
    columns,
    timesUs: block.timesUs.slice(from, rows),
    values: block.values.slice(from * columns, rows * columns),
    states: block.states.slice(from, rows),
    breaks: block.breaks.slice(from, rows),
    quality: block.quality.slice(from * columns, rows * columns),
    runningUs: block.runningUs.slice(from, rows),
  }
}
