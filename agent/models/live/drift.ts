// Has a machine drifted further from its first baseline than a model may follow? A fault creeps too, and must not be learnt.
import type { FitData, Reference } from '../contract.ts'

// Standard deviations of the first baseline that a channel's mean may move in all. A thermocouple of a healthy water rig
// moved 3.4 in 90 minutes and has to be followed; bearing temperature of a simulated pump creeping to 10 has to alarm.
export const DRIFT_MAX = 5

export interface ChannelDrift {
  channel: string
  /** Of the new baseline's mean from the first's, in standard deviations of the first; signed. */
  deviations: number
}

export interface RebaselineVerdict {
  ok: boolean
  /** Every channel, farthest first. */
  drift: ChannelDrift[]
  /** For people, `bearing-temperature lies 5.3 standard deviations above the first baseline`. */
  reason: string
}

/**
 * May a model be fitted on these rows? `reference` belongs to the same channels in the same order.
 * @param lastRows how many of the rows, the newest, tell where the machine is now: as many as the first baseline held. Where
 * all history is kept, the mean over all of it would follow a creeping fault for a year without moving far.
 */
export function judgeRebaseline(
  reference: Reference,
  data: Pick<FitData, 'values' | 'rows' | 'channels'>,
  lastRows = reference.rows,
): RebaselineVerdict {
  const width = data.channels.length
  const from = Math.max(0, data.rows - lastRows)
  const drift = data.channels
    .map(({ id }, c): ChannelDrift => {
      let sum = 0
      for (let row = from; row < data.rows; row++) sum += data.values[row * width + c]!
      return { channel: id, deviations: (sum / (data.rows - from) - reference.centre[c]!) / scaleOf(reference, c) }
    })
    .sort((a, b) => Math.abs(b.deviations) - Math.abs(a.deviations))
  const worst = drift[0]
  if (!worst || data.rows === 0) return { ok: false, drift: [], reason: 'there is nothing to fit' }
  const far = Math.abs(worst.deviations)
  const side = worst.deviations > 0 ? 'above' : 'below'
  const where = `${worst.channel} lies ${far.toFixed(1)} standard deviations ${side} the first baseline`
  if (far <= DRIFT_MAX) return { ok: true, drift, reason: where }
  return {
    ok: false,
    drift,
    reason: `${where}, further than ${DRIFT_MAX}; set a new baseline if the machine is healthy`,
  }
}

/** A channel that never moved counts one standard deviation per 1 % of its value, or per unit at zero, as the model does. */
function scaleOf({ centre, deviation }: Reference, channel: number): number {
  return deviation[channel]! > 0 ? deviation[channel]! : 0.01 * Math.abs(centre[channel]!) || 1
}
