// What a channel that never moved in the baseline does to the score once it moves: found by trying, for it depends on the family
// and on the other channels.
import type { FitData } from '../contract.ts'
import { runLengths, stretchOf } from '../families/rows.ts'
import { type ProcessModel, scoreModel } from './combine.ts'

/** Changes tried: 0.001 to 10,000 of the channel's scale (1 % of its value, or 1 where that is 0), sixteen to a decade. */
const FIRST = 1e-3
const PER_DECADE = 16
const STEPS = 7 * PER_DECADE + 1
const SHOWN_MAX = 5
const WINDOWS_TRIED = 20

/** One text for all of them; none where every channel moved. */
export function constantText(data: FitData, model: ProcessModel): string[] {
  const { constant, inverse, centre } = model.standard
  const still = data.channels.flatMap((_, c) => (constant[c] ? [c] : []))
  if (still.length === 0) return []
  const shown = still.slice(0, SHOWN_MAX)
  const reached = reachesOf(model, usualWindow(data, model), shown)
  const changes = shown.flatMap((c, i) => {
    const step = reached[i]
    if (step === undefined) return []
    const by = step / inverse[c]!
    const share = centre[c] === 0 ? '' : ` (${short((100 * by) / Math.abs(centre[c]!))} %)`
    return [`of ${data.channels[c]!.id} by ${short(by)}${share}`]
  })
  const unresolved = unresolvedText(data, still)
  const ids = still.map(c => data.channels[c]!.id).join(', ')
  const what = `${ids} never moved${unresolved.length > 0 ? ', as far as a model can see' : ''}`
  if (changes.length === 0) return [...unresolved, `${what}: no change there takes the score to the setpoint.`]
  const them = still.length === 1 ? 'it' : 'them'
  return [
    ...unresolved,
    `${what}: a lasting change ${changes.join(', or ')} takes the score to the setpoint. ` +
      `Leave ${them} out if that may happen without a fault.`,
  ]
}

/** Of a reading of 1e9 that swings by 100 float32 keeps nothing. */
function unresolvedText({ values, channels, rows }: FitData, still: readonly number[]): string[] {
  const moved = still.filter(c => {
    for (let row = 1; row < rows; row++) if (values[row * channels.length + c] !== values[c]) return true
    return false
  })
  if (moved.length === 0) return []
  const ids = moved.map(c => channels[c]!.id).join(', ')
  return [
    `${ids} moves by less than a millionth of its value, which a model cannot see: take an offset off it where it is measured.`,
  ]
}

/** Of windows spread over the baseline the one whose score is in the middle: [samples x channels], in z. */
function usualWindow(data: FitData, model: ProcessModel): Float64Array {
  const { channels, samples, standard } = model
  const { z, rows, runs } = stretchOf({ ...data, channels }, standard)
  const ends = Array.from({ length: rows }, (_, row) => row).filter(row => runs[row]! >= samples)
  const step = Math.max(1, Math.floor(ends.length / WINDOWS_TRIED))
  const windows = ends
    .filter((_, i) => i % step === 0)
    .map(end => z.subarray((end - samples + 1) * channels, (end + 1) * channels))
  const scores = scoresOf(model, windows)
  const scored = windows.map((window, i) => ({ window, score: scores[i]! }))
  return scored.sort((a, b) => a.score - b.score)[Math.floor(scored.length / 2)]!.window
}

/** Per channel, the least change of it alone, in its scale, from which on the score is at the setpoint. */
function reachesOf(model: ProcessModel, usual: Float64Array, tried: readonly number[]): (number | undefined)[] {
  return tried.map(c => {
    const changed = Array.from({ length: STEPS }, (_, step) =>
      usual.map((value, i) => (i % model.channels === c ? value + stepAt(step) : value)),
    )
    const scores = scoresOf(model, changed)
    let least = STEPS
    while (least > 0 && scores[least - 1]! >= 1) least--
    return least < STEPS ? stepAt(least) : undefined
  })
}

/** Of windows [samples x channels]. */
function scoresOf(model: ProcessModel, windows: readonly Float64Array[]): number[] {
  const { channels, samples } = model
  const rows = windows.length * samples
  const z = new Float64Array(rows * channels)
  const breaks = new Uint8Array(rows)
  windows.forEach((window, w) => {
    z.set(window, w * window.length)
    breaks[w * samples] = 1
  })
  const scores = scoreModel(model, { z, rows, channels, runs: runLengths(breaks, rows) })
  return windows.map((_, w) => scores[(w + 1) * samples - 1]!)
}

const stepAt = (step: number): number => FIRST * 10 ** (step / PER_DECADE)

const short = (value: number): string => String(Number(value.toPrecision(2)))
