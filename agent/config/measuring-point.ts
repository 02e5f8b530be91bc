// One measuring point of a machine as configured: its unit, its limits, and where its values come from. Part of contract.ts.
import type { SensorConfig } from './watching.ts'

export interface ChannelConfig {
  id: string
  /** The configured UCUM unit, as shown to people. */
  unit: string
  /** Factor and offset from what the wire carries to `unit` (`scale`, `offset`, and conversion of `wire-unit`). */
  scale: number
  offset: number
  /** Outside it a value is bad, never an alarm of the machine. */
  range?: { low: number; high: number }
  /** Fixed limits: alarm from the first sample. */
  min?: number
  max?: number
  limit: LimitConfig
  /** What its sensor is watched for; absent: nothing. */
  sensor?: SensorConfig
  /** `on-change` publishers are not silent before `heartbeat`. */
  reports: 'periodic' | 'on-change'
  /** How long the last value may be held for alignment. */
  maxAgeMs: number
  waveform?: { type: 'int16' | 'float32'; rateHz: number; capture?: CaptureConfig }
  binding: ChannelBinding
  /** ISO 13373 naming of the measuring point, for messages: `DE`, `horizontal`. */
  point?: string
  axis?: string
  /** Description only, kept and shown: how the sensor is fixed, what it already computes (`rms`, `peak`). */
  mount?: string
  detector?: string
}

/** A waveform that is looked at part of the time: one contiguous piece of `lengthMs` every `everyMs`. */
export interface CaptureConfig {
  lengthMs: number
  everyMs: number
  /** None begins earlier after the stream began, or came back after a silence: the sensor's supply may just have come on. */
  settleMs: number
}

export interface LimitConfig {
  onDelayMs: number
  offDelayMs: number
  /** In the channel's unit. */
  deadband: number
  priority: 1 | 2 | 3 | 4
}

/** Where a channel's values come from. Placeholders ({channel}, {asset}, {tag}) are already filled in. */
export interface ChannelBinding {
  source: string
  /** MQTT: topic or filter with + and #. */
  topic?: string
  /** JSON path of the value, e.g. `$.v` or `$['Volume Flow RateRMS']`. */
  valuePath?: string
  /** JSON path of the time; absent = time of arrival. */
  timePath?: string
  /** CSV: header name or 0-based index. Replay: header name. */
  column?: string | number
  /** CSV: column of the time; absent = arrival (serial) or the first column that holds times (replay). */
  timeColumn?: string | number
  /** `cobs-crc16`: stream number of the frame. */
  stream: number
  /** `cobs-crc16` telemetry: index of the value in the frame. Replay of NPY: index of the channel. */
  index: number
}
