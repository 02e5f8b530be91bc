// The two parts of family `autoencoder`: their float64 reference and their nodes; see autoencoder.ts for the mathematics.
import type { GraphBuilder } from '../file/graph.ts'
import type { Part, PartNodes, Stretch } from './family.ts'

/** All weights are float32 exact: the graph holds the very numbers that the reference uses. */
export interface Encoder {
  channels: number
  hidden: number
  /** [channels x hidden] */
  encode: Float64Array
  /** [hidden] */
  encodeBias: Float64Array
}

export interface Network extends Encoder {
  /** [hidden x channels] */
  decode: Float64Array
  /** [channels] */
  decodeBias: Float64Array
  /** [channels] 1 / rms of the residual */
  inverse: Float64Array
}

export interface Autoencoder extends Network {
  limits: { row: number; mean: number }
  /** Rows of the mean of the second part. */
  meanRows: number
}

// Added to every square: a row that comes back exactly blames all channels alike instead of none.
const BLAME_FLOOR = 1e-12

/** [hidden] units of row t. */
export function encodeRow(encoder: Encoder, z: Float64Array, t: number, out: Float64Array): void {
  const { channels, hidden, encode, encodeBias } = encoder
  out.set(encodeBias)
  for (let c = 0; c < channels; c++) {
    const value = z[t * channels + c]!
    for (let h = 0, at = c * hidden; h < hidden; h++, at++) out[h]! += encode[at]! * value
  }
  for (let h = 0; h < hidden; h++) out[h] = Math.tanh(out[h]!)
}

/** Length of the scaled residual of one row after the other; nothing is allocated per row. */
export class Reconstruction {
  readonly #network: Network
  readonly #units: Float64Array
  readonly #back: Float64Array

  constructor(network: Network) {
    this.#network = network
    this.#units = new Float64Array(network.hidden)
    this.#back = new Float64Array(network.channels)
  }

  norm(z: Float64Array, t: number): number {
    const { channels, hidden, decode, decodeBias, inverse } = this.#network
    const units = this.#units
    const back = this.#back
    encodeRow(this.#network, z, t, units)
    back.set(decodeBias)
    for (let h = 0, at = 0; h < hidden; h++) {
      const unit = units[h]!
      for (let c = 0; c < channels; c++, at++) back[c]! += unit * decode[at]!
    }
    let squares = 0
    for (let c = 0; c < channels; c++) squares += ((z[t * channels + c]! - back[c]!) * inverse[c]!) ** 2
    return Math.sqrt(squares)
  }
}

export function autoencoderParts(model: Autoencoder): Part[] {
  // Both parts look at the same residuals; a graph that holds both computes them once.
  const built = new WeakMap<GraphBuilder, string>()
  const residuals = (graph: GraphBuilder, z: string, samples: number): string => {
    const known = built.get(graph)
    if (known !== undefined) return known
    const node = addResiduals(graph, z, samples, model)
    built.set(graph, node)
    return node
  }
  return [
    {
      name: 'reconstruction',
      samples: 1,
      scoreRows: stretch => rowNorms(stretch, model).map(norm => norm / model.limits.row),
      addTo: (graph, z, samples) => addRow(graph, residuals(graph, z, samples), model),
    },
    {
      name: `reconstruction mean ${model.meanRows}`,
      samples: model.meanRows,
      scoreRows: stretch => meanNorms(stretch, model),
      addTo: (graph, z, samples) => addMean(graph, residuals(graph, z, samples), model),
    },
  ]
}

function rowNorms({ z, rows }: Stretch, model: Autoencoder): Float64Array {
  const reconstruction = new Reconstruction(model)
  return Float64Array.from({ length: rows }, (_, t) => reconstruction.norm(z, t))
}

function meanNorms(stretch: Stretch, model: Autoencoder): Float64Array {
  const norms = rowNorms(stretch, model)
  return norms.map((_, t) => {
    if (stretch.runs[t]! < model.meanRows) return Number.NaN
    let sum = 0
    for (let k = 0; k < model.meanRows; k++) sum += norms[t - k]!
    return sum / (model.meanRows * model.limits.mean)
  })
}

/** [batch, meanRows, channels] scaled residuals of the last rows. Rows before channels: one MatMul then serves the whole batch. */
function addResiduals(graph: GraphBuilder, z: string, samples: number, model: Autoencoder): string {
  const { channels: C, hidden: H, meanRows } = model
  const recent = graph.node('Slice', [
    z,
    graph.integers('ae_from', [samples - meanRows]),
    graph.integers('ae_to', [samples]),
    graph.integers('ae_time_axis', [2]),
  ])
  const rows = graph.node('Transpose', [recent], { perm: [0, 2, 1] })
  const input = graph.node('MatMul', [rows, graph.constant('ae_encode', [C, H], model.encode)])
  const units = graph.node('Tanh', [
    graph.node('Add', [input, graph.constant('ae_encode_bias', [H], model.encodeBias)]),
  ])
  const back = graph.node('MatMul', [units, graph.constant('ae_decode', [H, C], model.decode)])
  const decoded = graph.node('Add', [back, graph.constant('ae_decode_bias', [C], model.decodeBias)])
  const residual = graph.node('Sub', [rows, decoded])
  return graph.node('Mul', [residual, graph.constant('ae_inverse', [C], model.inverse)])
}

function addRow(graph: GraphBuilder, residuals: string, model: Autoencoder): PartNodes {
  const row = graph.node('Gather', [residuals, graph.integers('ae_last', [model.meanRows - 1])], { axis: 1 })
  const last = graph.node('Flatten', [row], { axis: 1 })
  const norm = graph.node('ReduceL2', [last], { axes: [1], keepdims: 0 })
  const squared = graph.node('Mul', [last, last])
  return {
    score: graph.node('Mul', [norm, graph.constant('ae_row_limit', [1], [1 / model.limits.row])]),
    blame: graph.node('Add', [squared, graph.constant('ae_row_floor', [1], [BLAME_FLOOR])]),
  }
}

function addMean(graph: GraphBuilder, residuals: string, model: Autoencoder): PartNodes {
  const norms = graph.node('ReduceL2', [residuals], { axes: [2], keepdims: 0 })
  const mean = graph.node('ReduceMean', [norms], { axes: [1], keepdims: 0 })
  const squared = graph.node('Mul', [residuals, residuals])
  const perChannel = graph.node('ReduceMean', [squared], { axes: [1], keepdims: 0 })
  return {
    score: graph.node('Mul', [mean, graph.constant('ae_mean_limit', [1], [1 / model.limits.mean])]),
    blame: graph.node('Add', [perChannel, graph.constant('ae_mean_floor', [1], [BLAME_FLOOR])]),
  }
}
