// A model that scripts/export_pytorch.py trained and exported, run as the agent runs any: loaded, self-tested and scored in a
// scorer child. The expected scores are PyTorch's own.
import { readFileSync } from 'node:fs'
import t from 'tap'
import { parseModelFile } from '../../../agent/models/file/model-file.ts'
import { realHost } from '../../support/scoring-real.ts'

const RELATIVE = 1e-4

t.test('a model from PyTorch scores in the agent what it scored in PyTorch', async t => {
  const model = parseModelFile(readFileSync('test/fixtures/pytorch-pump.onnx'), 'file')
  const expected = JSON.parse(readFileSync('test/fixtures/pytorch-pump.expected.json', 'utf8'))
  const { manifest } = model
  const { host } = realHost()
  t.teardown(() => host.stop(0))
  await host.start()
  const { accepted, refused } = await host.load([{ key: 'p-101', model }])
  t.same(refused, [])
  t.match(accepted, [{ key: 'p-101', provider: 'cpu' }])

  const scores: number[] = []
  const shares: number[][] = []
  host.onScores(batch => {
    for (let i = 0; i < batch.count; i++) {
      scores[batch.tags[i]!] = batch.scores[i]!
      const { contributionCount: width } = batch
      shares[batch.tags[i]!] = [...batch.contributions.subarray(i * width, (i + 1) * width)]
    }
  })
  for (const { windows, scores: wanted } of [expected, manifest.selfTest]) {
    const input = new Float32Array(new Uint8Array(Buffer.from(windows, 'base64')).buffer)
    const queue = host.queue('p-101')!
    wanted.forEach((_: number, i: number) => {
      queue.input.set(input.subarray(i * queue.floatsPerWindow, (i + 1) * queue.floatsPerWindow), queue.claim(i, i))
    })
    await host.idle()
    wanted.forEach((want: number, i: number) => {
      t.ok(Math.abs(scores[i]! - want) <= RELATIVE * Math.max(1, want), `window ${i}: ${scores[i]}, PyTorch ${want}`)
      t.ok(Math.abs(shares[i]!.reduce((sum, share) => sum + share, 0) - 1) < 1e-5)
    })
  }
  // The last window of the self-test has a strainer four times as clogged as the fault is: flow falls, and is blamed.
  const last = shares[manifest.selfTest.scores.length - 1]!
  t.ok(manifest.selfTest.scores.at(-1)! > 1)
  t.equal(manifest.contributions[last.indexOf(Math.max(...last))], 'flow')
})
