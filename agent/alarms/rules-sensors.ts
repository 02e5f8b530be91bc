// Rules of sensors and of the links they come over. Their value is 1 while there is the fault, else 0; NaN where nothing can be said.
import type { AssetConfig, ChannelConfig, SensorConfig, SourceConfig, SourceWatchConfig } from '../config/contract.ts'
import type { AlarmRule } from './contract.ts'
import { GATEWAY_LEVEL } from './flood.ts'

/** Told by rows; told by when values come. */
export const ROW_FAULTS = ['stuck', 'out-of-range', 'clipping', 'noisy'] as const
export const ARRIVAL_FAULTS = ['silent', 'clock'] as const
export type RowFault = (typeof ROW_FAULTS)[number]
export type ArrivalFault = (typeof ARRIVAL_FAULTS)[number]
export type SourceFault = 'down' | 'frame-errors'

const ACTIONS: Readonly<Record<RowFault | ArrivalFault | SourceFault, string>> = {
  stuck: 'Look at the sensor and at what holds its value',
  'out-of-range': 'Look at the sensor, its cable and its supply',
  clipping: 'Look at the sensor and its range',
  noisy: 'Look at the cable, its shield and its earth',
  silent: 'Look at the sensor, its cable and its publisher',
  clock: 'Set the clock of the device, look at its time source',
  down: 'Look at the network and at the broker, or at the port',
  'frame-errors': 'Look at the cable, the earth and the settings of the line',
}
/** Channels of one device fall silent within moments of each other: then it is told once, of the asset. */
const TOGETHER_MS = 10_000
/** A time that is wrong for less may be one message that was held up. */
const CLOCK_MS = 5 * 60_000
/** Of a line: so many bad minutes in a row. */
const ERRORS_MS = 2 * 60_000
const SOURCE_PRIORITY = 4
const SOURCE_OFF_MS = 5 * 60_000

/** Undefined where it is not looked for. */
export function rowFaultRule(asset: AssetConfig, channel: ChannelConfig, fault: RowFault): AlarmRule | undefined {
  const { sensor } = channel
  if (!sensor) return undefined
  const onDelayMs = {
    // It has lasted for that long when it is told.
    stuck: sensor.stuckMs === undefined ? undefined : 0,
    'out-of-range': sensor.outOfRangeMs,
    clipping: sensor.clippingMs,
    noisy: sensor.noise === undefined ? undefined : asset.alarm.onDelayMs,
  }[fault]
  return onDelayMs === undefined ? undefined : faultRule(asset, `${channel.id}.${fault}`, sensor, fault, onDelayMs)
}

/** @param id of the channel; left out, of all channels of the asset together: `silent`, `clock` */
export function arrivalRule(asset: AssetConfig, sensor: SensorConfig, fault: ArrivalFault, id?: string): AlarmRule {
  const delayMs = fault === 'clock' ? CLOCK_MS : 0
  return faultRule(
    asset,
    id === undefined ? fault : `${id}.${fault}`,
    sensor,
    fault,
    delayMs + (id === undefined ? 0 : TOGETHER_MS),
  )
}

/** Of the gateway itself, for it is no asset's. */
export function sourceRule({ id }: SourceConfig, fault: SourceFault): AlarmRule {
  return {
    id: `${id}.${fault}`,
    asset: GATEWAY_LEVEL,
    ...BINARY,
    priority: SOURCE_PRIORITY,
    onDelayUs: fault === 'down' ? 0 : ERRORS_MS * 1000,
    offDelayUs: SOURCE_OFF_MS * 1000,
    action: ACTIONS[fault],
  }
}

export function sourceWatch(source: SourceConfig): SourceWatchConfig {
  return source.kind === 'mqtt' || source.kind === 'serial' ? (source.watch ?? {}) : {}
}

const BINARY = { kind: 'sensor', setpoint: 1, side: 'above', deadband: 0.5 } as const

function faultRule(
  { id: asset, tag }: AssetConfig,
  id: string,
  { priority, offDelayMs }: SensorConfig,
  fault: RowFault | ArrivalFault,
  onDelayMs: number,
): AlarmRule {
  return {
    id,
    asset,
    ...(tag === undefined ? {} : { tag }),
    ...BINARY,
    priority,
    onDelayUs: onDelayMs * 1000,
    offDelayUs: offDelayMs * 1000,
    action: ACTIONS[fault],
  }
}
