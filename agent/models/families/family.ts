// What a family of process models is: it fits healthy rows and hands back parts, each of which judges a window on its own.
// A model is one part or several; the largest of their scores is the model's, so each part has its own limit and no part
// can hide what another sees.
import type { ManifestFeature } from '../contract.ts'
import type { GraphBuilder } from '../file/graph.ts'

/** Standardised rows: z = (x - centre) * inverse, x rounded to float32 first. */
export interface Stretch {
  /** [rows x channels], row-major. */
  z: Float64Array
  rows: number
  channels: number
  /** [rows] how many rows up to and including this one follow each other without a break. */
  runs: Uint32Array
}

/** Names of nodes of a graph. */
export interface PartNodes {
  /** [batch], 1.0 is the setpoint. */
  score: string
  /** [batch, channels], >= 0 and at least one of them above 0: what each channel adds to this part's score. Need not sum to 1. */
  blame: string
}

export interface Part {
  /** For people and for the manifest: `innovation mean 10`, `memory`. */
  name: string
  /** Rows back that it looks at, its own included. */
  samples: number
  /** Float64 reference of the same mathematics as the graph. [rows], NaN where a run is shorter than `samples`. 1.0 is the setpoint. */
  scoreRows(stretch: Stretch): Float64Array
  /** `z`: node of the standardised window [batch, channels, samples of the model], newest row last. */
  addTo(graph: GraphBuilder, z: string, samples: number): PartNodes
}

export interface FitSettings {
  /** Lags of `var`. */
  order: number
  /** Rows of the innovation mean of `var`. */
  mean: number
}

export interface Baseline extends Stretch {
  /** [channels] 1 where the channel never moved. */
  constant: Uint8Array
}

export interface FittedFamily {
  parts: Part[]
  /** [rows] largest held-out score of the parts, NaN where there is none: each scored by a fit that had not seen the row. */
  heldOut: Float64Array
  /** What a person should know. */
  warnings: string[]
}

export interface Family {
  name: 'var' | 'aakr' | 'autoencoder' | 'levels'
  /** Rows that follow one another below which it cannot be fitted at all. */
  rowsNeeded(channels: number, settings: FitSettings): number
  /** Why it cannot be fitted to these rows, in numbers, and what to do; undefined when it can. */
  lacks(baseline: Baseline, settings: FitSettings): string | undefined
  /** Deterministic: the same rows give the same bytes. The caller has checked `lacks`. */
  fit(baseline: Baseline, settings: FitSettings): FittedFamily
  /** Rows of on-delay and off-delay that suit how much the score of this family averages. */
  delayRows: { on: number; off: number }
  /** False where a wild sample of the baseline is remembered as a shape like any other, and leaving it out only breaks windows. */
  screens: boolean
  /** What a re-baselining looks back on: as much as the first baseline held, or everything healthy so far; absent: it is never re-baselined. */
  keeps?: 'baseline' | 'all'
  /** Stands in where the rows are too few for any other: never enough, and nothing is said of how channels move together. */
  makeshift?: true
}

/** Labels and nodes of `features`, [batch, labels.length]: what is shown beside the score, from the same window. */
export interface FeaturePart {
  labels: ManifestFeature[]
  addTo(graph: GraphBuilder, z: string, samples: number): string
}
