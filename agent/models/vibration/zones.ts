// Zones of vibration velocity by machine: A (newly commissioned), B (fit for long-term operation), C (not fit for it), D (damage
// is to be expected). One table, each entry with its clause and with where its numbers are from, for the standards themselves
// were not at hand. Whoever has them writes the borders down: `machine: {zones: [2.3, 4.5, 7.1]}`.

/** Velocity in mm/s rms at A/B, B/C and C/D. */
export type ZoneBorders = readonly [number, number, number]

export interface VibrationZones {
  mmPerS: ZoneBorders
  /** `ISO 20816-3, group 2, rigid`. */
  clause: string
  provenance: string
}

const SEEN_20816 =
  "ISO 10816-3:2009, tables A.1 and A.2, which ISO 20816-3:2022 took over; compared with Beckhoff's TF3600 manual (2.3, 4.5, 7.1) and four " +
  'independent public programs, which all agree. One notes that the edition of 2022 draws no line A/B any more; B/C does not hang on it'
// The displacement criteria of the same tables are not judged: they bind only where the velocity below 10 Hz dominates.
// Group 1: above 300 kW up to 50 MW, or shaft height from 315 mm. Group 2: above 15 kW up to 300 kW, or shaft height from 160 mm.
const INDUSTRIAL: Record<string, ZoneBorders> = {
  'group 1, rigid': [2.3, 4.5, 7.1],
  'group 1, flexible': [3.5, 7.1, 11],
  'group 2, rigid': [1.4, 2.8, 4.5],
  'group 2, flexible': [2.3, 4.5, 7.1],
}

const UNSEEN_10816_7 =
  'ISO 10816-7:2009, table A.1, as commonly cited; neither the standard nor a second source was at hand, so hold them against your own copy'
// Category I: high demands on reliability, availability or safety (toxic, critical, hazardous). II: all others. Measured on the
// bearing housing, 10 Hz to 1 kHz, more than three impeller vanes; rigid and flexible are not told apart.
const PUMPS: Record<string, ZoneBorders> = {
  'category 1, up to 200 kW': [2.5, 4, 6.6],
  'category 1, above 200 kW': [3.5, 5, 7.6],
  'category 2, up to 200 kW': [3.2, 5.1, 8.5],
  'category 2, above 200 kW': [4.2, 6.1, 9.5],
}
const PUMP_KW = 200

export type MachineKeys = Readonly<Record<string, string | number | readonly number[]>> | undefined

export interface ZonesProblem {
  /** Key of `machine`. */
  key: string
  expected: string
  hint: string
}

const GROUP = { key: 'group', expected: '1 (above 300 kW) or 2 (15 to 300 kW) of ISO 20816-3', hint: 'write group: 2' }
const SUPPORT = { key: 'support', expected: 'rigid or flexible of ISO 20816-3', hint: 'write support: rigid' }
const CATEGORY = {
  key: 'category',
  expected: '1 (high demands on reliability or safety) or 2 (all others) of ISO 10816-7',
  hint: 'write category: 2',
}
const POWER = {
  key: 'power',
  expected: 'the rated power, which decides the limits of ISO 10816-7',
  hint: 'write power: 55kW',
}
const STANDARD = {
  key: 'standard',
  expected: 'iso20816-3 or iso10816-7',
  hint: 'write standard: iso20816-3, or zones: [2.3, 4.5, 7.1]',
}

/** The zones that `machine` of the config names; undefined where it names none, or not enough. */
export function zonesOf(machine: MachineKeys): VibrationZones | undefined {
  return zonesIssues(machine).length > 0 ? undefined : lookUp(machine)
}

/** What is wanting or wrong for the zones that `machine` means to name; empty where it names none at all. */
export function zonesIssues(machine: MachineKeys): ZonesProblem[] {
  if (!machine || machine.zones !== undefined) return []
  const { standard, group, support, category } = machine
  const named = standardOf(machine)
  if (standard !== undefined && named === undefined) return [STANDARD]
  if (named === 'pumps') {
    const given = /^(1|2|I|II)$/.test(String(category))
    return [...(given ? [] : [CATEGORY]), ...(kilowatts(machine.power) === undefined ? [POWER] : [])]
  }
  if (group === undefined && support === undefined) return []
  const known = [/^[12]$/.test(String(group)), /^(rigid|flexible)$/i.test(String(support))]
  return [GROUP, SUPPORT].filter((_, i) => !known[i])
}

function standardOf({ standard, category }: NonNullable<MachineKeys>): 'pumps' | 'industrial' | undefined {
  if (standard === undefined) return category === undefined ? 'industrial' : 'pumps'
  const written = String(standard)
    .toLowerCase()
    .replace(/[^0-9a-z]/g, '')
  if (/^(din)?(en)?(iso)?(10816|20816)7(\d{4})?$/.test(written)) return 'pumps'
  return /^(din)?(en)?(iso)?(10816|20816)3(\d{4})?$/.test(written) ? 'industrial' : undefined
}

function lookUp(machine: MachineKeys): VibrationZones | undefined {
  if (!machine) return undefined
  const { zones, group, support, category } = machine
  if (Array.isArray(zones)) {
    return {
      mmPerS: zones as unknown as ZoneBorders,
      clause: 'zones of the configuration',
      provenance: 'the configuration',
    }
  }
  if (zones !== undefined) return undefined
  if (standardOf(machine) === 'pumps') {
    const size = kilowatts(machine.power)! > PUMP_KW ? 'above' : 'up to'
    const entry = `category ${/^(1|I)$/.test(String(category)) ? 1 : 2}, ${size} ${PUMP_KW} kW`
    return { mmPerS: PUMPS[entry]!, clause: `ISO 10816-7, ${entry}`, provenance: UNSEEN_10816_7 }
  }
  const entry = `group ${group}, ${String(support).toLowerCase()}`
  const mmPerS = INDUSTRIAL[entry]
  return mmPerS && { mmPerS, clause: `ISO 20816-3, ${entry}`, provenance: SEEN_20816 }
}

const KILOWATTS: Readonly<Record<string, number>> = { W: 1e-3, kW: 1, MW: 1000 }

/** `55kW`, `0.2 MW`; a bare number is kW. */
function kilowatts(power: string | number | readonly number[] | undefined): number | undefined {
  const [, digits = '', unit = 'kW'] = /^\s*(\d+(?:\.\d+)?)\s*(W|kW|MW)?\s*$/.exec(String(power)) ?? []
  return digits === '' ? undefined : Number(digits) * KILOWATTS[unit]!
}

/** 20816-1: a warning lies above the baseline by this share of B/C, and never above so many times B/C. */
const WARNING_SHARE = 0.25
const WARNING_MAX = 1.25

/**
 * Zone borders are no setpoints: what is usual for one machine is alarming on another. mm/s. A machine that was sick when its baseline
 * was learnt is bounded all the same.
 */
export function warningOf({ mmPerS: [, bc] }: VibrationZones, baselineMmPerS: number): number {
  return Math.min(baselineMmPerS + WARNING_SHARE * bc, WARNING_MAX * bc)
}

export type Zone = 'A' | 'B' | 'C' | 'D'
const ZONES = ['A', 'B', 'C', 'D'] as const

/** A value on a border is in the worse zone. */
export function zoneAt({ mmPerS }: Pick<VibrationZones, 'mmPerS'>, velocity: number): Zone {
  return ZONES[mmPerS.filter(border => velocity >= border).length]!
}

/** `B/C at 2.8`: the border below the velocity, or the first. */
export function borderText({ mmPerS }: Pick<VibrationZones, 'mmPerS'>, velocity: number): string {
  const nearest = Math.max(0, mmPerS.filter(border => velocity >= border).length - 1)
  return `${ZONES[nearest]}/${ZONES[nearest + 1]} at ${mmPerS[nearest]}`
}
