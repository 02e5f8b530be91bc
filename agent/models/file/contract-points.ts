// The model contract point by point, as far as a file can be judged without running it: what keeps it, what does not, and
// what would do. parseModelFile is the judge that a gateway asks; this is for whoever has to make the file.
import { AgentError, messageOf } from '../../core/errors.ts'
import type { Manifest } from '../contract.ts'
import { checkGraph, contentOf, inputsOf, REFUSED_OPERATORS, shown } from './graph-check.ts'
import { openModel, readManifest } from './model-file.ts'
import { FLOAT, type Onnx } from './onnx-proto.ts'

/** Names of points are stable: programs read them. */
export type PointName =
  | 'file'
  | 'weights'
  | 'operators'
  | 'input'
  | 'score'
  | 'contributions'
  | 'features'
  | 'manifest'
  | 'match'
  | 'runs'
  | 'repeats'
  | 'batch'
  | 'shares'
  | 'self-test'

export interface Point {
  point: PointName
  /** `absent`: optional and not there. `not-tried`: something else has to be put right first. */
  status: 'pass' | 'fail' | 'absent' | 'not-tried'
  /** What was found. */
  found: string
  /** What would do, where it fails. */
  todo?: string
}

export interface GraphShape {
  channels: number
  samples: number
  /** Width of the output, 0 where there is none. */
  contributions: number
  features: number
}

export interface Inspection {
  points: Point[]
  /** Undefined where the graph cannot be fed windows of a known shape, or must not be run. */
  shape: GraphShape | undefined
  manifest: Manifest | undefined
}

/** Never throws over what is in the file. */
export function inspectModel(bytes: Uint8Array, where: string): Inspection {
  let opened: ReturnType<typeof openModel>
  try {
    opened = openModel(bytes, where)
  } catch (error) {
    if (!(error instanceof AgentError)) throw error
    const todo = 'export it again, as one .onnx file of 16 MiB at most'
    return {
      points: [{ point: 'file', status: 'fail', found: error.message, todo }],
      shape: undefined,
      manifest: undefined,
    }
  }
  const { model, graph } = opened
  const content = contentPoints(model, graph)
  const input = inputPoint(graph)
  const outputs = [outputPoint(graph, 'score'), outputPoint(graph, 'contributions'), outputPoint(graph, 'features')]
  const { points: manifestPoints, manifest } = manifestPointsOf(model, graph, where)
  const points = [filePoint(bytes, model, graph), ...content, input, ...outputs, ...manifestPoints]
  const runnable = ![...content, input, ...outputs].some(point => point.status === 'fail')
  return { points, shape: runnable ? shapeOf(graph) : undefined, manifest }
}

function filePoint(bytes: Uint8Array, model: Onnx<'ModelProto'>, graph: Onnx<'GraphProto'>): Point {
  const opset = model.opsetImport
    .map(({ domain, version }) => `${domain ? `${domain} ` : 'opset '}${version}`)
    .join(', ')
  const size = `${(bytes.length / 1000).toFixed(1)} kB`
  return {
    point: 'file',
    status: 'pass',
    found: `${size}, ${graph.node.length} nodes, ${opset}, IR ${model.irVersion}`,
  }
}

function contentPoints(model: Onnx<'ModelProto'>, graph: Onnx<'GraphProto'>): Point[] {
  const { refused, operators, external } = contentOf(model, graph)
  return [
    external
      ? {
          point: 'weights',
          status: 'fail',
          found: 'in another file (external data)',
          todo: 'save them inside: onnx.save_model(onnx.load(FILE), OUT, save_as_external_data=False)',
        }
      : { point: 'weights', status: 'pass', found: 'inside the file' },
    refused.length > 0
      ? {
          point: 'operators',
          status: 'fail',
          found: refused.map(op => `${op}: ${REFUSED_OPERATORS[op]}`).join('; '),
          todo: 'unroll loops and recurrent cells over the fixed window, and leave randomness to training (model.eval())',
        }
      : { point: 'operators', status: 'pass', found: operators.toSorted().join(', ') },
  ]
}

const dimsOf = (value: Onnx<'ValueInfoProto'>): number[] | undefined =>
  value.type?.tensorType?.shape?.dim.map(dim => Number(dim.dimValue))

function inputPoint(graph: Onnx<'GraphProto'>): Point {
  const want = 'float32 [batch, channels, samples], batch dynamic, the others fixed'
  const inputs = inputsOf(graph)
  const [input] = inputs
  const fail = (found: string, todo: string): Point => ({ point: 'input', status: 'fail', found, todo })
  if (!input || inputs.length !== 1 || input.name !== 'window') {
    const names = inputs.map(({ name }) => `"${name}"`).join(', ') || 'none'
    return fail(`inputs: ${names}`, `one input "window", ${want}: torch.onnx.export(..., input_names=["window"])`)
  }
  const found = `"window" ${shown(input)}`
  const todo = shapeAdvice(input, 3, 'window')
  if (todo !== undefined) return fail(found, `${todo}; it takes ${want}`)
  return { point: 'input', status: 'pass', found }
}

function outputPoint(graph: Onnx<'GraphProto'>, name: 'score' | 'contributions' | 'features'): Point {
  const output = graph.output.find(candidate => candidate.name === name)
  if (!output && name !== 'score') return { point: name, status: 'absent', found: 'no such output; it is optional' }
  if (!output) {
    const names = graph.output.map(candidate => `"${candidate.name}"`).join(', ') || 'none'
    const todo =
      'one output "score", float32 [batch], 1.0 being the setpoint: torch.onnx.export(..., output_names=["score"])'
    return { point: name, status: 'fail', found: `outputs: ${names}`, todo }
  }
  const found = `"${name}" ${shown(output)}`
  const todo = shapeAdvice(output, name === 'score' ? 1 : 2, name)
  return todo === undefined ? { point: name, status: 'pass', found } : { point: name, status: 'fail', found, todo }
}

/** What would make this value float32, of that rank, with a dynamic batch and fixed other dimensions; undefined when it is. */
function shapeAdvice(value: Onnx<'ValueInfoProto'>, rank: number, name: string): string | undefined {
  const dims = dimsOf(value)
  if (value.type?.tensorType?.elemType !== FLOAT) return 'export in float32: model.float(), and cast the output'
  if (dims?.length !== rank) {
    if (name === 'score') return 'one number per window: return score.flatten() or squeeze the last dimension'
    return `${rank} dimensions are expected; reshape inside the model`
  }
  if (dims[0] !== 0) return `let the batch be dynamic: dynamic_axes={"${name}": {0: "batch"}, ...}`
  if (dims.slice(1).some(dim => dim < 1)) return `only the batch may be dynamic: leave the others out of dynamic_axes`
  return undefined
}

function shapeOf(graph: Onnx<'GraphProto'>): GraphShape {
  const [, channels = 0, samples = 0] = dimsOf(inputsOf(graph)[0]!) ?? []
  const widthOf = (name: string): number => {
    const output = graph.output.find(candidate => candidate.name === name)
    return output ? (dimsOf(output)?.[1] ?? 0) : 0
  }
  return { channels, samples, contributions: widthOf('contributions'), features: widthOf('features') }
}

const WRAP = 'wearwatch models wrap FILE --manifest M.yaml --out OUT.onnx writes one'

function manifestPointsOf(
  model: Onnx<'ModelProto'>,
  graph: Onnx<'GraphProto'>,
  where: string,
): { points: Point[]; manifest: Manifest | undefined } {
  const waiting: Point = { point: 'match', status: 'not-tried', found: 'there is no valid manifest to hold it against' }
  let manifest: Manifest
  try {
    manifest = readManifest(model, where)
  } catch (error) {
    const found = messageOf(error).replace(`${where} does not keep the model contract: `, '')
    return { points: [{ point: 'manifest', status: 'fail', found, todo: WRAP }, waiting], manifest: undefined }
  }
  const { name, release, family } = manifest
  const present: Point = { point: 'manifest', status: 'pass', found: `${name} release ${release}, family ${family}` }
  const own = new Set(contentOf(model, graph).refused.map(op => `operator ${op} `))
  // Said under `operators` and `weights` already.
  const problems = checkGraph(model, graph, manifest).filter(
    problem => !problem.includes('(external data)') && ![...own].some(start => problem.startsWith(start)),
  )
  const match: Point =
    problems.length === 0
      ? { point: 'match', status: 'pass', found: 'inputs, outputs and labels of manifest and graph agree' }
      : { point: 'match', status: 'fail', found: problems.join('; '), todo: `make manifest and graph agree: ${WRAP}` }
  return { points: [present, match], manifest }
}
