import type { AssetConfig } from '../../config/contract.ts'
import { AgentError, messageOf } from '../../core/errors.ts'
import type { GatedBlock } from '../../windows/contract.ts'
import type { FitResult, ModelFile } from '../contract.ts'
import { rowsWord } from './captures.ts'
import { type Refusal, tellSeverity } from './fitting.ts'
import { LearnChannels } from './learn-channels.ts'
import { LearnMeter, type LearnProgress, type LearnRecord } from './learn-meter.ts'
import { countLearnt, fitLearnt, type LearntDeps } from './learnt-rows.ts'
import { listText } from './reduced.ts'
import { isBefore, isPassing, moreThan, RETRY_US } from './retry.ts'

export interface LearnerDeps extends LearntDeps {
  /** `endUs`: the row that completed the baseline; after a clock was set back not the newest of its times. */
  bind(model: ModelFile, endUs: number): void
  /** An alarm of the machine stands. */
  inAlarm(): boolean
}

/** Of a provisional model: with less history the setpoint is too low rather than too high, and people stop listening to it. */
const PROVISIONAL_WIDENED = 1.5

type Goal = 'complete' | 'provisional'

/**
 * The life of one asset's baseline:
 *
 *   learn ─► long enough ─► fit ─► enough? ─ yes ─► a model takes over
 *     ▲                             │ no: half as much again
 *     ├─────────────────────────────┘
 *     └── too long ─► fit on what there is, setpoint widened ─► a provisional model scores, and learning goes on
 *
 * The rows to learn from come from the history, so nothing is held in memory for a day of learning and a restart continues
 * where it was.
 */
export class Learner {
  readonly #asset: AssetConfig
  readonly #deps: LearnerDeps
  #meter: LearnMeter
  #fitting = false
  /** Of the learning under way: what belongs to one that `set-baseline` ended comes to nothing. */
  #turn = 0
  #retryUs = Number.NEGATIVE_INFINITY
  /** Rows at which a provisional model is fitted, or fitted again. */
  #provisionalRows = 0
  #problem: string | undefined
  readonly #channels: LearnChannels
  readonly #stopping = new AbortController()

  constructor(asset: AssetConfig, deps: LearnerDeps, learnt: LearnRecord | undefined) {
    this.#asset = asset
    this.#deps = deps
    const record = learnt?.digest === asset.digest ? learnt : undefined
    this.#meter = new LearnMeter(asset, record)
    this.#channels = new LearnChannels(asset, record)
  }

  /** Rows are being learnt from: there is no model, a provisional one, or one that `set-baseline` has replaced. */
  get open(): boolean {
    const model = this.#deps.model()
    if (!model) return true
    return model.origin === 'local' && (!!model.manifest.provisional || this.#meter.record?.anew === true)
  }

  get fitting(): boolean {
    return this.#fitting
  }

  /** Why the last fit came to nothing. */
  get problem(): string | undefined {
    return this.#problem
  }

  /** How far learning has come, while it matters. */
  get record(): LearnRecord | undefined {
    return this.open ? this.#meter.record : undefined
  }

  /** Rows of the baseline, as far as is known: the model itself may have been fitted on a part of them. */
  get rowsLearnt(): number {
    return this.#meter.record?.rows ?? 0
  }

  progress(): LearnProgress & Pick<LearnRecord, 'insufficient' | 'anew' | 'without'> {
    const { insufficient, anew, without } = this.#meter.record ?? {}
    return {
      ...this.#meter.progress(),
      ...(insufficient === undefined ? {} : { insufficient }),
      ...(anew ? { anew } : {}),
      ...(without ? { without } : {}),
    }
  }

  /** Ends a fit under way. What was learnt stays recorded, and the next start fits it. */
  stop(): void {
    this.#stopping.abort()
  }

  /** A model took over. */
  bound(): void {
    this.#problem = undefined
  }

  gated(block: GatedBlock): void {
    if (block.rows === 0) return
    this.#channels.push(block)
    if (!this.open) return
    this.#followChannels(block.timesUs[0]!)
    // A provisional model alarms: such rows are no baseline until somebody says so with set-baseline.
    if (this.#deps.model()?.manifest.provisional && !this.#meter.record?.anew && this.#deps.inAlarm()) return
    // Rows that come while a fit is under way count, in case it comes to nothing or to a provisional model.
    if (this.#fitting) {
      this.#meter.count(block, Number.POSITIVE_INFINITY)
      return
    }
    const early = isBefore(block.timesUs[0]!, this.#retryUs)
    const completed = this.#meter.count(block, early ? Number.POSITIVE_INFINITY : (this.#meter.record?.retryRows ?? 0))
    const { record } = this.#meter
    if (!record) return
    if (completed >= 0) this.#begin('complete', record, block.timesUs[completed]!)
    else if (!early && this.#isProvisionalDue(record)) {
      this.#begin('provisional', record, block.timesUs[block.rows - 1]!)
    }
  }

  /**
   * Learns anew, from the next row on or from `sinceUs`, whatever scores meanwhile. The record has to be journalled before
   * anybody is told. Throws what the history throws; then learning has begun from now.
   */
  async anew(nowUs: number, sinceUs?: number): Promise<LearnRecord> {
    const fromUs = sinceUs ?? nowUs
    const { id, digest } = this.#asset
    const turn = ++this.#turn
    const start: LearnRecord = {
      asset: id,
      digest,
      sinceUs: fromUs,
      uptoUs: nowUs,
      rows: 0,
      runningUs: 0,
      starts: 0,
      elapsedUs: 0,
    }
    if (this.#deps.model()) start.anew = true
    const meter = this.#restart(start)
    if (sinceUs !== undefined) {
      const older = await countLearnt(this.#asset, this.#deps, { fromUs: sinceUs, toUs: nowUs })
      if (turn === this.#turn) meter.include(older)
    }
    return { ...meter.record! }
  }

  /** The learning that `set-baseline` asked for ends; the model of before stays. False when none was under way. */
  giveUpAnew(): boolean {
    const { record } = this.#meter
    if (!record?.anew) return false
    this.#turn++
    this.#fitting = false
    delete record.anew
    return true
  }

  #followChannels(nowUs: number): void {
    const { record } = this.#meter
    const without = record && this.#channels.change(record)
    if (!without) return
    const { id } = this.#asset
    const { logger } = this.#deps
    if (without.length > 0) {
      const text = `learns without ${listText(without)} from now on, of which no good value comes`
      logger.warn(`${id} ${text}; a model of this baseline will not look at it until set-baseline learns it`)
    } else logger.info(`${id} learns with all its channels again`)
    this.#recount(without, record, nowUs).catch((error: unknown) =>
      logger.error(`counting what ${id} has learnt: ${messageOf(error)}; it is counted from now on`),
    )
  }

  /** With other channels left out other rows count; those of before are in the history. */
  async #recount(without: string[], record: LearnRecord, nowUs: number): Promise<void> {
    const turn = ++this.#turn
    const { without: _, retryRows: __, insufficient: ___, ...kept } = record
    const now: LearnRecord = { ...kept, rows: 0, runningUs: 0, ...(without.length > 0 ? { without } : {}) }
    const meter = this.#restart(now)
    const older = await countLearnt(this.#asset, this.#deps, { fromUs: record.sinceUs, toUs: nowUs }, { ...now })
    if (turn === this.#turn) meter.recounted(older)
  }

  #restart(record: LearnRecord): LearnMeter {
    this.#meter = new LearnMeter(this.#asset, record)
    this.#fitting = false
    this.#problem = undefined
    this.#retryUs = Number.NEGATIVE_INFINITY
    this.#provisionalRows = 0
    return this.#meter
  }

  #isProvisionalDue(record: LearnRecord): boolean {
    if (record.anew || !this.#meter.overdue || record.rows === 0) return false
    const fitted = this.#deps.model()?.manifest.fitted?.rows
    const needed = fitted === undefined ? this.#provisionalRows : Math.max(moreThan(fitted), this.#provisionalRows)
    return record.rows >= needed
  }

  #begin(goal: Goal, record: LearnRecord, endUs: number): void {
    this.#fitting = true
    const turn = this.#turn
    this.#attempt(goal, record, endUs, turn)
      .catch((error: unknown) => {
        const code = error instanceof AgentError ? error.code : undefined
        if (turn === this.#turn) this.#failed(record, { reason: messageOf(error), code })
      })
      .finally(() => {
        if (turn === this.#turn) this.#fitting = false
      })
  }

  async #attempt(goal: Goal, record: LearnRecord, endUs: number, turn: number): Promise<void> {
    const asset = this.#asset
    // What there was when it began.
    const there = { ...record }
    const fitted = await this.#deps.alone(() => this.#fit(goal, record, there))
    // A delivered model may have come in while this one was being fitted; it wins.
    if (!fitted || turn !== this.#turn || !this.open) return
    const kind = fitted.manifest.provisional ? 'provisional' : 'baseline'
    const refused = await this.#deps.install(asset, fitted, kind, model => {
      // One that a model was asked for while it was being loaded goes on learning.
      if (turn === this.#turn) this.#accepted(kind, record, fitted)
      this.#deps.bind(model, endUs)
    })
    if (refused && turn === this.#turn) this.#failed(record, refused)
  }

  /** Undefined when there is not enough yet. */
  async #fit(goal: Goal, record: LearnRecord, there: Readonly<LearnRecord>): Promise<FitResult | undefined> {
    const task = { asset: this.#asset, deps: this.#deps, there, signal: this.#stopping.signal }
    if (goal === 'complete') {
      const fitted = await fitLearnt(task, {})
      if (fitted.sufficiency.enough || this.#asset.learn.sufficiency === 'warn') return fitted
      this.#insufficient(record, there, fitted.sufficiency.reason)
      if (record.anew || !this.#meter.overdue) return undefined
    }
    const missing = [...this.#meter.progress().missing, record.insufficient].filter(Boolean).join('; ')
    this.#provisionalRows = moreThan(there.rows)
    return fitLearnt(task, { provisional: { widened: PROVISIONAL_WIDENED, missing } })
  }

  #insufficient(record: LearnRecord, { rows, runningUs, starts }: Readonly<LearnRecord>, reason: string): void {
    record.insufficient = reason
    record.retryRows = moreThan(rows)
    const word = rowsWord(this.#asset)
    const there = `${rows} ${word}, ${(runningUs / 3600e6).toFixed(1)} h of running time, ${starts} starts`
    this.#deps.logger.warn(
      `the baseline of ${this.#asset.id} is not enough yet: ${reason} There are ${there}; learning goes on to ${record.retryRows} ${word}`,
    )
  }

  #accepted(kind: 'baseline' | 'provisional', record: LearnRecord, { manifest }: FitResult): void {
    const { id } = this.#asset
    const { logger } = this.#deps
    if (kind === 'provisional') {
      const { widened, missing } = manifest.provisional!
      logger.warn(
        `${id} has a provisional model, its setpoint widened ${widened} x: the baseline still wants ${missing}; learning goes on`,
      )
    } else {
      delete record.anew
      delete record.insufficient
      delete record.retryRows
    }
    tellSeverity(this.#asset, manifest, logger)
  }

  #failed(record: LearnRecord, { reason, code }: Refusal): void {
    // A delivered model came in meanwhile and scores; or this is the end of the process and no failure.
    if (!this.open || this.#stopping.signal.aborted) return
    this.#problem = reason
    const passing = isPassing(code)
    if (passing) this.#retryUs = record.uptoUs + RETRY_US
    else this.#provisionalRows = record.retryRows = moreThan(record.rows)
    const when = passing ? `for ${RETRY_US / 1e6} s` : `to ${record.retryRows} ${rowsWord(this.#asset)}`
    const what = this.#deps.model() ? 'no new model' : 'no model'
    this.#deps.logger.warn(`${what} for ${this.#asset.id} yet: ${reason}; learning goes on ${when}, then tries again`)
  }
}
