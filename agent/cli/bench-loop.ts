// The yardstick of `wearwatch bench`: session.run in a loop, nothing else, in a process of its own like the scorer.
// Usage: node bench-loop.js BATCH CHANNELS SAMPLES MS < model.onnx; prints windows per second.
import { readFileSync } from 'node:fs'
import { InferenceSession, Tensor } from 'onnxruntime-node'

const [batch = 1, channels = 1, samples = 1, forMs = 1] = process.argv.slice(2).map(Number)
const session = await InferenceSession.create(readFileSync(0), {
  executionProviders: ['cpu'],
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  graphOptimizationLevel: 'all',
})
const window = new Float32Array(batch * channels * samples).fill(0.5)
const feeds = { window: new Tensor('float32', window, [batch, channels, samples]) }

async function runFor(ms: number): Promise<number> {
  const startMs = performance.now()
  let runs = 0
  while (performance.now() - startMs < ms) {
    await session.run(feeds)
    runs++
  }
  return (runs * batch * 1000) / (performance.now() - startMs)
}

await runFor(forMs / 4)
process.stdout.write(String(await runFor(forMs)))
process.exit(0)
