// Alarms of the sensors of rows, and what they keep from the machine's: a sensor that is stuck, silent, out of range or at the end of
// its range raises no alarm of the machine and clears none.
import type { AssetConfig } from '../config/contract.ts'
import type { SampleBlock } from '../core/types.ts'
import type { Manifest } from '../models/contract.ts'
import type { ScoredBatch } from '../scoring/contract.ts'
import type { Arrivals, GatedBlock } from '../windows/contract.ts'
import type { AlarmBook } from './book.ts'
import { type FaultWatch, newFaultWatch, stepFault } from './fault-watch.ts'
import { clippingFacts, type FaultFacts, noiseFacts, rangeFacts, sensorName, stuckFacts } from './message-sensors.ts'
import { RowFaults } from './row-faults.ts'
import { ROW_FAULTS, type RowFault, rowFaultRule } from './rules-sensors.ts'

const RUNNING = 2

interface RowWatch extends FaultWatch {
  fault: RowFault
  column: number
  /** [columns] of the newest row. */
  values: Float64Array
  /** Its delays count running time. */
  running: boolean
}

interface OfAsset {
  asset: AssetConfig
  faults: RowFaults
  watches: RowWatch[]
  /** Columns of the channels of the model whose windows were last asked about. */
  model: { manifest: Manifest; columns: number[] } | undefined
}

export class SensorFaults {
  readonly #book: AlarmBook
  /** By asset index; undefined where no sensor is watched. */
  readonly #assets: (OfAsset | undefined)[]
  /** Of the row that is being judged; what is said of it is made only when an alarm is. */
  #block: GatedBlock | undefined
  #raw: SampleBlock | undefined
  #row = 0
  #now: OfAsset | undefined
  readonly #facts = (watch: FaultWatch): FaultFacts => this.#factsOf(watch as RowWatch)

  constructor(book: AlarmBook, assets: readonly AssetConfig[]) {
    this.#book = book
    this.#assets = assets.map(asset => {
      if (!asset.channels.some(({ sensor }) => sensor)) return undefined
      const faults = new RowFaults(asset)
      return { asset, faults, watches: rowWatches(asset, faults), model: undefined }
    })
  }

  get all(): readonly FaultWatch[] {
    return this.#assets.flatMap(of => of?.watches ?? [])
  }

  of(asset: number): readonly FaultWatch[] {
    return this.#assets[asset]?.watches ?? []
  }

  /** Of the newest row: [columns] 1 where no rule of the machine may rest on the value; undefined where no sensor is watched. */
  suspects(asset: number): Uint8Array | undefined {
    return this.#assets[asset]?.faults.suspect
  }

  /** Whether what rows still hold of the channel is old, for no value of it comes although one is due. */
  looked(asset: number, column: number, old: boolean, arrivals: Arrivals): void {
    this.#assets[asset]?.faults.looked(column, old, arrivals)
  }

  /** The noise that was usual is that of the first baseline. */
  bound(asset: number, { channels, reference }: Pick<Manifest, 'channels' | 'reference'>): void {
    const of = this.#assets[asset]
    if (!of || !reference?.noise) return
    of.asset.channels.forEach(({ id }, column) => {
      const at = channels.findIndex(channel => channel.id === id)
      of.faults.usualNoise[column] = reference.noise?.[at] ?? Number.NaN
    })
  }

  /** One row, before the rules of the machine look at it. `raw`: the same rows with the values that were turned down. */
  row(block: GatedBlock, row: number, raw: SampleBlock | undefined): void {
    const of = this.#assets[block.asset]
    if (!of) return
    of.faults.row(block, row)
    const { watches, faults } = of
    if (watches.length === 0) return
    this.#block = block
    this.#raw = raw
    this.#row = row
    this.#now = of
    const ran = block.states[row] === RUNNING
    for (let i = 0; i < watches.length; i++) {
      const watch = watches[i]!
      const elapsedUs = watch.running ? block.runningUs[row]! : faults.sinceUs
      const value = watch.values[watch.column]!
      stepFault(this.#book, watch, value, block.timesUs[row]!, elapsedUs, ran || !watch.running, this.#facts)
    }
  }

  /** Whether a sensor that the model looks at was suspect during the window. */
  holds(asset: number, batch: ScoredBatch, i: number): boolean {
    const of = this.#assets[asset]
    if (!of) return false
    const { manifest } = batch.model
    if (of.model?.manifest !== manifest) of.model = { manifest, columns: columnsOf(of.asset, manifest) }
    const endUs = batch.timesUs[i]!
    const beginUs = endUs - manifest.samples * of.asset.everyMs * 1000
    const { suspectFromUs, suspectToUs } = of.faults
    const { columns } = of.model
    for (let c = 0; c < columns.length; c++) {
      const column = columns[c]!
      if (suspectFromUs[column]! <= endUs && suspectToUs[column]! >= beginUs) return true
    }
    return false
  }

  #factsOf({ fault, column, state }: RowWatch): FaultFacts {
    const { asset, faults } = this.#now!
    const channel = asset.channels[column]!
    const at = this.#row * this.#block!.columns + column
    const value = this.#raw?.values[at] ?? this.#block!.values[at]!
    const lastedUs = this.#block!.timesUs[this.#row]! - state.onsetUs
    if (fault === 'stuck') return stuckFacts(channel, value, faults.unchangedUs[column]!, channel.sensor?.stuckMs ?? 0)
    if (fault === 'out-of-range') return rangeFacts(channel, value, lastedUs)
    if (fault === 'clipping') return clippingFacts(channel, value, lastedUs)
    return noiseFacts(channel, faults.noise[column]!, faults.usualNoise[column]!)
  }
}

function rowWatches(asset: AssetConfig, faults: RowFaults): RowWatch[] {
  const values = {
    stuck: faults.stuck,
    'out-of-range': faults.outOfRange,
    clipping: faults.clipping,
    noisy: faults.noisy,
  }
  return asset.channels.flatMap((channel, column) =>
    ROW_FAULTS.flatMap(fault => {
      const rule = channel.waveform ? undefined : rowFaultRule(asset, channel, fault)
      if (!rule) return []
      const watch = newFaultWatch(rule, sensorName(channel), channel.id, fault)
      return [{ ...watch, fault, column, values: values[fault], running: fault === 'stuck' || fault === 'noisy' }]
    }),
  )
}

function columnsOf({ channels }: AssetConfig, manifest: Manifest): number[] {
  return manifest.channels
    .map(({ id }) => channels.findIndex(channel => channel.id === id))
    .filter(column => column >= 0)
}
