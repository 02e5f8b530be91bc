// Re-baselining within a backtest: the rows that the meter calls healthy, the verdict on them, and the model of them.
import type { ModelFile } from '../models/contract.ts'
import { judgeRebaseline, type RebaselineVerdict } from '../models/live/drift.ts'
import { REBASELINE_ROWS_MAX, RebaselineMeter } from '../models/live/rebaseline.ts'
import type { Baselines } from './backtest-baselines.ts'
import type { BaselineRows } from './backtest-fit.ts'

/** Runs that are kept or left out together where all history is too much. */
const RUN_ROWS = 2_048
/** Of the first baseline: with fewer rows that have all values the new model would be the worse one. */
const USABLE_SHARE_MIN = 0.5

/** One time that a re-baselining was due. */
export interface Rebaselining {
  /** The first row that the new model would score. */
  row: number
  accepted: boolean
  reason: string
  /** Of each channel, in standard deviations of the first baseline; absent where it did not come to that. */
  drift?: RebaselineVerdict['drift']
}

export interface RebaselineParts {
  baselines: Baselines
  baseline: BaselineRows
  keeps: 'baseline' | 'all'
  onDelayRows: number
  /** True where the baseline is of this recording; its rows then have their own numbers, else those below 0. */
  ownBaseline: boolean
}

/** Follows one recording. Positions are row numbers. */
export class Rebaseliner {
  readonly log: Rebaselining[] = []
  readonly #baselines: Baselines
  readonly #meter: RebaselineMeter

  constructor({ baselines, baseline, keeps, onDelayRows, ownBaseline }: RebaselineParts) {
    this.#baselines = baselines
    const { data, rowOf, everyUs } = baseline
    this.#meter = new RebaselineMeter({ baselineRows: data.rows, everyUs, onDelayRows, keeps })
    const [from, to] = ownBaseline ? [rowOf[0]!, rowOf.at(-1)!] : [-data.rows, -1]
    this.#meter.begin({ from, to, rows: data.rows })
  }

  get rowsToDue(): number {
    return this.#meter.rowsToDue
  }

  row(row: number, score: number, inAlarm: boolean): void {
    this.#meter.row(row, score, inAlarm)
  }

  /**
   * The model that scores rows from `row` on, fitted on rows before it; undefined: the present one goes on.
   * @param without channels that are gone, and left out of the present model
   */
  async next(row: number, without: readonly string[]): Promise<ModelFile | undefined> {
    const due = this.#meter.take()
    if (!due.ready) return this.#refuse(row, due.reason)
    const reference = this.#baselines.reference(without)
    if (!reference) return this.#refuse(row, 'the model carries no reference to measure drift against')
    const usable = this.#baselines.usable(due.stretches, without).slice(-due.takeLast)
    // Rows scored without a channel are no use to the model of all of them.
    if (usable.length < USABLE_SHARE_MIN * reference.rows) {
      return this.#refuse(row, `only ${usable.length} healthy rows have values of all its channels`)
    }
    const rows = thinned(usable)
    const data = this.#baselines.data(rows, without)
    const verdict = judgeRebaseline(reference, data)
    if (!verdict.ok) return this.#refuse(row, verdict.reason, verdict.drift)
    const model = await this.#baselines.carry(rows, data, without)
    if (typeof model === 'string') return this.#refuse(row, model, verdict.drift)
    this.log.push({ row, accepted: true, reason: verdict.reason, drift: verdict.drift })
    return model
  }

  #refuse(row: number, reason: string, drift?: RebaselineVerdict['drift']): undefined {
    this.log.push({ row, accepted: false, reason, ...(drift ? { drift } : {}) })
  }
}

/** In contiguous runs, evenly spread, where there are too many. */
function thinned(rows: readonly number[]): number[] {
  const every = Math.ceil(rows.length / REBASELINE_ROWS_MAX)
  return rows.filter((_, i) => Math.floor(i / RUN_ROWS) % every === 0)
}
