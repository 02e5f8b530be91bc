// What an alarm by a setpoint of the configuration, or by a zone of vibration velocity, says.
import type { ChannelConfig } from '../config/contract.ts'
import { borderText, type VibrationZones, zoneAt } from '../models/contract.ts'
import type { ScoredBatch } from '../scoring/contract.ts'
import type { AlarmRule, Evidence } from './contract.ts'
import { channelName, modelEvidence, modelRaised, riseOf } from './message.ts'
import { durationText, numberText, quantityText } from './text.ts'

export interface WatchedQuantity {
  /** Id of a channel, or the name of a feature. */
  name: string
  /** `velocity`; empty where the name says it all. */
  figure: string
  unit: string
  /** For the evidence. */
  channel: string
  channels: readonly ChannelConfig[]
}

/** Of a channel whose values are the velocity already. */
export function velocityOf(channel: ChannelConfig): WatchedQuantity {
  return { name: channel.id, figure: 'velocity', unit: channel.unit, channel: channel.id, channels: [channel] }
}

/** `DE horizontal kurtosis 6.2 above setpoint 5 for 10 min`. */
export function figureRaised(
  rule: AlarmRule,
  what: WatchedQuantity,
  value: number,
  beyondUs: number,
  atLeast: boolean,
): string {
  const lasted = beyondUs > 0 ? ` for ${durationText(beyondUs)}` : ''
  const where = value === rule.setpoint ? 'at' : rule.side
  return `${nameOf(what)} ${atLeast ? 'at least ' : ''}${quantityText(value, what.unit)} ${where} setpoint ${quantityText(rule.setpoint, what.unit)}${lasted}`
}

/** `DE horizontal velocity back within 4.5 mm/s after 34 min, peak 5.2 mm/s`. */
export function figureCleared(rule: AlarmRule, what: WatchedQuantity, durationUs: number, peak: number): string {
  const worst = rule.side === 'above' ? 'peak' : 'lowest'
  const within = quantityText(rule.setpoint, what.unit)
  return `${nameOf(what)} back within ${within} after ${durationText(durationUs)}, ${worst} ${quantityText(peak, what.unit)}`
}

/**
 * `DE horizontal velocity 3.9 mm/s above warning 3.6 mm/s: zone C (B/C at 2.8; ISO 20816-3, group 2, rigid); baseline 2.9 mm/s, zone C`.
 */
export function zoneRaised(
  rule: AlarmRule,
  what: WatchedQuantity,
  value: number,
  { level, zones, baseline }: { level: string; zones: VibrationZones; baseline: number },
  atLeast: boolean,
): string {
  const least = atLeast ? 'at least ' : ''
  const now = `${nameOf(what)} ${least}${quantityText(value, what.unit)} ${value === rule.setpoint ? 'at' : 'above'} ${level} ${quantityText(rule.setpoint, what.unit)}`
  const zone = `${least}zone ${zoneAt(zones, value)} (${borderText(zones, value)}; ${zones.clause})`
  const before = Number.isFinite(baseline)
    ? `baseline ${quantityText(baseline, what.unit)}, zone ${zoneAt(zones, baseline)}`
    : 'no baseline yet'
  return `${now}: ${zone}; ${before}`
}

/** `score 2.4 above setpoint 2: flow 18 % below prediction (flow 58 %, current 27 %)`. */
export function scoreText(
  batch: ScoredBatch,
  i: number,
  rule: AlarmRule,
  channels: readonly ChannelConfig[],
  beyondUs: number,
): string {
  const evidence = modelEvidence(batch, i)
  const score = batch.scores[i]!
  const seen = { doubt: batch.doubts?.[i], rise: riseOf(batch, i, evidence) }
  const claim = modelRaised(evidence, score, rule.setpoint, channels, batch.model.manifest, beyondUs, seen)
  const head = `score ${numberText(score)} ${rule.side} setpoint ${numberText(rule.setpoint)}`
  return claim.startsWith('score ') ? claim : `${head}: ${claim}`
}

/** `baseline`: what was usual; left out, the setpoint is what the value is held against. */
export function zoneEvidence(rule: AlarmRule, what: WatchedQuantity, value: number, baseline = Number.NaN): Evidence[] {
  const feature = what.figure === '' ? what.name : what.figure
  const against = Number.isFinite(baseline) ? baseline : rule.setpoint
  return [{ channel: what.channel, feature, value, baseline: against, unit: what.unit, share: 1 }]
}

function nameOf({ name, figure, channels }: WatchedQuantity): string {
  return figure === '' ? name : `${channelName(name, channels)} ${figure}`
}
