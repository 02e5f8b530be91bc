// Family `var` once more, from its definition and nothing else: innovations row by row in float64, then their mean or their norms.

import type { FitData } from '../../agent/models/contract.ts'
import type { Baseline } from '../../agent/models/families/family.ts'
import { featuresOf, fitRelation, type Relation } from '../../agent/models/families/features.ts'
import { baselineOf, type Standard, standardOf } from '../../agent/models/families/rows.ts'
import { fitLong, fitShort, type VarFit } from '../../agent/models/families/var.ts'
import type { ProcessModel } from '../../agent/models/fit/combine.ts'
import type { Expected } from './model-graph.ts'

export interface FittedVar extends VarFit {
  process: ProcessModel
  standard: Standard
  relation: Relation
}

/** The mean vector, however many rows there are. */
export function fitVarShort(data: FitData, order: number, mean: number): FittedVar {
  return withProcess(data, mean, baseline => fitShort(baseline, { order, mean }))
}

/** Norms of single rows and their means, however many rows there are. */
export function fitVarLong(data: FitData, order: number, mean: number): FittedVar {
  return withProcess(data, mean, baseline => fitLong(baseline, { order, mean }))
}

function withProcess(data: FitData, mean: number, fitTo: (baseline: Baseline) => VarFit): FittedVar {
  const rows = { ...data, channels: data.channels.length }
  const standard = standardOf(rows)
  const baseline = baselineOf(rows, standard)
  const fit = fitTo(baseline)
  const relation = fitRelation(baseline, mean)
  const features = featuresOf(relation, standard, data.channels)
  const { parts } = fit
  const samples = Math.max(...parts.map(part => part.samples))
  const process = { channels: rows.channels, samples, standard, parts, features, widened: 1 }
  return { ...fit, process, standard, relation }
}

/** What a part of a model says of a window: its score, and what each channel has to do with it, on any scale. */
export interface PartReference {
  score: number
  blame: number[]
}

/** The largest of the mean norms over the last rows, each over its limit; `window`: [channels x samples] float32, oldest first. */
export function referenceNorms(fitted: FittedVar, window: Float32Array): Expected {
  const { samples } = fitted.process
  const { score, blame } = normParts(fitted, window).reduce((a, b) => (b.score > a.score ? b : a))
  return {
    score,
    contributions: blame.map(value => value / sumOf(blame)),
    features: referenceFeatures(fitted, window, samples),
  }
}

/** Of each mean of norms, in their order. */
export function normParts(
  fitted: Pick<FittedVar, 'model' | 'parts' | 'limits' | 'standard'>,
  window: Float32Array,
): PartReference[] {
  const rows = innovationsOf(fitted, window).map(innovation => whitenedOf(fitted, innovation))
  const norms = rows.map(row => Math.sqrt(sumOf(row.map(value => value * value))))
  return fitted.parts.map((part, i) => {
    const count = part.samples - fitted.model.order
    const last = <T>(values: readonly T[]): T[] => values.slice(-count)
    const score = sumOf(last(norms)) / count / fitted.limits[i]!
    const blame = rows[0]!.map((_, c) => sumOf(last(rows).map((row, t) => row[c]! ** 2 / last(norms)[t]!)))
    return { score, blame }
  })
}

/** `window`: [channels x samples] float32, oldest first. */
export function referenceVar(fitted: FittedVar, window: Float32Array): Expected {
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
