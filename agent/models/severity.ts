// How the machine stands in absolute terms: a baseline only says what is usual here, and a machine may be sick when it is
// learnt. Fixed limits and the zones of ISO 20816-3 know nothing of its history.
import type { AssetConfig, ChannelConfig } from '../config/contract.ts'
import type { Reference } from './contract.ts'

export type Zone = 'A' | 'B' | 'C' | 'D'

/** What one channel was like while it was learnt. */
export interface ChannelSeverity {
  channel: string
  /** Mean over the baseline, in the channel's unit. */
  mean: number
  /** `bearing-temp at 97 % of its max 95 Cel`. */
  text: string
  zone?: Zone
  /** Worth a look before this becomes the norm: zone C or D, or a fixed limit nearly reached. */
  high: boolean
}

/** Vibration velocity in mm/s rms between zones A/B, B/C and C/D: ISO 20816-3:2022, tables A.1 and A.2. */
const ZONE_LIMITS: Readonly<Record<string, readonly [number, number, number]>> = {
  '1 rigid': [2.3, 4.5, 7.1],
  '1 flexible': [3.5, 7.1, 11],
  '2 rigid': [1.4, 2.8, 4.5],
  '2 flexible': [2.3, 4.5, 7.1],
}
const MM_S: Readonly<Record<string, number>> = { 'mm/s': 1, 'm/s': 1000, 'cm/s': 10, 'um/s': 1e-3, '[in_i]/s': 25.4 }
/** Of the way from the other limit, or from 0, to a fixed limit. */
const NEAR_SHARE = 0.9

/** @param machine as configured; undefined where group or support are not among `1`, `2` and `rigid`, `flexible` */
export function zoneLimits(machine: AssetConfig['machine']): readonly [number, number, number] | undefined {
  if (!machine || !/^(iso ?)?(20816-3|10816-3)/i.test(String(machine.standard ?? 'iso20816-3'))) return undefined
  return ZONE_LIMITS[`${machine.group} ${String(machine.support).toLowerCase()}`]
}

/** @param velocity mm/s rms, 10 Hz (2 Hz at 600/min and below) to 1 kHz */
export function zoneOf(velocity: number, [ab, bc, cd]: readonly [number, number, number]): Zone {
  if (velocity > cd) return 'D'
  if (velocity > bc) return 'C'
  return velocity > ab ? 'B' : 'A'
}

/**
 * Every channel that something absolute is known of, in the order of the asset's channels. Empty: nothing is, and whoever
 * accepts the baseline has to say so.
 */
export function severityOf(asset: AssetConfig, ids: readonly string[], reference: Reference): ChannelSeverity[] {
  const limits = zoneLimits(asset.machine)
  return ids.flatMap((id, i) => {
    const channel = asset.channels.find(candidate => candidate.id === id)
    const mean = reference.centre[i]
    if (!channel || mean === undefined) return []
    const zone = limits && zoneSeverity(channel, mean, limits, asset.machine)
    return [...limitSeverity(channel, mean), ...(zone ? [zone] : [])]
  })
}

/** `no absolute reference: …` where nothing is known. */
export function severityText(found: readonly ChannelSeverity[]): string {
  if (found.length > 0) return found.map(({ text }) => text).join('; ')
  return 'no absolute reference: no fixed limits (min, max), and no vibration velocity with group and support of the machine'
}

function limitSeverity(channel: ChannelConfig, mean: number): ChannelSeverity[] {
  const { id, unit, min, max } = channel
  const sides = [
    ...(max === undefined ? [] : [{ name: 'max', limit: max, share: shareOf(mean, min ?? 0, max) }]),
    ...(min === undefined
      ? []
      : [{ name: 'min', limit: min, share: max === undefined ? minShare(mean, min) : shareOf(mean, max, min) }]),
  ]
  return sides.map(({ name, limit, share }) => {
    // Of a limit at or beyond 0 the other way round there is no share; the distance always means something.
    const ratio =
      limit > 0 && mean > 0 && name === 'max'
        ? `at ${Math.round((100 * mean) / limit)} % of`
        : `${short(Math.abs(limit - mean))} ${unit} from`
    return { channel: id, mean, text: `${id} ${ratio} its ${name} ${short(limit)} ${unit}`, high: share >= NEAR_SHARE }
  })
}

/** How far from `other` to `limit`; 1 = at the limit. */
function shareOf(mean: number, other: number, limit: number): number {
  return limit === other ? 0 : (mean - other) / (limit - other)
}

/** A lower limit alone: nearly reached within a tenth of it. */
function minShare(mean: number, min: number): number {
  return min === 0 ? 0 : 1 - Math.max(0, mean - min) / Math.abs(min)
}

function zoneSeverity(
  channel: ChannelConfig,
  mean: number,
  limits: readonly [number, number, number],
  machine: AssetConfig['machine'],
): ChannelSeverity | undefined {
  const factor = MM_S[channel.unit]
  // The zones are for the rms; a peak is another number.
  if (channel.waveform || factor === undefined || !/^rms$/i.test(channel.detector ?? '')) return undefined
  const velocity = mean * factor
  const zone = zoneOf(velocity, limits)
  const place = `group ${machine?.group}, ${machine?.support}`
  const text = `${channel.id} ${short(velocity)} mm/s rms, zone ${zone} of ISO 20816-3 (${place})`
  return { channel: channel.id, mean, text, zone, high: zone === 'C' || zone === 'D' }
}

const short = (value: number): string => String(Number(value.toPrecision(3)))
