// Configuration -> rules: one per fixed limit of a channel, one for the asset's model.
import type { AssetConfig, ChannelConfig } from '../config/contract.ts'
import type { AlarmRule } from './contract.ts'

/** The score is calibrated so that 1 is the setpoint, whatever the model. */
export const SCORE_SETPOINT = 1
export const MODEL_RULE = 'model'

export function limitRules(asset: AssetConfig, channel: ChannelConfig): AlarmRule[] {
  const rules: AlarmRule[] = []
  if (channel.max !== undefined) rules.push(limitRule(asset, channel, 'max', 'above', channel.max))
  if (channel.min !== undefined) rules.push(limitRule(asset, channel, 'min', 'below', channel.min))
  return rules
}

function limitRule(
  asset: AssetConfig,
  channel: ChannelConfig,
  name: 'max' | 'min',
  side: 'above' | 'below',
  setpoint: number,
): AlarmRule {
  const { priority, deadband, onDelayMs, offDelayMs } = channel.limit
  return {
    ...common(asset, `${channel.id}.${name}`, priority, onDelayMs, offDelayMs),
    setpoint,
    side,
    deadband,
  }
}

export function modelRule(asset: AssetConfig): AlarmRule {
  const { priority, deadband, onDelayMs, offDelayMs, action } = asset.alarm
  return {
    ...common(asset, MODEL_RULE, priority, onDelayMs, offDelayMs),
    setpoint: SCORE_SETPOINT,
    side: 'above',
    deadband,
    ...(action === undefined ? {} : { action }),
  }
}

function common(
  asset: AssetConfig,
  id: string,
  priority: AlarmRule['priority'],
  onDelayMs: number,
  offDelayMs: number,
): Pick<AlarmRule, 'id' | 'asset' | 'tag' | 'kind' | 'priority' | 'onDelayUs' | 'offDelayUs'> {
  return {
    id,
    asset: asset.id,
    ...(asset.tag === undefined ? {} : { tag: asset.tag }),
    kind: 'machine',
    priority,
    onDelayUs: onDelayMs * 1000,
    offDelayUs: offDelayMs * 1000,
  }
}
