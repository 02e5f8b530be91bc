// What is shown beside a score: how far each channel lies from what the other channels predict for the same rows, and that
// prediction, both in engineering units and averaged over the last rows. The same for every family.
import type { ManifestFeature } from '../contract.ts'
import type { GraphBuilder } from '../file/graph.ts'
import type { FeaturePart, Stretch } from './family.ts'
import { Moments, othersOf } from './moments.ts'
import { movingMean, type Standard } from './rows.ts'

// Stiffer than a regression for scoring, so that near-copies share the weight instead of cancelling each other.
const RIDGE = 1e-2
/** Below this share of a channel's variance the others do not predict it, and nobody is named. */
const EXPLAINED_MIN = 0.5
/** Named predictors move the prediction by this share of the channel's own standard deviation at least. */
const WEIGHT_MIN = 0.2
const PREDICTORS_MAX = 2
/** Beyond, a relation of all with all takes more than the rest of the fit and more than a model file holds: none is shown. */
const CHANNELS_MAX = 300

export interface Relation {
  /** Rows averaged. */
  mean: number
  channels: number
  /** [channels x channels]: weight of channel j in the prediction of channel i, in z; 0 on the diagonal. Empty: a channel's own mean is its prediction. */
  weights: Float64Array
  /** Per channel: those that predict it most, largest first; empty where the others say little of it. */
  predictors: number[][]
  /** Per channel: standard deviation of the baseline from that prediction, in z; absent where nothing is known of it. */
  spread?: Float64Array
}

export function fitRelation(stretch: Stretch, mean: number): Relation {
  const { rows, channels, runs } = stretch
  if (channels > CHANNELS_MAX) return noRelation(channels, mean)
  const averaged = movingMean(stretch.z, rows, channels, mean)
  const moments = new Moments(channels)
  for (let r = 0; r < rows; r++) {
    if (runs[r]! >= mean) moments.add(averaged.slice(r * channels, (r + 1) * channels))
  }
  moments.flush()
  const { weights, explained } = othersOf(moments, RIDGE)
  const spread = Float64Array.from({ length: channels }, (_, c) => Math.sqrt(moments.at(c, c) / moments.count))
  const left = spread.map((deviation, c) => deviation * Math.sqrt(Math.max(0, 1 - explained[c]!)))
  return { mean, channels, weights, predictors: predictorsOf(weights, explained, spread), spread: left }
}

/** Every channel is shown against its own mean. */
export function noRelation(channels: number, mean: number): Relation {
  return { mean, channels, weights: new Float64Array(0), predictors: Array.from({ length: channels }, () => []) }
}

function predictorsOf(weights: Float64Array, explained: Float64Array, spread: Float64Array): number[][] {
  const channels = explained.length
  return Array.from(explained, (share, i) => {
    if (!(share >= EXPLAINED_MIN)) return []
    const moved = Array.from(spread, (deviation, j) => Math.abs(weights[i * channels + j]!) * deviation)
    return moved
      .map((_, j) => j)
      .filter(j => moved[j]! >= WEIGHT_MIN * spread[i]!)
      .sort((a, b) => moved[b]! - moved[a]!)
      .slice(0, PREDICTORS_MAX)
  })
}

export function featuresOf(
  relation: Relation,
  standard: Standard,
  channels: readonly { id: string; unit: string }[],
): FeaturePart {
  const labelled = (role: 'deviation' | 'prediction'): ManifestFeature[] =>
    channels.map(({ id, unit }) => ({ name: `${id} ${role}`, unit, channel: id, role }))
  const deviations = labelled('deviation').map((label, c) => {
    const predictors = relation.predictors[c]!.map(j => channels[j]!.id)
    const spread = relation.spread && Number((relation.spread[c]! / standard.inverse[c]!).toPrecision(4))
    return {
      ...label,
      ...(predictors.length > 0 ? { predictors } : {}),
      ...(spread !== undefined && Number.isFinite(spread) ? { spread } : {}),
    }
  })
  return {
    labels: [...deviations, ...labelled('prediction')],
    addTo: (graph, z, samples) => addTo(graph, z, samples, relation, standard),
  }
}

/** [batch, 2 * channels]: deviations, then predictions. */
function addTo(graph: GraphBuilder, z: string, samples: number, relation: Relation, standard: Standard): string {
  const { channels: C, mean } = relation
  const average = Float64Array.from({ length: samples }, (_, row) => (row < samples - mean ? 0 : 1 / mean))
  const recent = graph.node('MatMul', [z, graph.constant('recent_mean', [samples, 1], average)])
  const observed = graph.node('Flatten', [recent], { axis: 1 })
  const predicted = predictedBy(graph, observed, relation)
  const spread = graph.constant(
    'spread',
    [C],
    standard.inverse.map(inverse => 1 / inverse),
  )
  const deviation = graph.node('Mul', [graph.node('Sub', [observed, predicted]), spread])
  const level = graph.constant('level', [C], standard.centre)
  const prediction = graph.node('Add', [graph.node('Mul', [predicted, spread]), level])
  return graph.node('Concat', [deviation, prediction], { axis: 1 })
}

function predictedBy(graph: GraphBuilder, observed: string, { channels: C, weights }: Relation): string {
  if (weights.length === 0) return graph.node('Mul', [observed, graph.constant('relation', [1], [0])])
  const transposed = Float64Array.from({ length: C * C }, (_, at) => weights[(at % C) * C + Math.floor(at / C)]!)
  return graph.node('MatMul', [observed, graph.constant('relation', [C, C], transposed)])
}
