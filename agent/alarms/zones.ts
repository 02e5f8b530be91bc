// Rules by the zones of vibration velocity: of captures, and of sensors that give the velocity themselves (`unit: mm/s`, `detector: rms`).
import type { AssetConfig, ChannelConfig } from '../config/contract.ts'
import { type Manifest, type VibrationZones, warningOf, zonesOf } from '../models/contract.ts'
import type { AlarmRule } from './contract.ts'
import { common } from './rules.ts'

/** By zones: what was usual when the baseline was learnt. */
export interface ZoneFacts {
  level: 'warning' | 'danger'
  zones: VibrationZones
  /** mm/s; NaN while there is no baseline. */
  baseline: number
}

/** Its rule changes with the baseline. */
export interface ZoneTarget {
  rule: AlarmRule
  zone: ZoneFacts
  channel: ChannelConfig
  column: number
}

export function zonesOfCaptures(asset: AssetConfig): ZoneTarget[] {
  return zoneTargets(
    asset,
    ({ waveform, unit }) => waveform?.capture !== undefined && (unit === 'g' || unit === 'm/s2'),
  )
}

/** The zones are for the rms; a peak is another number. */
export function zonesOfRows(asset: AssetConfig): ZoneTarget[] {
  return zoneTargets(
    asset,
    ({ waveform, unit, detector }) => !waveform && unit === 'mm/s' && /^rms$/i.test(detector ?? ''),
  )
}

/** Of channels that come in rows: the mean of the baseline is what was usual. */
export function takeRowBaselines(
  targets: readonly { rule: AlarmRule; zone?: ZoneFacts | undefined; channel: ChannelConfig | undefined }[],
  { channels, reference }: Pick<Manifest, 'channels' | 'reference'>,
  deadbandShare: number,
): void {
  for (const { rule, zone, channel } of targets) {
    const baseline = reference?.centre[channels.findIndex(({ id }) => id === channel?.id)]
    if (zone) takeBaseline(rule, zone, baseline, deadbandShare)
  }
}

/** `baseline` in mm/s; without one, that of before stays. */
export function takeBaseline(
  rule: AlarmRule,
  zone: ZoneFacts,
  baseline: number | undefined,
  deadbandShare: number,
): void {
  if (baseline === undefined || !Number.isFinite(baseline)) return
  zone.baseline = baseline
  if (zone.level !== 'warning') return
  rule.setpoint = warningOf(zone.zones, baseline)
  // What was usual clears it, unless the machine was beyond it already.
  const marginMmPerS = Math.max(0, rule.setpoint - baseline)
  rule.deadband = Math.min(rule.setpoint * deadbandShare, marginMmPerS / 2)
}

function zoneTargets(asset: AssetConfig, gives: (channel: ChannelConfig) => boolean): ZoneTarget[] {
  const zones = asset.alarm.zones === 'on' ? zonesOf(asset.machine) : undefined
  if (!zones) return []
  return asset.channels.flatMap((channel, column) =>
    gives(channel)
      ? (['warning', 'danger'] as const).map(level => {
          const rule = zoneRule(asset, channel, zones, level)
          return { rule, zone: { level, zones, baseline: Number.NaN }, channel, column }
        })
      : [],
  )
}

/**
 * `de-h.velocity.warning` has no setpoint (NaN, so nothing is beyond it) before there is a baseline. `de-h.velocity.danger` is at C/D, where
 * damage is to be expected of any machine, and one step more urgent.
 */
function zoneRule(
  asset: AssetConfig,
  channel: ChannelConfig,
  { mmPerS: [, , cd] }: VibrationZones,
  level: 'warning' | 'danger',
): AlarmRule {
  const { priority, onDelayMs, offDelayMs, deadband, action } = asset.alarm
  const danger = level === 'danger'
  const urgency = danger ? (Math.max(1, priority - 1) as AlarmRule['priority']) : priority
  return {
    ...common(asset, `${channel.id}.velocity.${level}`, urgency, onDelayMs, offDelayMs),
    setpoint: danger ? cd : Number.NaN,
    side: 'above',
    deadband: danger ? cd * deadband : 0,
    ...(action === undefined ? {} : { action }),
  }
}
