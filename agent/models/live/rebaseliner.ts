import type { AssetConfig } from '../../config/contract.ts'
import { messageOf } from '../../core/errors.ts'
import type { ModelFile, Reference } from '../contract.ts'
import { type BaselineRows, collectBaseline } from './baseline.ts'
import { judgeRebaseline } from './drift.ts'
import { type FitDeps, fitAndWarn } from './fitting.ts'
import type { LeftOutChannel, RebaselineRecord } from './fold.ts'
import { type HealthyStretch, type RebaselineDue, RebaselineMeter, type RebaselineShape } from './rebaseline.ts'
import { nameOfSet } from './reduced.ts'

export interface RebaselinerDeps extends FitDeps {
  model(): ModelFile | undefined
  /** Rows that the first baseline covered, as far as is known. */
  rowsLearnt(): number
  bind(model: ModelFile): void
  /** Channels left out of the model at work because they are gone. */
  without(): readonly LeftOutChannel[]
}

/** What came of the last one, for status. */
export interface RebaselineOutcome {
  /** Of the newest row then. */
  atUs: number
  outcome: 'taken' | 'refused' | 'postponed'
  reason: string
}

// Of the rows that a family which keeps everything looks back on: 5 months at one a minute, 3 weeks at one a second. They are
// thinned to 100,000 anyway, and reading 90 days of 10 Hz once a day would take minutes each time.
const ROWS_BACK_MAX = 2_000_000
/** Of the first baseline: with fewer rows that have all values the new model would be the worse one. */
const USABLE_SHARE_MIN = 0.5
/** Kept over a restart; each ends with an alarm. More would not fit the records of the smallest journal. */
const STRETCHES_KEPT = 64

/** Carries the baseline of one asset forward, slowly, as rebaseline.ts allows. */
export class Rebaseliner {
  readonly #asset: AssetConfig
  readonly #deps: RebaselinerDeps
  #meter: RebaselineMeter | undefined
  /** Of the model that the meter is for. */
  #reference: Reference | undefined
  #kept: RebaselineRecord | undefined
  #busy = false
  readonly #stopping = new AbortController()
  last: RebaselineOutcome | undefined

  constructor(asset: AssetConfig, deps: RebaselinerDeps, kept: RebaselineRecord | undefined) {
    this.#asset = asset
    this.#deps = deps
    this.#kept = kept?.digest === asset.digest ? kept : undefined
  }

  stop(): void {
    this.#stopping.abort()
  }

  /** State to go on with after a restart; undefined while nothing is carried forward. */
  get record(): RebaselineRecord | undefined {
    if (!this.#meter || !this.#reference) return undefined
    const { state } = this.#meter
    const { id, digest } = this.#asset
    const rebaseline = { ...state, stretches: state.stretches.slice(-STRETCHES_KEPT) }
    return { asset: id, digest, reference: nameOf(this.#reference), rebaseline }
  }

  /** A model took over: the same baseline goes on, or another one begins. */
  bound(model: ModelFile): void {
    const { reference, provisional, keeps } = model.manifest
    const { rebaseline = 'off' } = this.#asset.learn
    const wanted = rebaseline !== 'off' && model.origin === 'local' && !provisional && keeps !== undefined
    if (!wanted || !reference) {
      this.#meter = undefined
      this.#reference = undefined
      return
    }
    const same = this.#reference && nameOf(this.#reference) === nameOf(reference)
    // Of the same baseline, though perhaps of fewer channels than before, or of more.
    this.#reference = reference
    if (!same) this.#begin(model, reference)
    this.#meter?.leaveOut(nameOfSet(this.#without))
  }

  /** Another model than this one's own work was put in its place: what was learnt since its baseline is not trusted. */
  reverted(model: ModelFile): void {
    this.#reference = undefined
    this.#kept = undefined
    this.bound(model)
  }

  /** One scored row, in order. */
  scored(timeUs: number, score: number, inAlarm: boolean): void {
    const meter = this.#meter
    if (!meter) return
    meter.row(timeUs, score, inAlarm)
    if (this.#busy || meter.rowsToDue > 0) return
    const due = meter.take()
    if (!due.ready) {
      this.#tell({ atUs: timeUs, outcome: 'postponed', reason: due.reason })
      return
    }
    this.#busy = true
    this.#carry(due, timeUs)
      .catch((error: unknown) => {
        if (!this.#stopping.signal.aborted) this.#tell({ atUs: timeUs, outcome: 'refused', reason: messageOf(error) })
      })
      .finally(() => {
        this.#busy = false
      })
  }

  get #without(): string[] {
    return this.#deps.without().map(({ channel }) => channel)
  }

  #begin(model: ModelFile, reference: Reference): void {
    const { hop, keeps = 'baseline', everyMs = this.#asset.everyMs } = model.manifest
    const { onDelayMs } = this.#asset.alarm
    const { rebaseline } = this.#asset.learn
    const everyUs = everyMs * 1000 * hop
    const rows = Math.max(this.#deps.rowsLearnt(), reference.rows)
    const shape: RebaselineShape = {
      baselineRows: Math.max(1, Math.round(rows / hop)),
      everyUs,
      onDelayRows: Math.ceil((onDelayMs * 1000) / everyUs),
      keeps,
      ...(typeof rebaseline === 'number' ? { periodUs: rebaseline * 1000 } : {}),
    }
    const kept = this.#kept?.reference === nameOf(reference) ? this.#kept.rebaseline : undefined
    this.#kept = undefined
    this.#meter = new RebaselineMeter(shape, kept)
    const { fromUs, toUs } = model.manifest.fitted ?? reference
    if (!kept) this.#meter.begin({ from: fromUs, to: toUs, rows: shape.baselineRows })
  }

  async #carry({ stretches, takeLast }: RebaselineDue & { ready: true }, atUs: number): Promise<void> {
    const asset = this.#asset
    const reference = this.#reference
    const before = this.#deps.model()
    if (!reference || !before) return
    const refused = await this.#deps.alone(async () => {
      const data = await this.#collect(stretches, takeLast * before.manifest.hop, unlearnt(asset, before))
      const all = data.rows * data.thinnedBy
      // Rows scored without a channel are no use to the model of all of them.
      if (all < USABLE_SHARE_MIN * reference.rows) return `only ${all} healthy rows have values of all its channels`
      const verdict = judgeRebaseline(reference, data, Math.round(this.#rowsOf(reference) / data.thinnedBy))
      if (!verdict.ok) return verdict.reason
      const fitted = await fitAndWarn(this.#deps, asset, data, { reference }, this.#stopping.signal)
      // set-baseline, a revert or a delivered model came in meanwhile.
      if (this.#deps.model() !== before || this.#reference !== reference) return 'another model took over meanwhile'
      const gone = this.#deps.without()
      const [kind, without] = gone.length > 0 ? (['reduced', gone] as const) : (['rebaseline'] as const)
      const refusal = await this.#deps.install(asset, fitted, kind, model => this.#deps.bind(model), without)
      if (!refusal) this.#tell({ atUs, outcome: 'taken', reason: verdict.reason })
      return refusal?.reason
    })
    if (refused !== undefined) this.#tell({ atUs, outcome: 'refused', reason: refused })
  }

  #rowsOf(reference: Reference): number {
    return Math.max(this.#deps.rowsLearnt(), reference.rows)
  }

  /** The last `rows` learnable rows of the stretches. */
  async #collect(
    stretches: readonly HealthyStretch[],
    rows: number,
    without: readonly string[],
  ): Promise<BaselineRows> {
    const { hop } = this.#deps.model()!.manifest
    const wanted = Math.min(rows, ROWS_BACK_MAX)
    let there = 0
    const useful = stretches.filter(stretch => stretch.without?.split(' ').every(id => without.includes(id)) ?? true)
    let first = useful.length
    while (first > 0 && there < wanted) there += useful[--first]!.rows * hop
    const used = useful.slice(first)
    const within = (timeUs: number): boolean => used.some(({ from, to }) => timeUs >= from && timeUs <= to)
    const range = {
      fromUs: used[0]?.from ?? 0,
      toUs: used.at(-1)?.to ?? 0,
      expectedRows: Math.min(wanted, there),
      among: within,
      skipRows: Math.max(0, there - wanted),
      without,
    }
    return collectBaseline(this.#deps.history, this.#asset, this.#deps.gate, range)
  }

  #tell(outcome: RebaselineOutcome): void {
    this.last = outcome
    const { id } = this.#asset
    const { logger } = this.#deps
    if (outcome.outcome === 'taken') logger.info(`baseline of ${id} carried forward; ${outcome.reason}`)
    else if (outcome.outcome === 'postponed')
      logger.info(`baseline of ${id} not carried forward this time: ${outcome.reason}`)
    else logger.warn(`baseline of ${id} not carried forward: ${outcome.reason}; the model of before stays`)
  }
}

/** Channels of the asset that the model does not look at. */
function unlearnt(asset: AssetConfig, { manifest: { channels } }: ModelFile): string[] {
  return asset.channels.map(({ id }) => id).filter(id => !channels.some(channel => channel.id === id))
}

/** A baseline is known by when it was and by its numbers. */
function nameOf({ fromUs, toUs, rows }: Reference): string {
  return `${fromUs} ${toUs} ${rows}`
}
