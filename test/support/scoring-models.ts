// Tiny models whose scores tests can foretell, and hostile ones that no builder of ours would make.
import type { Manifest, ModelFile } from '../../agent/models/contract.ts'
import { GraphBuilder } from '../../agent/models/file/graph.ts'
import { sha256Hex, writeModelFile } from '../../agent/models/file/model-file.ts'

export const CHANNELS = 2
export const SAMPLES = 4
export const FLOATS = CHANNELS * SAMPLES
/** A window whose maximum is beyond this makes `hangsOnDemand` hang and `greedyOnDemand` ask for 64 GB. */
export const TRIGGER = 1e6

const BOOL = 9
const INT64 = 7

export interface Shape {
  channels: number
  samples: number
}

/** The self-test: windows filled with 1 and 2, which score `scores`. */
export function manifestOf(
  name: string,
  scores: number[],
  shape: Shape = { channels: CHANNELS, samples: SAMPLES },
): Manifest {
  const floats = shape.channels * shape.samples
  const windows = new Float32Array(scores.length * floats)
  for (let i = 0; i < scores.length; i++) windows.fill(i + 1, i * floats, (i + 1) * floats)
  return {
    schema: 'wearwatch.model/1',
    name,
    release: 1,
    family: 'test',
    channels: Array.from({ length: shape.channels }, (_, i) => ({ id: `c${i}`, unit: '1' })),
    samples: shape.samples,
    hop: shape.samples,
    alarm: { onDelayMs: 0, offDelayMs: 0, deadband: 0.1 },
    contributions: [],
    features: [],
    quantiles: {},
    selfTest: { windows: Buffer.from(windows.buffer).toString('base64'), scores, tolerance: 1e-6 },
  }
}

export function fileOf(graph: GraphBuilder, manifest: Manifest): ModelFile {
  return modelOf(writeModelFile(graph, manifest), manifest)
}

export function modelOf(bytes: Uint8Array, manifest: Manifest): ModelFile {
  return { bytes, sha256: sha256Hex(bytes), manifest, origin: 'file' }
}

function start(name: string, shape: Shape = { channels: CHANNELS, samples: SAMPLES }): GraphBuilder {
  const graph = new GraphBuilder(name)
  graph.input('window', ['batch', shape.channels, shape.samples])
  return graph
}

/** score = max(window) * factor. */
export function maxModel(name: string, factor = 1, shape: Shape = { channels: CHANNELS, samples: SAMPLES }): ModelFile {
  const graph = start(name, shape)
  const max = graph.node('ReduceMax', ['window'], { axes: [1, 2], keepdims: 0 })
  graph.node('Mul', [max, graph.constant('factor', [], [factor])], {}, 'score')
  graph.output('score', ['batch'])
  return fileOf(graph, manifestOf(name, [factor, 2 * factor], shape))
}

/** score = max(window); contributions [batch, channels] = max per channel; features [batch, 1] = min(window). */
export function wideModel(name: string): ModelFile {
  const graph = start(name)
  graph.node('ReduceMax', ['window'], { axes: [1, 2], keepdims: 0 }, 'score')
  graph.node('ReduceMax', ['window'], { axes: [2], keepdims: 0 }, 'contributions')
  const min = graph.node('ReduceMin', ['window'], { axes: [1, 2], keepdims: 0 })
  graph.node('Unsqueeze', [min, graph.integers('one', [1])], {}, 'features')
  graph.output('score', ['batch'])
  graph.output('contributions', ['batch', CHANNELS])
  graph.output('features', ['batch', 1])
  const manifest = manifestOf(name, [1, 2])
  return fileOf(graph, {
    ...manifest,
    contributions: manifest.channels.map(channel => channel.id),
    features: [{ name: 'min', unit: '1' }],
  })
}

/** Like maxModel, and never returns when a window of the batch holds more than `trigger`. */
export function hangingModel(name: string, trigger = TRIGGER): ModelFile {
  const graph = start(name)
  const max = graph.node('ReduceMax', ['window'], { axes: [1, 2], keepdims: 0 })
  const peak = graph.node('ReduceMax', ['window'], { keepdims: 0 })
  const hang = graph.node('Greater', [peak, graph.constant('trigger', [], [trigger])])
  const body = new GraphBuilder('body')
  body.input('iteration', [], INT64)
  body.input('go_on', [], BOOL)
  body.input('carried', ['batch'])
  body.node('Identity', ['go_on'], {}, 'go_on_out')
  body.node('Identity', ['carried'], {}, 'carried_out')
  body.output('go_on_out', [], BOOL)
  body.output('carried_out', ['batch'])
  graph.node('Loop', ['', hang, max], { body: { graph: body } }, 'score')
  graph.output('score', ['batch'])
  return fileOf(graph, manifestOf(name, [1, 2]))
}

/** Asks for 64 GB in the first run. */
export function greedyModel(name: string): ModelFile {
  const graph = start(name)
  const max = graph.node('ReduceMax', ['window'], { axes: [1, 2], keepdims: 0 })
  const peak = graph.node('ReduceMax', ['window'], { axes: [0, 1, 2], keepdims: 0 })
  const wide = graph.node('Expand', [peak, graph.integers('many', [2 ** 34])])
  const top = graph.node('ReduceMax', [graph.node('Exp', [wide])], { keepdims: 0 })
  graph.node('Add', [max, graph.node('Mul', [top, graph.constant('zero', [], [0])])], {}, 'score')
  graph.output('score', ['batch'])
  return fileOf(graph, manifestOf(name, [1, 2]))
}

/** score = log(max - 100): NaN on the self-test. */
export function nanModel(name: string): ModelFile {
  const graph = start(name)
  const max = graph.node('ReduceMax', ['window'], { axes: [1, 2], keepdims: 0 })
  graph.node('Log', [graph.node('Sub', [max, graph.constant('offset', [], [100])])], {}, 'score')
  graph.output('score', ['batch'])
  return fileOf(graph, manifestOf(name, [1, 2]))
}

/** score = sqrt(max): NaN for a negative window, fine on the self-test. */
export function rootModel(name: string): ModelFile {
  const graph = start(name)
  const max = graph.node('ReduceMax', ['window'], { axes: [1, 2], keepdims: 0 })
  graph.node('Sqrt', [max], {}, 'score')
  graph.output('score', ['batch'])
  return fileOf(graph, manifestOf(name, [1, Math.SQRT2]))
}

/** score [batch, 1] instead of [batch]. */
export function wrongRankModel(name: string): ModelFile {
  const graph = start(name)
  const max = graph.node('ReduceMax', ['window'], { axes: [1, 2], keepdims: 0 })
  graph.node('Unsqueeze', [max, graph.integers('one', [1])], {}, 'score')
  graph.output('score', ['batch', 1])
  return fileOf(graph, manifestOf(name, [1, 2]))
}
