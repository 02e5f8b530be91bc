import type { AssetConfig } from '../config/contract.ts'
import type { Clock } from '../core/clock.ts'
import type { Counters } from '../core/counters.ts'
import type { SampleBlock, SampleSink, WaveformBlock } from '../core/types.ts'
import { Aligner } from './align.ts'
import type { GatedBlock, RowState } from './contract.ts'
import { Gate, ROW_STATES } from './gate.ts'
import { LiveTable } from './live.ts'

/** Where an asset's data goes after the windows room. All calls are synchronous; blocks are borrowed. */
export interface AssetTaps {
  /** Rows as they will be kept: aligned, in order, none twice, with the values that the quality checks turned down. */
  stored(block: SampleBlock): void
  /** Rows judged and gated: alarms, learning, windows. */
  gated(block: GatedBlock): void
  /** Waveform pieces with the machine's state at that moment. */
  waveform(block: WaveformBlock, running: boolean): void
}

/**
 * One asset's walk:
 *
 *   block ─► live table
 *        └─► (scattered: aligner) ─► gate ─► stored, then gated
 */
export class AssetLine implements SampleSink {
  readonly live: LiveTable
  readonly gate: Gate
  readonly #aligner: Aligner | undefined
  readonly #taps: AssetTaps
  readonly #clock: Clock
  /** Longer without a row and nothing is known of the machine. */
  readonly #silenceMs: number
  readonly #waveformsAlone: boolean
  /** When the newest row came, monotonic: a wall clock that is set makes no row old. */
  #rowMs = Number.NEGATIVE_INFINITY

  constructor(asset: AssetConfig, clock: Clock, counters: Counters, taps: AssetTaps) {
    this.#clock = clock
    this.#taps = taps
    this.#waveformsAlone = asset.channels.every(channel => channel.waveform)
    // Waveforms come as seldom as they like: every ten minutes is usual.
    const ages = this.#waveformsAlone ? asset.channels.map(channel => channel.maxAgeMs) : []
    this.#silenceMs = Math.max(asset.gapMs, ...ages)
    this.live = new LiveTable(asset)
    this.gate = new Gate(asset, counters, (block, raw) => {
      this.#rowMs = clock.monotonicMs()
      taps.stored(raw)
      this.live.judged(block)
      taps.gated(block)
    })
    this.#aligner = asset.layout === 'scattered' ? new Aligner(asset, counters, row => this.gate.push(row)) : undefined
  }

  /** As of the newest row. */
  get state(): RowState {
    return ROW_STATES[this.gate.state]!
  }

  /** As people are told: unknown before the first row, and when the last one came longer ago than the asset's gap. */
  machineNow(): RowState {
    return this.#clock.monotonicMs() - this.#rowMs > this.#silenceMs ? 'unknown' : this.state
  }

  samples(block: SampleBlock): void {
    this.live.arrived(block, this.#clock.nowUs())
    if (this.#aligner) this.#aligner.push(block)
    else this.gate.push(block)
  }

  waveform(block: WaveformBlock): void {
    this.live.waveform(block, this.#clock.nowUs())
    if (this.#waveformsAlone) this.#rowMs = this.#clock.monotonicMs()
    this.#taps.waveform(block, this.state === 'running')
  }
}
