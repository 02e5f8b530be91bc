// What the agent shows of its captures: figures of every axis, the zone of the worst, what is wrong with sensors, the spectrum.
import { isoFromUs } from '../core/types.ts'
import type { SpectrumView } from '../http/contract.ts'
import type { CapturePlan } from '../models/live/captures.ts'
import type { AxisFigures } from '../models/vibration/analyse.ts'
import { isAcceleration } from '../models/vibration/analyse.ts'
import { severityOf } from '../models/vibration/severity.ts'
import { accelerationFactor } from '../models/vibration/velocity.ts'
import { type VibrationZones, zonesOf } from '../models/vibration/zones.ts'
import type { AgentParts } from './parts.ts'
import type { LookedCapture } from './vibration.ts'

type Parts = Pick<AgentParts, 'config' | 'vibration' | 'lines'>

/** `vibration` and `unwatched` of an asset in status; empty where it has no captures. */
export function vibrationStatus(parts: Parts, index: number): Record<string, unknown> {
  const unwatched = unwatchedOf(parts, index)
  const vibration = vibrationFigures(parts, index)
  return { ...(vibration ? { vibration } : {}), ...(unwatched ? { unwatched } : {}) }
}

export function unwatchedOf({ vibration, lines }: Parts, index: number): Record<string, unknown> | undefined {
  const machine = lines[index]!.machineNow()
  const unwatched = vibration.unwatched(index, machine === 'stopped' || machine === 'settling')
  return unwatched && { since: isoFromUs(unwatched.sinceUs), reason: unwatched.reason }
}

/** The newest capture; undefined before the first. */
export function vibrationFigures({ config, vibration }: Parts, index: number): Record<string, unknown> | undefined {
  const latest = vibration.latest(index)
  if (!latest) return undefined
  const { looked, plan } = latest
  const severity = zoneOf(zonesOf(config.assets[index]!.machine), latest)
  return {
    at: isoFromUs(looked.endUs),
    ...(looked.speed ? { speed: round(looked.speed.mean) } : {}),
    ...(looked.notScored === '' ? {} : { notScored: looked.notScored }),
    axes: looked.axes.map(({ findings, figures }, c) => ({
      channel: plan.channels[c]!.id,
      unit: plan.channels[c]!.unit,
      ...(figures ? figuresOf(figures) : {}),
      ...(findings[0] ? { sensorFault: findings[0].fault, sensorText: findings[0].text } : {}),
      ...(looked.doubt?.unwatched.includes(plan.channels[c]!.id) ? { notWatched: true } : {}),
      ...(looked.doubt?.clipped.includes(plan.channels[c]!.id) ? { atLeast: true } : {}),
    })),
    ...(severity ? { severity: { zone: severity.zone, channel: severity.channel, text: severity.text } } : {}),
  }
}

function figuresOf({ velocity, spectrum: _, ...figures }: AxisFigures): Record<string, unknown> {
  const shown = Object.entries(figures).flatMap(([name, value]) => (value === undefined ? [] : [[name, round(value)]]))
  const of = 'mmPerS' in velocity ? { velocityMmPerS: round(velocity.mmPerS) } : { noVelocity: velocity.reason }
  return { ...Object.fromEntries(shown), ...of }
}

/** By the worst of the axes whose sensors are well, or clip: these are in that zone at least. */
function zoneOf(
  zones: VibrationZones | undefined,
  { looked, plan }: { looked: LookedCapture; plan: CapturePlan },
): ReturnType<typeof severityOf> {
  if (!zones) return undefined
  const clipped = looked.doubt?.clipped ?? []
  const velocities = looked.axes.flatMap(({ findings, figures }, c) => {
    const channel = plan.channels[c]!.id
    const counts = findings.length === 0 || clipped.includes(channel)
    return figures && counts && 'mmPerS' in figures.velocity ? [{ channel, mmPerS: figures.velocity.mmPerS }] : []
  })
  const severity = severityOf(velocities, zones)
  if (!severity || clipped.length === 0) return severity
  return { ...severity, text: `at least ${severity.text}` }
}

/** Velocity spectrum of the newest capture, per axis: mm/s rms of each line from the third on, which stands for `lineHz`. */
export function spectrumOf({ vibration }: Pick<AgentParts, 'vibration'>, index: number): SpectrumView | undefined {
  const latest = vibration.latest(index)
  if (!latest) return undefined
  const { looked, plan } = latest
  return {
    at: isoFromUs(looked.endUs),
    axes: looked.axes.flatMap(({ figures }, c) => {
      const { id, unit } = plan.channels[c]!
      if (!figures || !isAcceleration(unit)) return []
      const { lineHz, power } = figures.spectrum
      const factor = (1000 * accelerationFactor(unit)) / (2 * Math.PI)
      // Lines 0 and 1 hold what the window leaks of the offset.
      const mmPerS = Array.from(power.subarray(2), (energy, i) =>
        round((factor * Math.sqrt(energy)) / ((i + 2) * lineHz)),
      )
      return [{ channel: id, fromHz: 2 * lineHz, lineHz, mmPerS }]
    }),
  }
}

function round(value: number): number {
  return Number(value.toPrecision(5))
}
