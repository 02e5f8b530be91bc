// Rows and waveforms -> quality, running state, fixed-limit input, and model windows.
import type { SampleBlock } from '../core/types.ts'
import type { WindowQueue } from '../scoring/contract.ts'

/**
 * What a row is good for. Only `running` rows are learnt from, scored and alarmed on; the others are stored and shown.
 * `unknown`: a channel that decides `running` has had no good value for longer than its last one may be held.
 */
export type RowState = 'stopped' | 'settling' | 'running' | 'unknown'

export const QUALITY = ['good', 'missing', 'out-of-range', 'stale'] as const
export type Quality = (typeof QUALITY)[number]

/** Rows after alignment, checks and gating: one row = all channels of the asset at one time. Borrowed for the call. */
export interface GatedBlock extends SampleBlock {
  /** [rows] 0 stopped, 1 settling, 2 running, 3 unknown. */
  states: Uint8Array
  /** [rows] 1 where windows must not reach back past this row: first row, gap, restart of the machine. */
  breaks: Uint8Array
  /** [rows x columns] index into QUALITY. `values` is NaN where it is not good. */
  quality: Uint8Array
  /** [rows] µs of running time (settled) since the previous row; 0 where not running. Delays count this. */
  runningUs: Float64Array
}

/** `raw`: the same rows before they were judged, out of range values and all. */
export type GatedSink = (block: GatedBlock, raw: SampleBlock) => void

/** Cuts model windows out of gated rows into a queue; see cutter.ts. */
export interface WindowCutter {
  push(block: GatedBlock, queue: WindowQueue, onWindow: (timeUs: number) => void): void
}

/** `columns`: the asset column of each model channel. Only windows that end after `afterUs` are cut. */
export type CutterFactory = (
  asset: number,
  shape: { columns: readonly number[]; samples: number; hop: number },
  afterUs: number,
) => WindowCutter

/** One line of `wearwatch channels`. */
export interface LiveChannel {
  asset: string
  channel: string
  unit: string
  /** Newest value in engineering units, good or not; waveforms: the newest block's rms. */
  value: number | undefined
  /** Seconds since it arrived; undefined before the first. */
  ageS: number | undefined
  /** Values per second over the last seconds. */
  rateHz: number | undefined
  quality: Quality
}

/** When values of an asset's channels came, as the gateway saw it. [channels] each; borrowed. */
export interface Arrivals {
  /** Monotonic ms of the newest value; NaN before the first. */
  readonly lastMs: Float64Array
  /** The longest usual time between two, ms; 0 before there were two. */
  readonly usualGapMs: Float64Array
  /** The newest value's own time, and how far that was ahead of the gateway's clock; µs. */
  readonly sampledUs: Float64Array
  readonly aheadUs: Float64Array
}
