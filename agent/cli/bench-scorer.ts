// Windows per second through the scoring host, beside a tight loop of session.run in a process of the same kind.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { ScorerConfig } from '../config/contract.ts'
import { builtFile } from '../core/built.ts'
import { systemClock } from '../core/clock.ts'
import { Counters } from '../core/counters.ts'
import { AgentError } from '../core/errors.ts'
import { silentLogger } from '../core/logger.ts'
import { entropySeed, seededPrng } from '../core/prng.ts'
import type { ModelFile } from '../models/contract.ts'
import { GraphBuilder } from '../models/graph.ts'
import { sha256Hex, writeModelFile } from '../models/model-file.ts'
import { createScoringHost } from '../scoring/host.ts'

export interface ScorerBenchRow {
  /** `64 x 640 floats`. */
  name: string
  /** Windows/s through the host, median of the rounds, and its spread. */
  hostPerS: number
  hostSpreadPerS: number
  /** Windows/s of `session.run` in a loop. */
  loopPerS: number
  loopSpreadPerS: number
  /** Median of the ratios of host and loop measured right after each other. */
  ratio: number
}

export interface ScorerBench {
  rows: ScorerBenchRow[]
  /** From load() to the first score, new process included. */
  firstScoreMs: number
  /** Longest turn of this process's event loop while the host ran flat out. */
  loopBlockedMsMax: number
  scorerRssMb: number
}

const CASES = [
  { channels: 10, samples: 64, batch: 64 },
  { channels: 8, samples: 512, batch: 64 },
  { channels: 10, samples: 64, batch: 1 },
] as const
const ROUNDS = 5
const ROUND_MS = 700

/** Takes about 25 s. `environment` is process.env. */
export async function benchScorer(
  environment: Record<string, string | undefined>,
  rounds = ROUNDS,
): Promise<ScorerBench> {
  const bench: ScorerBench = { rows: [], firstScoreMs: 0, loopBlockedMsMax: 0, scorerRssMb: 0 }
  for (const shape of CASES) {
    const model = denseModel(shape.channels, shape.samples)
    const host: number[] = []
    const loop: number[] = []
    for (let round = 0; round < rounds; round++) {
      loop.push(await loopRate(model, shape.batch))
      host.push(await hostRate(model, shape.batch, environment, bench))
    }
    bench.rows.push({
      name: `${shape.batch} x ${shape.channels * shape.samples} floats`,
      hostPerS: Math.round(median(host)),
      hostSpreadPerS: Math.round(Math.max(...host) - Math.min(...host)),
      loopPerS: Math.round(median(loop)),
      loopSpreadPerS: Math.round(Math.max(...loop) - Math.min(...loop)),
      ratio: median(host.map((rate, i) => rate / (loop[i] ?? Number.NaN))),
    })
  }
  return bench
}

/** Keeps the queue full for ROUND_MS: claims as many windows as come back. */
async function hostRate(
  model: ModelFile,
  batch: number,
  environment: Record<string, string | undefined>,
  bench: ScorerBench,
): Promise<number> {
  const config: ScorerConfig = {
    providers: ['cpu'],
    require: false,
    deviceId: 0,
    threads: 1,
    deadlineMs: 5000,
    queueWindowsMax: batch * 4,
    batchMax: batch,
    memoryMb: 1536,
  }
  const parts = {
    clock: systemClock(),
    prng: seededPrng(entropySeed()),
    logger: silentLogger,
    counters: new Counters(),
  }
  const host = createScoringHost({ config, environment, ...parts })
  const startMs = performance.now()
  const { refused } = await host.load([{ key: 'bench', model }])
  const queue = host.queue('bench')
  if (!queue)
    throw new AgentError(refused[0]?.code ?? 'SCORER_DIED', refused[0]?.message ?? 'the bench model was refused')
  const window = new Float32Array(queue.floatsPerWindow).fill(0.5)
  const fill = (count: number): void => {
    for (let i = 0; i < count; i++) queue.input.set(window, queue.claim(0, 0))
  }
  let scored = 0
  let running = false
  host.onScores(scores => {
    scored += scores.count
    if (running) fill(scores.count)
  })
  fill(1)
  await host.idle()
  bench.firstScoreMs = Math.max(bench.firstScoreMs, performance.now() - startMs)
  running = true
  fill(batch * 4)
  await watchTurns(ROUND_MS / 4)
  scored = 0
  const fromMs = performance.now()
  bench.loopBlockedMsMax = Math.max(bench.loopBlockedMsMax, await watchTurns(ROUND_MS))
  const rate = (scored / (performance.now() - fromMs)) * 1000
  running = false
  bench.scorerRssMb = Math.max(bench.scorerRssMb, host.status().rssMb ?? 0)
  await host.stop(5000)
  return rate
}

/** Turns the event loop for `forMs`; returns the longest turn. */
async function watchTurns(forMs: number): Promise<number> {
  const endMs = performance.now() + forMs
  let longestMs = 0
  for (let lastMs = performance.now(); lastMs < endMs; ) {
    await new Promise(resolve => setTimeout(resolve, 1))
    const nowMs = performance.now()
    longestMs = Math.max(longestMs, nowMs - lastMs)
    lastMs = nowMs
  }
  return longestMs
}

async function loopRate(model: ModelFile, batch: number): Promise<number> {
  const { channels, samples } = model.manifest
  const args = [
    builtFile('cli/bench-loop.js'),
    String(batch),
    String(channels.length),
    String(samples),
    String(ROUND_MS),
  ]
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  let out = ''
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString()
  })
  child.stdin.end(model.bytes)
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new AgentError('SCORER_DIED', `the tight loop ended with ${code}`)
  return Number(out)
}

/** A dense autoencoder, width -> 128 -> width: 160,000 to 190,000 windows/s at 640 floats on one core of a PC. */
function denseModel(channels: number, samples: number): ModelFile {
  const width = channels * samples
  const hidden = 128
  const prng = seededPrng(7)
  const weights = (rows: number, columns: number): Float32Array =>
    Float32Array.from({ length: rows * columns }, () => prng.normal() / Math.sqrt(rows))
  const graph = new GraphBuilder('bench')
  graph.input('window', ['batch', channels, samples])
  const flat = graph.node('Reshape', ['window', graph.integers('flat', [-1, width])])
  const coded = graph.node('Tanh', [
    graph.node('MatMul', [flat, graph.constant('w1', [width, hidden], weights(width, hidden))]),
  ])
  const back = graph.node('MatMul', [coded, graph.constant('w2', [hidden, width], weights(hidden, width))])
  const error = graph.node('Sub', [back, flat])
  graph.node('ReduceMean', [graph.node('Mul', [error, error])], { axes: [1], keepdims: 0 }, 'score')
  graph.output('score', ['batch'])
  const zeros = new Float32Array(width)
  const manifest: ModelFile['manifest'] = {
    schema: 'wearwatch.model/1',
    name: `bench-${width}`,
    release: 1,
    family: 'autoencoder',
    channels: Array.from({ length: channels }, (_, i) => ({ id: `c${i}`, unit: '1' })),
    samples,
    hop: samples,
    alarm: { onDelayMs: 0, offDelayMs: 0, deadband: 0.1 },
    contributions: [],
    features: [],
    quantiles: {},
    // tanh(0) is 0: the score of zeros is 0 whatever the weights.
    selfTest: { windows: Buffer.from(zeros.buffer).toString('base64'), scores: [0], tolerance: 1e-6 },
  }
  const bytes = writeModelFile(graph, manifest)
  return { bytes, sha256: sha256Hex(bytes), manifest, origin: 'file' }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? Number.NaN
}
