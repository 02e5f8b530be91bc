// Runs the graph of a process model in ONNX Runtime and holds it against a reference in float64.
import * as ort from 'onnxruntime-node'
import type { Test } from 'tap'
import { modelGraph, type ProcessModel } from '../../agent/models/fit/combine.ts'

/** Of the score; shares and features on the scale they are read on. */
const RELATIVE = 1e-4

export interface Expected {
  score: number
  contributions: number[]
  features: number[]
}

export function openGraph(model: ProcessModel): Promise<ort.InferenceSession> {
  return ort.InferenceSession.create(modelGraph(model, 'test').toBytes(), { intraOpNumThreads: 1 })
}

export async function runGraph(
  session: ort.InferenceSession,
  { channels, samples }: ProcessModel,
  windows: readonly Float32Array[],
) {
  const input = new Float32Array(windows.length * channels * samples)
  windows.forEach((window, i) => {
    input.set(window, i * window.length)
  })
  const out = await session.run({ window: new ort.Tensor('float32', input, [windows.length, channels, samples]) })
  const rows = (name: string, width: number): number[][] => {
    const data = out[name]!.data as Float32Array
    return windows.map((_, i) => [...data.subarray(i * width, (i + 1) * width)])
  }
  return {
    dims: [out.score!.dims, out.contributions!.dims, out.features!.dims],
    scores: rows('score', 1).flat(),
    contributions: rows('contributions', channels),
    features: rows('features', 2 * channels),
  }
}

/** The worst difference, relative to the larger of the value and the scale it is judged on. */
export const worst = (got: readonly number[], want: readonly number[], scale: (i: number) => number): number =>
  Math.max(...got.map((value, i) => Math.abs(value - want[i]!) / Math.max(Math.abs(want[i]!), scale(i))))

export async function compareGraph(
  t: Test,
  model: ProcessModel,
  windows: readonly Float32Array[],
  reference: (window: Float32Array) => Expected,
): Promise<void> {
  const session = await openGraph(model)
  const got = await runGraph(session, model, windows)
  const want = windows.map(reference)
  const spread = (i: number): number => 1 / model.standard.inverse[i % model.channels]!
  const errors = [
    worst(
      got.scores,
      want.map(result => result.score),
      () => 0.1,
    ),
    Math.max(...want.map((result, i) => worst(got.contributions[i]!, result.contributions, () => 1))),
    Math.max(...want.map((result, i) => worst(got.features[i]!, result.features, spread))),
  ]
  t.ok(
    errors.every(error => error < RELATIVE),
    `relative errors ${errors.map(error => error.toExponential(1)).join(', ')}`,
  )
  for (const shares of got.contributions) {
    t.ok(Math.abs(shares.reduce((sum, share) => sum + share, 0) - 1) < 1e-5, 'contributions sum to 1')
  }
  await session.release()
}
