// Channels that die midway in a recording: from when on it is scored without them, and from when on with them again.
import type { ModelFile } from '../models/contract.ts'
import { ChannelWatch, GONE_ROWS } from '../models/live/channel-watch.ts'
import type { Baselines } from './backtest-baselines.ts'
import type { ModelRows } from './backtest-rows.ts'

/** From `row` on another set of channels is left out. */
export interface LeftOut {
  row: number
  /** Ids; empty: all are there again. */
  without: string[]
  /** Row at which each of them had its last trouble begin. */
  since: Record<string, number>
  /** False: nothing can be scored, and `reason` says why. */
  scored: boolean
  family?: string
  sha256?: string
  reason?: string
}

export class GoneChannels {
  readonly log: LeftOut[] = []
  readonly #ids: readonly string[]
  readonly #rows: ModelRows
  readonly #baselines: Baselines
  readonly #watch: ChannelWatch
  /** The first row that the watch has not seen. */
  #at = 0
  #changed = false

  constructor({ manifest: { channels, samples } }: ModelFile, rows: ModelRows, baselines: Baselines) {
    this.#ids = channels.map(({ id }) => id)
    this.#rows = rows
    this.#baselines = baselines
    this.#watch = new ChannelWatch([...channels.keys()], { rows: GONE_ROWS })
    this.#watch.windowRows = samples
  }

  get without(): string[] {
    return this.#watch.missing.map(c => this.#ids[c]!)
  }

  /** True after rows at whose end another set is gone: next() tells what to go on with. */
  get changed(): boolean {
    return this.#changed
  }

  /** Looks at rows before `to`, which nothing is scored of. */
  skip(to: number): void {
    while (this.watch(to) < to) this.#changed = false
    this.#changed = this.#watch.missing.length > 0
  }

  /** Looks at rows before `to`, up to one at which something changes. Returns the row after the last one looked at. */
  watch(to: number): number {
    const { values } = this.#rows
    while (this.#at < to && !this.#changed) {
      this.#changed = this.#watch.row(this.#at, values, this.#at * this.#ids.length)
      this.#at++
    }
    return this.#at
  }

  /** The model that scores rows from `row` on; undefined where none can, which the one at work will not either. */
  async next(row: number): Promise<ModelFile | undefined> {
    this.#changed = false
    const { without } = this
    const since = Object.fromEntries(this.#watch.missing.map(c => [this.#ids[c]!, this.#watch.since(c)]))
    const model = without.length < this.#ids.length ? await this.#baselines.modelWithout(without) : 'no channel is left'
    if (typeof model === 'string') {
      this.log.push({ row, without, since, scored: false, reason: model })
      return undefined
    }
    const { sha256, manifest } = model
    this.log.push({ row, without, since, scored: true, family: manifest.family, sha256 })
    return model
  }
}

/** Told in so many lines; all of it stands in the JSON. */
const LINES_MAX = 6

/** What a person should know: which channels went and came back, where, and what became of the scores. */
export function goneWarnings({ gone }: ModelRows, leftOut: readonly LeftOut[]): string[] {
  const named = (ids: readonly { id: string; fromRow: number }[]): string =>
    ids.map(({ id, fromRow }) => `${id} (from row ${fromRow})`).join(', ')
  const held = gone.filter(channel => channel.held)
  const short = gone.filter(({ id, held }) => !held && !leftOut.some(({ without }) => without.includes(id)))
  const more = leftOut.length - LINES_MAX
  return [
    ...(held.length > 0 ? [`no values of ${named(held)}: held at the centre of the baseline`] : []),
    ...(short.length > 0 ? [`no values for long of ${named(short)}: rows without it are not scored`] : []),
    ...leftOut.slice(0, LINES_MAX).map(leftOutText),
    ...(more > 0 ? [`… and ${more} more times that channels went or came back; the JSON has them all`] : []),
  ]
}

function leftOutText({ row, without, since, scored, reason }: LeftOut): string {
  if (without.length === 0) return `all channels have values again: scored with the whole model from row ${row} on`
  const names = without.map(id => `${id} (since row ${since[id]})`).join(', ')
  if (scored) return `no values of ${names}: scored without from row ${row} on, by a model fitted again on the baseline`
  return `no values of ${names}: nothing is scored from row ${row} on: ${reason}`
}
