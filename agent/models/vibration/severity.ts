// Absolute severity by ISO 20816-3: a baseline says what is normal for this machine, not whether the machine is well.
// Zones A (newly commissioned), B (fit for long-term operation), C (not fit for it), D (damage is to be expected).
//
// The boundaries are those of ISO 10816-3:2009, tables A.1 and A.2, which ISO 20816-3:2022 took over. The standards themselves were
// not at hand: the numbers were compared with Beckhoff's TF3600 manual (2.3, 4.5, 7.1) and with four independent public programs,
// which all agree. One of them notes that the edition of 2022 draws no line between A and B any more; it is kept here, and
// whether a machine is fit for long-term operation (B/C) does not hang on it.

/** 1: above 300 kW up to 50 MW, or shaft height from 315 mm. 2: above 15 kW up to 300 kW, or shaft height from 160 mm. */
export type MachineGroup = 1 | 2
export type Support = 'rigid' | 'flexible'
export type Zone = 'A' | 'B' | 'C' | 'D'

interface Boundaries {
  /** Velocity in mm/s rms at the boundaries A/B, B/C and C/D. */
  mmPerS: readonly [number, number, number]
  clause: string
}

// The displacement criteria of the same tables are not judged: they bind only where the velocity below 10 Hz dominates.
const BOUNDARIES: Record<MachineGroup, Record<Support, Boundaries>> = {
  1: {
    rigid: { mmPerS: [2.3, 4.5, 7.1], clause: 'ISO 20816-3, group 1, rigid' },
    flexible: { mmPerS: [3.5, 7.1, 11], clause: 'ISO 20816-3, group 1, flexible' },
  },
  2: {
    rigid: { mmPerS: [1.4, 2.8, 4.5], clause: 'ISO 20816-3, group 2, rigid' },
    flexible: { mmPerS: [2.3, 4.5, 7.1], clause: 'ISO 20816-3, group 2, flexible' },
  },
}
const ZONES = ['A', 'B', 'C', 'D'] as const

export interface Severity {
  zone: Zone
  /** The axis that decided: the worst. */
  channel: string
  mmPerS: number
  boundaries: readonly [number, number, number]
  clause: string
  /** `zone C: de-h 3.4 mm/s (B/C at 2.8; ISO 20816-3, group 2, rigid)`. */
  text: string
}

/** The zone of the worst axis; undefined when no axis has a velocity. A value on a boundary is in the worse zone. */
export function severityOf(
  velocities: readonly { channel: string; mmPerS: number }[],
  group: MachineGroup,
  support: Support,
): Severity | undefined {
  const worst = velocities.reduce<(typeof velocities)[number] | undefined>(
    (top, axis) => (top === undefined || axis.mmPerS > top.mmPerS ? axis : top),
    undefined,
  )
  if (!worst) return undefined
  const { mmPerS: boundaries, clause } = BOUNDARIES[group][support]
  const passed = boundaries.filter(boundary => worst.mmPerS >= boundary).length
  const zone = ZONES[passed]!
  const nearest = Math.max(0, passed - 1)
  const at = `${ZONES[nearest]}/${ZONES[nearest + 1]} at ${boundaries[nearest]}`
  const text = `zone ${zone}: ${worst.channel} ${Number(worst.mmPerS.toPrecision(2))} mm/s (${at}; ${clause})`
  return { zone, channel: worst.channel, mmPerS: worst.mmPerS, boundaries, clause, text }
}

/** `group` and `support` as `machine` of the config has them; undefined for what the standard does not know. */
export function machineClass(
  machine: Readonly<Record<string, string | number>> | undefined,
): { group: MachineGroup; support: Support } | undefined {
  const group = Number(machine?.group)
  const support = machine?.support
  if ((group !== 1 && group !== 2) || (support !== 'rigid' && support !== 'flexible')) return undefined
  return { group, support }
}
