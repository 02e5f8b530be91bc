// Captures in `wearwatch status`. The shapes are those of pipeline/vibration-view.ts.
import { localTime, paint } from './shared.ts'

export interface VibrationLine {
  vibration?: {
    at: string
    speed?: number
    notScored?: string
    axes: {
      channel: string
      unit: string
      rms?: number
      velocityMmPerS?: number
      noVelocity?: string
      sensorFault?: string
      notWatched?: true
      atLeast?: true
    }[]
    severity?: { zone: string; text: string }
  }
  unwatched?: { since: string; reason: string }
}

/** The newest capture: every axis, the zone of the worst, why there is no velocity; and whether it is looked at at all. */
export function vibrationTexts({ vibration, unwatched }: VibrationLine): string[] {
  const lost = unwatched && `NOT WATCHED since ${localTime(unwatched.since)}: ${unwatched.reason}`
  if (!vibration) return lost ? [paint(lost, 'red')] : []
  const { at, axes, severity, speed, notScored } = vibration
  const texts = axes.map(({ channel, unit, rms, velocityMmPerS, sensorFault, notWatched, atLeast }) => {
    const what = notWatched ? ', NOT WATCHED' : atLeast ? ', at least that' : ''
    const figures = [
      ...(rms === undefined ? [] : [`${Number(rms.toPrecision(3))} ${unit} rms`]),
      ...(velocityMmPerS === undefined ? [] : [`${Number(velocityMmPerS.toPrecision(3))} mm/s`]),
      ...(sensorFault === undefined ? [] : [paint(`sensor: ${sensorFault}${what}`, 'red')]),
    ]
    return `${channel} ${figures.join(', ')}`
  })
  const why = axes.find(({ noVelocity }) => noVelocity !== undefined)?.noVelocity
  const sick = severity && 'CD'.includes(severity.zone)
  return [
    ...(lost ? [paint(lost, 'red')] : []),
    `vibration ${localTime(at)}${speed === undefined ? '' : `, ${Math.round(speed)}/min`}: ${texts.join('; ')}`,
    ...(notScored === undefined ? [] : [paint(`capture not scored: ${notScored}`, 'yellow')]),
    ...(severity ? [sick ? paint(severity.text, 'yellow') : severity.text] : []),
    ...(why === undefined ? [] : [`no vibration velocity: ${why}`]),
  ]
}
