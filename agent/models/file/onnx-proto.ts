// The part of onnx.proto (ONNX 1.10 to today, proto2) that the agent reads or writes, as one table. Field numbers are
// ONNX's; fields left out are kept as unknown fields and written back, so a model edited here loses nothing.
// Types and descriptors both come from the table: no code generator, no enums (they are int32 on the wire).
import {
  create,
  createFileRegistry,
  fromBinary,
  type Message,
  type MessageInitShape,
  toBinary,
} from '@bufbuild/protobuf'
import type { GenMessage } from '@bufbuild/protobuf/codegenv2'
import {
  type DescriptorProtoSchema,
  FileDescriptorProtoSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from '@bufbuild/protobuf/wkt'

// `<number> <type>`, `<number> repeated <type>` or `<number> packed <type>`.
export const MESSAGES = {
  ModelProto: {
    irVersion: '1 int64',
    producerName: '2 string',
    producerVersion: '3 string',
    domain: '4 string',
    modelVersion: '5 int64',
    docString: '6 string',
    graph: '7 GraphProto',
    opsetImport: '8 repeated OperatorSetIdProto',
    metadataProps: '14 repeated StringStringEntryProto',
    functions: '25 repeated FunctionProto',
  },
  GraphProto: {
    node: '1 repeated NodeProto',
    name: '2 string',
    initializer: '5 repeated TensorProto',
    docString: '10 string',
    input: '11 repeated ValueInfoProto',
    output: '12 repeated ValueInfoProto',
    sparseInitializer: '15 repeated SparseTensorProto',
  },
  FunctionProto: { name: '1 string', node: '7 repeated NodeProto', domain: '10 string' },
  NodeProto: {
    input: '1 repeated string',
    output: '2 repeated string',
    name: '3 string',
    opType: '4 string',
    attribute: '5 repeated AttributeProto',
    domain: '7 string',
  },
  AttributeProto: {
    name: '1 string',
    f: '2 float',
    i: '3 int64',
    s: '4 bytes',
    t: '5 TensorProto',
    g: '6 GraphProto',
    floats: '7 repeated float',
    ints: '8 repeated int64',
    strings: '9 repeated bytes',
    tensors: '10 repeated TensorProto',
    graphs: '11 repeated GraphProto',
    type: '20 int32',
    sparseTensor: '22 SparseTensorProto',
    sparseTensors: '23 repeated SparseTensorProto',
  },
  TensorProto: {
    dims: '1 repeated int64',
    dataType: '2 int32',
    floatData: '4 packed float',
    int32Data: '5 packed int32',
    int64Data: '7 packed int64',
    name: '8 string',
    rawData: '9 bytes',
    doubleData: '10 packed double',
    externalData: '13 repeated StringStringEntryProto',
    dataLocation: '14 int32',
  },
  SparseTensorProto: { values: '1 TensorProto', indices: '2 TensorProto', dims: '3 repeated int64' },
  ValueInfoProto: { name: '1 string', type: '2 TypeProto', docString: '3 string' },
  // A oneof on the wire is a set of optional fields; the kinds that are not tensors stay unknown fields.
  TypeProto: { tensorType: '1 TensorTypeProto' },
  TensorTypeProto: { elemType: '1 int32', shape: '2 TensorShapeProto' },
  TensorShapeProto: { dim: '1 repeated DimensionProto' },
  DimensionProto: { dimValue: '1 int64', dimParam: '2 string' },
  OperatorSetIdProto: { domain: '1 string', version: '2 int64' },
  StringStringEntryProto: { key: '1 string', value: '2 string' },
} as const

interface Scalars {
  int64: bigint
  int32: number
  float: number
  double: number
  string: string
  bytes: Uint8Array
}
type Table = typeof MESSAGES
export type MessageName = keyof Table
type One<T> = T extends keyof Scalars ? Scalars[T] : T extends MessageName ? Onnx<T> : never
type Value<Spec> = Spec extends `${number} repeated ${infer T}` | `${number} packed ${infer T}`
  ? One<T>[]
  : Spec extends `${number} ${infer T}`
    ? One<T>
    : never
type Optional<M> = { [F in keyof M]: M[F] extends `${number} ${MessageName}` ? F : never }[keyof M]

/** A message of onnx.proto: `Onnx<'ModelProto'>`. Unset scalars read as their default, unset messages as undefined. */
export type Onnx<N extends MessageName> = Message<`onnx.${N}`> & {
  [F in Exclude<keyof Table[N], Optional<Table[N]>>]: Value<Table[N][F]>
} & { [F in Optional<Table[N]>]?: Value<Table[N][F]> }

/** Initial values for `onnx()`: any of the fields, nested messages as made by `onnx()` or as plain objects. */
export type OnnxInit<N extends MessageName> = { [F in keyof Table[N]]?: Init<Value<Table[N][F]>> }
type Init<V> = V extends (infer E)[]
  ? Init<E>[]
  : V extends Message<`onnx.${infer N extends MessageName}`>
    ? OnnxInit<N> | V
    : V

const SCALAR_TYPES = {
  int64: Type.INT64,
  int32: Type.INT32,
  float: Type.FLOAT,
  double: Type.DOUBLE,
  string: Type.STRING,
  bytes: Type.BYTES,
} as const satisfies Record<keyof Scalars, Type>

const registry = createFileRegistry(
  create(FileDescriptorProtoSchema, {
    name: 'onnx.proto',
    package: 'onnx',
    syntax: 'proto2',
    messageType: Object.entries(MESSAGES).map(([name, fields]) => describe(name, fields)),
  }),
  () => undefined,
)

function describe(name: string, fields: Record<string, string>): MessageInitShape<typeof DescriptorProtoSchema> {
  return {
    name,
    field: Object.entries(fields).map(([fieldName, spec]) => {
      const [number = '', ...rest] = spec.split(' ')
      const type = rest.at(-1) ?? ''
      const scalar = SCALAR_TYPES[type as keyof Scalars]
      return {
        name: fieldName,
        number: Number(number),
        label: rest.length > 1 ? Label.REPEATED : Label.OPTIONAL,
        type: scalar ?? Type.MESSAGE,
        ...(scalar === undefined ? { typeName: `.onnx.${type}` } : {}),
        ...(rest[0] === 'packed' ? { options: { packed: true } } : {}),
      }
    }),
  }
}

function schema<N extends MessageName>(name: N): GenMessage<Onnx<N>> {
  return registry.getMessage(`onnx.${name}`) as unknown as GenMessage<Onnx<N>>
}

export function onnx<N extends MessageName>(name: N, init: OnnxInit<N>): Onnx<N> {
  return create(schema(name), init as never)
}

/** Throws on malformed protobuf. Bytes that are protobuf but not ONNX give a model without a graph. */
export function decodeModel(bytes: Uint8Array): Onnx<'ModelProto'> {
  return fromBinary(schema('ModelProto'), bytes)
}

export function encodeModel(model: Onnx<'ModelProto'>): Uint8Array {
  return toBinary(schema('ModelProto'), model)
}

/** TensorProto.DataType */
export const FLOAT = 1
export const INT64 = 7
