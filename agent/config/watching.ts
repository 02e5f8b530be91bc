// What is watched for beside the fixed limits of a channel: setpoints on anything that is measured, and the sensors
// themselves. Part of contract.ts.

/** Figures of every capture of vibration: the name in a setpoint, the history's column, the unit where it is not the channel's. */
export const VIBRATION_FIGURES = {
  velocity: { column: 'velocity rms', unit: 'mm/s' },
  rms: { column: 'rms' },
  peak: { column: 'peak' },
  crest: { column: 'crest factor', unit: '1' },
  kurtosis: { column: 'kurtosis', unit: '1' },
  'low-rms': { column: 'rms below 1 kHz' },
  'high-rms': { column: 'rms above 1 kHz' },
  envelope: { column: 'envelope rms' },
} as const satisfies Record<string, { column: string; unit?: string }>
export type VibrationFigure = keyof typeof VIBRATION_FIGURES

/** What a setpoint is on; `channel` is a position in `AssetConfig.channels`. */
export type Watched =
  | { kind: 'channel'; channel: number }
  | { kind: 'figure'; channel: number; figure: VibrationFigure }
  /** Of whatever model scores the asset, by the name of its column in the history. */
  | { kind: 'feature'; name: string }
  | { kind: 'score' }

export interface SetpointConfig {
  /** Of the rule: `flow.high-2`, `de-h.velocity.high`, `score.high`. Unique in its asset. */
  id: string
  on: Watched
  /** What it is on, as people wrote it: `de-h velocity`. */
  text: string
  side: 'above' | 'below'
  /** In `unit`. */
  setpoint: number
  /** Empty for a feature: only its model knows. */
  unit: string
  /** In `unit`. */
  deadband: number
  onDelayMs: number
  offDelayMs: number
  priority: 1 | 2 | 3 | 4
  action?: string
}

/** When the sensor of a channel is told to have a fault; what is absent is not looked for. */
export interface SensorConfig {
  priority: 1 | 2 | 3 | 4
  /** Well for so long, and the alarm clears. */
  offDelayMs: number
  /** No value for so long. */
  silentMs?: number
  /** The same value for so long, of a running machine. */
  stuckMs?: number
  /** Outside of its range for so long. */
  outOfRangeMs?: number
  /** At one end of its range for so long. */
  clippingMs?: number
  /** Times the noise of the baseline. */
  noise?: number
  /** Device times this far from the gateway's. */
  clockMs?: number
}

/** When the link of a source is told to have a fault; what is absent is not looked for. */
export interface SourceWatchConfig {
  /** Without a link for so long. */
  downMs?: number
  /** Frames or messages a minute that cannot be read. */
  errorsPerMin?: number
}
