// The baselines of a recording and the models of them: of all channels, and of those that are left where some are gone.
import { AgentError } from '../core/errors.ts'
import type { FitData, FitOptions, ModelFile, Reference } from '../models/contract.ts'
import { parseModelFile } from '../models/file/model-file.ts'
import type { HealthyStretch } from '../models/live/rebaseline.ts'
import { nameOfSet, referenceOf } from '../models/live/reduced.ts'
import { type BaselineRows, type Fitted, fit } from './backtest-fit.ts'
import type { ModelRows } from './backtest-rows.ts'

/** Sets of missing channels remembered, with the baseline and the model of each. */
const SETS_MAX = 16

export interface BaselinesParts {
  fitted: Fitted & { baseline: BaselineRows; options: FitOptions }
  rows: ModelRows
  breaks: Uint8Array
  /** True where the baseline is of this recording; its rows then have their own numbers, else those below 0. */
  ownBaseline: boolean
}

/** By the channels that are left out. */
interface Entry {
  without: readonly string[]
  /** Rows of the last baseline that was taken without them; undefined: that of fewer left out serves. */
  rows?: readonly number[]
  /** Fitted on the newest such baseline; or why that came to nothing. */
  model?: ModelFile | string
}

export class Baselines {
  readonly #parts: BaselinesParts
  readonly #first: readonly number[]
  /** The one asked for last is the last. */
  readonly #entries = new Map<string, Entry>()
  #release = 1

  constructor(parts: BaselinesParts) {
    this.#parts = parts
    const { baseline, model } = parts.fitted
    this.#first = parts.ownBaseline
      ? [...baseline.rowOf]
      : Array.from({ length: baseline.data.rows }, (_, i) => i - baseline.data.rows)
    this.#entries.set('', { without: [], rows: this.#first, model })
  }

  get #ids(): string[] {
    return this.#parts.fitted.baseline.data.channels.map(({ id }) => id)
  }

  /** Of the first baseline, without those channels; undefined where its model carries none. */
  reference(without: readonly string[]): Reference | undefined {
    return referenceOf(this.#parts.fitted.model.manifest, this.#kept(without))
  }

  /** The model that goes on without these channels, fitted once for each set and baseline; text: why there is none. */
  async modelWithout(without: readonly string[]): Promise<ModelFile | string> {
    const entry = this.#entries.get(nameOfSet(without)) ?? { without }
    if (entry.model === undefined) {
      const rows = this.#newestFor(without)
      // The rows of the first baseline have not been scored by any model.
      entry.model = await this.#fit(this.data(rows, without), without, rows === this.#first)
    }
    this.#remember(entry)
    return entry.model
  }

  /** A re-baselining without these channels: a model of these rows takes the place of the one there is. Text: why not. */
  async carry(rows: readonly number[], data: FitData, without: readonly string[]): Promise<ModelFile | string> {
    const model = await this.#fit(data, without, false)
    if (typeof model === 'string') return model
    // What was fitted with as many left out or more stands on an older baseline now.
    for (const [name, entry] of this.#entries) {
      if (without.every(id => entry.without.includes(id))) this.#entries.delete(name)
    }
    this.#remember({ without, rows, model })
    return model
  }

  /** Rows of the stretches that have a value of every channel but those. */
  usable(stretches: readonly HealthyStretch[], without: readonly string[]): number[] {
    const kept = this.#columns(without)
    const first = -this.#parts.fitted.baseline.data.rows
    const usable: number[] = []
    for (const { from, to } of stretches) {
      for (let row = Math.max(from, first); row <= to; row++) {
        const values = this.#valuesOf(row)
        if (kept.every(c => !Number.isNaN(values[c]!))) usable.push(row)
      }
    }
    return usable
  }

  data(rows: readonly number[], without: readonly string[]): FitData {
    const { baseline } = this.#parts.fitted
    const kept = this.#columns(without)
    const values = new Float64Array(rows.length * kept.length)
    let to = 0
    for (const row of rows) {
      const from = this.#valuesOf(row)
      for (const c of kept) values[to++] = from[c]!
    }
    return {
      ...baseline.data,
      values,
      rows: rows.length,
      channels: kept.map(c => baseline.data.channels[c]!),
      breaks: Uint8Array.from(rows, (row, r) => (r === 0 || rows[r - 1] !== row - 1 || this.#breaks(row) ? 1 : 0)),
    }
  }

  /** As the first baseline was fitted; where its family needs more channels than are left, whatever suits them. */
  async #fit(data: FitData, without: readonly string[], screen: boolean): Promise<ModelFile | string> {
    const reference = this.reference(without)
    const { options } = this.#parts.fitted
    const wanted = {
      ...options,
      release: this.#release + 1,
      ...(reference ? { reference } : {}),
      ...(screen ? { screen } : {}),
    }
    let refusal = ''
    for (const family of new Set([wanted.family, 'auto' as const])) {
      try {
        const { bytes } = await fit(data, { ...wanted, family })
        this.#release++
        return parseModelFile(bytes, 'local', data.source)
      } catch (error) {
        if (!(error instanceof AgentError) || error.code !== 'FIT_INSUFFICIENT') throw error
        refusal ||= error.message
      }
      if (without.length === 0) break
    }
    return refusal
  }

  /** The newest baseline that has values of all channels but these. */
  #newestFor(without: readonly string[]): readonly number[] {
    const baselines = [...this.#entries.values()].flatMap(({ without: left, rows = [] }) =>
      rows.length > 0 && left.every(id => without.includes(id)) ? [rows] : [],
    )
    return baselines.reduce((newest, rows) => (rows.at(-1)! > newest.at(-1)! ? rows : newest))
  }

  /** Puts it last; the oldest of too many goes, but never the one of all channels. */
  #remember(entry: Entry): void {
    const name = nameOfSet(entry.without)
    this.#entries.delete(name)
    this.#entries.set(name, entry)
    const [oldest] = [...this.#entries.keys()].filter(other => other !== '')
    if (this.#entries.size > SETS_MAX && oldest !== undefined) this.#entries.delete(oldest)
  }

  #kept(without: readonly string[]): string[] {
    return this.#ids.filter(id => !without.includes(id))
  }

  #columns(without: readonly string[]): number[] {
    return this.#ids.flatMap((id, c) => (without.includes(id) ? [] : [c]))
  }

  #valuesOf(row: number): Float64Array {
    const { data } = this.#parts.fitted.baseline
    const width = data.channels.length
    const values = row < 0 ? data.values : this.#parts.rows.values
    const at = row < 0 ? row + data.rows : row
    return values.subarray(at * width, (at + 1) * width)
  }

  #breaks(row: number): boolean {
    const { data } = this.#parts.fitted.baseline
    return row < 0 ? data.breaks[row + data.rows] === 1 : this.#parts.breaks[row] === 1
  }
}
