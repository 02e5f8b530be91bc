// What a channel that never moved in the baseline does to the score once it moves: found by trying, for it depends on the family
// and on the other channels.
import type { FitData } from '../contract.ts'
import { runLengths } from '../families/rows.ts'
import { type ProcessModel, scoreModel } from './combine.ts'

/** Changes tried: 0.001 to 10,000 of the channel's scale (1 % of its value, or 1 where that is 0), sixteen to a decade. */
const FIRST = 1e-3
const PER_DECADE = 16
const STEPS = 7 * PER_DECADE + 1
const SHOWN_MAX = 5

/** One text for all of them; none where every channel moved. */
export function constantText(data: FitData, model: ProcessModel): string[] {
  const { constant, inverse, centre } = model.standard
  const still = data.channels.flatMap((_, c) => (constant[c] ? [c] : []))
  if (still.length === 0) return []
  const shown = still.slice(0, SHOWN_MAX)
  const reached = reachesOf(model, shown)
  const changes = shown.flatMap((c, i) => {
    const step = reached[i]
    if (step === undefined) return []
    const by = step / inverse[c]!
    const share = centre[c] === 0 ? '' : ` (${short((100 * by) / Math.abs(centre[c]!))} %)`
    return [`of ${data.channels[c]!.id} by ${short(by)}${share}`]
  })
  const ids = still.map(c => data.channels[c]!.id).join(', ')
  if (changes.length === 0) return [`${ids} never moved: no change there takes the score to the setpoint.`]
  const them = still.length === 1 ? 'it' : 'them'
  return [
    `${ids} never moved: a lasting change ${changes.join(', or ')} takes the score to the setpoint. ` +
      `Leave ${them} out if that may happen without a fault.`,
  ]
}

/** Per channel, the least change of it alone, in its scale, from which on the score is at the setpoint. */
function reachesOf(model: ProcessModel, tried: readonly number[]): (number | undefined)[] {
  const { channels, samples } = model
  const windows = tried.length * STEPS
  const rows = windows * samples
  const z = new Float64Array(rows * channels)
  const breaks = new Uint8Array(rows)
  for (let w = 0, row = 0; w < windows; w++) {
    breaks[row] = 1
    for (let s = 0; s < samples; s++, row++) z[row * channels + tried[Math.floor(w / STEPS)]!] = stepAt(w % STEPS)
  }
  const scores = scoreModel(model, { z, rows, channels, runs: runLengths(breaks, rows) })
  return tried.map((_, i) => {
    const scoreAt = (step: number): number => scores[(i * STEPS + step + 1) * samples - 1]!
    let least = STEPS
    while (least > 0 && scoreAt(least - 1) >= 1) least--
    return least < STEPS ? stepAt(least) : undefined
  })
}

const stepAt = (step: number): number => FIRST * 10 ** (step / PER_DECADE)

const short = (value: number): string => String(Number(value.toPrecision(2)))
