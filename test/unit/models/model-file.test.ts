import * as ort from 'onnxruntime-node'
import t from 'tap'
import { AgentError, type ErrorCode } from '../../../agent/core/errors.ts'
import { seededPrng } from '../../../agent/core/prng.ts'
import type { Manifest } from '../../../agent/models/contract.ts'
import { GraphBuilder } from '../../../agent/models/file/graph.ts'
import { MANIFEST_KEY, MODEL_BYTES_MAX, parseModelFile, writeModelFile } from '../../../agent/models/file/model-file.ts'
import { decodeModel, encodeModel, onnx } from '../../../agent/models/file/onnx-proto.ts'

const manifest: Manifest = {
  schema: 'wearwatch.model/1',
  name: 'mean',
  release: 1,
  family: 'test',
  channels: [
    { id: 'a', unit: 'A' },
    { id: 'b', unit: 'bar' },
  ],
  samples: 3,
  hop: 1,
  alarm: { onDelayMs: 0, offDelayMs: 0, deadband: 0.1 },
  contributions: [],
  features: [],
  quantiles: { '0.5': 0.5 },
  selfTest: { windows: Buffer.alloc(24).toString('base64'), scores: [0], tolerance: 1e-3 },
}

function meanGraph(): GraphBuilder {
  const graph = new GraphBuilder('mean')
  graph.input('window', ['batch', 2, 3])
  graph.node('ReduceMean', ['window'], { axes: [1, 2], keepdims: 0 }, 'score')
  graph.output('score', ['batch'])
  return graph
}

/** The code with which `bytes` are refused, and the message; fails when they are not. */
function refusal(t: Tap, bytes: Uint8Array): { code: ErrorCode; message: string } | undefined {
  try {
    parseModelFile(bytes, 'delivered', 'p.onnx')
  } catch (error) {
    if (error instanceof AgentError) return { code: error.code, message: error.message }
    throw error
  }
  t.fail('was accepted')
  return undefined
}
type Tap = { fail(message: string): unknown }

t.test('a written model is read back and runs', async t => {
  const bytes = writeModelFile(meanGraph(), manifest)
  const file = parseModelFile(bytes, 'file')
  t.same(file.manifest, manifest)
  t.equal(file.origin, 'file')
  t.match(file.sha256, /^[0-9a-f]{64}$/)
  const session = await ort.InferenceSession.create(bytes)
  const out = await session.run({ window: new ort.Tensor('float32', Float32Array.from([1, 2, 3, 4, 5, 6]), [1, 2, 3]) })
  t.same([...(out.score!.data as Float32Array)], [3.5])
  await session.release()
})

t.test('what is not ONNX is unreadable', t => {
  const prng = seededPrng(1)
  for (const [what, bytes] of [
    ['nothing', new Uint8Array()],
    ['text', Buffer.from('PK this is a zip, or a page that says 404')],
    ['noise', Uint8Array.from({ length: 4_000 }, () => 256 * prng.next())],
    ['too large', new Uint8Array(MODEL_BYTES_MAX + 1)],
    ['protobuf without a graph', encodeModel(onnx('ModelProto', { irVersion: 8n }))],
    ['an empty graph', new GraphBuilder('empty').toBytes()],
  ] as const) {
    t.match(refusal(t, bytes), { code: 'MODEL_UNREADABLE', message: /^p\.onnx / }, what)
  }
  t.end()
})

t.test('a file that would decode into millions of objects is refused before it is decoded', t => {
  // graph (field 7) { node (field 1) {} … }: two bytes a node.
  const nodes = Buffer.alloc(4 << 20)
  for (let i = 0; i < nodes.length; i += 2) nodes[i] = 0x0a
  const bytes = Buffer.concat([Buffer.from([0x3a, 0x80, 0x80, 0x80, 0x02]), nodes])
  t.match(refusal(t, bytes), { code: 'MODEL_UNREADABLE', message: /more than 1000000 elements/ })
  t.end()
})

t.test('a manifest that is missing or wrong is named, all of it at once', t => {
  const bytesOf = (value: unknown): Uint8Array => meanGraph().toBytes({ [MANIFEST_KEY]: JSON.stringify(value) })
  const { selfTest, ...withoutSelfTest } = manifest
  for (const [bytes, message] of [
    [meanGraph().toBytes(), /metadata_props\["wearwatch.manifest"\] is missing/],
    [meanGraph().toBytes({ [MANIFEST_KEY]: '{"schema":' }), /is not JSON/],
    [bytesOf([]), /expected object/],
    [bytesOf({ ...manifest, schema: 'wearwatch.model/2' }), /schema: /],
    [bytesOf({ ...manifest, release: 1.5, hop: 0 }), /release: .*hop: /],
    [bytesOf({ ...manifest, name: 'P 101' }), /name: expected a slug/],
    [bytesOf(withoutSelfTest), /selfTest: /],
    [bytesOf({ ...manifest, selfTest: { ...selfTest, scores: [] } }), /selfTest\.scores/],
    [bytesOf({ ...manifest, selfTest: { ...selfTest, tolerance: 10 } }), /selfTest\.tolerance/],
    [bytesOf({ ...manifest, selfTest: { ...selfTest, scores: [0, 1] } }), /24 bytes, expected 48 for 2 scores/],
    [bytesOf({ ...manifest, samples: 1 << 20 }), /a window of 2097152 floats/],
    [bytesOf({ ...manifest, channels: [manifest.channels[0], manifest.channels[0]] }), /an id occurs twice/],
    [bytesOf({ ...manifest, features: [{ name: 'x', unit: '', channel: 'c' }] }), /belongs to no channel/],
  ] as const) {
    t.match(refusal(t, bytes), { code: 'MODEL_CONTRACT', message }, String(message))
  }
  t.end()
})

t.test('inputs and outputs must be what the manifest says', t => {
  const graphOf = (dims: (number | string)[], inputType = 1, more?: (graph: GraphBuilder) => void): GraphBuilder => {
    const graph = new GraphBuilder('g')
    graph.input('window', dims, inputType)
    graph.node('ReduceMean', ['window'], { axes: [1, 2], keepdims: 0 }, 'score')
    more?.(graph)
    if (!more) graph.output('score', ['batch'])
    return graph
  }
  for (const [graph, message] of [
    [graphOf(['batch', 3, 3]), /"window" is float32 \[batch, 3, 3\], but the manifest says float32 \[batch, 2, 3\]/],
    [graphOf([1, 2, 3]), /dynamic batch/],
    [graphOf(['batch', 6]), /dynamic batch/],
    [graphOf(['batch', 2, 3], 10), /"window" is type 10/],
    [graphOf(['batch', 2, 3], 1, g => g.input('more', [1])), /found window, more.*"score" .*missing/],
    [graphOf(['batch', 2, 3], 1, g => g.output('score', ['batch', 1])), /"score" is float32 \[batch, 1\], expected/],
    [
      graphOf(['batch', 2, 3], 1, g => {
        g.output('score', ['batch'])
        g.output('features', ['batch', 2])
      }),
      /"features" has no labels in the manifest/,
    ],
  ] as const) {
    t.match(refusal(t, writeModelFile(graph, manifest)), { code: 'MODEL_CONTRACT', message }, String(message))
  }
  const labelled = writeModelFile(meanGraph(), { ...manifest, contributions: ['a', 'b'] })
  t.match(refusal(t, labelled), { code: 'MODEL_CONTRACT', message: /"contributions" float32 \[batch, 2\] is missing/ })
  t.end()
})

t.test('operators that can hang or abort a process are refused, in subgraphs and functions too', t => {
  const body = new GraphBuilder('body')
  body.node('LSTM', ['x'])
  const graph = meanGraph()
  graph.node('Loop', ['', 'go'], { body: { graph: body } })
  const { message } = refusal(t, writeModelFile(graph, manifest))!
  t.match(message, /operator Loop is refused: it may never end/)
  t.match(message, /operator LSTM is refused/)

  const model = decodeModel(writeModelFile(meanGraph(), manifest))
  model.functions.push(onnx('FunctionProto', { name: 'f', node: [onnx('NodeProto', { opType: 'Scan' })] }))
  t.match(refusal(t, encodeModel(model)), { code: 'MODEL_CONTRACT', message: /operator Scan is refused/ })
  t.end()
})

t.test('weights in another file are refused', t => {
  const model = decodeModel(writeModelFile(meanGraph(), manifest))
  const externalData = [onnx('StringStringEntryProto', { key: 'location', value: '/etc/passwd' })]
  model.graph!.initializer.push(
    onnx('TensorProto', { name: 'w', dims: [1n], dataType: 1, dataLocation: 1, externalData }),
  )
  t.match(refusal(t, encodeModel(model)), { code: 'MODEL_CONTRACT', message: /external data/ })
  t.end()
})

t.test('fields this agent does not know survive reading and writing', t => {
  // doc_string of a node (6), denotation of a type (6), training_info (20), a field that does not exist yet (999).
  const unknown = Buffer.from([0xa2, 0x01, 0x02, 0x0a, 0x00, 0xba, 0x3e, 0x03, 0x61, 0x62, 0x63])
  const bytes = Buffer.concat([writeModelFile(meanGraph(), manifest), unknown])
  const again = Buffer.from(encodeModel(decodeModel(bytes)))
  t.ok(again.includes(unknown), 'both unknown fields are there')
  t.equal(again.length, bytes.length)
  t.equal(parseModelFile(again, 'file').manifest.name, 'mean')
  t.end()
})

t.test('cut or flipped files give an AgentError or a model that keeps the contract, never anything else', t => {
  const whole = writeModelFile(meanGraph(), manifest)
  const outcomes = new Map<string, number>()
  const tryOne = (bytes: Uint8Array): void => {
    let outcome = 'accepted'
    try {
      parseModelFile(bytes, 'file')
    } catch (error) {
      if (!(error instanceof AgentError)) throw error
      outcome = error.code
    }
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
  }
  for (let end = 0; end < whole.length; end++) tryOne(whole.subarray(0, end))
  const seed = 20_261_122
  const prng = seededPrng(seed)
  for (let round = 0; round < 4_000; round++) {
    const bytes = whole.slice()
    for (let flips = 1 + 3 * prng.next(); flips > 0; flips--) {
      bytes[Math.floor(bytes.length * prng.next())]! ^= 1 << Math.floor(8 * prng.next())
    }
    tryOne(bytes)
  }
  t.ok((outcomes.get('MODEL_UNREADABLE') ?? 0) > 500, `seed ${seed}: ${JSON.stringify([...outcomes])}`)
  t.ok((outcomes.get('MODEL_CONTRACT') ?? 0) > 500)
  t.end()
})
