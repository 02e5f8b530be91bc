import type { AssetConfig } from '../../config/contract.ts'
import type { GatedBlock } from '../../windows/contract.ts'
import type { ModelFile } from '../contract.ts'
import { captureRow, learnerParts } from './capture-learning.ts'
import { type CapturePlan, capturePlan, learnsCaptures } from './captures.ts'
import type { FitDeps } from './fitting.ts'
import type { LeftOutChannel, RebaselineRecord, TimeRange } from './fold.ts'
import { type InputDrift, InputMeans } from './input-drift.ts'
import { type LearnRecord, learnableRows, telemetryColumns } from './learn-meter.ts'
import { Learner } from './learner.ts'
import { type RebaselineOutcome, Rebaseliner } from './rebaseliner.ts'
import { type ReducedBefore, Reducer, type ReducerDeps } from './reducer.ts'
import { RowCutting, type RowCuttingDeps } from './row-cutting.ts'

export interface AssetScoringDeps extends FitDeps, RowCuttingDeps {
  /** An alarm of the machine stands; all there were. */
  inAlarm(): boolean
  alarms(): readonly TimeRange[]
  stored: ReducerDeps['stored']
  /** A model took over. */
  bound?(model: ModelFile): void
}

export interface LearntBefore {
  learning?: LearnRecord | undefined
  rebaselining?: RebaselineRecord | undefined
  reduced?: ReducedBefore | undefined
}

export type ScoringMode = 'learning' | 'fitting' | 'catching-up' | 'scoring'

/**
 * The life of one asset's telemetry scoring: learn -> fit -> catch up with the rows that arrived meanwhile -> score, and carry
 * the baseline forward. The rows to catch up with come from the history, so nothing is held in memory while a model is made.
 */
export class AssetScoring {
  readonly #asset: AssetConfig
  readonly #deps: AssetScoringDeps
  readonly #learner: Learner
  /** What the baseline is made of, where that is not rows. */
  readonly #captures: CapturePlan | undefined
  readonly #rebaseliner: Rebaseliner
  readonly #reducer: Reducer
  readonly #means: InputMeans
  /** Rows that the inputs are looked at in. */
  #counts: ReturnType<typeof learnableRows>
  readonly #channels: string[]
  readonly #cutting: RowCutting
  #model: ModelFile | undefined
  #lastRowUs = Number.NEGATIVE_INFINITY
  #refused: string | undefined

  constructor(asset: AssetConfig, deps: AssetScoringDeps, before: LearntBefore = {}) {
    this.#asset = asset
    this.#deps = deps
    this.#cutting = new RowCutting(asset, deps)
    const model = (): ModelFile | undefined => this.#model
    const bind = (model: ModelFile, endUs: number): void => this.bind(model, endUs)
    this.#captures = learnsCaptures(asset) ? capturePlan(asset) : undefined
    this.#learner = new Learner(...learnerParts(asset, this.#captures, { ...deps, model, bind }), before.learning)
    const bindNow = (model: ModelFile): void => this.bind(model, this.#lastRowUs)
    this.#reducer = new Reducer(asset, { ...deps, model, bind: bindNow }, before.reduced)
    const carried = (model: ModelFile): void => {
      this.#reducer.carried(model)
      bindNow(model)
    }
    const rowsLearnt = (): number => this.#learner.rowsLearnt
    const without = (): readonly LeftOutChannel[] => this.#reducer.leftOut
    this.#rebaseliner = new Rebaseliner(
      asset,
      { ...deps, model, bind: carried, rowsLearnt, without },
      before.rebaselining,
    )
    const columns = telemetryColumns(asset)
    this.#channels = columns.map(column => asset.channels[column]!.id)
    this.#means = new InputMeans(columns)
    this.#counts = learnableRows(asset)
  }

  get mode(): ScoringMode {
    const { state } = this.#cutting
    if (state === 'expecting') return 'catching-up'
    if (state !== 'idle') return state
    return this.#learner.fitting ? 'fitting' : 'learning'
  }

  get #expecting(): boolean {
    return this.#cutting.state === 'expecting'
  }

  get model(): ModelFile | undefined {
    return this.#model
  }

  /** Why the model that was asked for is not at work, or the last fit came to nothing. */
  get problem(): string | undefined {
    return [this.#refused, this.#learner.problem, this.#reducer.problem].filter(Boolean).join('; ') || undefined
  }

  /** A model is being loaded for it, which may take minutes: rows wait for it instead of being learnt from. */
  expect(): void {
    this.#cutting.expect()
  }

  /** The model that the configuration or the journal names cannot be used; shown until another is at work, or the next start. */
  refused(reason: string): void {
    this.#refused = reason
    if (this.#model || !this.#expecting) return
    for (const rows of this.#cutting.giveUp()) this.gated(rows)
  }

  /** Ends a fit under way. What was learnt stays recorded, and the next start fits it. */
  stop(): void {
    this.#cutting.stop()
    this.#learner.stop()
    this.#rebaseliner.stop()
    this.#reducer.stop()
  }

  /** How far learning has come, while it matters; undefined where a model scores that nothing is learnt beside. */
  get learnRecord(): LearnRecord | undefined {
    return this.#expecting ? undefined : this.#learner.record
  }

  /** What re-baselining goes on with after a restart. */
  get rebaselineRecord(): RebaselineRecord | undefined {
    return this.#rebaseliner.record
  }

  get lastRebaselining(): RebaselineOutcome | undefined {
    return this.#rebaseliner.last
  }

  /** Channels that a model learnt here does not look at: gone by now, or never there while its baseline was learnt. */
  get without(): { channel: string; sinceUs?: number }[] {
    const { leftOut } = this.#reducer
    const model = this.#model?.origin === 'local' && !this.#captures ? this.#model : undefined
    const seen = new Set(model?.manifest.channels.map(({ id }) => id) ?? this.#channels)
    return this.#channels.flatMap(id =>
      seen.has(id) ? [] : [leftOut.find(({ channel }) => channel === id) ?? { channel: id }],
    )
  }

  /** Rows are learnt from, whatever scores meanwhile. */
  get learns(): boolean {
    return !this.#expecting && this.#learner.open
  }

  progress(): ReturnType<Learner['progress']> {
    return this.#learner.progress()
  }

  /** How far the inputs of the last day lie from the first baseline; undefined without one. */
  inputDrift(): InputDrift | undefined {
    return this.#model && this.#means.drift(this.#channels, this.#model.manifest, this.#lastRowUs)
  }

  /** See Learner.anew. `nowUs` counts where no row has come yet. */
  setBaseline(nowUs: number, sinceUs?: number): Promise<LearnRecord> {
    return this.#learner.anew(Number.isFinite(this.#lastRowUs) ? this.#lastRowUs + 1 : nowUs, sinceUs)
  }

  giveUpAnew(): boolean {
    return this.#learner.giveUpAnew()
  }

  /** The model of before is back. */
  reverted(model: ModelFile): void {
    this.bind(model, this.#lastRowUs)
    this.#rebaseliner.reverted(model)
  }

  /** A window of this asset was scored; `inAlarm`: an alarm of the machine stands after it. */
  scored(timeUs: number, score: number, inAlarm: boolean): void {
    this.#rebaseliner.scored(timeUs, score, inAlarm)
  }

  /** Time of the newest row seen. */
  get lastRowUs(): number {
    return this.#lastRowUs
  }

  gated(block: GatedBlock): void {
    if (block.rows > 0) this.#lastRowUs = block.timesUs[block.rows - 1]!
    this.#cutting.push(block)
    if (this.#expecting) return
    this.#means.push(block, this.#counts)
    if (this.#captures) return
    this.#learner.gated(block)
    this.#reducer.gated(block)
  }

  /** A whole capture is in the history; they are taken of a running machine alone. */
  captured(startUs: number): void {
    if (!this.#captures || this.#expecting) return
    this.#learner.gated(captureRow(this.#asset.index, startUs, this.#captures.everyUs))
  }

  /** A model was loaded for this asset; see RowCutting.bind. */
  bind(model: ModelFile, afterUs: number): void {
    this.#model = model
    this.#learner.bound()
    this.#reducer.bound(model)
    this.#rebaseliner.bound(model)
    this.#counts = learnableRows(
      this.#asset,
      this.without.map(({ channel }) => channel),
    )
    // A file that the configuration names stays wrong until somebody mends that.
    if (!this.#asset.model.file) this.#refused = undefined
    this.#deps.bound?.(model)
    this.#cutting.bind(model.manifest, afterUs)
  }
}
