// Family `var` once more, from its definition and nothing else: innovations row by row in float64, then their mean.
import type { VarModel } from '../../agent/models/families/var.ts'

export interface ReferenceResult {
  score: number
  contributions: number[]
  /** Deviations, then predictions. */
  features: number[]
}

/** `window`: [channels x samples] float32, oldest first. */
export function referenceVar(model: VarModel, window: Float32Array): ReferenceResult {
  const { channels, order, mean } = model
  const samples = order + mean
  const z = (c: number, s: number): number => (window[c * samples + s]! - model.centre[c]!) * model.inverse[c]!
  const each = <T>(make: (c: number) => T): T[] => Array.from({ length: channels }, (_, c) => make(c))

  const innovation = each(() => 0)
  for (let s = order; s < samples; s++) {
    for (let c = 0; c < channels; c++) {
      let predicted = model.weights[channels * order * channels + c]!
      for (let lag = 1; lag <= order; lag++) {
        for (let j = 0; j < channels; j++) {
          predicted += model.weights[((lag - 1) * channels + j) * channels + c]! * z(j, s - lag)
        }
      }
      innovation[c]! += (z(c, s) - predicted) / mean
    }
  }
  const whitened = each(i => innovation.reduce((sum, e, j) => sum + model.whiten[i * channels + j]! * e, 0))
  const squares = whitened.map(value => value * value)
  const total = squares.reduce((sum, value) => sum + value, 0)

  const recent = each(c => {
    let sum = 0
    for (let s = order; s < samples; s++) sum += z(c, s)
    return sum / mean
  })
  const predicted = each(i => recent.reduce((sum, value, j) => sum + model.relation[i * channels + j]! * value, 0))
  return {
    score: Math.sqrt(total),
    contributions: squares.map(value => (value + 1e-12) / (total + channels * 1e-12)),
    features: [
      ...each(c => (recent[c]! - predicted[c]!) / model.inverse[c]!),
      ...each(c => predicted[c]! / model.inverse[c]! + model.centre[c]!),
    ],
  }
}
