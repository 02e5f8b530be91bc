import type { ManifestFeature } from '../contract.ts'
import { GraphBuilder } from '../file/graph.ts'
import { HIGH_HZ_MIN } from '../vibration/decimate.ts'
import { type BandsModel, ENERGY_FLOOR } from './bands.ts'
import { type BandsShape, bandLabel, levelsOf } from './bands-shape.ts'
import { bandEnergies } from './bands-spectrum.ts'

/** Added to every share, in units of z²: of a window without any rise all bands have the same. */
const SHARE_FLOOR = 1e-9
/** Below any rms that a sensor gives, squared twice still a float32. */
const TINY = 1e-30
/** rms, peak, crest factor, kurtosis. */
const PLAIN_FEATURES = 4

/**
 * The ONNX graph of a fitted model; see bands.ts for the mathematics.
 *
 * - `window` [batch, channels, samples] raw acceleration
 * - `score` [batch]; `contributions` [batch, channels x bands]
 * - `features` [batch, channels x F]: see bandsFeatures
 */
export function bandsGraph(model: BandsModel): GraphBuilder {
  const { shape } = model
  const { channels, samples, bands } = shape
  const graph = new GraphBuilder('wearwatch bands')
  graph.input('window', ['batch', channels, samples])
  const { signal, energies } = bandEnergies(graph, shape)
  const squares = risesSquared(graph, model, energies)
  const parts = addScore(graph, model, squares)
  addContributions(graph, shape, squares, parts)
  addFeatures(graph, shape, signal, energies)
  graph.output('score', ['batch'])
  graph.output('contributions', ['batch', channels * bands])
  graph.output('features', ['batch', channels * featuresPerChannel(shape)])
  return graph
}

/** max(0, z)²: [batch, channels, levels]. */
function risesSquared(graph: GraphBuilder, model: BandsModel, energies: string): string {
  const dims = [model.shape.channels, levelsOf(model.shape)]
  const relative = graph.node('Mul', [
    energies,
    graph.constant(
      'reference_inverse',
      dims,
      model.reference.map(value => 1 / value),
    ),
  ])
  const level = graph.node('Log', [graph.node('Add', [relative, graph.constant('energy_floor', [1], [ENERGY_FLOOR])])])
  const offset = graph.node('Sub', [level, graph.constant('centre', dims, model.centre)])
  const rise = graph.node('Relu', [graph.node('Mul', [offset, graph.constant('inverse', dims, model.inverse)])])
  return graph.node('Mul', [rise, rise])
}

/** Adds `score`; returns the scores of the parts [batch, channels, 2] and the largest [batch, 1, 1]. */
function addScore(
  graph: GraphBuilder,
  { shape, gain }: BandsModel,
  squares: string,
): { each: string; largest: string } {
  const { channels, bands, groups } = shape
  const mean = new Float64Array((bands + groups) * 2)
  for (let level = 0; level < bands + groups; level++) {
    if (level < bands) mean[2 * level] = 1 / bands
    else mean[2 * level + 1] = 1 / groups
  }
  const means = graph.node('MatMul', [squares, graph.constant('part_means', [bands + groups, 2], mean)])
  const each = graph.node('Mul', [graph.node('Sqrt', [means]), graph.constant('gain', [channels, 2], gain)])
  const largest = graph.node('ReduceMax', [each], { axes: [1, 2], keepdims: 1 })
  graph.node('Reshape', [largest, graph.integers('shape_score', [-1])], {}, 'score')
  return { each, largest }
}

/**
 * z² of the levels of the part that won (of all of them where several are equal); what belongs to a group goes to its bands in
 * proportion to their own z². Sums to 1.
 */
function addContributions(
  graph: GraphBuilder,
  { channels, bands, groups, perGroup }: BandsShape,
  squares: string,
  { each, largest }: { each: string; largest: string },
): void {
  const winners = graph.node('Cast', [graph.node('GreaterOrEqual', [each, largest])], { to: 1 })
  const partOf = new Float64Array(2 * (bands + groups))
  for (let level = 0; level < bands + groups; level++) partOf[(level < bands ? 0 : bands + groups) + level] = 1
  const levelWins = graph.node('MatMul', [winners, graph.constant('part_of_level', [2, bands + groups], partOf)])
  const blamed = graph.node('Mul', [squares, levelWins])
  const split = (input: string): string[] => {
    const names = [`${input}_bands`, `${input}_groups`]
    graph.node('Split', [input, graph.integers(`split_${input}`, [bands, groups])], { axis: 2 }, names)
    return names
  }
  const [own = ''] = split(squares)
  const [bandBlame = '', groupBlame = ''] = split(blamed)

  const member = new Float64Array(bands * groups)
  for (let band = 0; band < bands; band++) member[band * groups + Math.floor(band / perGroup)] = 1
  const toGroups = graph.constant('bands_to_groups', [bands, groups], member)
  const toBands = graph.node('Transpose', [toGroups], { perm: [1, 0] })
  const floored = graph.node('Add', [own, graph.constant('share_floor', [1], [SHARE_FLOOR])])
  const perSquare = graph.node('Div', [groupBlame, graph.node('MatMul', [floored, toGroups])])
  const handedDown = graph.node('Mul', [floored, graph.node('MatMul', [perSquare, toBands])])
  const blame = graph.node('Add', [graph.node('Add', [bandBlame, handedDown]), 'share_floor'])
  const flat = graph.node('Reshape', [blame, graph.integers('shape_blame', [-1, channels * bands])])
  const total = graph.node('ReduceSum', [flat, graph.integers('axis_labels', [1])], { keepdims: 1 })
  graph.node('Div', [flat, total], {}, 'contributions')
}

function addFeatures(graph: GraphBuilder, shape: BandsShape, signal: string, energies: string): void {
  const { channels, bands, groups } = shape
  const tiny = graph.constant('tiny', [1], [TINY])
  const square = graph.node('Mul', [signal, signal])
  const power = graph.node('ReduceMean', [square], { axes: [2], keepdims: 1 })
  const rms = graph.node('Sqrt', [power])
  const peak = graph.node('Sqrt', [graph.node('ReduceMax', [square], { axes: [2], keepdims: 1 })])
  const crest = graph.node('Div', [peak, graph.node('Add', [rms, tiny])])
  // ReduceSumSquare of the squares would say the same; ONNX Runtime takes twice as long over it.
  const fourth = graph.node('ReduceMean', [graph.node('Mul', [square, square])], { axes: [2], keepdims: 1 })
  const kurtosis = graph.node('Div', [fourth, graph.node('Add', [graph.node('Mul', [power, power]), tiny])])
  const shown = graph.node('MatMul', [
    energies,
    graph.constant('shown_levels', [bands + groups, bands + highBands(shape)], shownLevels(shape)),
  ])
  const all = graph.node('Concat', [rms, peak, crest, kurtosis, graph.node('Sqrt', [shown])], { axis: 2 })
  const width = channels * featuresPerChannel(shape)
  graph.node('Reshape', [all, graph.integers('shape_features', [-1, width])], {}, 'features')
}

/** The sum of what lies above 1 kHz, where there is any, then every band: [levels x (0 or 1 + bands)]. */
function shownLevels(shape: BandsShape): Float64Array {
  const { bands, groups, bandHz } = shape
  const high = highBands(shape)
  const width = bands + high
  const matrix = new Float64Array((bands + groups) * width)
  for (let band = 0; band < bands; band++) {
    matrix[band * width + high + band] = 1
    if (high && band * bandHz >= HIGH_HZ_MIN) matrix[band * width] = 1
  }
  return matrix
}

const highBands = ({ bands, bandHz }: BandsShape): number => (bands * bandHz > HIGH_HZ_MIN ? 1 : 0)

export function featuresPerChannel(shape: BandsShape): number {
  return PLAIN_FEATURES + highBands(shape) + shape.bands
}

/** `de-h 3400-3600 Hz`, in the graph's order. */
export function bandsContributions(shape: BandsShape, channels: readonly { id: string }[]): string[] {
  return channels.flatMap(({ id }) =>
    Array.from({ length: shape.bands }, (_, band) => `${id} ${bandLabel(shape, band)}`),
  )
}

/**
 * Labels of `features`, in the graph's order: per channel rms, peak, crest factor, kurtosis, rms above 1 kHz, rms of every band.
 * `baselines`: [channels x bands] rms in the baseline.
 */
export function bandsFeatures(
  shape: BandsShape,
  channels: readonly { id: string; unit: string }[],
  baselines: ArrayLike<number>,
): ManifestFeature[] {
  const { bands, bandHz } = shape
  return channels.flatMap(({ id, unit }, c) => {
    const feature = (name: string, of = unit): ManifestFeature => ({ name, unit: of, channel: id })
    const highFrom = Math.ceil(HIGH_HZ_MIN / bandHz) * bandHz
    const high = { ...feature(`rms ${highFrom}-${bands * bandHz} Hz`), fromHz: highFrom, toHz: bands * bandHz }
    const band = (_: unknown, b: number): ManifestFeature => ({
      ...feature(`rms ${bandLabel(shape, b)}`),
      fromHz: b * bandHz,
      toHz: (b + 1) * bandHz,
      baseline: Number(baselines[c * bands + b]!.toPrecision(5)),
    })
    return [
      feature('rms'),
      feature('peak'),
      feature('crest factor', '1'),
      feature('kurtosis', '1'),
      ...(highBands(shape) ? [high] : []),
      ...Array.from({ length: bands }, band),
    ]
  })
}
