// Builds an ONNX graph node by node, in the order the nodes run.
import { encodeModel, FLOAT, INT64, type Onnx, type OnnxInit, onnx } from './onnx-proto.ts'

// Opset 17 with IR 8 is the newest pair that ONNX Runtime 1.12 to 1.29 and TensorRT 8.5 to 10 all read.
// From opset 18 on, Reduce* take their axes as an input; up to 17 as an attribute (except ReduceSum, from 13).
const OPSET = 17n
const IR_VERSION = 8n
const ATTRIBUTE = { float: 1, int: 2, string: 3, graph: 5, ints: 7 } as const

/** A dimension: a fixed number, or the name of a dynamic one (`batch`). */
export type Dim = number | string
/** Whole numbers become INT or INTS attributes; FLOAT has to be said. */
export type Attribute = number | readonly number[] | string | { float: number } | { graph: GraphBuilder }

export class GraphBuilder {
  readonly #name: string
  readonly #graph: Onnx<'GraphProto'>
  #unnamed = 0

  constructor(name: string) {
    this.#name = name
    this.#graph = onnx('GraphProto', { name })
  }

  /** A float32 graph input; returns its name. */
  input(name: string, dims: readonly Dim[], elemType: number = FLOAT): string {
    this.#graph.input.push(valueInfo(name, dims, elemType))
    return name
  }

  /** Declares a value of that name (made by a node) as a float32 graph output. */
  output(name: string, dims: readonly Dim[], elemType: number = FLOAT): void {
    this.#graph.output.push(valueInfo(name, dims, elemType))
  }

  /** A float32 constant of shape `dims`, row-major; returns its name. */
  constant(name: string, dims: readonly number[], values: ArrayLike<number>): string {
    const bytes = new DataView(new ArrayBuffer(values.length * 4))
    for (let i = 0; i < values.length; i++) bytes.setFloat32(i * 4, values[i]!, true)
    return this.#initializer(name, dims, FLOAT, new Uint8Array(bytes.buffer))
  }

  /** An int64 vector (shapes, axes, indices). */
  integers(name: string, values: readonly number[]): string {
    const bytes = new DataView(new ArrayBuffer(values.length * 8))
    values.forEach((value, i) => {
      bytes.setBigInt64(i * 8, BigInt(value), true)
    })
    return this.#initializer(name, [values.length], INT64, new Uint8Array(bytes.buffer))
  }

  /** One operator of the ai.onnx domain; returns the name of its first output. */
  node(
    opType: string,
    inputs: readonly string[],
    attributes: Record<string, Attribute> = {},
    output: string | readonly string[] = `${opType.toLowerCase()}_${this.#unnamed++}`,
  ): string {
    const outputs = typeof output === 'string' ? [output] : [...output]
    const attribute = Object.entries(attributes).map(([name, value]) => attributeProto(name, value))
    this.#graph.node.push(
      onnx('NodeProto', { opType, name: outputs[0] ?? '', input: [...inputs], output: outputs, attribute }),
    )
    return outputs[0] ?? ''
  }

  /** The graph as a body for Loop, If or Scan. */
  toGraph(): Onnx<'GraphProto'> {
    return this.#graph
  }

  /** The whole model with its metadata, as the bytes of an .onnx file. */
  toBytes(metadata: Readonly<Record<string, string>> = {}): Uint8Array {
    return encodeModel(
      onnx('ModelProto', {
        irVersion: IR_VERSION,
        producerName: 'wearwatch',
        docString: this.#name,
        graph: this.#graph,
        opsetImport: [onnx('OperatorSetIdProto', { domain: '', version: OPSET })],
        metadataProps: Object.entries(metadata).map(([key, value]) => onnx('StringStringEntryProto', { key, value })),
      }),
    )
  }

  #initializer(name: string, dims: readonly number[], dataType: number, rawData: Uint8Array): string {
    this.#graph.initializer.push(onnx('TensorProto', { name, dims: dims.map(BigInt), dataType, rawData }))
    return name
  }
}

function valueInfo(name: string, dims: readonly Dim[], elemType: number): Onnx<'ValueInfoProto'> {
  const dim = dims.map(d => onnx('DimensionProto', typeof d === 'number' ? { dimValue: BigInt(d) } : { dimParam: d }))
  const shape = onnx('TensorShapeProto', { dim })
  return onnx('ValueInfoProto', {
    name,
    type: onnx('TypeProto', { tensorType: onnx('TensorTypeProto', { elemType, shape }) }),
  })
}

function attributeProto(name: string, value: Attribute): Onnx<'AttributeProto'> {
  return onnx('AttributeProto', { name, ...attributeValue(value) })
}

function attributeValue(value: Attribute): OnnxInit<'AttributeProto'> {
  if (typeof value === 'number') return { type: ATTRIBUTE.int, i: BigInt(value) }
  if (typeof value === 'string') return { type: ATTRIBUTE.string, s: new TextEncoder().encode(value) }
  if ('float' in value) return { type: ATTRIBUTE.float, f: value.float }
  if ('graph' in value) return { type: ATTRIBUTE.graph, g: value.graph.toGraph() }
  return { type: ATTRIBUTE.ints, ints: value.map(BigInt) }
}
