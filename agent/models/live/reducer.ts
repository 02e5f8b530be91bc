// A channel dies, and the machine is watched on without it: the model of the others is fitted on the rows of the same baseline,
// takes over as a re-baselining does, and gives way to the whole one when the channel is back.
import type { AssetConfig } from '../../config/contract.ts'
import { AgentError, messageOf } from '../../core/errors.ts'
import type { GatedBlock } from '../../windows/contract.ts'
import type { FitResult, ModelFile } from '../contract.ts'
import { ChannelWatch, GONE_ROWS } from './channel-watch.ts'
import type { Refusal } from './fitting.ts'
import type { LeftOutChannel } from './fold.ts'
import { telemetryColumns } from './learn-meter.ts'
import { listText, nameOfSet } from './reduced.ts'
import { fitReduced, type ReducedFitDeps } from './reduced-fit.ts'
import { isBefore, isPassing, RETRY_US } from './retry.ts'

export interface ReducerDeps extends ReducedFitDeps {
  /** At work now. */
  model(): ModelFile | undefined
  bind(model: ModelFile): void
  /** A model learnt here before. Throws MODEL_UNREADABLE. */
  stored(sha256: string): Promise<ModelFile>
}

/** What the journal says of a model of fewer channels at work. */
export interface ReducedBefore {
  /** Of that model, and of the one of all channels that it stands in for. */
  sha256: string
  whole: string
  without: readonly LeftOutChannel[]
}

/** At 10 Hz 30 rows would be 3 s, and a fit costs as much. */
const GONE_MS = 60_000
/** Sets of missing channels whose models are kept, some 10 kB each. */
const MODELS_MAX = 8

/** No name of a set. */
const AGAIN = '?'

type Fitted = Pick<FitResult, 'bytes' | 'manifest'>

export class Reducer {
  readonly #asset: AssetConfig
  readonly #deps: ReducerDeps
  /** Of the channels that are watched. */
  readonly #ids: readonly string[]
  readonly #watch: ChannelWatch
  /** The model of all channels that were learnt; loaded when it is needed after a restart. */
  #whole: ModelFile | undefined
  #wholeSha256: string | undefined
  /** Of the model at work, while it stands in for the whole one. */
  #reducedSha256: string | undefined
  #reducedName = ''
  #leftOut: readonly LeftOutChannel[]
  readonly #models = new Map<string, Fitted>()
  /** The set that is dealt with: its model is at work, or cannot be had. AGAIN: none is. */
  #done = ''
  #problem: string | undefined
  #busy = false
  #retryUs = Number.NEGATIVE_INFINITY
  readonly #stopping = new AbortController()

  constructor(asset: AssetConfig, deps: ReducerDeps, before: ReducedBefore | undefined) {
    this.#asset = asset
    this.#deps = deps
    const columns = telemetryColumns(asset)
    this.#ids = columns.map(column => asset.channels[column]!.id)
    const out = (before?.without ?? []).flatMap(({ channel, sinceUs }) => {
      const at = this.#ids.indexOf(channel)
      return at < 0 ? [] : [{ channel: at, since: sinceUs }]
    })
    this.#watch = new ChannelWatch(columns, { rows: goneRows(asset), out })
    this.#reducedSha256 = before?.sha256
    this.#wholeSha256 = before?.whole
    this.#leftOut = before?.without ?? []
    if (before) this.#done = this.#reducedName = nameOfSet(before.without.map(({ channel }) => channel))
  }

  stop(): void {
    this.#stopping.abort()
  }

  /** Channels that have had no good value for a while, and since when. */
  get gone(): LeftOutChannel[] {
    return this.#watch.missing.map(c => ({ channel: this.#ids[c]!, sinceUs: this.#watch.since(c) }))
  }

  /** Channels left out of the model at work, because they were gone when it took over. */
  get leftOut(): readonly LeftOutChannel[] {
    return this.#isReduced ? this.#leftOut : []
  }

  get #isReduced(): boolean {
    return this.#reducedSha256 !== undefined
  }

  /** Why no model watches the machine while channels are gone. */
  get problem(): string | undefined {
    const model = this.#deps.model()
    if (!model || model.origin === 'local') return model && this.#problem
    const wanted = this.#missingOf(model)
    if (wanted.length === 0) return undefined
    const whose = model.origin === 'file' ? 'a model file' : 'a delivered model'
    return `unwatched by its model: no good value of ${listText(wanted)}, and ${whose} is not fitted again without`
  }

  /** A model took over. One that this did not make is whole. */
  bound(model: ModelFile): void {
    this.#watch.windowRows = model.manifest.samples
    if (model.sha256 === this.#reducedSha256) return
    if (model.sha256 !== this.#wholeSha256) this.#models.clear()
    this.#whole = model
    this.#wholeSha256 = model.sha256
    this.#reducedSha256 = undefined
    this.#settle('')
  }

  /** The model at work was carried forward, and the new one takes over. Call before it is bound. */
  carried(model: ModelFile): void {
    if (!this.#isReduced) return
    this.#reducedSha256 = model.sha256
    this.#keep(this.#reducedName, model)
  }

  /** Rows as they come, of whatever is at work. */
  gated(block: GatedBlock): void {
    this.#watch.push(block)
    const model = this.#deps.model()
    if (block.rows === 0 || this.#busy || model?.origin !== 'local') return
    const atUs = block.timesUs[block.rows - 1]!
    const name = nameOfSet(this.#wanted(model))
    if (name === this.#done || isBefore(atUs, this.#retryUs)) return
    this.#busy = true
    this.#change(atUs)
      .catch((error: unknown) => {
        const code = error instanceof AgentError ? error.code : undefined
        this.#failed(name, { reason: messageOf(error), code }, atUs)
      })
      .finally(() => {
        this.#busy = false
      })
  }

  #missingOf({ manifest: { channels } }: ModelFile): string[] {
    return this.#watch.missing.map(c => this.#ids[c]!).filter(id => channels.some(channel => channel.id === id))
  }

  /** Channels of the whole model to leave out. What the model at work lacks and is gone was left out before. */
  #wanted(model: ModelFile): string[] {
    if (!this.#isReduced) return this.#missingOf(model)
    if (this.#whole) return this.#missingOf(this.#whole)
    const known = new Set([...model.manifest.channels.map(({ id }) => id), ...this.#reducedName.split(' ')])
    return this.#watch.missing.map(c => this.#ids[c]!).filter(id => known.has(id))
  }

  async #change(atUs: number): Promise<void> {
    const whole = (this.#whole ??= await this.#deps.stored(this.#wholeSha256!))
    this.#watch.windowRows = whole.manifest.samples
    const without = this.#missingOf(whole)
    const name = nameOfSet(without)
    if (without.length === 0) {
      if (this.#isReduced) await this.#restore(whole, atUs)
      else this.#settle('')
    } else if (without.length === whole.manifest.channels.length) {
      this.#failed(name, { reason: 'that is all it looks at' }, atUs)
    } else await this.#reduce(whole, without, atUs)
  }

  async #restore(whole: ModelFile, atUs: number): Promise<void> {
    const { id } = this.#asset
    const refused = await this.#deps.install(this.#asset, whole, 'whole', taken => this.#deps.bind(taken))
    if (refused) this.#failed('', refused, atUs)
    else this.#deps.logger.info(`${id} is scored with all its channels again: ${named(whole)}`)
  }

  async #reduce(whole: ModelFile, without: readonly string[], atUs: number): Promise<void> {
    const name = nameOfSet(without)
    if (this.#isReduced && name === this.#reducedName) return this.#settle(name)
    const fitted = this.#models.get(name) ?? (await this.#fit(whole, without))
    // set-baseline, a re-baselining or a delivered model came in meanwhile.
    if (this.#whole !== whole || this.#deps.model()?.origin !== 'local') return
    const leftOut = this.gone.filter(({ channel }) => without.includes(channel))
    const taken = (model: ModelFile): void => {
      this.#reducedSha256 = model.sha256
      this.#reducedName = name
      this.#leftOut = leftOut
      this.#settle(name)
      this.#deps.bind(model)
    }
    const refused = await this.#deps.install(this.#asset, fitted, 'reduced', taken, leftOut)
    if (refused) return this.#failed(name, refused, atUs)
    // Fitted on the baseline of before.
    if (this.#whole !== whole) {
      this.#done = this.#reducedName = AGAIN
      return
    }
    this.#keep(name, fitted)
    const { id } = this.#asset
    const rows = fitted.manifest.fitted?.rows
    this.#deps.logger.warn(
      `${id} is scored without ${listText(without)} from now on, which gives no good value: ${named(fitted)}, fitted on ${rows} rows of its baseline`,
    )
  }

  #fit(whole: ModelFile, without: readonly string[]): Promise<Fitted> {
    const { alone } = this.#deps
    return alone(() => fitReduced(this.#deps, this.#asset, whole.manifest, without, this.#stopping.signal))
  }

  /** Said once for each set: nothing changes until the channels do, or the disk has room again. */
  #failed(name: string, { reason, code }: Refusal, atUs: number): void {
    if (this.#stopping.signal.aborted) return
    const passing = isPassing(code)
    this.#done = passing ? AGAIN : name
    if (passing) this.#retryUs = atUs + RETRY_US
    const gone = listText(this.gone.map(({ channel }) => channel))
    const problem =
      gone === ''
        ? `the model of all its channels is not at work: ${reason}`
        : `unwatched by a model: no good value of ${gone}, and ${reason}`
    if (problem !== this.#problem) this.#deps.logger.warn(`${this.#asset.id}: ${problem}; fixed limits go on`)
    this.#problem = problem
  }

  #settle(name: string): void {
    this.#done = name
    this.#problem = undefined
    this.#retryUs = Number.NEGATIVE_INFINITY
  }

  #keep(name: string, fitted: Fitted): void {
    this.#models.delete(name)
    this.#models.set(name, fitted)
    const [oldest] = this.#models.keys()
    if (this.#models.size > MODELS_MAX && oldest !== undefined) this.#models.delete(oldest)
  }
}

/** Running rows without a good value before a channel is left out. */
export function goneRows({ everyMs }: AssetConfig): number {
  return Math.max(GONE_ROWS, Math.ceil(GONE_MS / everyMs))
}

function named({ manifest: { name, release } }: Pick<FitResult, 'manifest'>): string {
  return `${name} release ${release}`
}
