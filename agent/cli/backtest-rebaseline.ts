// Re-baselining within a backtest: the rows that the meter calls healthy, the verdict on them, and the model of them.
import { AgentError } from '../core/errors.ts'
import type { FitData, FitOptions, ModelFile } from '../models/contract.ts'
import { parseModelFile } from '../models/file/model-file.ts'
import {
  type HealthyStretch,
  judgeRebaseline,
  REBASELINE_ROWS_MAX,
  RebaselineMeter,
  type RebaselineVerdict,
} from '../models/live/rebaseline.ts'
import { type BaselineRows, type Fitted, fit } from './backtest-fit.ts'
import type { ModelRows } from './backtest-rows.ts'

/** Runs that are kept or left out together where all history is too much. */
const RUN_ROWS = 2_048

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
  fitted: Fitted & { baseline: BaselineRows; options: FitOptions }
  keeps: 'baseline' | 'all'
  onDelayRows: number
  rows: ModelRows
  breaks: Uint8Array
  /** True where the baseline is of this recording; its rows then have their own numbers, else those below 0. */
  ownBaseline: boolean
}

/** Follows one recording. Positions are row numbers. */
export class Rebaseliner {
  readonly log: Rebaselining[] = []
  readonly #parts: RebaselineParts
  readonly #meter: RebaselineMeter
  #release = 1

  constructor(parts: RebaselineParts) {
    this.#parts = parts
    const { baseline } = parts.fitted
    const { data, rowOf, everyUs } = baseline
    this.#meter = new RebaselineMeter({
      baselineRows: data.rows,
      everyUs,
      onDelayRows: parts.onDelayRows,
      keeps: parts.keeps,
    })
    const [from, to] = parts.ownBaseline ? [rowOf[0]!, rowOf.at(-1)!] : [-data.rows, -1]
    this.#meter.begin({ from, to, rows: data.rows })
  }

  get rowsToDue(): number {
    return this.#meter.rowsToDue
  }

  row(row: number, score: number, inAlarm: boolean): void {
    this.#meter.row(row, score, inAlarm)
  }

  /** The model that scores rows from `row` on, fitted on rows before it; undefined: the present one goes on. */
  async next(row: number): Promise<ModelFile | undefined> {
    const due = this.#meter.take()
    if (!due.ready) return this.#refuse(row, due.reason)
    const { fitted } = this.#parts
    const { reference } = fitted.model.manifest
    if (!reference) return this.#refuse(row, 'the model carries no reference to measure drift against')
    const data = this.#collect(due.stretches, due.takeLast)
    const verdict = judgeRebaseline(reference, data)
    if (!verdict.ok) return this.#refuse(row, verdict.reason, verdict.drift)
    try {
      const options = { ...fitted.options, release: this.#release + 1, reference }
      const { bytes } = await fit(data, options)
      this.#release++
      this.log.push({ row, accepted: true, reason: verdict.reason, drift: verdict.drift })
      return parseModelFile(bytes, 'local', data.source)
    } catch (error) {
      if (!(error instanceof AgentError) || error.code !== 'FIT_INSUFFICIENT') throw error
      return this.#refuse(row, error.message, verdict.drift)
    }
  }

  #refuse(row: number, reason: string, drift?: RebaselineVerdict['drift']): undefined {
    this.log.push({ row, accepted: false, reason, ...(drift ? { drift } : {}) })
  }

  /** The last `takeLast` usable rows of the stretches, thinned in contiguous runs where there are too many. */
  #collect(stretches: readonly HealthyStretch[], takeLast: number): FitData {
    const { baseline } = this.#parts.fitted
    const usable = stretches.flatMap(stretch => this.#usable(stretch)).slice(-takeLast)
    const every = Math.ceil(usable.length / REBASELINE_ROWS_MAX)
    const taken = usable.filter((_, i) => Math.floor(i / RUN_ROWS) % every === 0)
    const width = baseline.data.channels.length
    const values = new Float64Array(taken.length * width)
    taken.forEach((row, r) => {
      values.set(this.#valuesOf(row), r * width)
    })
    return {
      ...baseline.data,
      values,
      rows: taken.length,
      breaks: Uint8Array.from(taken, (row, r) => (r === 0 || taken[r - 1] !== row - 1 || this.#breaks(row) ? 1 : 0)),
    }
  }

  #usable({ from, to }: HealthyStretch): number[] {
    const { fitted } = this.#parts
    const usable: number[] = []
    for (let row = from; row <= to; row++) {
      const good = row < 0 || this.#valuesOf(row).every(value => !Number.isNaN(value))
      if (good && row >= -fitted.baseline.data.rows) usable.push(row)
    }
    return usable
  }

  #valuesOf(row: number): Float64Array {
    const { data } = this.#parts.fitted.baseline
    const width = data.channels.length
    const values = row < 0 ? data.values : this.#parts.rows.values
    const at = row < 0 ? row + data.rows : row
    return values.subarray(at * width, (at + 1) * width)
  }

  #breaks(row: number): boolean {
    const { fitted, breaks } = this.#parts
    return row < 0 ? fitted.baseline.data.breaks[row + fitted.baseline.data.rows] === 1 : breaks[row] === 1
  }
}
