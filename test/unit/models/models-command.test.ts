// The contract as a person meets it: verify, wrap and show on files that keep it and on files that do not.
import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readWrapManifest } from '../../../agent/cli/models-manifest.ts'
import { verifyModel } from '../../../agent/cli/models-verify.ts'
import { pickWindows, readWindows } from '../../../agent/cli/models-windows.ts'
import { wrapModel } from '../../../agent/cli/models-wrap.ts'
import { builtFile } from '../../../agent/core/built.ts'
import { AgentError } from '../../../agent/core/errors.ts'
import { GraphBuilder } from '../../../agent/models/file/graph.ts'
import { MANIFEST_KEY, parseModelFile } from '../../../agent/models/file/model-file.ts'
import { decodeModel, encodeModel, FLOAT, onnx } from '../../../agent/models/file/onnx-proto.ts'

const SHAPE = { channels: 2, samples: 3, contributions: 0, features: 0 }
const YAML = `name: mean
release: 2
family: mean of everything
channels:
  - {id: a, unit: A}
  - {id: b, unit: bar}
`

/** score = mean of the window, on top of what `more` adds. */
function graphOf(
  more: (graph: GraphBuilder) => void = () => {},
  dims: (number | string)[] = ['batch', 2, 3],
): Uint8Array {
  const graph = new GraphBuilder('mean')
  graph.input('window', dims)
  graph.node('ReduceMean', ['window'], { axes: [1, 2], keepdims: 0 }, 'score')
  graph.output('score', ['batch'])
  more(graph)
  return graph.toBytes()
}

const bare = graphOf()
/** Its contributions are means, not shares. */
const unfair = graphOf(graph => {
  graph.node('ReduceMean', ['window'], { axes: [2], keepdims: 0 }, 'contributions')
  graph.output('contributions', ['batch', 2])
})
const fixture = readFileSync('test/fixtures/pytorch-pump.onnx')

/** Status by point, and what fails. */
async function verdictOf(bytes: Uint8Array) {
  const { ok, points } = await verifyModel(bytes, 'p.onnx')
  const status = Object.fromEntries(points.map(point => [point.point, point.status]))
  for (const { point, status, todo } of points)
    t.equal(todo === undefined, status !== 'fail', `${point} says what would do`)
  return {
    ok,
    status,
    text: points
      .filter(({ status }) => status === 'fail')
      .map(p => `${p.found} / ${p.todo}`)
      .join('\n'),
  }
}

t.test('verify: a model that keeps the contract passes every point', async t => {
  const { ok, status } = await verdictOf(fixture)
  t.ok(ok)
  t.same(new Set(Object.values(status)), new Set(['pass']))
  t.same(Object.keys(status), [
    ...['file', 'weights', 'operators', 'input', 'score', 'contributions', 'features', 'manifest', 'match'],
    ...['runs', 'repeats', 'batch', 'shares', 'self-test'],
  ])
})

t.test('verify: a bare model lacks the manifest and nothing else', async t => {
  const { ok, status, text } = await verdictOf(bare)
  t.notOk(ok)
  t.match(status, {
    input: 'pass',
    contributions: 'absent',
    manifest: 'fail',
    runs: 'pass',
    batch: 'pass',
    'self-test': 'not-tried',
  })
  t.match(text, /manifest"\] is missing.*models wrap/)
})

t.test('verify: what no gateway runs is named and never run', async t => {
  const fails = async (bytes: Uint8Array, point: string, message: RegExp): Promise<void> => {
    const { ok, status, text } = await verdictOf(bytes)
    t.notOk(ok)
    t.match(status, { [point]: 'fail' }, point)
    t.match(text, message)
    if (point !== 'file') t.equal(status.runs, 'not-tried')
  }
  await fails(Buffer.from('PK a zip'), 'file', /not an ONNX model/)
  await fails(graphOf(undefined, [1, 2, 3]), 'input', /"window" float32 \[1, 2, 3\] \/ let the batch be dynamic/)
  await fails(graphOf(undefined, ['batch', 2, 'time']), 'input', /only the batch may be dynamic/)
  const endless = graphOf(graph => graph.node('Loop', ['', 'go'], { body: { graph: new GraphBuilder('body') } }))
  await fails(endless, 'operators', /Loop: it may never end.*unroll/)
  const outside = decodeModel(bare)
  const externalData = [onnx('StringStringEntryProto', { key: 'location', value: 'weights.bin' })]
  outside.graph!.initializer.push(
    onnx('TensorProto', { name: 'w', dims: [1n], dataType: FLOAT, dataLocation: 1, externalData }),
  )
  await fails(encodeModel(outside), 'weights', /external data.*save_as_external_data=False/)
  const column = graphOf(graph => graph.output('contributions', ['batch', 2], 11))
  await fails(column, 'contributions', /export in float32/)
})

t.test('verify: a model that runs, but not as a gateway needs it', async t => {
  const crossing = graphOf(graph => {
    const mean = graph.node('ReduceMean', ['score'], { axes: [0], keepdims: 1 })
    graph.node('Sub', ['score', mean], {}, 'centred')
  })
  const model = decodeModel(crossing)
  for (const node of model.graph!.node) {
    node.output = node.output.map(name => (name === 'score' ? 'raw' : name === 'centred' ? 'score' : name))
    node.input = node.input.map(name => (name === 'score' ? 'raw' : name))
  }
  const batch = await verdictOf(encodeModel(model))
  t.match(batch.status, { runs: 'pass', batch: 'fail' })
  t.match(batch.text, /alone and .* among 8 .*nothing cross windows/s)

  t.match(await verdictOf(unfair), { status: { shares: 'fail' }, text: /sum to .*divide by their sum/ })

  const broken = graphOf(graph => graph.node('NoSuchOperator', ['window']))
  t.match(await verdictOf(broken), { status: { runs: 'fail', 'self-test': 'not-tried' }, text: /NoSuchOperator/ })

  const lying = decodeModel(fixture)
  const entry = lying.metadataProps.find(({ key }) => key === MANIFEST_KEY)!
  const manifest = JSON.parse(entry.value)
  entry.value = JSON.stringify({
    ...manifest,
    selfTest: { ...manifest.selfTest, scores: manifest.selfTest.scores.map((s: number) => s + 1) },
  })
  t.match(await verdictOf(encodeModel(lying)), { status: { match: 'pass', runs: 'pass', 'self-test': 'fail' } })
  entry.value = JSON.stringify({ ...manifest, channels: manifest.channels.slice(1) })
  t.match(await verdictOf(encodeModel(lying)), { ok: false, status: { manifest: 'fail' } })
})

t.test('the manifest in YAML: every error at once, by line and path', t => {
  const result = readWrapManifest(
    `name: Pump 1\nrelease: 0\nfamilly: x\nchannels:\n  - {id: a, unit: A}\n  - {id: a, unit: furlong}\n  - {id: c}\nsamples: 4\nevery: 10\nalarm: {on-delay: 5}\ncontributions: [x]\n`,
    SHAPE,
  )
  t.notOk(result.ok)
  const issues = result.ok ? [] : result.issues
  t.same(
    issues.map(({ line, path }) => `${line} ${path}`),
    [
      ...['1 name', '1 family', '2 release', '3 familly', '4 channels', '6 channels[1].unit', '6 channels[1].id'],
      ...['7 channels[2].unit', '8 samples', '9 every', '10 alarm.on-delay', '11 contributions'],
    ],
  )
  t.match(
    issues.find(({ path }) => path === 'familly'),
    { message: 'unknown key "familly"', hint: 'did you mean "family"?' },
  )
  t.match(readWrapManifest('- a\n- b\n', SHAPE), { ok: false, issues: [{ message: /expected a mapping/ }] })
  t.match(readWrapManifest('', SHAPE), { ok: false })
  t.match(readWrapManifest(YAML, SHAPE), {
    ok: true,
    manifest: {
      name: 'mean',
      release: 2,
      samples: 3,
      hop: 1,
      contributions: [],
      tolerance: 0.01,
      alarm: { onDelayMs: 600_000 },
    },
  })
  const shares = readWrapManifest(YAML, { ...SHAPE, contributions: 2 })
  t.match(shares, { ok: true, manifest: { contributions: ['a', 'b'] } })
  t.match(readWrapManifest(YAML, { ...SHAPE, contributions: 5, features: 1 }), {
    issues: [{ message: /names 0, but the graph gives 5 in its output "contributions"/ }, { message: /gives 1/ }],
  })
  t.end()
})

t.test('wrap: a copy with manifest and self-test that a gateway takes; the given files stay as they are', async t => {
  const csv = Array.from({ length: 30 }, (_, r) => `${r},${r / 20},${r / 20}`)
  const dir = t.testdir({ 'bare.onnx': Buffer.from(bare), 'm.yaml': YAML, 'w.csv': ['time,a,b', ...csv].join('\n') })
  const path = (name: string): string => join(dir, name)
  const request = { file: path('bare.onnx'), manifest: path('m.yaml'), out: path('out.onnx') }
  const { model, warnings } = await wrapModel({ ...request, windows: path('w.csv') })
  t.same(warnings, [])
  const { selfTest, name, release } = model.manifest
  t.match({ name, release }, { name: 'mean', release: 2 })
  t.equal(selfTest.scores.length, 12)
  t.ok(Math.max(...selfTest.scores) > 1, 'the highest windows are kept')
  t.ok((await verdictOf(readFileSync(request.out))).ok)
  t.same(readFileSync(request.file), Buffer.from(bare))
  // Wrapped again, as the next release: the old manifest is replaced and said.
  writeFileSync(path('m.yaml'), YAML.replace('release: 2', 'release: 3'))
  const again = await wrapModel({ ...request, file: request.out, out: path('again.onnx') })
  t.match(again.warnings, [/holds a manifest \(mean release 2\)/, /zeros and noise/])
  t.equal(parseModelFile(readFileSync(path('again.onnx')), 'file').manifest.release, 3)
})

t.test('wrap refuses, and writes nothing', async t => {
  const fixed = graphOf(undefined, [1, 2, 3])
  const dir = t.testdir({
    'bare.onnx': Buffer.from(bare),
    'fixed.onnx': Buffer.from(fixed),
    'shares.onnx': Buffer.from(unfair),
    'm.yaml': YAML,
    'bad.yaml': 'name: 1\n',
    'short.csv': 'time,a,b\n1,2,3\n2,3,4\n',
  })
  const path = (name: string): string => join(dir, name)
  const refusal = async (over: Partial<{ file: string; manifest: string; out: string; windows: string }>) => {
    const request = { file: path('bare.onnx'), manifest: path('m.yaml'), out: path('out.onnx'), ...over }
    const error = await wrapModel(request).catch((error: unknown) => error)
    if (!(error instanceof AgentError)) throw new Error('was wrapped')
    return { code: error.code, message: error.message }
  }
  t.match(await refusal({ out: path('bare.onnx') }), { code: 'USAGE', message: /is never changed/ })
  t.match(await refusal({ file: path('fixed.onnx') }), { code: 'MODEL_CONTRACT', message: /let the batch be dynamic/ })
  t.match(await refusal({ file: path('m.yaml') }), { code: 'MODEL_UNREADABLE' })
  t.match(await refusal({ file: path('none.onnx') }), { code: 'FILE_UNREADABLE' })
  t.match(await refusal({ file: path('shares.onnx') }), { code: 'MODEL_CONTRACT', message: /shares: .*sum to/ })
  t.match(await refusal({ manifest: path('bad.yaml') }), {
    code: 'CONFIG_INVALID',
    message: /bad.yaml:1 {2}name .*\n.*release/s,
  })
  t.match(await refusal({ windows: path('short.csv') }), { code: 'USAGE', message: /never 3 in a row/ })
  t.match(await refusal({ windows: 'test/golden/none.npy' }), { code: 'NPY_INVALID' })
  t.throws(() => readFileSync(path('out.onnx')), { code: 'ENOENT' })
})

t.test('windows: spread over the recording, none across a gap; the highest scores are kept', async t => {
  const times = [0, 1, 2, 3, 60, 61, 62]
  const dir = t.testdir({
    'w.csv': ['time,b,a', ...times.map((s, r) => `${new Date(1e12 + 1000 * s).toISOString()},${r},${10 + r}`)].join(
      '\n',
    ),
  })
  const windows = await readWindows(join(dir, 'w.csv'), ['a', 'b'], SHAPE)
  t.same([...windows], [10, 11, 12, 0, 1, 2, 11, 12, 13, 1, 2, 3, 14, 15, 16, 4, 5, 6])
  const scores = Float32Array.from({ length: 40 }, (_, i) => (i === 17 ? 5 : i / 100))
  const kept = pickWindows(scores)
  t.equal(kept.length, 12)
  t.ok(kept.includes(17))
  t.same(pickWindows(Float32Array.of(1, 2)), [0, 1])
})

t.test('the command: exit codes, JSON, and show', async t => {
  const script = `import(${JSON.stringify(builtFile('cli/models.js'))}).then(m => m.modelsCommand().parseAsync(process.argv.slice(1), { from: 'user' }))`
  const run = (...args: string[]) =>
    new Promise<{ code: number; out: string; err: string }>(resolve => {
      const child = execFile(process.execPath, ['--input-type=module', '-e', script, '--', ...args], (_, out, err) =>
        resolve({ code: child.exitCode ?? -1, out, err }),
      )
    })
  const dir = t.testdir({ 'bare.onnx': Buffer.from(bare), 'm.yaml': YAML, 'bad.yaml': 'name: x\n' })
  const file = join(dir, 'bare.onnx')
  const verified = await run('verify', file, '--json')
  t.equal(verified.code, 5)
  t.match(JSON.parse(verified.out), { file, ok: false, points: [{ point: 'file', status: 'pass' }] })
  t.match(await run('verify', 'test/fixtures/pytorch-pump.onnx'), { code: 0, out: /keeps the model contract/ })
  t.match(await run('wrap', file, '--manifest', join(dir, 'bad.yaml'), '--out', join(dir, 'o.onnx')), {
    code: 3,
    err: /release/,
  })
  t.match(await run('wrap', file, '--manifest', join(dir, 'm.yaml'), '--out', file), { code: 2 })
  t.match(await run('wrap', file, '--manifest', join(dir, 'm.yaml'), '--out', join(dir, 'o.onnx')), {
    code: 0,
    out: /self-test .*passed/,
  })
  t.match(await run('show', join(dir, 'o.onnx')), { code: 0, out: /mean release 2[\s\S]*a \[A\], b \[bar\]/ })
  t.match(JSON.parse((await run('show', join(dir, 'o.onnx'), '--json')).out), {
    schema: 'wearwatch.model/1',
    samples: 3,
  })
  t.match(await run('show', file), { code: 5, err: /MODEL_CONTRACT/ })
})
