// What an alarm of a sensor, or of the link it comes over, says.
import type { ChannelConfig } from '../config/contract.ts'
import type { Evidence } from './contract.ts'
import { channelName } from './message.ts'
import { durationText, numberText, quantityText } from './text.ts'

/** What was measured of a fault, and what it is held against. */
export interface FaultFacts {
  fault: string
  value: number
  against: number
  unit: string
  text: string
}

const LOOK = 'no alarm of the machine rests on it'

export function stuckFacts({ unit }: ChannelConfig, value: number, unchangedUs: number, stuckMs: number): FaultFacts {
  const text = `stuck at ${quantityText(value, unit)} for ${durationText(unchangedUs)} of running time`
  return { fault: 'stuck', value: unchangedUs / 1e6, against: stuckMs / 1000, unit: 's', text: `${text}; ${LOOK}` }
}

export function rangeFacts({ unit, range }: ChannelConfig, value: number, beyondUs: number): FaultFacts {
  const { low = Number.NaN, high = Number.NaN } = range ?? {}
  const what = Number.isFinite(value) ? `${quantityText(value, unit)} is out of range` : 'out of range'
  const text = `${what} ${numberText(low)} to ${quantityText(high, unit)}${lasted(beyondUs)}; ${LOOK}`
  const against = value < low ? low : high
  return { fault: 'out of range', value: Number.isFinite(value) ? value : against, against, unit, text }
}

export function clippingFacts({ unit, range }: ChannelConfig, value: number, beyondUs: number): FaultFacts {
  const against = value <= (range?.low ?? Number.NaN) ? range!.low : (range?.high ?? value)
  const text = `stands at the end of its range, ${quantityText(value, unit)}${lasted(beyondUs)}; ${LOOK}`
  return { fault: 'clipping', value, against, unit, text }
}

export function noiseFacts({ unit }: ChannelConfig, noise: number, usual: number): FaultFacts {
  const ratio = numberText(Number((noise / usual).toPrecision(2)))
  const text = `noise ${quantityText(noise, unit)} rms, ${ratio} x that of its baseline`
  return { fault: 'noisy', value: noise, against: usual, unit, text }
}

export function silentFacts(silentForMs: number, silentMs: number, channels: number): FaultFacts {
  const of = channels > 1 ? `nothing comes of any of its ${channels} channels` : 'silent, no value comes'
  const text = `${of} for ${durationText(silentForMs * 1000)}; ${LOOK}`
  return { fault: 'silent', value: silentForMs / 1000, against: silentMs / 1000, unit: 's', text }
}

export function clockFacts(aheadUs: number, clockMs: number): FaultFacts {
  const text = `times are ${durationText(Math.abs(aheadUs))} ${aheadUs > 0 ? 'ahead of' : 'behind'} the gateway's clock; look at the clock of the device`
  return { fault: 'clock', value: aheadUs / 1e6, against: clockMs / 1000, unit: 's', text }
}

export function downFacts(downForMs: number, downMs: number, detail: string): FaultFacts {
  const text = `no link for ${durationText(downForMs * 1000)}: ${detail}`
  return { fault: 'down', value: downForMs / 1000, against: downMs / 1000, unit: 's', text }
}

export function errorFacts(perMin: number, most: number): FaultFacts {
  const text = `${numberText(perMin)} frames a minute cannot be read, more than ${numberText(most)}`
  return { fault: 'frame errors', value: perMin, against: most, unit: '1/min', text }
}

/** `flow: silent, no value comes for 5 min; …`; of all channels of an asset without its name. */
export function faultRaised(name: string, { text }: FaultFacts): string {
  return name === '' ? text : `${name}: ${text}`
}

const WELL: Readonly<Record<string, string>> = {
  stuck: 'moves again',
  'out-of-range': 'back within its range',
  clipping: 'back from the end of its range',
  noisy: 'noise as usual again',
  silent: 'values come again',
  clock: "times agree with the gateway's clock again",
  down: 'the link is back',
  'frame-errors': 'frames can be read again',
}

/** `flow: values come again after 34 min`. */
export function faultCleared(name: string, fault: string, durationUs: number): string {
  return `${name === '' ? '' : `${name}: `}${WELL[fault] ?? 'well again'} after ${durationText(durationUs)}`
}

export function faultEvidence(channel: string, { fault, value, against, unit }: FaultFacts): Evidence[] {
  return [{ channel, feature: `sensor fault: ${fault}`, value, baseline: against, unit, share: 1 }]
}

export function sensorName(channel: ChannelConfig): string {
  return channelName(channel.id, [channel])
}

function lasted(beyondUs: number): string {
  return beyondUs > 0 ? ` for ${durationText(beyondUs)}` : ''
}
