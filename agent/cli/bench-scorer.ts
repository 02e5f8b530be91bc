// Windows per second through the scoring host, beside a tight loop of session.run in a process of the same kind.
import type { ScorerConfig } from '../config/contract.ts'
import { systemClock } from '../core/clock.ts'
import { Counters } from '../core/counters.ts'
import { AgentError } from '../core/errors.ts'
import { silentLogger } from '../core/logger.ts'
import { entropySeed, seededPrng } from '../core/prng.ts'
import type { ModelFile } from '../models/contract.ts'
import { GraphBuilder } from '../models/file/graph.ts'
import { sha256Hex, writeModelFile } from '../models/file/model-file.ts'
import { createScoringHost } from '../scoring/host.ts'
import type { Figure } from './bench-figure.ts'
import { runLoop } from './bench-run.ts'

const CASES = [
  { channels: 10, samples: 64, batch: 64, aim: '0.8' },
  { channels: 8, samples: 512, batch: 64, aim: '0.6' },
  { channels: 10, samples: 64, batch: 1, aim: undefined },
] as const
const ROUNDS = 5
const ROUND_MS = 700
const ROUND_QUICK_MS = 300

/** `environment` is process.env. */
export async function benchScorerFigures(
  environment: Record<string, string | undefined>,
  quick: boolean,
  progress: (text: string) => void,
): Promise<Figure[]> {
  const roundMs = quick ? ROUND_QUICK_MS : ROUND_MS
  const figures: Figure[] = []
  const blockedMs: number[] = []
  for (const { channels, samples, batch, aim } of CASES) {
    const name = `scorer, ${batch} x ${channels * samples} floats`
    const model = denseModel(channels, samples)
    const host: number[] = []
    const loop: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      progress(`c: ${name}, ${round + 1} of ${ROUNDS}`)
      loop.push((await runLoop(model.bytes, batch, roundMs)).perS)
      const { perS, longestTurnMs } = await hostRate(model, batch, environment, roundMs)
      host.push(perS)
      blockedMs.push(longestTurnMs)
    }
    figures.push({
      name,
      unit: 'windows/s',
      samples: host,
      ...(aim === undefined ? {} : { aim: `${aim} of the loop` }),
      reference: { name: 'session.run loop', samples: loop },
    })
  }
  figures.push({ name: 'longest turn of the event loop meanwhile', unit: 'ms', samples: blockedMs })
  return figures
}

/** Keeps the queue full for `roundMs`: claims as many windows as come back. */
async function hostRate(
  model: ModelFile,
  batch: number,
  environment: Record<string, string | undefined>,
  roundMs: number,
): Promise<{ perS: number; longestTurnMs: number }> {
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
  running = true
  fill(batch * 4)
  await watchTurns(roundMs / 4)
  scored = 0
  const fromMs = performance.now()
  const longestTurnMs = await watchTurns(roundMs)
  const perS = (scored / (performance.now() - fromMs)) * 1000
  running = false
  await host.stop(5000)
  return { perS, longestTurnMs }
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

/** A dense autoencoder, width -> 128 -> width: 160,000 to 190,000 windows/s at 640 floats on one core of a PC. */
export function denseModel(channels: number, samples: number): ModelFile {
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
