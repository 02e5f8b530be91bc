// wearwatch models verify: the whole contract of docs/models.md, point by point, without and with running the model.

import { seededPrng } from '../core/prng.ts'
import type { Manifest } from '../models/contract.ts'
import { type GraphShape, inspectModel, type Point } from '../models/file/contract-points.ts'
import { parseModelFile } from '../models/file/model-file.ts'
import { decodeWindows, loadInScorer, type Outputs, runInScorer } from './model-run.ts'

/** Windows tried where the file brings none. */
const TRIED = 8
const SEED = 1
/** Of the larger of 1 and the score. Rounding of different batch sizes gives 1e-6. */
const SAME = 1e-3
const SHARE_SUM_OFF_MAX = 1e-3

export interface Verdict {
  ok: boolean
  points: Point[]
}

export async function verifyModel(bytes: Uint8Array, where: string): Promise<Verdict> {
  const { points, shape, manifest } = inspectModel(bytes, where)
  if (!shape) points.push(...notTried('the points above have to be put right first'))
  else
    points.push(...(await dynamicPoints(bytes, shape, manifest)), await selfTestPoint(bytes, where, points, manifest))
  return { ok: !points.some(({ status }) => status === 'fail' || status === 'not-tried'), points }
}

function notTried(found: string): Point[] {
  return (['runs', 'repeats', 'batch', 'self-test'] as const).map(point => ({ point, status: 'not-tried', found }))
}

async function dynamicPoints(bytes: Uint8Array, shape: GraphShape, manifest: Manifest | undefined): Promise<Point[]> {
  const windows = windowsOf(shape, manifest)
  const count = windows.length / (shape.channels * shape.samples)
  const runs = await runInScorer(bytes, shape, windows, ['together', 'together', 'alone'])
  const [whole, again, single] = runs
  if (!whole?.ok || !again?.ok || !single?.ok) {
    const reason = runs.find(run => !run.ok)
    const found = reason && !reason.ok ? reason.reason.replace(/^model: /, '') : 'the scorer did not answer'
    const todo = 'run it with ONNX Runtime on the CPU, on windows of raw engineering units, and see what it says'
    return [{ point: 'runs', status: 'fail', found, todo }]
  }
  const outputs = whole.outputs
  const range = `scores ${low(outputs.scores)} to ${high(outputs.scores)} on ${count} windows`
  return [
    {
      point: 'runs',
      status: 'pass',
      found: `in a scorer child on the CPU, ${outputs.windowUs} µs per window, ${range}`,
    },
    repeatsPoint(outputs, again.outputs),
    batchPoint(outputs, single.outputs),
    ...(shape.contributions > 0 ? [sharesPoint(outputs, shape.contributions)] : []),
  ]
}

/** Its own self-test's where there is one that fits; else zeros, and noise of growing size. */
export function windowsOf(shape: GraphShape, manifest: Manifest | undefined): Float32Array {
  const floats = shape.channels * shape.samples
  if (manifest?.channels.length === shape.channels && manifest.samples === shape.samples) {
    return decodeWindows(manifest.selfTest.windows)
  }
  const prng = seededPrng(SEED)
  return Float32Array.from({ length: TRIED * floats }, (_, i) => Math.floor(i / floats) * prng.normal())
}

const low = (values: Float32Array): string => Math.min(...values).toPrecision(3)
const high = (values: Float32Array): string => Math.max(...values).toPrecision(3)

/** Index of the first score that differs by more than SAME; -1 when none does. */
function firstDifference(a: Float32Array, b: Float32Array): number {
  return a.findIndex((score, i) => Math.abs(score - b[i]!) > SAME * Math.max(1, Math.abs(score)))
}

function repeatsPoint(first: Outputs, again: Outputs): Point {
  const at = firstDifference(first.scores, again.scores)
  if (at < 0) return { point: 'repeats', status: 'pass', found: 'the same windows give the same scores' }
  return {
    point: 'repeats',
    status: 'fail',
    found: `window ${at} scored ${first.scores[at]} and then ${again.scores[at]}`,
    todo: 'export it in evaluation mode (model.eval()), without dropout or other randomness',
  }
}

function batchPoint(whole: Outputs, single: Outputs): Point {
  const at = firstDifference(whole.scores, single.scores)
  const found = `alone or among ${whole.batch}, a window scores the same`
  if (at < 0) return { point: 'batch', status: 'pass', found }
  return {
    point: 'batch',
    status: 'fail',
    found: `window ${at} scores ${single.scores[at]} alone and ${whole.scores[at]} among ${whole.batch}`,
    todo: 'let nothing cross windows: no mean or normalisation over dimension 0 (model.eval())',
  }
}

function sharesPoint({ contributions, scores }: Outputs, width: number): Point {
  for (let w = 0; w < scores.length; w++) {
    const shares = contributions.subarray(w * width, (w + 1) * width)
    const sum = shares.reduce((total, share) => total + share, 0)
    const wrong = !(Math.abs(sum - 1) <= SHARE_SUM_OFF_MAX) || shares.some(share => share < 0)
    if (!wrong) continue
    const found = `contributions of window ${w} are ${Math.min(...shares).toPrecision(3)} at least and sum to ${sum.toPrecision(5)}`
    const todo = 'shares that are never negative and sum to 1: divide by their sum, with a floor such as 1e-12 in each'
    return { point: 'shares', status: 'fail', found, todo }
  }
  return { point: 'shares', status: 'pass', found: 'contributions are never negative and sum to 1' }
}

/** Loads the file as a gateway would: every check, and the self-test in the child. */
async function selfTestPoint(
  bytes: Uint8Array,
  where: string,
  points: readonly Point[],
  manifest: Manifest | undefined,
): Promise<Point> {
  const open = points.filter(({ status }) => status === 'fail' || status === 'not-tried')
  if (!manifest || open.length > 0) {
    const found = manifest ? 'the points above have to be put right first' : 'there is no manifest with a self-test'
    return { point: 'self-test', status: 'not-tried', found }
  }
  const refused = await loadInScorer(parseModelFile(bytes, 'file', where))
  const { scores, tolerance } = manifest.selfTest
  const alarming = scores.filter(score => score >= 1).length
  if (refused) {
    const todo =
      'wrap the bare model again: wearwatch models wrap FILE --manifest M.yaml --windows W.csv --out OUT.onnx'
    return { point: 'self-test', status: 'fail', found: refused.message, todo }
  }
  const found = `${scores.length} windows score what they should, ± ${tolerance}; ${alarming} of them alarm`
  return { point: 'self-test', status: 'pass', found }
}
