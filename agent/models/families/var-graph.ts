// Nodes of the parts of family `var`; see var.ts for the mathematics.
import type { GraphBuilder } from '../file/graph.ts'
import type { PartNodes } from './family.ts'
import type { VarModel } from './var-fit.ts'

/** Added to the norm of a row before its squares are divided by it: all components 0 blame nobody, not 0/0. */
const NORM_FLOOR = 1e-9

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

/**
 * mean(|W e|) / limit over the last rows, for parts that share the norms: one convolution for the innovations of the rows of the
 * longest mean, whitened by the same weights.
 */
export class NormNodes {
  readonly #model: VarModel
  readonly #rows: number
  readonly #byGraph = new WeakMap<GraphBuilder, { norms: string; shares: string }>()

  constructor(model: VarModel, rows: number) {
    this.#model = model
    this.#rows = rows
  }

  /**
   * Blame is the share of each channel's square in the norm of its row, summed over the rows: sum_t c² / |c|, which sums to
   * the score.
   */
  addPart(graph: GraphBuilder, z: string, samples: number, rows: number, limit: number): PartNodes {
    const { norms, shares } = this.#shared(graph, z, samples)
    const average = Float64Array.from({ length: this.#rows }, (_, row) =>
      row < this.#rows - rows ? 0 : 1 / (rows * limit),
    )
    const last = graph.constant(`mean_of_${rows}`, [this.#rows, 1], average)
    return {
      score: graph.node('Squeeze', [graph.node('MatMul', [norms, last]), graph.integers(`mean_of_${rows}_axis`, [1])]),
      blame: graph.node('Flatten', [graph.node('MatMul', [shares, last])], { axis: 1 }),
    }
  }

  #shared(graph: GraphBuilder, z: string, samples: number): { norms: string; shares: string } {
    const made = this.#byGraph.get(graph)
    if (made) return made
    const { channels: C, order } = this.#model
    const from = samples - this.#rows - order
    const recent = from === 0 ? z : lastRows(graph, z, from, samples)
    const { weights, bias } = whitenedInnovations(this.#model, 1)
    const component = graph.node('Conv', [
      recent,
      graph.constant('innovation', [C, C, order + 1], asKernel(weights, C, order)),
      graph.constant('innovation_bias', [C], bias),
    ])
    const norm = graph.node('ReduceL2', [component], { axes: [1], keepdims: 1 })
    const floored = graph.node('Add', [norm, graph.constant('norm_floor', [1], [NORM_FLOOR])])
    const squared = graph.node('Mul', [component, component])
    const nodes = {
      norms: graph.node('Squeeze', [norm, graph.integers('norm_axis', [1])]),
      shares: graph.node('Div', [squared, floored]),
    }
    this.#byGraph.set(graph, nodes)
    return nodes
  }
}

/** Of a window [batch, channels, samples], the rows from `from` on. */
export function lastRows(graph: GraphBuilder, z: string, from: number, samples: number): string {
  const bounds = [[from], [samples], [2]].map((values, i) =>
    graph.integers(`rows_${from}_${samples}_${['from', 'to', 'axis'][i]}`, values),
  )
  return graph.node('Slice', [z, ...bounds])
}

/** [channel in, lag, component] -> [component, channel in, position], the newest row last. */
function asKernel(weights: Float64Array, channels: number, order: number): Float64Array {
  const kernel = new Float64Array(weights.length)
  for (let j = 0, from = 0; j < channels; j++) {
    for (let lag = 0; lag <= order; lag++) {
      for (let i = 0; i < channels; i++) kernel[(i * channels + j) * (order + 1) + order - lag] = weights[from++]!
    }
  }
  return kernel
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
