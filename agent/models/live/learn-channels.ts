// A channel that is dead all the while would make a baseline that learns for ever: after a tenth of what learning takes it goes
// on without. One that is back by then counts again.
import type { AssetConfig } from '../../config/contract.ts'
import type { GatedBlock } from '../../windows/contract.ts'
import { ChannelWatch } from './channel-watch.ts'
import { type LearnRecord, telemetryColumns } from './learn-meter.ts'
import { nameOfSet } from './reduced.ts'
import { goneRows } from './reducer.ts'

/** Of what learning takes. */
const PATIENCE = 0.1

export class LearnChannels {
  readonly #ids: readonly string[]
  readonly #watch: ChannelWatch

  constructor(asset: AssetConfig, record: LearnRecord | undefined) {
    const columns = telemetryColumns(asset)
    this.#ids = columns.map(column => asset.channels[column]!.id)
    const out = this.#ids.flatMap((id, channel) =>
      record?.without?.includes(id) ? [{ channel, since: record.sinceUs }] : [],
    )
    const { rows, runningMs } = asset.learn
    const patience = Math.ceil(PATIENCE * (rows ?? runningMs / asset.everyMs))
    this.#watch = new ChannelWatch(columns, { rows: Math.max(goneRows(asset), patience), out })
  }

  push(block: GatedBlock): void {
    this.#watch.push(block)
  }

  /** The channels to learn without from now on; undefined while those of `record` are right, or none would be left. */
  change({ without = [] }: LearnRecord): string[] | undefined {
    const { missing } = this.#watch
    if (missing.length === 0 && without.length === 0) return undefined
    const wanted = missing.map(c => this.#ids[c]!)
    return wanted.length === this.#ids.length || nameOfSet(wanted) === nameOfSet(without) ? undefined : wanted
  }
}
