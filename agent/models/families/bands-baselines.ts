// The baseline that a graph of family `bands` holds a window against: constants, or the row of a table that the speed picks.
import type { SpeedRange } from '../contract.ts'
import type { GraphBuilder } from '../file/graph.ts'
import type { BandsModel } from './bands.ts'
import { levelsOf } from './bands-shape.ts'
import { speedEdges } from './bands-speeds.ts'

const FLOAT = 1
const INT32 = 6

/** Names of values. With several speeds each has a leading batch dimension. */
export interface BaselineValues {
  /** [channels, levels] */
  referenceInverse: string
  centre: string
  inverse: string
  /** [channels, 2] */
  gain: string
  /** [batch, 1] from 1, 0 for a speed that no baseline knows; undefined where there is one baseline. */
  bin?: string
}

/** [4 parts][values] in the order of BaselineValues. */
const partsOf = ({ reference, centre, inverse, gain }: BandsModel): Float64Array[] => [
  reference.map(value => 1 / value),
  centre,
  inverse,
  gain,
]
const NAMES = ['reference_inverse', 'centre', 'inverse', 'gain'] as const

export function baselineConstants(graph: GraphBuilder, model: BandsModel): BaselineValues {
  const { channels } = model.shape
  const [referenceInverse = '', centre = '', inverse = '', gain = ''] = partsOf(model).map((values, i) =>
    graph.constant(NAMES[i]!, [channels, values.length / channels], values),
  )
  return { referenceInverse, centre, inverse, gain }
}

/**
 * `speed` [batch, 1] in 1/min. The number of edges at or below it says between which it lies, and so which row of the table speaks. Row
 * 0 is that of no baseline: whatever the window, its z, and so its score, is 0. A Gather and no product with a one-hot row, for that
 * would lose bits on hardware that multiplies in TF32.
 */
export function baselinesBySpeed(
  graph: GraphBuilder,
  models: readonly BandsModel[],
  bins: readonly SpeedRange[],
  speed: string,
): BaselineValues {
  const { shape } = models[0]!
  const { channels } = shape
  const edges = speedEdges(bins)
  const passed = graph.node(
    'Cast',
    [graph.node('GreaterOrEqual', [speed, graph.constant('speed_edges', [1, edges.length], edges)])],
    { to: FLOAT },
  )
  const between = graph.node('ReduceSum', [passed, graph.integers('axis_edges', [1])], { keepdims: 0 })
  const rows = Array.from({ length: edges.length + 1 }, (_, i) => (i % 2 === 1 ? (i + 1) / 2 : 0))
  const rowOf = graph.constant('row_of_speed', [rows.length], rows)
  const row = graph.node('Gather', [rowOf, graph.node('Cast', [between], { to: INT32 })], { axis: 0 })

  const sizes = [...Array(3).fill(channels * levelsOf(shape)), 2 * channels] as number[]
  const width = sizes.reduce((sum, size) => sum + size, 0)
  const table = [...Array<number>(width).fill(0), ...models.flatMap(model => partsOf(model).flatMap(part => [...part]))]
  const picked = graph.node(
    'Gather',
    [graph.constant('baselines', [models.length + 1, width], table), graph.node('Cast', [row], { to: INT32 })],
    { axis: 0 },
  )
  const parts = NAMES.map(name => `${name}_flat`)
  graph.node('Split', [picked, graph.integers('split_baselines', sizes)], { axis: 1 }, parts)
  const [referenceInverse = '', centre = '', inverse = '', gain = ''] = NAMES.map((name, i) =>
    graph.node('Reshape', [parts[i]!, graph.integers(`shape_${name}`, [-1, channels, sizes[i]! / channels])], {}, name),
  )
  const bin = graph.node('Reshape', [row, graph.integers('shape_bin', [-1, 1])])
  return { referenceInverse, centre, inverse, gain, bin }
}
