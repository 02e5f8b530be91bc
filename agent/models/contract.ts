// The model file: one ONNX graph from raw `window` to calibrated `score`, with its manifest inside.

// Of what a machine is, and so of the alarms room and of the configuration too.
export type { VibrationZones, ZonesProblem } from './vibration/zones.ts'
export { borderText, warningOf, zoneAt, zonesIssues, zonesOf } from './vibration/zones.ts'

/** metadata_props["wearwatch.manifest"], JSON. */
export interface Manifest {
  schema: 'wearwatch.model/1'
  /** Slug, e.g. `p-101-var`. */
  name: string
  /** Integer >= 1; only rises. */
  release: number
  /** One, or several joined by `+`: `var+aakr`. */
  family: string
  /** Why that family, in plain words, when the data decided. */
  familyReason?: string
  /** What a re-baselining fits: as many rows as the first baseline held, or all healthy ones so far. Absent: never re-baselined. */
  keeps?: 'baseline' | 'all'
  /** Asset type (or id) it is for; absent = any asset whose channels match. */
  assetClass?: string
  /** In the order of the input's channel axis. Bound by id and unit: a mismatch is refused before anything runs. */
  channels: { id: string; unit: string }[]
  /** Rows per window and rows from one window to the next. */
  samples: number
  hop: number
  /** Expected time between rows; informative. */
  everyMs?: number
  alarm: { onDelayMs: number; offDelayMs: number; deadband: number }
  /** Labels of `contributions` [batch, K]; shares that sum to 1. */
  contributions: string[]
  /** Labels of `features` [batch, F]. */
  features: ManifestFeature[]
  /** What the baseline was fitted on. */
  /** `outliers`: rows left out before, not among `rows`. */
  fitted?: { rows: number; fromUs: number; toUs: number; source: string; outliers?: number }
  /**
   * Of captures, where the speed of the machine is known: it speaks for captures at these speeds only, 5 % to either side. With several
   * bins, rising, each has a baseline of its own, and the last of `channels` is the speed.
   */
  speed?: { channel: string; bins: (SpeedRange & { captures: number })[] }
  /** The first baseline after commissioning or `set-baseline`, carried along by every re-baselining: drift is bounded against it. */
  reference?: Reference
  /** Fitted on less than was asked for: the setpoint is widened by `widened`, and everything that shows the model says so. */
  provisional?: { widened: number; missing: string }
  /** Quantiles of the score on healthy data: `{"0.5": 0.4, "0.99": 0.9}`. */
  quantiles: Record<string, number>
  selfTest: SelfTest
}

/** Revolutions per minute, both included. */
export interface SpeedRange {
  fromPerMin: number
  toPerMin: number
}

export interface ManifestFeature {
  name: string
  unit: string
  /** Channel the feature belongs to. */
  channel?: string
  /**
   * `deviation`: engineering units from what the model predicts; `prediction`: the prediction itself; `bin`: which of the bins of
   * `Manifest.speed` spoke, from 1, or 0 when none did.
   */
  role?: 'deviation' | 'prediction' | 'bin'
  /** Of a deviation: ids of the channels that predict this one most, largest first; absent where the others say little of it. */
  predictors?: string[]
  /** Of a deviation: its standard deviation in the baseline, in `unit`; one of less than three says nothing. */
  spread?: number
  /** Of a band of a spectrum: its edges. */
  fromHz?: number
  toHz?: number
  /** Its level in the baseline, in `unit`, where it stands for a level that can rise. */
  baseline?: number
  /** Instead of `baseline`, where each speed has its own: one per bin of `Manifest.speed`. */
  baselines?: number[]
}

/** Means and standard deviations of the channels, in the order of `Manifest.channels`, in their units. */
export interface Reference {
  fromUs: number
  toUs: number
  rows: number
  centre: number[]
  deviation: number[]
  /** What a sensor adds: noise of neighbouring rows, rms, in the units of the channels. Of process channels. */
  noise?: number[]
  /** Of channels that are captures of vibration. */
  vibration?: VibrationReference[]
}

/** One axis over the captures of a baseline, in its unit unless said. */
export interface VibrationReference {
  /** Median rms below 1 kHz. */
  lowRms: number
  /** Of the quietest twentieth above 1 kHz; 0 where the rate does not reach that far. */
  highRms: number
  /** Median velocity rms, mm/s; absent where captures are too short for one. */
  mmPerS?: number
}

export interface SelfTest {
  /** Base64 of float32 little-endian [count, channels, samples]. */
  windows: string
  scores: number[]
  /** |score - expected| <= tolerance * max(1, |expected|). */
  tolerance: number
}

export interface ModelFile {
  bytes: Uint8Array
  /** Hex, of `bytes`. */
  sha256: string
  manifest: Manifest
  /** `local`: learnt here, never accepted from outside; `delivered`: by sync; `file`: named in the config. */
  origin: 'local' | 'delivered' | 'file'
}

/** Healthy rows to fit. */
export interface FitData {
  /** [rows x channels], row-major, no NaN. */
  values: Float64Array
  rows: number
  channels: { id: string; unit: string }[]
  /** [rows] 1 where a row does not follow the one before it (gap, restart). Row 0 counts as 1. */
  breaks: Uint8Array
  fromUs: number
  toUs: number
  /** For the manifest: `history of p-101`, a file name. */
  source: string
}

export interface FitOptions {
  name: string
  release: number
  assetClass?: string
  family: 'auto' | 'var' | 'aakr' | 'autoencoder'
  order: number
  mean: number
  hop: number
  everyMs?: number
  /** Left out: the family's own delays in rows, times `everyMs`. */
  alarm?: { onDelayMs: number; offDelayMs: number; deadband: number }
  /** Of the model that this one follows, when it is a re-baselining; left out: this baseline becomes the reference. */
  reference?: Reference
  /** With a reference: outliers are left out all the same, because no model has scored these rows yet. */
  screen?: boolean
  /** Multiplies the limit: less baseline than asked for. The manifest says so. */
  provisional?: { widened: number; missing: string }
}

/** Of one axis of one capture, in its unit unless said; NaN where there is none. */
export interface AxisLevels {
  lowRms: number
  highRms: number
  /** Velocity rms in mm/s. */
  mmPerS: number
}

/** Healthy captures of vibration to fit. */
export interface CaptureData {
  /** [count, channels, samples], in the units of the channels. */
  captures: Float32Array
  count: number
  /** Contiguous, of one capture and channel. */
  samples: number
  channels: { id: string; unit: string; point?: string; axis?: string }[]
  rateHz: number
  /** [count] rising. */
  timesUs: Float64Array
  /** [count][channels] what was measured of each, where that was. */
  levels?: AxisLevels[][]
  /** Where speed is a channel: [count] its mean during each capture in 1/min, NaN where that is not known or not steady. */
  speed?: { channel: string; perMin: Float64Array }
  source: string
}

export type CaptureFitOptions = Pick<
  FitOptions,
  'name' | 'release' | 'assetClass' | 'alarm' | 'reference' | 'provisional'
>

/** How far the baseline lets itself be trusted; see sufficiency.ts. */
export interface Sufficiency {
  enough: boolean
  /** Share of the second half's windows beyond the setpoint of the first; undefined when a half was too short to fit. */
  exceeding?: number
  /** `48 % of the second half exceed the setpoint of the first`, for people. */
  reason: string
}

export interface FitResult {
  bytes: Uint8Array
  manifest: Manifest
  /** What the leading family of a process model takes for delays where none are given. */
  delayRows?: { on: number; off: number }
  sufficiency: Sufficiency
  /** What a person should know: outliers left out, constant channels, too few rows for the order, second half beyond the first's setpoint. */
  warnings: string[]
}
