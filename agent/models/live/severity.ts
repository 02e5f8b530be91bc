// How the machine stands in absolute terms: a baseline only says what is usual here, and a machine may be sick when it is
// learnt. Fixed limits and the zones of its velocity know nothing of its history.
import type { AssetConfig, ChannelConfig } from '../../config/contract.ts'
import type { Reference } from '../contract.ts'
import { type Zone, severityOf as zoneOf } from '../vibration/severity.ts'
import { zonesOf } from '../vibration/zones.ts'

/** What one channel was like while it was learnt. */
export interface ChannelSeverity {
  channel: string
  /** Mean over the baseline, in the channel's unit; of a vibration the median of its velocity in mm/s. */
  mean: number
  /** `bearing-temp at 97 % of its max 95 Cel`. */
  text: string
  zone?: Zone
  /** Worth a look before this becomes the norm: zone C or D, or a fixed limit nearly reached. */
  high: boolean
}

const MM_S: Readonly<Record<string, number>> = { 'mm/s': 1, 'm/s': 1000, 'cm/s': 10, 'um/s': 1e-3, '[in_i]/s': 25.4 }
/** Of the way from the other limit, or from 0, to a fixed limit. */
const NEAR_SHARE = 0.9

/**
 * Every channel that something absolute is known of, in the order of the asset's channels. Empty: nothing is, and whoever
 * accepts the baseline has to say so.
 */
export function severityOf(asset: AssetConfig, ids: readonly string[], reference: Reference): ChannelSeverity[] {
  return [...vibrationSeverity(asset, ids, reference), ...telemetrySeverity(asset, ids, reference)]
}

/** Of the axis whose velocity was the largest while it was learnt. */
function vibrationSeverity(
  { machine }: AssetConfig,
  ids: readonly string[],
  { vibration }: Reference,
): ChannelSeverity[] {
  const velocities = ids.flatMap((channel, i) => {
    const mmPerS = vibration?.[i]?.mmPerS
    return mmPerS === undefined ? [] : [{ channel, mmPerS }]
  })
  const [worst] = [...velocities].sort((a, b) => b.mmPerS - a.mmPerS)
  if (!worst) return []
  const { channel, mmPerS: mean } = worst
  const zones = zonesOf(machine)
  const judged = zones && zoneOf(velocities, zones)
  if (judged) return [{ channel, mean, text: judged.text, zone: judged.zone, high: isSick(judged.zone) }]
  const text = `${channel} ${short(mean)} mm/s, in no zone without machine: {group, support}, or {category, power} of a pump`
  return [{ channel, mean, text, high: false }]
}

function telemetrySeverity(asset: AssetConfig, ids: readonly string[], reference: Reference): ChannelSeverity[] {
  return ids.flatMap((id, i) => {
    const channel = asset.channels.find(candidate => candidate.id === id)
    const mean = reference.centre[i]
    if (!channel || mean === undefined) return []
    const zone = zoneSeverity(channel, mean, asset.machine)
    return [...limitSeverity(channel, mean), ...(zone ? [zone] : [])]
  })
}

/** `no absolute reference: …` where nothing is known. */
export function severityText(found: readonly ChannelSeverity[]): string {
  if (found.length > 0) return found.map(({ text }) => text).join('; ')
  return 'no absolute reference: no fixed limits (min, max), and no vibration velocity with zones of the machine'
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
  machine: AssetConfig['machine'],
): ChannelSeverity | undefined {
  const factor = MM_S[channel.unit]
  const zones = zonesOf(machine)
  // The zones are for the rms; a peak is another number.
  if (!zones || channel.waveform || factor === undefined || !/^rms$/i.test(channel.detector ?? '')) return undefined
  const judged = zoneOf([{ channel: channel.id, mmPerS: mean * factor }], zones)
  if (!judged) return undefined
  const { zone, text } = judged
  return { channel: channel.id, mean, text, zone, high: isSick(zone) }
}

/** Not fit for long-term operation. */
const isSick = (zone: Zone): boolean => zone === 'C' || zone === 'D'

const short = (value: number): string => String(Number(value.toPrecision(3)))
