// Nodes of the parts of family `var`; see var.ts for the mathematics.
//
// Blame goes to where the innovations come from, not to where they show. With c = W e = sum_j B_j z_j over the rows that c looks at,
// |c|² = sum_j c . B_j z_j (but for the intercept), and its j-th term is what channel j's own rows bring about. Squares of the
// components instead blame the channels that a wild one spoils the prediction of: a pressure of -1e9 once made "voltage 2 % above
// prediction (voltage 35 %)", a dead sensor "c 197 % above what a and b predict". What pulls the score down has no blame.
import type { GraphBuilder } from '../file/graph.ts'
import type { PartNodes } from './family.ts'
import type { VarModel } from './var-fit.ts'

/** Added to the norm of a row before its squares are divided by it: all components 0 blame nobody, not 0/0. */
const NORM_FLOOR = 1e-9
const FLOAT = 1

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
  const rows = graph.node('Flatten', [perLag], { axis: 1 })
  const innovation = graph.constant('mean_innovation', [C * (order + 1), C], weights)
  const component = graph.node('Gemm', [rows, innovation, graph.constant('mean_innovation_bias', [C], bias)])
  const back = graph.node('Gemm', [component, innovation], { transB: 1 })
  const perChannel = graph.node('Reshape', [
    graph.node('Mul', [back, rows]),
    graph.integers('mean_innovation_per_channel', [0, C, order + 1]),
  ])
  const blame = graph.node('ReduceSum', [perChannel, graph.integers('mean_innovation_lags', [2])], { keepdims: 0 })
  return {
    score: graph.node('ReduceL2', [component], { axes: [1], keepdims: 0 }),
    blame: graph.node('Relu', [blame]),
  }
}

/**
 * mean(|W e|) / limit over the last rows, for parts that share the norms: one convolution for the innovations of the rows of the
 * longest mean, whitened by the same weights.
 *
 * Blame is the share of each channel in the norm of a row, summed over the rows: sum_t c . B_j z_j / |c|. It goes back through the
 * same convolution once, for the part among these that has the largest score: no other part's is asked for.
 */
export class NormNodes {
  readonly #model: VarModel
  readonly #rows: number
  readonly #parts: { rows: number; limit: number }[] = []
  readonly #byGraph = new WeakMap<GraphBuilder, { norms: string; blame: string }>()

  constructor(model: VarModel, rows: number) {
    this.#model = model
    this.#rows = rows
  }

  /** Every part before any goes into a graph. */
  expect(rows: number, limit: number): void {
    this.#parts.push({ rows, limit })
  }

  addPart(graph: GraphBuilder, z: string, samples: number, rows: number, limit: number): PartNodes {
    const { norms, blame } = this.#shared(graph, z, samples)
    const last = graph.constant(`mean_of_${rows}`, [this.#rows, 1], this.#average(rows, limit))
    const axis = graph.integers(`mean_of_${rows}_axis`, [1])
    return { score: graph.node('Squeeze', [graph.node('MatMul', [norms, last]), axis]), blame }
  }

  #average(rows: number, limit: number): Float64Array {
    return Float64Array.from({ length: this.#rows }, (_, row) => (row < this.#rows - rows ? 0 : 1 / (rows * limit)))
  }

  #shared(graph: GraphBuilder, z: string, samples: number): { norms: string; blame: string } {
    const made = this.#byGraph.get(graph)
    if (made) return made
    const { channels: C, order } = this.#model
    const from = samples - this.#rows - order
    const recent = from === 0 ? z : lastRows(graph, z, from, samples)
    const { weights, bias } = whitenedInnovations(this.#model, 1)
    const kernel = graph.constant('innovation', [C, C, order + 1], asKernel(weights, C, order))
    const component = graph.node('Conv', [recent, kernel, graph.constant('innovation_bias', [C], bias)])
    const norm = graph.node('ReduceL2', [component], { axes: [1], keepdims: 1 })
    const norms = graph.node('Squeeze', [norm, graph.integers('norm_axis', [1])])
    const floored = graph.node('Add', [norm, graph.constant('norm_floor', [1], [NORM_FLOOR])])
    const pull = graph.node('Mul', [component, graph.node('Div', [this.#winning(graph, norms), floored])])
    // Padded, and three times as fast on one core as ConvTranspose, which would need no second kernel.
    const kernelBack = graph.constant('innovation_back', [C, C, order + 1], asKernelBack(weights, C, order))
    const back = graph.node('Mul', [graph.node('Conv', [pull, kernelBack], { pads: [order, order] }), recent])
    const blame = graph.node('Relu', [
      graph.node('ReduceSum', [back, graph.integers('innovation_rows', [2])], { keepdims: 0 }),
    ])
    const nodes = { norms, blame }
    this.#byGraph.set(graph, nodes)
    return nodes
  }

  /** [batch, 1, rows]: what each row's norm counts in the largest of the scores. */
  #winning(graph: GraphBuilder, norms: string): string {
    const count = this.#parts.length
    const averages = this.#parts.map(({ rows, limit }) => this.#average(rows, limit))
    const byPart = graph.constant(
      'means',
      [count, this.#rows],
      Float64Array.from(averages.flatMap(average => [...average])),
    )
    const scores = graph.node('MatMul', [norms, graph.node('Transpose', [byPart], { perm: [1, 0] })])
    const largest = graph.node('ReduceMax', [scores], { axes: [1], keepdims: 1 })
    const mask = graph.node('Cast', [graph.node('GreaterOrEqual', [scores, largest])], { to: FLOAT })
    return graph.node('Unsqueeze', [graph.node('MatMul', [mask, byPart]), graph.integers('norm_row', [1])])
  }
}

/** Of a window [batch, channels, rows], rows [from, samples). */
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

/** [channel in, lag, component] -> [channel in, component, lag]: what gives a component takes it back to the row it came from. */
function asKernelBack(weights: Float64Array, channels: number, order: number): Float64Array {
  const kernel = new Float64Array(weights.length)
  for (let j = 0, from = 0; j < channels; j++) {
    for (let lag = 0; lag <= order; lag++) {
      for (let i = 0; i < channels; i++) kernel[(j * channels + i) * (order + 1) + lag] = weights[from++]!
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
