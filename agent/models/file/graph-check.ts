// What can be held against a graph without running it: its inputs and outputs, and operators no gateway should run.
import type { Manifest } from '../contract.ts'
import { FLOAT, type Onnx } from './onnx-proto.ts'

/** Refused wherever they stand, with the reason a person gets to read. */
export const REFUSED_OPERATORS: Readonly<Record<string, string>> = {
  // A 271-byte endless Loop made SIGTERM, worker.terminate() and process.exit() hang; only SIGKILL ended it.
  Loop: 'it may never end, and a running model cannot be cancelled',
  Scan: 'its run time depends on data, and it keeps the graph off the GPU',
  If: 'its branches run on the CPU, and what runs then depends on data',
  // A function of ONNX that expands to Loop.
  SequenceMap: 'it expands to Loop',
  // ONNX Runtime aborts the whole process when these meet a batch of 0.
  LSTM: 'ONNX Runtime can abort the process in it',
  GRU: 'ONNX Runtime can abort the process in it',
  RNN: 'ONNX Runtime can abort the process in it',
  // The same window must give the same score on every run and provider.
  RandomNormal: 'its scores would not repeat',
  RandomNormalLike: 'its scores would not repeat',
  RandomUniform: 'its scores would not repeat',
  RandomUniformLike: 'its scores would not repeat',
  Multinomial: 'its scores would not repeat',
  Bernoulli: 'its scores would not repeat',
}
/** TensorProto.DataLocation.EXTERNAL */
const EXTERNAL = 1

/** Everything wrong with the graph, in words; empty when it keeps the contract. */
export function checkGraph(model: Onnx<'ModelProto'>, graph: Onnx<'GraphProto'>, manifest: Manifest): string[] {
  const { refused, external } = contentOf(model, graph)
  const problems = [...checkInput(graph, manifest), ...checkOutputs(graph, manifest)]
  for (const op of refused) problems.push(`operator ${op} is refused: ${REFUSED_OPERATORS[op]}`)
  if (external) problems.push('its weights are in another file (external data); export it with the weights inside')
  return problems
}

/** What is in a graph, its subgraphs and functions: operators that are refused, operators in all, weights outside the file. */
export function contentOf(
  model: Onnx<'ModelProto'>,
  graph: Onnx<'GraphProto'>,
): { refused: string[]; operators: string[]; external: boolean } {
  const operators = new Set<string>()
  let external = false
  walk(
    model,
    graph,
    node => operators.add(node.opType),
    tensor => {
      external ||= tensor.externalData.length > 0 || tensor.dataLocation === EXTERNAL
    },
  )
  const refused = [...operators].filter(op => Object.hasOwn(REFUSED_OPERATORS, op))
  return { refused, operators: [...operators], external }
}

/** Inputs that a caller has to give: initializers listed as inputs have their values already. */
export function inputsOf(graph: Onnx<'GraphProto'>): Onnx<'ValueInfoProto'>[] {
  const weights = new Set(graph.initializer.map(tensor => tensor.name))
  return graph.input.filter(input => !weights.has(input.name))
}

function checkInput(graph: Onnx<'GraphProto'>, manifest: Manifest): string[] {
  const inputs = inputsOf(graph)
  const want = `float32 [batch, ${manifest.channels.length}, ${manifest.samples}]`
  if (inputs.length !== 1 || inputs[0]?.name !== 'window') {
    return [`expected the one input "window" ${want}, found ${inputs.map(input => input.name).join(', ') || 'none'}`]
  }
  return matches(inputs[0], [manifest.channels.length, manifest.samples])
    ? []
    : [`input "window" is ${shown(inputs[0])}, but the manifest says ${want} with a dynamic batch`]
}

function checkOutputs(graph: Onnx<'GraphProto'>, manifest: Manifest): string[] {
  const problems: string[] = []
  const check = (name: string, rest: number[], needed: boolean): void => {
    const output = graph.output.find(candidate => candidate.name === name)
    const want = `float32 [${['batch', ...rest].join(', ')}]`
    if (!output && needed) problems.push(`output "${name}" ${want} is missing`)
    else if (output && !needed) problems.push(`output "${name}" has no labels in the manifest`)
    else if (output && !matches(output, rest)) problems.push(`output "${name}" is ${shown(output)}, expected ${want}`)
  }
  check('score', [], true)
  check('contributions', [manifest.contributions.length], manifest.contributions.length > 0)
  check('features', [manifest.features.length], manifest.features.length > 0)
  return problems
}

/** float32, a dynamic first dimension, then exactly `rest`. */
function matches(value: Onnx<'ValueInfoProto'>, rest: readonly number[]): boolean {
  const tensor = value.type?.tensorType
  const dims = tensor?.shape?.dim
  if (tensor?.elemType !== FLOAT || dims?.length !== rest.length + 1) return false
  return dims.every((dim, i) => Number(dim.dimValue) === (i === 0 ? 0 : rest[i - 1]))
}

/** `float32 [batch, 8, 15]`, as people write it. */
export function shown(value: Onnx<'ValueInfoProto'>): string {
  const tensor = value.type?.tensorType
  const dims = tensor?.shape?.dim.map(dim => (dim.dimValue > 0n ? String(dim.dimValue) : dim.dimParam || '?'))
  return `${tensor?.elemType === FLOAT ? 'float32' : `type ${tensor?.elemType}`} [${dims?.join(', ') ?? 'unknown'}]`
}

function walk(
  model: Onnx<'ModelProto'>,
  graph: Onnx<'GraphProto'>,
  onNode: (node: Onnx<'NodeProto'>) => void,
  onTensor: (tensor: Onnx<'TensorProto'>) => void,
): void {
  const visitTensor = (tensor: Onnx<'TensorProto'> | undefined): void => {
    if (tensor) onTensor(tensor)
  }
  const visitSparse = (sparse: Onnx<'SparseTensorProto'> | undefined): void => {
    visitTensor(sparse?.values)
    visitTensor(sparse?.indices)
  }
  const visitNodes = (nodes: readonly Onnx<'NodeProto'>[]): void => {
    for (const node of nodes) {
      onNode(node)
      for (const attribute of node.attribute) {
        visitTensor(attribute.t)
        attribute.tensors.forEach(visitTensor)
        visitSparse(attribute.sparseTensor)
        attribute.sparseTensors.forEach(visitSparse)
        if (attribute.g) visitGraph(attribute.g)
        attribute.graphs.forEach(visitGraph)
      }
    }
  }
  const visitGraph = (inner: Onnx<'GraphProto'>): void => {
    inner.initializer.forEach(visitTensor)
    inner.sparseInitializer.forEach(visitSparse)
    visitNodes(inner.node)
  }
  visitGraph(graph)
  for (const fn of model.functions) visitNodes(fn.node)
}
