// Configuration -> rules: one per fixed limit of a channel, one for the asset's model.
import type { AssetConfig, ChannelConfig, SetpointConfig } from '../config/contract.ts'
import type { AlarmRule } from './contract.ts'

/** The score is calibrated so that 1 is the setpoint, whatever the model; `alarm.setpoint` may say otherwise. */
export const SCORE_SETPOINT = 1
export const MODEL_RULE = 'model'
const SENSOR_ACTION = 'Look at the sensor, its cable and its mount'

/** `min` and `max`, then the setpoints on the channel in the order of the file. */
export function limitRules(asset: AssetConfig, channel: ChannelConfig): AlarmRule[] {
  const rules: AlarmRule[] = []
  if (channel.max !== undefined) rules.push(limitRule(asset, channel, 'max', 'above', channel.max))
  if (channel.min !== undefined) rules.push(limitRule(asset, channel, 'min', 'below', channel.min))
  for (const setpoint of asset.setpoints ?? []) {
    const { on } = setpoint
    if (on.kind === 'channel' && asset.channels[on.channel] === channel) rules.push(setpointRule(asset, setpoint))
  }
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

export function setpointRule(asset: AssetConfig, setpoint: SetpointConfig): AlarmRule {
  const { id, priority, onDelayMs, offDelayMs, side, deadband, action } = setpoint
  return {
    ...common(asset, id, priority, onDelayMs, offDelayMs),
    setpoint: setpoint.setpoint,
    side,
    deadband,
    ...(action === undefined ? {} : { action }),
  }
}

/** Of the sensor of a channel whose captures are judged: its value is 1 where one has a fault, else 0. Delays as those of the model. */
export function sensorRule(asset: AssetConfig, channel: ChannelConfig): AlarmRule {
  const { onDelayMs, offDelayMs } = asset.alarm
  const { priority } = channel.sensor ?? asset.alarm
  // A sensor that is well again needs nobody.
  const { latching: _machines, ...shared } = common(asset, `${channel.id}.sensor`, priority, onDelayMs, offDelayMs)
  return {
    ...shared,
    kind: 'sensor',
    setpoint: 1,
    side: 'above',
    deadband: 0.5,
    action: SENSOR_ACTION,
  }
}

export function modelRule(asset: AssetConfig): AlarmRule {
  const { setpoint = SCORE_SETPOINT, priority, deadband, onDelayMs, offDelayMs, action } = asset.alarm
  return {
    ...common(asset, MODEL_RULE, priority, onDelayMs, offDelayMs),
    setpoint,
    side: 'above',
    deadband: deadband * setpoint,
    ...(action === undefined ? {} : { action }),
  }
}

export function common(
  asset: AssetConfig,
  id: string,
  priority: AlarmRule['priority'],
  onDelayMs: number,
  offDelayMs: number,
): Pick<AlarmRule, 'id' | 'asset' | 'tag' | 'kind' | 'priority' | 'onDelayUs' | 'offDelayUs' | 'latching'> {
  return {
    id,
    asset: asset.id,
    ...(asset.tag === undefined ? {} : { tag: asset.tag }),
    kind: 'machine',
    priority,
    onDelayUs: onDelayMs * 1000,
    offDelayUs: offDelayMs * 1000,
    ...(asset.alarm.latching ? { latching: true } : {}),
  }
}
