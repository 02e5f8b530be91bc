// Windows -> scores, in a child process that may be killed at any time. One implementation of `ScoringHost` for real, one
// fake for tests; the same contract suite runs on both.
import type { ModelFile } from '../models/contract.ts'

export type Provider = 'tensorrt' | 'cuda' | 'cpu'

/** A model and the assets it scores. `key` is stable across reloads of the same binding (asset id or class). */
export interface ModelBinding {
  key: string
  model: ModelFile
}

/** What a model really got. */
export interface Placement {
  key: string
  sha256: string
  provider: Provider
  /** Why the providers before it on the ladder were not taken: `cuda: libcudart.so.13 not found`. */
  notTaken: { provider: Provider; reason: string }[]
  /** Self-test and warm-up, µs per window at batch 1. */
  windowUs: number
}

export interface LoadResult {
  accepted: Placement[]
  /** Left out; where the key was scored before, the old model goes on. */
  refused: {
    key: string
    code:
      | 'MODEL_UNREADABLE'
      | 'MODEL_CONTRACT'
      | 'MODEL_SELF_TEST'
      | 'MODEL_QUARANTINED'
      | 'PROVIDER_UNAVAILABLE'
      | 'SCORER_DIED'
      | 'SCORER_DEADLINE'
    message: string
  }[]
}

/** What the sensors of one capture keep its score from saying. */
export interface WindowDoubt {
  /** Channels of the model that it did not look at, for their sensors have a fault. */
  unwatched: readonly string[]
  /** Channels that show the least there is, for their sensors clip: a score below the setpoint says nothing then. */
  clipped: readonly string[]
}

/** Results of one batch, borrowed for the call. Row i belongs to the i-th claimed window that was scored. */
export interface ScoredBatch {
  key: string
  model: ModelFile
  count: number
  /** [count] as given to claim(). */
  tags: Int32Array
  /** [count] */
  timesUs: Float64Array
  /** [count] */
  scores: Float32Array
  /** [count x K], empty when the model has none. */
  contributions: Float32Array
  contributionCount: number
  /** [count x F], empty when the model has none. */
  features: Float32Array
  featureCount: number
  /** [count] of captures of vibration alone; undefined where their sensors are well. */
  doubts?: readonly (WindowDoubt | undefined)[]
}

/** The queue of windows of one model. */
export interface WindowQueue {
  readonly key: string
  /** channels x samples. */
  readonly floatsPerWindow: number
  /** Offsets returned by claim() point into it; valid until the next claim or await. */
  readonly input: Float32Array
  /**
   * Room for one window, to be filled at once by the caller: `input.set(window, offset)`. When full, the oldest waiting
   * window is dropped and counted. `tag` comes back in ScoredBatch.tags (the asset's index).
   */
  claim(tag: number, timeUs: number): number
  /** Windows waiting, and dropped since start. */
  readonly waiting: number
  readonly dropped: number
}

export interface ScorerStatus {
  state: 'starting' | 'up' | 'restarting' | 'stopped' | 'idle'
  pid: number | undefined
  restarts: number
  placements: Placement[]
  quarantined: { sha256: string; name: string; reason: string }[]
  windowsScored: number
  windowsDropped: number
  /** Windows lost because a child died twice over them. */
  windowsLost: number
  rssMb: number | undefined
}

export interface ScoringHost {
  start(): Promise<void>
  /**
   * Makes `bindings` the complete set: a new child loads all of them, warms up and self-tests, then takes over between two
   * batches; no waiting window is lost or scored twice. Resolves when it has taken over, or with everything refused when
   * nothing could (then the old child goes on). Calls queue up.
   */
  load(bindings: readonly ModelBinding[]): Promise<LoadResult>
  /**
   * A new child with the same models takes over, as in `load`; where it would score less than the old one does, that goes on, and
   * `refused` says why.
   */
  restart(): Promise<LoadResult>
  /** The queue of a loaded model; undefined when it is not (yet) loaded. Stays the same object across a swap of equal shape. */
  queue(key: string): WindowQueue | undefined
  onScores(listener: (batch: ScoredBatch) => void): void
  status(): ScorerStatus
  /** Resolves when nothing waits and nothing is being scored. */
  idle(): Promise<void>
  /** Ends the children; waiting windows get `drainMs` to be scored. */
  stop(drainMs: number): Promise<void>
}
