import t from 'tap'
import { AgentError } from '../../../agent/core/errors.ts'
import { launchCommand } from '../../../agent/scoring/launch.ts'
import { parseTrace } from '../../../agent/scoring/profile.ts'
import { missingLibrary, reasonFor, shorten } from '../../../agent/scoring/provider-reason.ts'
import { climb, type Unavailable } from '../../../agent/scoring/providers.ts'

const absent = new Error('OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library')

t.test('reasons are what a person can act on', async t => {
  t.equal(
    missingLibrary('libcudart.so.13: cannot open shared object file: No such file or directory'),
    'libcudart.so.13 not found',
  )
  t.equal(missingLibrary("Module did not self-register: '/x/libonnxruntime_providers_shared.so'."), undefined)
  t.equal(missingLibrary('/lib/x.so: undefined symbol: foo'), '/lib/x.so: undefined symbol: foo')
  t.match(reasonFor('cuda', absent), /^libonnxruntime_providers_(cuda|shared)\.so not installed/)
  t.equal(reasonFor('cuda', new Error('CUDA failure 35:\n driver too old')), 'CUDA failure 35: driver too old')
  t.equal(shorten('x'.repeat(1000)).length, 301)
})

t.test('the ladder is climbed one provider at a time; what is missing is not asked for twice', async t => {
  const unavailable: Unavailable = new Map()
  const tried: string[] = []
  const attempt = async (provider: string): Promise<string> => {
    tried.push(provider)
    if (provider !== 'cpu') throw absent
    return 'scored'
  }
  const ladder = { providers: ['tensorrt', 'cuda', 'cpu'] as const, backends: new Set(['cuda', 'cpu']), unavailable }
  const first = await climb(ladder, attempt)
  t.match(first, { got: 'scored', provider: 'cpu' })
  t.match(first.notTaken[0], { provider: 'tensorrt', reason: /not in this build of onnxruntime-node/ })
  t.match(first.notTaken[1], { provider: 'cuda', reason: /not installed/ })
  t.match(await climb(ladder, attempt), { got: 'scored', notTaken: [{ provider: 'tensorrt' }, { provider: 'cuda' }] })
  t.same(tried, ['cuda', 'cpu', 'cpu'])
})

t.test('a model that fails its test on the GPU goes to the next rung, on the last one it is to blame', async t => {
  const fault = new AgentError('MODEL_SELF_TEST', 'm: scored 3')
  const ladder = {
    providers: ['cuda', 'cpu'] as const,
    backends: new Set(['cuda', 'cpu']),
    unavailable: new Map() as Unavailable,
  }
  const got = await climb(ladder, async provider => {
    if (provider === 'cuda') throw fault
    return 1
  })
  t.match(got, { provider: 'cpu', notTaken: [{ provider: 'cuda', reason: 'm: scored 3' }] })
  t.equal(ladder.unavailable.size, 0)
  await t.rejects(
    climb(ladder, () => Promise.reject(fault)),
    { code: 'MODEL_SELF_TEST' },
  )
})

t.test('a required provider that is missing leaves nothing', async t => {
  const ladder = { providers: ['cuda'] as const, backends: new Set(['cuda']), unavailable: new Map() as Unavailable }
  t.match(await climb(ladder, () => Promise.reject(absent)), { got: undefined, notTaken: [{ provider: 'cuda' }] })
})

t.test('the trace names each node once with its provider', async t => {
  const event = (name: string, op_name: string, provider: string): object => ({
    cat: 'Node',
    name,
    args: { op_name, provider },
  })
  const nodes = parseTrace(
    JSON.stringify([
      { cat: 'Session', name: 'model_run', args: {} },
      event('mul_kernel_time', 'Mul', 'CUDAExecutionProvider'),
      event('mul_kernel_time', 'Mul', 'CUDAExecutionProvider'),
      event('shape_kernel_time', 'Shape', 'CPUExecutionProvider'),
      event('trt_kernel_time', 'TRTKernel', 'TensorrtExecutionProvider'),
      event('mul_fence_before', 'Mul', 'CUDAExecutionProvider'),
    ]),
  )
  t.same(nodes, [
    { node: 'mul', op: 'Mul', provider: 'cuda' },
    { node: 'shape', op: 'Shape', provider: 'cpu' },
    { node: 'trt', op: 'TRTKernel', provider: 'tensorrt' },
  ])
})

t.test('the child gets no secrets and no NODE_OPTIONS, and a bounded address space on CPU only', async t => {
  const environment = { PATH: '/bin', LD_LIBRARY_PATH: '/cuda', CUDA_HOME: '/c', NODE_OPTIONS: '-r x', TOKEN: 's' }
  const cpu = launchCommand(['cpu'], 1024, environment, '/usr/bin/setpriv', '20.20.0')
  t.same(cpu.env, { MALLOC_ARENA_MAX: '1', PATH: '/bin', LD_LIBRARY_PATH: '/cuda', CUDA_HOME: '/c' })
  t.match(cpu, { memory: 'address-space', diesWithParent: true })
  t.equal(cpu.args[1], 'unset NODE_OPTIONS; ulimit -v 1048576; exec "$@"')
  const limitOf = (memoryMb: number, version: string): string | undefined =>
    launchCommand(['cpu'], memoryMb, {}, undefined, version).args[1]
  t.match(limitOf(100, '20.20.0'), /ulimit -v 786432/, 'less than Node itself needs is raised')
  t.match(limitOf(1024, '22.23.3'), /ulimit -v 1179648/, 'later Nodes reserve more for themselves')
  t.match(limitOf(1024, '24.21.0'), /ulimit -v 1507328/)
  const gpu = launchCommand(['cuda', 'cpu'], 1024, {})
  t.equal(gpu.memory, 'rss')
  t.notMatch(gpu.args[1], /ulimit/)
})
