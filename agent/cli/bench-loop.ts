// The yardstick of `wearwatch bench`: session.run in a loop, nothing else, one thread, in a process of its own like the scorer.
// Usage: node bench-loop.js BATCH MS < model.onnx; prints a LoopResult.
import { readFileSync } from 'node:fs'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { parseModelFile } from '../models/file/model-file.ts'

const [batch = 1, forMs = 1] = process.argv.slice(2).map(Number)
const bytes = readFileSync(0)
const { channels, samples, selfTest } = parseModelFile(bytes, 'file').manifest
const session = await InferenceSession.create(bytes, {
  executionProviders: ['cpu'],
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  graphOptimizationLevel: 'all',
})
// What the model sees in its life, over and over: numbers far from its baseline may take another time.
const tested = new Float32Array(new Uint8Array(Buffer.from(selfTest.windows, 'base64')).buffer)
const window = Float32Array.from(
  { length: batch * channels.length * samples },
  (_, i) => tested[i % tested.length] ?? 0,
)
const feeds = { window: new Tensor('float32', window, [batch, channels.length, samples]) }

/** ms of each run. */
async function runFor(ms: number): Promise<number[]> {
  const startMs = performance.now()
  const took: number[] = []
  for (let lastMs = startMs; lastMs - startMs < ms; ) {
    await session.run(feeds)
    const nowMs = performance.now()
    took.push(nowMs - lastMs)
    lastMs = nowMs
  }
  return took
}

await runFor(forMs / 4)
const before = process.cpuUsage()
const took = (await runFor(forMs)).sort((a, b) => a - b)
const { user, system } = process.cpuUsage(before)
const totalMs = took.reduce((sum, ms) => sum + ms, 0)
const at = (share: number): number => took[Math.min(took.length - 1, Math.ceil(share * took.length) - 1)] ?? 0
process.stdout.write(
  JSON.stringify({
    perS: (took.length * batch * 1000) / totalMs,
    perCpuS: (took.length * batch * 1e6) / (user + system),
    p50Ms: at(0.5),
    p99Ms: at(0.99),
  }),
)
process.exit(0)
