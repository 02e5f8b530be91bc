import t from 'tap'
import {
  checkBounds,
  checkFinite,
  checkSelfTest,
  checkSignature,
  selfTestData,
  type ValueInfo,
} from '../../../agent/scoring/model-check.ts'
import type { LoadMeta } from '../../../agent/scoring/protocol.ts'

const meta: LoadMeta = {
  name: 'pump',
  channels: 2,
  samples: 3,
  contributions: 2,
  features: 0,
  selfTest: { windows: Buffer.alloc(24).toString('base64'), scores: [1], tolerance: 0.01 },
  providers: ['cpu'],
  require: false,
  deviceId: 0,
  threads: 1,
  batchMax: 4,
}
const tensor = (name: string, shape: (number | string)[], type = 'float32'): ValueInfo => ({
  name,
  isTensor: true,
  type,
  shape,
})
const window = tensor('window', ['batch', 2, 3])
const score = tensor('score', ['batch'])
const contributions = tensor('contributions', ['batch', 2])

t.test('a signature that keeps the contract passes, extra outputs and symbolic labels included', async t => {
  checkSignature(meta, [window], [score, contributions, tensor('extra', [4])])
  checkSignature(meta, [window], [score, tensor('contributions', ['batch', 'k'])])
  t.pass()
})

t.test('every breach names model, expectation and finding', async t => {
  const breaches: [string, ValueInfo[], ValueInfo[], RegExp][] = [
    ['two inputs', [window, tensor('x', [1])], [score, contributions], /found "window", "x"/],
    ['no input', [], [score, contributions], /found none/],
    ['static batch', [tensor('window', [1, 2, 3])], [score, contributions], /"window" float32 \[1, 2, 3\]/],
    ['float64', [tensor('window', ['batch', 2, 3], 'float64')], [score, contributions], /found "window" float64/],
    ['rank 2', [tensor('window', ['batch', 6])], [score, contributions], /expected "window" float32 \[batch, 2, 3\]/],
    ['score of rank 2', [window], [tensor('score', ['batch', 1]), contributions], /found "score" float32 \[batch, 1\]/],
    ['no score', [window], [contributions], /"score" float32 \[batch\], found no such output/],
    ['labels missing', [window], [score], /"contributions" float32 \[batch, 2\], found no such output/],
    ['labels of another number', [window], [score, tensor('contributions', ['batch', 3])], /found "contributions"/],
    ['not a tensor', [window], [{ name: 'score', isTensor: false }, contributions], /not a tensor/],
  ]
  for (const [name, inputs, outputs, message] of breaches) {
    t.throws(() => checkSignature(meta, inputs, outputs), { code: 'MODEL_CONTRACT', message }, name)
    t.throws(() => checkSignature(meta, inputs, outputs), { message: /^pump: / }, name)
  }
})

t.test('self-test: windows must match the scores, outputs be finite and within tolerance', async t => {
  t.equal(selfTestData(meta).windows.length, 6)
  t.throws(() => selfTestData({ ...meta, selfTest: { windows: '', scores: [], tolerance: 1 } }), {
    code: 'MODEL_CONTRACT',
  })
  t.throws(() => selfTestData({ ...meta, selfTest: { windows: 'AAAA', scores: [1], tolerance: 1 } }), {
    message: /24 bytes.*found 3/,
  })
  t.throws(() => checkFinite(meta, 'features', Float32Array.of(1, Number.NaN)), {
    code: 'MODEL_CONTRACT',
    message: /features\[1\] = NaN/,
  })
  checkSelfTest(meta, 'cpu', 0, Float32Array.of(1.009))
  t.throws(() => checkSelfTest(meta, 'cuda', 0, Float32Array.of(1.02)), {
    code: 'MODEL_SELF_TEST',
    message: /on cuda, expected 1 ± 0.01/,
  })
  t.throws(() => checkSelfTest(meta, 'cpu', 0, Float32Array.of(Number.NaN)), { code: 'MODEL_SELF_TEST' })
  const large = { ...meta, selfTest: { ...meta.selfTest, scores: [1000] } }
  checkSelfTest(large, 'cpu', 0, Float32Array.of(1009))
  t.throws(() => checkSelfTest(large, 'cpu', 0, Float32Array.of(1011)), { code: 'MODEL_SELF_TEST' })
})

t.test('bounds', async t => {
  t.throws(() => checkBounds({ ...meta, samples: 2 ** 21 }), { code: 'MODEL_CONTRACT' })
  t.throws(() => checkBounds({ ...meta, samples: Number.NaN }), { code: 'MODEL_CONTRACT' })
  t.throws(() => checkBounds({ ...meta, features: 5000 }), { code: 'MODEL_CONTRACT' })
})
