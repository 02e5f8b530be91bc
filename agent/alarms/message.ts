// What an alarm says, in words and numbers. No claim without evidence: a direction and a size are stated only where the
// model delivers a deviation and a prediction in engineering units; else the score and the shares are all that is said.
import type { ChannelConfig } from '../config/contract.ts'
import type { Manifest, ManifestFeature } from '../models/contract.ts'
import type { ScoredBatch, WindowDoubt } from '../scoring/contract.ts'
import type { AlarmRule, Evidence } from './contract.ts'
import { differenceText, durationText, numberText, quantityText } from './text.ts'

/** An alert carries this many at most: a model of 100 channels must not make a payload of 20 kB. */
export const EVIDENCE_MAX = 8
const DEVIATION = 'deviation from prediction'
const SHARE_ONLY = 'share of score'
/** Of what a deviation usually spreads: less is seen in healthy rows, and a direction would be made up. */
const CLAIM_SPREADS = 3
/** Evidence of a band of a spectrum, as families name such features. */
const BAND = /^rms ([\d.]+)-([\d.]+) Hz$/
/** More names than that make a sentence nobody reads. */
const PREDICTORS_MAX = 2

/** Evidence of window `i` of a batch, largest share first; empty for a model without contributions. */
export function modelEvidence(batch: ScoredBatch, i: number): Evidence[] {
  const { contributions, features } = batch.model.manifest
  const count = Math.min(batch.contributionCount, contributions.length)
  const evidence: Evidence[] = []
  for (let k = 0; k < count; k++) {
    const share = batch.contributions[i * batch.contributionCount + k] ?? Number.NaN
    if (!(share > 0)) continue
    evidence.push(evidenceOf(batch, i, contributions[k] ?? '', share, features, count))
  }
  return evidence.sort((a, b) => b.share - a.share).slice(0, EVIDENCE_MAX)
}

function evidenceOf(
  batch: ScoredBatch,
  i: number,
  /** A channel's id, or `de-h 3400-3600 Hz`. */
  channel: string,
  share: number,
  features: Manifest['features'],
  labels: number,
): Evidence {
  const deviation = featureValue(batch, i, features, f => f.role === 'deviation' && f.channel === channel)
  const prediction = featureValue(batch, i, features, f => f.role === 'prediction' && f.channel === channel)
  const band = features.find(f => f.fromHz !== undefined && `${f.channel} ${f.fromHz}-${f.toHz} Hz` === channel)
  const baseline = band && (band.baseline ?? baselineAtSpeed(batch, i, features, band))
  if (band?.channel !== undefined && baseline !== undefined) {
    const value = featureValue(batch, i, features, f => f === band)
    return { channel: band.channel, feature: band.name, value, baseline, unit: band.unit, share }
  }
  const unit = features.find(f => f.role === 'deviation' && f.channel === channel)?.unit ?? '1'
  if (!Number.isFinite(deviation + prediction) || !shows(deviation, channel, features)) {
    // An even spread over all labels is what a share is compared with.
    return { channel, feature: SHARE_ONLY, value: share, baseline: 1 / labels, unit: '1', share }
  }
  return { channel, feature: DEVIATION, value: prediction + deviation, baseline: prediction, unit, share }
}

/** Whether the last rows of the channel show it: what drives the score may have come and gone before. */
function shows(deviation: number, channel: string, features: readonly ManifestFeature[]): boolean {
  const { spread } = features.find(f => f.role === 'deviation' && f.channel === channel) ?? {}
  return spread === undefined || Math.abs(deviation) >= CLAIM_SPREADS * spread
}

/** Of a model with a baseline per speed: that of the bin which spoke. */
function baselineAtSpeed(
  batch: ScoredBatch,
  i: number,
  features: readonly ManifestFeature[],
  { baselines }: ManifestFeature,
): number | undefined {
  const bin = featureValue(batch, i, features, f => f.role === 'bin')
  return baselines?.[Math.round(bin) - 1]
}

function featureValue(
  batch: ScoredBatch,
  i: number,
  features: readonly ManifestFeature[],
  wanted: (feature: ManifestFeature) => boolean,
): number {
  const at = features.findIndex(wanted)
  return at < 0 || at >= batch.featureCount ? Number.NaN : (batch.features[i * batch.featureCount + at] ?? Number.NaN)
}

/** `DE horizontal` for a vibration channel with a measuring point, else the channel's id. */
export function channelName(id: string, channels: readonly ChannelConfig[]): string {
  const channel = channels.find(c => c.id === id)
  if (!channel?.waveform || channel.point === undefined) return id
  return channel.axis === undefined ? channel.point : `${channel.point} ${channel.axis}`
}

/**
 * `flow 18 % below what current and pressure predict (flow 58 %, current 27 %)`, `DE horizontal 3.4–3.6 kHz 3.1 x baseline,
 * 3 captures (3.4–3.6 kHz 62 %)`, or `score 1.42, setpoint 1 (…)`. `beyondUs`: since the score first was. `rise`: see riseOf; of a
 * sensor that clips `DE horizontal at least 3.1 x its usual rms, 3 captures; DE horizontal clips`.
 */
export function modelRaised(
  evidence: readonly Evidence[],
  score: number,
  setpoint: number,
  channels: readonly ChannelConfig[],
  { features, everyMs }: Pick<Manifest, 'features' | 'everyMs'> = { features: [] },
  beyondUs = 0,
  { doubt, rise = Number.NaN }: { doubt?: WindowDoubt | undefined; rise?: number } = {},
): string {
  const top = evidence[0]
  const clips = top !== undefined && doubt?.clipped.includes(top.channel) === true
  // What is cut off stands in other bands: which of them rose is not known, how loud it is at least is.
  const shares = clips ? '' : shareText(evidence, channels)
  const captures = everyMs === undefined ? 1 : 1 + Math.round(beyondUs / (1000 * everyMs))
  const lasted = captures > 1 ? `, ${captures} captures` : ''
  let claim = `score ${clips ? 'at least ' : ''}${numberText(score)}, setpoint ${numberText(setpoint)}`
  if (top?.feature === DEVIATION) {
    claim = `${channelName(top.channel, channels)} ${differenceText(top.value, top.baseline, top.unit)} ${predictedBy(top.channel, features, channels)}`
  } else if (clips && Number.isFinite(rise)) {
    claim = `${channelName(top.channel, channels)} at least ${ratioText(rise)} x its usual rms${lasted}`
  } else if (top && !clips && top.value > top.baseline && BAND.test(top.feature)) {
    claim = `${nameOf(top, channels)} ${ratioText(top.value / top.baseline)} x baseline${lasted}`
  }
  return `${claim}${shares === '' ? '' : ` (${shares})`}${doubtText(doubt, channels)}`
}

/** `; DE horizontal clips; DE vertical is not watched, its sensor has a fault`. */
function doubtText(doubt: WindowDoubt | undefined, channels: readonly ChannelConfig[]): string {
  const named = (ids: readonly string[], what: string): string[] =>
    ids.map(id => `; ${channelName(id, channels)} ${what}`)
  if (!doubt) return ''
  const { clipped, unwatched } = doubt
  return [...named(clipped, 'clips'), ...named(unwatched, 'is not watched, its sensor has a fault')].join('')
}

/** Rms of the axis that `evidence` names first, over that of its baseline; NaN where the model does not tell. */
export function riseOf(batch: ScoredBatch, i: number, [top]: readonly Evidence[]): number {
  const { channels, features, reference } = batch.model.manifest
  const c = channels.findIndex(({ id }) => id === top?.channel)
  const usual = reference?.deviation[c] ?? 0
  const rms = featureValue(batch, i, features, f => f.name === 'rms' && f.channel === top?.channel)
  return usual > 0 ? rms / usual : Number.NaN
}

/** The channel, and of a band its frequencies: `DE horizontal 3.4–3.6 kHz`. */
function nameOf({ channel, feature }: Evidence, channels: readonly ChannelConfig[]): string {
  const band = bandText(feature)
  return `${channelName(channel, channels)}${band === '' ? '' : ` ${band}`}`
}

/** `3.4–3.6 kHz`, `400–600 Hz`; empty for what is no band. */
function bandText(feature: string): string {
  const [, from, to] = BAND.exec(feature) ?? []
  if (from === undefined || to === undefined) return ''
  return Number(from) >= 1000 ? `${Number(from) / 1000}–${Number(to) / 1000} kHz` : `${from}–${to} Hz`
}

const ratioText = (ratio: number): string => numberText(Number(ratio.toPrecision(2)))

/** `prediction` where the model does not say that others predict this one. */
function predictedBy(
  channel: string,
  features: readonly ManifestFeature[],
  channels: readonly ChannelConfig[],
): string {
  const { predictors = [] } = features.find(f => f.role === 'deviation' && f.channel === channel) ?? {}
  const names = predictors.slice(0, PREDICTORS_MAX).map(id => channelName(id, channels))
  if (names.length === 0) return 'prediction'
  return `what ${names.join(' and ')} ${names.length === 1 ? 'predicts' : 'predict'}`
}

/** The largest share, and up to two more of at least a tenth: smaller ones are noise to a reader. */
function shareText(evidence: readonly Evidence[], channels: readonly ChannelConfig[]): string {
  return (
    evidence
      .filter((e, rank) => rank === 0 || (rank < 3 && e.share >= 0.1))
      // The channel of a band is named once, with the first.
      .map(e => {
        const name = e.channel === evidence[0]?.channel ? bandText(e.feature) : ''
        return `${name || nameOf(e, channels)} ${Math.round(100 * e.share)} %`
      })
      .join(', ')
  )
}

/** `flow back within prediction after 34 min, peak score 2.1`; `raised` is the evidence the alarm was raised with. */
export function modelCleared(
  raised: readonly Evidence[],
  durationUs: number,
  peak: number,
  channels: readonly ChannelConfig[],
): string {
  const top = raised[0]
  const within = top && (top.feature === DEVIATION ? 'prediction' : BAND.test(top.feature) ? 'baseline' : undefined)
  const what = top && within ? `${nameOf(top, channels)} back within ${within}` : 'score back below setpoint'
  return `${what} after ${durationText(durationUs)}, peak score ${numberText(peak)}`
}

/** `discharge 9.4 bar above limit 9 bar for 10 s`; without the time when the limit has no on-delay. */
export function limitRaised(rule: AlarmRule, channel: ChannelConfig, value: number, beyondUs: number): string {
  const { name, limit } = limitText(rule, channel)
  const lasted = beyondUs > 0 ? ` for ${durationText(beyondUs)}` : ''
  return `${name} ${quantityText(value, channel.unit)} ${value === rule.setpoint ? 'at' : rule.side} ${limit}${lasted}`
}

/** `discharge back within limit 9 bar after 34 min, peak 9.8 bar`. */
export function limitCleared(rule: AlarmRule, channel: ChannelConfig, durationUs: number, peak: number): string {
  const { name, limit } = limitText(rule, channel)
  const worst = `${rule.side === 'above' ? 'peak' : 'lowest'} ${quantityText(peak, channel.unit)}`
  return `${name} back within ${limit} after ${durationText(durationUs)}, ${worst}`
}

/** `DE horizontal: clipping, 0.8 % of samples stand at the end of the range; look at the sensor, cable and mount`. */
export function sensorRaised(channel: ChannelConfig, { fault, text }: { fault: string; text: string }): string {
  const name = channelName(channel.id, [channel])
  return `${name}: ${fault}, ${text}; look at the sensor, cable and mount`
}

/** `DE horizontal: sensor plausible again after 34 min`. */
export function sensorCleared(channel: ChannelConfig, durationUs: number): string {
  return `${channelName(channel.id, [channel])}: sensor plausible again after ${durationText(durationUs)}`
}

function limitText(rule: AlarmRule, channel: ChannelConfig): { name: string; limit: string } {
  return { name: channelName(channel.id, [channel]), limit: `limit ${quantityText(rule.setpoint, channel.unit)}` }
}

export function limitEvidence(rule: AlarmRule, channel: ChannelConfig, value: number): Evidence[] {
  return [{ channel: channel.id, feature: 'value', value, baseline: rule.setpoint, unit: channel.unit, share: 1 }]
}
