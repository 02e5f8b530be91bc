// May a capture be held against a baseline, and against which? That hangs on how fast the machine turned, and on whether it kept to it.
import type { Manifest } from '../models/contract.ts'
import { binAt, outsideText } from '../models/families/bands-speeds.ts'
import { steadySpeed } from '../models/live/speed.ts'
import { SPEED_SPREAD_MAX, type SpeedOfCapture, speedSpread } from '../models/vibration/velocity.ts'

/**
 * Why the model cannot score a capture taken at such a speed, for people; empty where it can. Without a model: why it cannot be learnt
 * from. A machine without a `channel` for its speed has one baseline, which is never in doubt.
 */
export function speedTrouble(
  channel: string | undefined,
  speed: SpeedOfCapture | undefined,
  manifest: Pick<Manifest, 'speed'> | undefined,
): string {
  const { bins = [], channel: wanted = channel } = manifest?.speed ?? {}
  // A model made elsewhere may mean another channel.
  if (!speed || channel === undefined || channel !== wanted) {
    // One baseline: the machine was only ever seen at that speed, and a lost speed sensor must not blind the others.
    const needed = manifest ? bins.length > 1 : channel !== undefined
    return needed ? `no value of ${wanted} during the capture` : ''
  }
  if (!(speed.mean > 0)) return `${Math.round(speed.mean)}/min: the machine did not turn`
  if (Number.isNaN(steadySpeed(speed))) {
    const percent = Number((100 * speedSpread(speed)).toPrecision(2))
    return `the speed moved by ${percent} % during the capture, at most ${100 * SPEED_SPREAD_MAX} % are let pass`
  }
  if (bins.length === 0 || binAt(bins, speed.mean) >= 0) return ''
  return `${outsideText(bins, speed.mean)}; set-baseline with --since learns such a speed too`
}
