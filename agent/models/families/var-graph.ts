import type { ManifestFeature } from '../contract.ts'
import { GraphBuilder } from '../graph.ts'
import type { VarModel } from './var.ts'

/** Added to every squared component, in units of the setpoint squared: shares of an all-zero vector are then equal, not 0/0. */
const SHARE_FLOOR = 1e-12

/**
 * The ONNX graph of a fitted model; see var.ts for the mathematics. Everything linear is folded into two small MatMuls
 * over z averaged per lag, so a window of 8 x 15 costs 3 kflop, and every provider has the operators.
 *
 * - `window` [batch, channels, order + mean] raw units
 * - `score` [batch]; `contributions` [batch, channels]
 * - `features` [batch, 2 * channels]: per channel the deviation from what the other channels predict for the mean of the
 *   last `mean` rows, then per channel that prediction; engineering units.
 */
export function varGraph(model: VarModel): GraphBuilder {
  const { channels: C, order, mean } = model
  const samples = order + mean
  const graph = new GraphBuilder('wearwatch var')
  graph.input('window', ['batch', C, samples])
  // The mean goes first, in raw units: 101,325.2 - 101,325 is exact in float32, 101,325.2 / 7 - 14,475 is not.
  const offset = graph.node('Sub', ['window', graph.constant('centre', [C, 1], model.centre)])
  const z = graph.node('Mul', [offset, graph.constant('inverse', [C, 1], model.inverse)])

  const perLag = graph.node('MatMul', [z, graph.constant('lag_means', [samples, order + 1], lagMeans(order, mean))])
  const lagged = graph.node('Flatten', [perLag], { axis: 1 })
  const { weights, bias } = whitenedInnovations(model)
  const component = graph.node('Gemm', [
    lagged,
    graph.constant('innovation', [C * (order + 1), C], weights),
    graph.constant('innovation_bias', [C], bias),
  ])
  graph.node('ReduceL2', [component], { axes: [1], keepdims: 0 }, 'score')

  const squared = graph.node('Mul', [component, component])
  const floored = graph.node('Add', [squared, graph.constant('share_floor', [1], [SHARE_FLOOR])])
  const total = graph.node('ReduceSum', [floored, graph.integers('axis_1', [1])], { keepdims: 1 })
  graph.node('Div', [floored, total], {}, 'contributions')

  const recent = graph.node('MatMul', [z, graph.constant('recent_mean', [samples, 1], recentMean(order, mean))])
  const relation = relationToOthers(model)
  graph.node(
    'Gemm',
    [
      graph.node('Flatten', [recent], { axis: 1 }),
      graph.constant('relation', [C, 2 * C], relation.weights),
      graph.constant('relation_bias', [2 * C], relation.bias),
    ],
    {},
    'features',
  )
  graph.output('score', ['batch'])
  graph.output('contributions', ['batch', C])
  graph.output('features', ['batch', 2 * C])
  return graph
}

/** Labels of `features`, in the graph's order. */
export function varFeatures(channels: readonly { id: string; unit: string }[]): ManifestFeature[] {
  const labelled = (role: 'deviation' | 'prediction'): ManifestFeature[] =>
    channels.map(({ id, unit }) => ({ name: `${id} ${role}`, unit, channel: id, role }))
  return [...labelled('deviation'), ...labelled('prediction')]
}

/** [samples x (order + 1)]: column l averages the `mean` rows that lie l before the last ones. */
function lagMeans(order: number, mean: number): Float64Array {
  const matrix = new Float64Array((order + mean) * (order + 1))
  for (let lag = 0; lag <= order; lag++) {
    for (let k = 0; k < mean; k++) matrix[(order - lag + k) * (order + 1) + lag] = 1 / mean
  }
  return matrix
}

function recentMean(order: number, mean: number): Float64Array {
  return Float64Array.from({ length: order + mean }, (_, row) => (row < order ? 0 : 1 / mean))
}

/** Maps z averaged per lag, flattened [channel, lag], to the whitened innovation over the limit. */
function whitenedInnovations(model: VarModel): { weights: Float64Array; bias: Float64Array } {
  const { channels: C, order } = model
  const weights = new Float64Array(C * (order + 1) * C)
  const bias = new Float64Array(C)
  for (let i = 0; i < C; i++) {
    for (let k = 0; k < C; k++) {
      const gain = model.whiten[i * C + k]!
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

/** Maps the recent mean of z to deviations and predictions in engineering units. */
function relationToOthers(model: VarModel): { weights: Float64Array; bias: Float64Array } {
  const { channels: C } = model
  const weights = new Float64Array(C * 2 * C)
  const bias = new Float64Array(2 * C)
  for (let i = 0; i < C; i++) {
    const scale = 1 / model.inverse[i]!
    for (let j = 0; j < C; j++) {
      const weight = model.relation[i * C + j]! * scale
      weights[j * 2 * C + i] = (i === j ? scale : 0) - weight
      weights[j * 2 * C + C + i] = weight
    }
    bias[C + i] = model.centre[i]!
  }
  return { weights, bias }
}
