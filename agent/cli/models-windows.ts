// Windows for the self-test of `models wrap`, from a recording or from an array of captures.
import { AgentError } from '../core/errors.ts'
import { openNpy } from '../decode/npy.ts'
import type { GraphShape } from '../models/file/contract-points.ts'
import { readLearnRows } from './learn-rows.ts'

/** Windows run for a self-test; of these a few are kept. 64 MiB of floats at most. */
const WINDOWS_MAX = 512
const FLOATS_MAX = 16 * 2 ** 20
/** Kept evenly spread over the recording, and the highest of the others. */
const KEPT_SPREAD = 8
const KEPT_HIGHEST = 4

/** [count, channels, samples], evenly spread over the file. `.npy` [count, channels, samples]; else a CSV with a column per channel. */
export async function readWindows(
  path: string,
  channelIds: readonly string[],
  shape: GraphShape,
): Promise<Float32Array> {
  const windows = path.endsWith('.npy') ? await npyWindows(path, shape) : await csvWindows(path, channelIds, shape)
  const wild = windows.findIndex(value => !Number.isFinite(value))
  if (wild < 0) return windows
  const window = Math.floor(wild / (shape.channels * shape.samples))
  throw new AgentError('USAGE', `${path}: window ${window} holds ${windows[wild]}; leave such windows out.`)
}

function countOf(there: number, shape: GraphShape): number {
  return Math.max(1, Math.min(there, WINDOWS_MAX, Math.floor(FLOATS_MAX / (shape.channels * shape.samples))))
}

const spread = (i: number, count: number, there: number): number =>
  count === 1 ? there - 1 : Math.round((i * (there - 1)) / (count - 1))

async function npyWindows(path: string, shape: GraphShape): Promise<Float32Array> {
  const { channels, samples } = shape
  const file = await openNpy(path)
  try {
    if (file.channels !== channels || file.samples !== samples) {
      const found = `[${file.captures}, ${file.channels}, ${file.samples}]`
      throw new AgentError('USAGE', `${path} is ${found}; the model takes windows [count, ${channels}, ${samples}].`)
    }
    const count = countOf(file.captures, shape)
    const windows = new Float32Array(count * channels * samples)
    for (let i = 0; i < count; i++) {
      for (let c = 0; c < channels; c++) {
        windows.set(await file.read(spread(i, count, file.captures), c, 0, samples), (i * channels + c) * samples)
      }
    }
    return windows
  } finally {
    await file.close()
  }
}

async function csvWindows(path: string, channelIds: readonly string[], shape: GraphShape): Promise<Float32Array> {
  const { channels, samples } = shape
  const columns = new Map(channelIds.map(id => [id, id]))
  const whole = { ignore: [], from: 0, to: Number.POSITIVE_INFINITY, channels: columns, units: new Map() }
  const { data } = await readLearnRows(path, whole)
  const ends: number[] = []
  for (let r = 0, run = 0; r < data.rows; r++) {
    run = data.breaks[r] === 1 ? 1 : run + 1
    if (run >= samples) ends.push(r)
  }
  if (ends.length === 0) {
    const message = `${path} has ${data.rows} rows, but never ${samples} in a row without a gap, which is one window.`
    throw new AgentError('USAGE', `${message} Give a longer recording.`)
  }
  const count = countOf(ends.length, shape)
  const windows = new Float32Array(count * channels * samples)
  for (let i = 0; i < count; i++) {
    const first = ends[spread(i, count, ends.length)]! - samples + 1
    for (let c = 0; c < channels; c++) {
      for (let s = 0; s < samples; s++) {
        windows[(i * channels + c) * samples + s] = data.values[(first + s) * channels + c]!
      }
    }
  }
  return windows
}

/** Indices to keep in the file: some evenly spread, and the highest scores, so that an alarm is among them where there is one. */
export function pickWindows(scores: Float32Array): number[] {
  const count = Math.min(KEPT_SPREAD, scores.length)
  const kept = new Set(Array.from({ length: count }, (_, i) => spread(i, count, scores.length)))
  const rest = Array.from(scores.keys()).filter(i => !kept.has(i))
  rest.sort((a, b) => scores[b]! - scores[a]!)
  return [...kept, ...rest.slice(0, KEPT_HIGHEST).toSorted((a, b) => a - b)]
}
