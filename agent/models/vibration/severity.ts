// Absolute severity: a baseline says what is normal for this machine, not whether the machine is well. The zones are in zones.ts.
import { borderText, type VibrationZones, type Zone, type ZoneBorders, zoneAt } from './zones.ts'

export type { Zone } from './zones.ts'

export interface Severity {
  zone: Zone
  /** The axis that decided: the worst. */
  channel: string
  mmPerS: number
  boundaries: ZoneBorders
  clause: string
  /** `zone C: de-h 3.4 mm/s (B/C at 2.8; ISO 20816-3, group 2, rigid)`. */
  text: string
}

/** The zone of the worst axis; undefined when no axis has a velocity. A value on a boundary is in the worse zone. */
export function severityOf(
  velocities: readonly { channel: string; mmPerS: number }[],
  zones: VibrationZones,
): Severity | undefined {
  const worst = velocities.reduce<(typeof velocities)[number] | undefined>(
    (top, axis) => (top === undefined || axis.mmPerS > top.mmPerS ? axis : top),
    undefined,
  )
  if (!worst) return undefined
  const { channel, mmPerS } = worst
  const { clause } = zones
  const zone = zoneAt(zones, mmPerS)
  const text = `zone ${zone}: ${channel} ${Number(mmPerS.toPrecision(2))} mm/s (${borderText(zones, mmPerS)}; ${clause})`
  return { zone, channel, mmPerS, boundaries: zones.mmPerS, clause, text }
}
