// Nodes of the parts of family `var`; see var.ts for the mathematics.
import type { GraphBuilder } from '../graph.ts'
import type { PartNodes } from './family.ts'
import type { VarModel } from './var-fit.ts'

/**
 * |W mean(e)| / limit. Averaging commutes with everything before the norm: z is averaged per lag, and everything linear is
 * folded into one small Gemm, so a window of 8 x 15 costs 3 kflop.
 */
export function addMeanPart(
  graph: GraphBuilder,
  z: string,
  samples: number,
  model: VarModel,
  limit: number,
): PartNodes {
  const { channels: C, order } = model
  const perLag = graph.node('MatMul', [z, graph.constant('lag_means', [samples, order + 1], lagMeans(model, samples))])
  const { weights, bias } = whitenedInnovations(model, limit)
  const component = graph.node('Gemm', [
    graph.node('Flatten', [perLag], { axis: 1 }),
    graph.constant('mean_innovation', [C * (order + 1), C], weights),
    graph.constant('mean_innovation_bias', [C], bias),
  ])
  return {
    score: graph.node('ReduceL2', [component], { axes: [1], keepdims: 0 }),
    blame: graph.node('Mul', [component, component]),
  }
}

/** [samples x (order + 1)]: column l averages the `mean` rows that lie l before the last ones. */
function lagMeans({ order, mean }: VarModel, samples: number): Float64Array {
  const matrix = new Float64Array(samples * (order + 1))
  for (let lag = 0; lag <= order; lag++) {
    for (let k = 0; k < mean; k++) matrix[(samples - mean - lag + k) * (order + 1) + lag] = 1 / mean
  }
  return matrix
}

/** Maps z averaged per lag, flattened [channel, lag], to the whitened innovation over the limit. */
function whitenedInnovations(model: VarModel, limit: number): { weights: Float64Array; bias: Float64Array } {
  const { channels: C, order } = model
  const weights = new Float64Array(C * (order + 1) * C)
  const bias = new Float64Array(C)
  for (let i = 0; i < C; i++) {
    for (let k = 0; k < C; k++) {
      const gain = model.whiten[i * C + k]! / limit
      weights[k * (order + 1) * C + i]! += gain
      bias[i]! -= gain * model.weights[order * C * C + k]!
      for (let lag = 1; lag <= order; lag++) {
        for (let j = 0; j < C; j++) {
          weights[(j * (order + 1) + lag) * C + i]! -= gain * model.weights[((lag - 1) * C + j) * C + k]!
        }
      }
    }
  }
  return { weights, bias }
}
