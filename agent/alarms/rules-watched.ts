// Rules of what the configuration watches beside the model's score and fixed limits.
import type { AssetConfig, ChannelConfig } from '../config/contract.ts'
import type { VibrationZones } from '../models/contract.ts'
import type { AlarmRule } from './contract.ts'
import { common } from './rules.ts'

/**
 * `de-h.velocity.warning` has no setpoint (NaN, so nothing is beyond it) before there is a baseline. `de-h.velocity.danger` is at C/D, where
 * damage is to be expected of any machine, and one step more urgent.
 */
export function zoneRule(
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
