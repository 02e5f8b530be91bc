// Family `var` once more, from its definition and nothing else: innovations row by row in float64, then their mean or their norms.
import type { ProcessModel } from '../../agent/models/combine.ts'
import type { FitData } from '../../agent/models/contract.ts'
import { featuresOf, fitRelation, type Relation } from '../../agent/models/families/features.ts'
import { baselineOf, type Standard, standardOf } from '../../agent/models/families/rows.ts'
import { fitShort, type VarFit } from '../../agent/models/families/var.ts'

export interface FittedVar extends VarFit {
  process: ProcessModel
  standard: Standard
  relation: Relation
}

/** The mean vector, however many rows there are. */
export function fitVarShort(data: FitData, order: number, mean: number): FittedVar {
  const rows = { ...data, channels: data.channels.length }
  const standard = standardOf(rows)
  const baseline = baselineOf(rows, standard)
  const fit = fitShort(baseline, { order, mean })
  const relation = fitRelation(baseline, mean)
  const features = featuresOf(relation, standard, data.channels)
  const { parts } = fit
  const process = { channels: rows.channels, samples: order + mean, standard, parts, features, widened: 1 }
  return { ...fit, process, standard, relation }
}

export interface ReferenceResult {
  score: number
  contributions: number[]
  /** Deviations, then predictions. */
  features: number[]
}

/** `window`: [channels x samples] float32, oldest first. */
export function referenceVar(fitted: FittedVar, window: Float32Array): ReferenceResult {
  const { channels, mean, order } = fitted.model
  const innovations = innovationsOf(fitted, window).slice(-mean)
  const averaged = averageOf(innovations)
  const whitened = whitenedOf(fitted, averaged).map(value => value / fitted.limits[0]!)
  const squares = whitened.map(value => value * value)
  const total = sumOf(squares)
  return {
    score: Math.sqrt(total),
    contributions: squares.map(value => (value + 1e-12) / (total + channels * 1e-12)),
    features: referenceFeatures(fitted, window, order + mean),
  }
}

/** [samples - order][channels] */
export function innovationsOf(fitted: Pick<FittedVar, 'model' | 'standard'>, window: Float32Array): number[][] {
  const { channels, order, weights } = fitted.model
  const samples = window.length / channels
  const z = (c: number, s: number): number =>
    (window[c * samples + s]! - fitted.standard.centre[c]!) * fitted.standard.inverse[c]!
  return Array.from({ length: samples - order }, (_, row) =>
    Array.from({ length: channels }, (_, c) => {
      const s = row + order
      let predicted = weights[channels * order * channels + c]!
      for (let lag = 1; lag <= order; lag++) {
        for (let j = 0; j < channels; j++) {
          predicted += weights[((lag - 1) * channels + j) * channels + c]! * z(j, s - lag)
        }
      }
      return z(c, s) - predicted
    }),
  )
}

export function whitenedOf({ model }: Pick<FittedVar, 'model'>, innovation: readonly number[]): number[] {
  return innovation.map((_, i) => sumOf(innovation.map((e, j) => model.whiten[i * model.channels + j]! * e)))
}

export function referenceFeatures(
  { standard, relation }: Pick<FittedVar, 'standard' | 'relation'>,
  window: Float32Array,
  samples: number,
): number[] {
  const { channels, mean } = relation
  const recent = Array.from({ length: channels }, (_, c) => {
    const values = [...window.subarray((c + 1) * samples - mean, (c + 1) * samples)]
    return sumOf(values.map(value => (value - standard.centre[c]!) * standard.inverse[c]!)) / mean
  })
  const predicted = recent.map((_, i) => sumOf(recent.map((value, j) => relation.weights[i * channels + j]! * value)))
  return [
    ...recent.map((value, c) => (value - predicted[c]!) / standard.inverse[c]!),
    ...predicted.map((value, c) => value / standard.inverse[c]! + standard.centre[c]!),
  ]
}

function averageOf(rows: readonly number[][]): number[] {
  return rows[0]!.map((_, c) => sumOf(rows.map(row => row[c]!)) / rows.length)
}

export const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0)
