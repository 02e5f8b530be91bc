// What is watched for, in the keys of the file; see redact.ts.
import type { SensorConfig, SetpointConfig, SourceWatchConfig } from './contract.ts'
import { durationText } from './quantities.ts'

type Keys = Record<string, unknown>

export function setpointKeys(setpoint: SetpointConfig): Keys {
  const { id, on, text, side, deadband, onDelayMs, offDelayMs, priority, action } = setpoint
  const last = id.slice(id.lastIndexOf('.') + 1)
  return {
    [on.kind === 'feature' ? 'feature' : 'on']: text,
    // Those of the agent follow from the order.
    ...(/^(high|low)(-\d+)?$/.test(last) ? {} : { id: last }),
    [side]: setpoint.setpoint,
    'on-delay': durationText(onDelayMs),
    'off-delay': durationText(offDelayMs),
    deadband,
    priority,
    ...(action === undefined ? {} : { action }),
  }
}

/** Only what is looked for stands in it; where a fault cannot be told of a channel, `off` may always be written. */
export function sensorKeys(sensor: SensorConfig | undefined): Keys {
  if (!sensor) return { watch: 'off' }
  const span = (ms: number | undefined): string => (ms === undefined ? 'off' : durationText(ms))
  return {
    silent: span(sensor.silentMs),
    stuck: span(sensor.stuckMs),
    'out-of-range': span(sensor.outOfRangeMs),
    clipping: span(sensor.clippingMs),
    noise: sensor.noise ?? 'off',
    clock: span(sensor.clockMs),
    'off-delay': durationText(sensor.offDelayMs),
    priority: sensor.priority,
  }
}

export function sourceWatchKeys(watch: SourceWatchConfig | undefined): Keys {
  const { downMs, errorsPerMin } = watch ?? {}
  return { down: downMs === undefined ? 'off' : durationText(downMs), 'frame-errors': errorsPerMin ?? 'off' }
}
