import type { AssetConfig } from '../config/contract.ts'
import type { Clock } from '../core/clock.ts'
import type { Counters } from '../core/counters.ts'
import type { SampleBlock, SampleSink, WaveformBlock } from '../core/types.ts'
import { Aligner } from './align.ts'
import { ArrivalTable } from './arrivals.ts'
import type { Arrivals, GatedBlock, RowState } from './contract.ts'
import { Gate, ROW_STATES } from './gate.ts'
import { LiveTable } from './live.ts'

/** Where an asset's data goes after the windows room. All calls are synchronous; blocks are borrowed. */
export interface AssetTaps {
  /** Rows as they will be kept: aligned, in order, none twice, with the values that the quality checks turned down. */
  stored(block: SampleBlock): void
  /** Rows judged and gated: alarms, learning, windows. `raw`: the same rows as they are kept. */
  gated(block: GatedBlock, raw: SampleBlock): void
  /** Waveform pieces with the machine's state at that moment. */
  waveform(block: WaveformBlock, running: boolean): void
}

/** So many times the time between two deliveries may pass before nothing is known: one may be late, or lost. */
const DELIVERIES_MISSED = 3
/** What is known of an asset is forgotten after so many of its gaps, whatever was observed: an hour, of 10 s. */
const SILENCES_MAX = 360
/** Of the longest spacing that stays with each delivery: one that came after an outage is forgotten soon. */
const SPACING_KEPT = 0.5

/**
 * One asset's walk:
 *
 *   block ─► live table
 *        └─► (scattered: aligner) ─► gate ─► stored, then gated
 */
export class AssetLine implements SampleSink {
  readonly live: LiveTable
  readonly gate: Gate
  readonly arrivals: Arrivals
  readonly #arrivalTable: ArrivalTable
  readonly #aligner: Aligner | undefined
  readonly #taps: AssetTaps
  readonly #clock: Clock
  /** Longer without a row and nothing is known of the machine. */
  readonly #silenceMs: number
  readonly #waveformsAlone: boolean
  /** When the newest row came, monotonic: a wall clock that is set makes no row old. */
  #rowMs = Number.NEGATIVE_INFINITY
  /** Rows that come without a silence between them are one delivery; when the newest began. */
  #deliveryMs = Number.NEGATIVE_INFINITY
  /** Between deliveries of a source that brings its rows in batches further apart than a silence; 0 = it does not. */
  #spacingMs = 0

  constructor(asset: AssetConfig, clock: Clock, counters: Counters, taps: AssetTaps) {
    this.#clock = clock
    this.#taps = taps
    this.#waveformsAlone = asset.channels.every(channel => channel.waveform)
    // Waveforms come as seldom as they like: every ten minutes is usual.
    const ages = this.#waveformsAlone ? asset.channels.map(channel => channel.maxAgeMs) : []
    this.#silenceMs = Math.max(asset.gapMs, ...ages)
    this.live = new LiveTable(asset)
    this.arrivals = this.#arrivalTable = new ArrivalTable(asset.channels.length)
    this.gate = new Gate(asset, counters, (block, raw) => {
      this.#arrived()
      taps.stored(raw)
      this.live.judged(block)
      taps.gated(block, raw)
    })
    this.#aligner = asset.layout === 'scattered' ? new Aligner(asset, counters, row => this.gate.push(row)) : undefined
  }

  /** As of the newest row. */
  get state(): RowState {
    return ROW_STATES[this.gate.state]!
  }

  /**
   * As people are told: unknown before the first row, and when the last one came longer ago than the asset's gap, or than
   * its source has lately taken to bring rows.
   */
  machineNow(): RowState {
    const spacingMs = Math.min(DELIVERIES_MISSED * this.#spacingMs, SILENCES_MAX * this.#silenceMs)
    return this.#clock.monotonicMs() - this.#rowMs > Math.max(this.#silenceMs, spacingMs) ? 'unknown' : this.state
  }

  samples(block: SampleBlock): void {
    const nowUs = this.#clock.nowUs()
    this.live.arrived(block, nowUs)
    this.#arrivalTable.samples(block, nowUs, this.#clock.monotonicMs())
    if (this.#aligner) this.#aligner.push(block)
    else this.gate.push(block)
  }

  waveform(block: WaveformBlock): void {
    const nowUs = this.#clock.nowUs()
    this.live.waveform(block, nowUs)
    this.#arrivalTable.waveform(block, nowUs, this.#clock.monotonicMs())
    if (this.#waveformsAlone) this.#arrived()
    this.#taps.waveform(block, this.state === 'running')
  }
  #arrived(): void {
    const nowMs = this.#clock.monotonicMs()
    const silentMs = nowMs - this.#rowMs
    if (silentMs > this.#silenceMs) {
      // After a stream of rows it was an outage, which says nothing of how long the next silence may be.
      const batch = this.#rowMs - this.#deliveryMs <= this.#silenceMs
      this.#spacingMs = batch ? Math.max(silentMs, SPACING_KEPT * this.#spacingMs) : 0
      this.#deliveryMs = nowMs
    } else if (nowMs - this.#deliveryMs > this.#silenceMs) {
      this.#spacingMs = 0
    }
    this.#rowMs = nowMs
  }
}
