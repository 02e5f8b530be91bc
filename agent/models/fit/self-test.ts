// The self-test of a fitted model: windows and what they score in float64, so that a gateway can tell a provider that computes
// something else (fp16 overflow, a wrong engine cache, a broken driver) before it takes over.

import type { FitData, SelfTest } from '../contract.ts'
import { stretchOf } from '../families/rows.ts'
import type { ProcessModel } from './combine.ts'
import { scoreModel } from './combine.ts'

const PLAIN = 8
/** Windows blown up to these scores, so that the self-test covers what an alarm looks like. */
const RAISED = [1.1, 1.5, 2, 4]
const DOUBLINGS_MAX = 24
const HALVINGS = 10
// 1 % of the setpoint moves no alarm. CPUs agree to 1e-5; TF32 and fp16 tensor cores need the room.
const TOLERANCE = 0.01
/** A file stays below 1 MB: of wide windows fewer are kept, every other of the plain ones first. */
const FLOATS_MAX = 24_000

/** Windows of the baseline, evenly spread, then some blown up about the centre. */
export function selfTestOf(data: FitData, model: ProcessModel): SelfTest {
  const { channels, samples } = model
  const ends = windowEnds(data, samples)
  const plain = Math.max(2, Math.min(PLAIN, Math.floor(FLOATS_MAX / (channels * samples)) - RAISED.length))
  const count = plain + RAISED.length
  const windows = new Float32Array(count * channels * samples)
  const scores: number[] = []
  for (let k = 0; k < count; k++) {
    const end = ends[Math.floor((k * (ends.length - 1)) / (count - 1))]!
    const window = windows.subarray(k * channels * samples, (k + 1) * channels * samples)
    cut(data, end, channels, samples, window)
    const raised = RAISED[k - plain]
    if (raised !== undefined) blowUp(window, model, raised)
    scores.push(Number(scoreWindow(model, window).toPrecision(7)))
  }
  return { windows: Buffer.from(windows.buffer).toString('base64'), scores, tolerance: TOLERANCE }
}

function windowEnds(data: FitData, samples: number): number[] {
  const ends: number[] = []
  let run = 0
  for (let r = 0; r < data.rows; r++) {
    run = r > 0 && data.breaks[r] === 0 ? run + 1 : 1
    if (run >= samples) ends.push(r)
  }
  return ends
}

function cut(data: FitData, end: number, channels: number, samples: number, out: Float32Array): void {
  for (let c = 0; c < channels; c++) {
    for (let s = 0; s < samples; s++) out[c * samples + s] = data.values[(end - samples + 1 + s) * channels + c]!
  }
}

/** Stretches a window about the centre until it scores about `target`. The score need not rise all the way: a memory has more than one place. */
function blowUp(window: Float32Array, model: ProcessModel, target: number): void {
  const from = window.slice()
  const scoreAt = (factor: number): number => {
    for (let i = 0; i < window.length; i++) {
      const centre = model.standard.centre[Math.floor(i / model.samples)]!
      window[i] = centre + (from[i]! - centre) * factor
    }
    return scoreWindow(model, window)
  }
  let high = 1
  for (let step = 0; step < DOUBLINGS_MAX && scoreAt(high) < target; step++) high *= 2
  let low = high / 2
  for (let step = 0; step < HALVINGS; step++) {
    const middle = (low + high) / 2
    if (scoreAt(middle) < target) low = middle
    else high = middle
  }
  scoreAt(high)
}

/** Score of one window [channels, samples] in float64. */
function scoreWindow(model: ProcessModel, window: Float32Array): number {
  const { channels, samples, standard } = model
  const values = new Float64Array(window.length)
  for (let i = 0; i < window.length; i++) values[(i % samples) * channels + Math.floor(i / samples)] = window[i]!
  const rows = { values, rows: samples, channels, breaks: new Uint8Array(samples) }
  return scoreModel(model, stretchOf(rows, standard))[samples - 1]!
}
