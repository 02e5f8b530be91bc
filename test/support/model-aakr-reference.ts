// Family `aakr` once more, from its definition and nothing else: distances, weights, expectation, residual, in float64.
import type { FitData } from '../../agent/models/contract.ts'
import type { AakrFit } from '../../agent/models/families/aakr.ts'
import type { Baseline } from '../../agent/models/families/family.ts'
import { featuresOf, fitRelation, type Relation } from '../../agent/models/families/features.ts'
import { baselineOf, type Standard, standardOf } from '../../agent/models/families/rows.ts'
import type { ProcessModel } from '../../agent/models/fit/combine.ts'
import type { Expected } from './model-graph.ts'
import { type PartReference, referenceFeatures, sumOf } from './model-var-reference.ts'

export interface FittedAakr extends AakrFit {
  process: ProcessModel
  standard: Standard
  relation: Relation
}

export function fitAakr(data: FitData, fit: (baseline: Baseline) => AakrFit): FittedAakr {
  const rows = { ...data, channels: data.channels.length }
  const standard = standardOf(rows)
  const baseline = baselineOf(rows, standard)
  const result = fit(baseline)
  const samples = Math.max(...result.parts.map(part => part.samples))
  const relation = fitRelation(baseline, Math.min(5, samples))
  const features = featuresOf(relation, standard, data.channels)
  const process = { channels: rows.channels, samples, standard, parts: result.parts, features, widened: 1 }
  return { ...result, process, standard, relation }
}

/** The largest score of the memories. `window`: [channels x samples] float32, oldest first. */
export function referenceAakr(fitted: FittedAakr, window: Float32Array): Expected {
  const { channels, samples } = fitted.process
  const { score, blame } = memoryParts(fitted, window).reduce((a, b) => (b.score > a.score ? b : a))
  return {
    score,
    contributions: blame.map(value => (value + 1e-12) / (sumOf(blame) + channels * 1e-12)),
    features: referenceFeatures(fitted, window, samples),
  }
}

/** Of each memory, in their order; it looks at the last rows of the window. */
export function memoryParts(
  { memories, standard }: Pick<FittedAakr, 'memories' | 'standard'>,
  window: Float32Array,
): PartReference[] {
  const channels = standard.centre.length
  const samples = window.length / channels
  return memories.map(({ memory, limit }) => {
    const { rows, count, vectors, h2, inverse } = memory
    const point = Array.from({ length: channels * rows }, (_, i) => {
      const c = Math.floor(i / rows)
      return (window[c * samples + samples - rows + (i % rows)]! - standard.centre[c]!) * standard.inverse[c]!
    })
    const stored = (k: number, i: number): number => vectors[k * point.length + i]!
    const distances = Array.from({ length: count }, (_, k) => sumOf(point.map((q, i) => (q - stored(k, i)) ** 2)))
    const least = Math.min(...distances)
    const weights = distances.map(distance => Math.exp((least - distance) / (2 * h2)))
    const total = sumOf(weights)
    const residual = point.map(
      (q, i) => (q - sumOf(weights.map((weight, k) => weight * stored(k, i))) / total) * inverse[Math.floor(i / rows)]!,
    )
    const blame = Array.from({ length: channels }, (_, c) =>
      sumOf(residual.slice(c * rows, (c + 1) * rows).map(value => (value / limit) ** 2)),
    )
    return { score: Math.sqrt(sumOf(blame)), blame }
  })
}
