// The score of a capture of several windows, and all that goes with it: their means.
import type { ScoredBatch } from '../scoring/contract.ts'

export interface CaptureSum {
  windows: number
  scores: Float32Array
  contributions: Float32Array
  features: Float32Array
}

export function newSum({ contributionCount, featureCount }: ScoredBatch): CaptureSum {
  return {
    windows: 0,
    scores: new Float32Array(1),
    contributions: new Float32Array(contributionCount),
    features: new Float32Array(featureCount),
  }
}

/** Adds window `i` of a batch to the mean over `of` windows. */
export function addWindow(sum: CaptureSum, batch: ScoredBatch, i: number, of: number): void {
  const { contributionCount: K, featureCount: F } = batch
  sum.windows++
  sum.scores[0]! += batch.scores[i]! / of
  for (let k = 0; k < K; k++) sum.contributions[k]! += batch.contributions[i * K + k]! / of
  for (let f = 0; f < F; f++) sum.features[f]! += batch.features[i * F + f]! / of
}
