// A process model: standardised rows judged by one or several parts, the largest of whose scores is the model's.
//
//   window ── Sub, Mul ──► z ─┬─► part ─► score, blame ─┐
//                             ├─► part ─► score, blame ─┴─► max, blame of the largest ─► score, contributions
//                             └─► features
import type { FeaturePart, Part, Stretch } from '../families/family.ts'
import type { Standard } from '../families/rows.ts'
import { GraphBuilder } from '../file/graph.ts'

/** Added to the blame of every channel: an all-zero blame then gives equal shares, not 0/0. In units of the setpoint squared. */
const SHARE_FLOOR = 1e-12
const FLOAT = 1

export interface ProcessModel {
  channels: number
  /** Rows per window: what the part that looks farthest back needs. */
  samples: number
  standard: Standard
  parts: readonly Part[]
  features: FeaturePart
  /** Divides the score: more than 1 while the baseline is provisional. */
  widened: number
}

/** Float64 reference of the graph's score: [rows], NaN where fewer than `samples` rows follow each other. */
export function scoreModel({ parts, samples, widened }: ProcessModel, stretch: Stretch): Float64Array {
  const scores = new Float64Array(stretch.rows).fill(Number.NaN)
  for (const part of parts) {
    const partial = part.scoreRows(stretch)
    for (let r = 0; r < scores.length; r++) {
      if (stretch.runs[r]! < samples) continue
      const score = partial[r]! / widened
      if (!(score <= scores[r]!)) scores[r] = score
    }
  }
  return scores
}

/**
 * The ONNX graph of a model.
 *
 * - `window` [batch, channels, samples] raw units
 * - `score` [batch]; `contributions` [batch, channels]
 * - `features` [batch, labels of the feature part]
 */
export function modelGraph(model: ProcessModel, name: string): GraphBuilder {
  const { channels: C, samples, standard, parts, features, widened } = model
  const graph = new GraphBuilder(name)
  graph.input('window', ['batch', C, samples])
  // The mean goes first, in raw units: 101,325.2 - 101,325 is exact in float32, 101,325.2 / 7 - 14,475 is not.
  const offset = graph.node('Sub', ['window', graph.constant('centre', [C, 1], standard.centre)])
  const z = graph.node('Mul', [offset, graph.constant('inverse', [C, 1], standard.inverse)])

  const nodes = parts.map(part => part.addTo(graph, z, samples))
  const axis = graph.integers('axis_1', [1])
  const worst = nodes.length === 1 ? nodes[0]! : worstOf(graph, nodes, axis, C)
  graph.node('Mul', [worst.score, graph.constant('widened', [1], [1 / widened])], {}, 'score')

  const floored = graph.node('Add', [worst.blame, graph.constant('share_floor', [1], [SHARE_FLOOR])])
  const total = graph.node('ReduceSum', [floored, axis], { keepdims: 1 })
  graph.node('Div', [floored, total], {}, 'contributions')
  graph.node('Identity', [features.addTo(graph, z, samples)], {}, 'features')
  graph.output('score', ['batch'])
  graph.output('contributions', ['batch', C])
  graph.output('features', ['batch', features.labels.length])
  return graph
}

/** The largest score, and the blame of the part that has it (their sum, should two parts tie). */
function worstOf(
  graph: GraphBuilder,
  nodes: readonly { score: string; blame: string }[],
  axis: string,
  channels: number,
): { score: string; blame: string } {
  const scores = graph.node(
    'Concat',
    nodes.map(({ score }) => graph.node('Unsqueeze', [score, axis])),
    { axis: 1 },
  )
  const largest = graph.node('ReduceMax', [scores], { axes: [1], keepdims: 1 })
  const mask = graph.node('Cast', [graph.node('GreaterOrEqual', [scores, largest])], { to: FLOAT })
  const blames = graph.node(
    'Concat',
    nodes.map(({ blame }) => blame),
    { axis: 1 },
  )
  const perPart = graph.node('Reshape', [blames, graph.integers('per_part', [0, nodes.length, channels])])
  const chosen = graph.node('MatMul', [graph.node('Unsqueeze', [mask, axis]), perPart])
  return {
    score: graph.node('Squeeze', [largest, axis]),
    blame: graph.node('Flatten', [chosen], { axis: 1 }),
  }
}
