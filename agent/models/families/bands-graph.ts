import type { ManifestFeature, SpeedRange } from '../contract.ts'
import { GraphBuilder } from '../file/graph.ts'
import { HIGH_HZ_MIN } from '../vibration/decimate.ts'
import { type BandsModel, ENERGY_FLOOR } from './bands.ts'
import { type BaselineValues, baselineConstants, baselinesBySpeed } from './bands-baselines.ts'
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
 * - `window` [batch, channels, samples] raw acceleration; with several models, one per bin of speeds, one more channel: the speed
 *   in 1/min, the same in all samples
 * - `score` [batch], 0 for a speed that no bin knows; `contributions` [batch, channels x bands]
 * - `features` [batch, channels x F (+ 1 with several models)]: see bandsFeatures
 */
export function bandsGraph(models: readonly BandsModel[], bins: readonly SpeedRange[] = []): GraphBuilder {
  const { shape } = models[0]!
  const { channels, bands } = shape
  const graph = new GraphBuilder('wearwatch bands')
  const { vibration, baseline } = addInput(graph, models, bins)
  const { signal, energies } = bandEnergies(graph, shape, vibration)
  const squares = risesSquared(graph, baseline, energies)
  const parts = addScore(graph, shape, baseline, squares)
  addContributions(graph, shape, squares, parts)
  addFeatures(graph, shape, { signal, energies, bin: baseline.bin })
  graph.output('score', ['batch'])
  graph.output('contributions', ['batch', channels * bands])
  graph.output('features', ['batch', channels * featuresPerChannel(shape) + (baseline.bin ? 1 : 0)])
  return graph
}

/** Adds `window`; returns its vibration [batch, channels, samples], and the baseline for it. */
function addInput(
  graph: GraphBuilder,
  models: readonly BandsModel[],
  bins: readonly SpeedRange[],
): { vibration: string; baseline: BaselineValues } {
  const model = models[0]!
  const { channels, samples } = model.shape
  if (models.length === 1) {
    const vibration = graph.input('window', ['batch', channels, samples])
    return { vibration, baseline: baselineConstants(graph, model) }
  }
  graph.input('window', ['batch', channels + 1, samples])
  const cut = (name: string, from: readonly number[], to: readonly number[], axes: readonly number[]): string =>
    graph.node('Slice', [
      'window',
      graph.integers(`${name}_from`, from),
      graph.integers(`${name}_to`, to),
      graph.integers(`${name}_axes`, axes),
    ])
  const first = cut('speed', [channels, 0], [channels + 1, 1], [1, 2])
  const speed = graph.node('Reshape', [first, graph.integers('shape_speed', [-1, 1])])
  const vibration = cut('vibration', [0], [channels], [1])
  return { vibration, baseline: baselinesBySpeed(graph, models, bins, speed) }
}

/** max(0, z)²: [batch, channels, levels]. */
function risesSquared(graph: GraphBuilder, baseline: BaselineValues, energies: string): string {
  const relative = graph.node('Mul', [energies, baseline.referenceInverse])
  const level = graph.node('Log', [graph.node('Add', [relative, graph.constant('energy_floor', [1], [ENERGY_FLOOR])])])
  const offset = graph.node('Sub', [level, baseline.centre])
  const rise = graph.node('Relu', [graph.node('Mul', [offset, baseline.inverse])])
  return graph.node('Mul', [rise, rise])
}

/** Adds `score`; returns the scores of the parts [batch, channels, 2] and the largest [batch, 1, 1]. */
function addScore(
  graph: GraphBuilder,
  { bands, groups }: BandsShape,
  { gain }: BaselineValues,
  squares: string,
): { each: string; largest: string } {
  const mean = new Float64Array((bands + groups) * 2)
  for (let level = 0; level < bands + groups; level++) {
    if (level < bands) mean[2 * level] = 1 / bands
    else mean[2 * level + 1] = 1 / groups
  }
  const means = graph.node('MatMul', [squares, graph.constant('part_means', [bands + groups, 2], mean)])
  const each = graph.node('Mul', [graph.node('Sqrt', [means]), gain])
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

function addFeatures(
  graph: GraphBuilder,
  shape: BandsShape,
  { signal, energies, bin }: { signal: string; energies: string; bin: string | undefined },
): void {
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
  const flat = graph.integers('shape_features', [-1, width])
  if (!bin) graph.node('Reshape', [all, flat], {}, 'features')
  else graph.node('Concat', [graph.node('Reshape', [all, flat]), bin], { axis: 1 }, 'features')
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
 * Labels of `features`, in the graph's order: per channel rms, peak, crest factor, kurtosis, rms above 1 kHz, rms of every band; where
 * baselines are several, which of them spoke. `models`: rising with the speed.
 */
export function bandsFeatures(
  models: readonly BandsModel[],
  channels: readonly { id: string; unit: string }[],
): ManifestFeature[] {
  const { shape } = models[0]!
  const { bands, bandHz } = shape
  const baselineOf = (channel: number, band: number): Pick<ManifestFeature, 'baseline' | 'baselines'> => {
    const rms = models.map(({ reference }) => Math.sqrt(reference[channel * levelsOf(shape) + band]!))
    const [baseline = 0, ...more] = rms.map(value => Number(value.toPrecision(5)))
    return more.length === 0 ? { baseline } : { baselines: [baseline, ...more] }
  }
  const perChannel = channels.flatMap(({ id, unit }, c) => {
    const feature = (name: string, of = unit): ManifestFeature => ({ name, unit: of, channel: id })
    const highFrom = Math.ceil(HIGH_HZ_MIN / bandHz) * bandHz
    const high = { ...feature(`rms ${highFrom}-${bands * bandHz} Hz`), fromHz: highFrom, toHz: bands * bandHz }
    const band = (_: unknown, b: number): ManifestFeature => ({
      ...feature(`rms ${bandLabel(shape, b)}`),
      fromHz: b * bandHz,
      toHz: (b + 1) * bandHz,
      ...baselineOf(c, b),
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
  return models.length === 1 ? perChannel : [...perChannel, { name: 'bin of speed', unit: '1', role: 'bin' }]
}
