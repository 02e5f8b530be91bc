import * as ort from 'onnxruntime-node'
import t from 'tap'
import type { Manifest } from '../../../agent/models/contract.ts'
import { GraphBuilder } from '../../../agent/models/graph.ts'
import { parseModelFile, writeModelFile } from '../../../agent/models/model-file.ts'

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
const meanGraph = (): GraphBuilder => {
  const graph = new GraphBuilder('mean')
  graph.input('window', ['batch', 2, 3])
  graph.node('ReduceMean', ['window'], { axes: [1, 2], keepdims: 0 }, 'score')
  graph.output('score', ['batch'])
  return graph
}

t.test('a written model is read back and runs', async t => {
  const bytes = writeModelFile(meanGraph(), manifest)
  const file = parseModelFile(bytes, 'file')
  t.same(file.manifest, manifest)
  const session = await ort.InferenceSession.create(bytes)
  const out = await session.run({ window: new ort.Tensor('float32', Float32Array.from([1, 2, 3, 4, 5, 6]), [1, 2, 3]) })
  t.same([...(out.score!.data as Float32Array)], [3.5])
  await session.release()
})
