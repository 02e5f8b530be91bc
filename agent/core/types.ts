// The units that walk through the rooms. Times are microseconds since 1970 in a double (exact until 2255).

/**
 * Rows of one asset's telemetry, filled by a decoder and borrowed by the sink for the duration of the call:
 * a sink that keeps anything copies it. Nothing here is allocated per sample.
 */
export interface SampleBlock {
  /** Index into `AgentConfig.assets`. */
  asset: number
  rows: number
  /** Number of channels of the asset, waveform channels included (their columns stay NaN). */
  columns: number
  /** [rows] µs since 1970, as the sensor or, where it gives none, the gateway saw it. */
  timesUs: Float64Array
  /** [rows x columns], row-major, engineering units as configured; NaN = not in this row. */
  values: Float64Array
}

/** Contiguous samples of one waveform channel. Borrowed like SampleBlock. */
export interface WaveformBlock {
  asset: number
  channel: number
  /** Time of the first sample. */
  startUs: number
  rateHz: number
  /** Raw sensor counts or floats; engineering value = raw * scale + offset. */
  samples: Int16Array | Float32Array
  scale: number
  offset: number
  /** True when a frame before this one was lost: samples do not continue the previous block. */
  gap: boolean
}

/** Where decoded data goes: `windows/`, `history/` and the live table behind one door. Synchronous, never throws. */
export interface SampleSink {
  samples(block: SampleBlock): void
  waveform(block: WaveformBlock): void
}

/** ISO 8601 UTC with milliseconds, for payloads. */
export function isoFromUs(timeUs: number): string {
  return new Date(timeUs / 1000).toISOString()
}
