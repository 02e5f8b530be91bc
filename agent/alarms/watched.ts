// Setpoints beside the fixed limits of channels and the score's own: on figures of captures, on features of the model, on the score,
// and on vibration velocity by its zones. Rows are the engine's; all of this comes with a capture or a scored window.
import type { AssetConfig, VibrationFigure } from '../config/contract.ts'
import type { Manifest } from '../models/contract.ts'
import type { ScoredBatch } from '../scoring/contract.ts'
import type { AlarmBook } from './book.ts'
import type { AlarmRule, RuleState } from './contract.ts'
import { type Blame, isActive, isEvidence, modelRef } from './evidence.ts'
import { modelEvidence } from './message.ts'
import {
  figureCleared,
  figureRaised,
  scoreText,
  type WatchedQuantity,
  zoneEvidence,
  zoneRaised,
} from './message-watched.ts'
import { newRuleState, stepRule } from './rule.ts'
import { setpointRule } from './rules.ts'
import { takeBaseline, type ZoneFacts, zonesOfCaptures } from './zones.ts'

/** What a capture gave of one channel; what it has no figure of is absent or NaN. */
export interface CaptureFigures {
  /** Column of the channel. */
  channel: number
  values: Readonly<Partial<Record<VibrationFigure, number>>>
  /** Its sensor clips: levels are at least these, and shapes (crest, kurtosis) say nothing. */
  atLeast: boolean
}

interface Watch extends Blame {
  asset: AssetConfig
  /** What it is on, for messages. */
  what: WatchedQuantity
  value: number
  rule: AlarmRule
  state: RuleState
}

interface FigureWatch extends Watch {
  channel: number
  figure: VibrationFigure
  zone: ZoneFacts | undefined
}

interface ModelWatch extends Watch {
  /** Column name of a feature; undefined: the score. */
  feature: string | undefined
  /** Where it is in the model's features; -1: it has none of that name. */
  at: number
}

/** What an axis that clips can still be beyond. */
const LEVELS: ReadonlySet<VibrationFigure> = new Set(['velocity', 'rms', 'peak', 'low-rms', 'high-rms', 'envelope'])

/** `flow deviation`, `de-h rms`: as the history names the column of a feature. */
export function featureColumn({ name, role, channel }: Manifest['features'][number]): string {
  const plain = role && !name.includes(role) ? `${name} ${role}` : name
  return channel === undefined || plain.includes(channel) ? plain : `${channel} ${plain}`
}

export class WatchedSetpoints {
  readonly #book: AlarmBook
  /** By asset index. */
  readonly #figures: FigureWatch[][]
  readonly #models: ModelWatch[][]
  /** Model whose features were looked up, by asset index. */
  readonly #manifests: (Manifest | undefined)[]

  constructor(book: AlarmBook, assets: readonly AssetConfig[]) {
    this.#book = book
    this.#figures = assets.map(asset => [...figureWatches(asset), ...zoneWatches(asset)])
    this.#models = assets.map(modelWatches)
    this.#manifests = assets.map(() => undefined)
  }

  get all(): readonly Watch[] {
    return [...this.#figures.flat(), ...this.#models.flat()]
  }

  of(asset: number): readonly Watch[] {
    return [...(this.#models[asset] ?? []), ...(this.#figures[asset] ?? [])]
  }

  inAlarm(asset: number): boolean {
    return this.#models[asset]?.some(isActive) === true || this.#figures[asset]?.some(isActive) === true
  }

  /** A model is at work: the velocities of its baseline make the warnings. Without any, those of the model before stay. */
  bound(asset: number, { channels, reference }: Pick<Manifest, 'channels' | 'reference'>): void {
    for (const { rule, zone, channel, asset: config } of this.#figures[asset] ?? []) {
      const id = config.channels[channel]!.id
      const baseline = reference?.vibration?.[channels.findIndex(known => known.id === id)]?.mmPerS
      if (zone) takeBaseline(rule, zone, baseline, config.alarm.deadband)
    }
  }

  /** Features that the model at work does not have. */
  missing(asset: number): string[] {
    if (!this.#manifests[asset]) return []
    return (this.#models[asset] ?? []).flatMap(({ feature, at }) => (feature !== undefined && at < 0 ? [feature] : []))
  }

  /** `runningUs`: since the capture before. Channels without figures, whose sensors have a fault, hold. */
  captured(asset: number, timeUs: number, runningUs: number, figures: readonly CaptureFigures[]): void {
    for (const watch of this.#figures[asset] ?? []) {
      const found = figures.find(({ channel }) => channel === watch.channel)
      const value = found ? figureValue(watch, found) : Number.NaN
      if (Number.isFinite(value)) watch.value = value
      const decision = stepRule(watch.rule, watch.state, value, timeUs, runningUs, true)
      if (decision === 'raise') this.#raiseFigure(watch, timeUs, found!.atLeast)
      else if (decision === 'clear') this.#clear(watch, timeUs)
    }
  }

  /** One scored window. `held`: a sensor that it looks at has a fault, so it says nothing. */
  score(batch: ScoredBatch, i: number, runningUs: number, held: boolean): void {
    const asset = batch.tags[i]!
    const watches = this.#models[asset]
    if (!watches || watches.length === 0) return
    this.#lookUp(asset, batch.model.manifest)
    for (let w = 0; w < watches.length; w++) {
      const watch = watches[w]!
      const own = watch.feature === undefined ? batch.scores[i]! : featureAt(batch, i, watch.at)
      // What a capture's sensors leave in doubt is the score's; features of an axis that is not looked at are NaN.
      const doubtful = watch.feature === undefined && batch.doubts !== undefined && !isEvidence(watch, batch, i)
      const value = held || doubtful ? Number.NaN : own
      if (Number.isFinite(value)) watch.value = value
      const timeUs = batch.timesUs[i]!
      const decision = stepRule(watch.rule, watch.state, value, timeUs, runningUs, true)
      if (decision === 'raise') this.#raiseModel(watch, batch, i)
      else if (decision === 'clear') this.#clear(watch, timeUs, batch)
    }
  }

  #lookUp(asset: number, manifest: Manifest): void {
    if (this.#manifests[asset] === manifest) return
    this.#manifests[asset] = manifest
    for (const watch of this.#models[asset] ?? []) {
      if (watch.feature === undefined) continue
      watch.at = manifest.features.findIndex(feature => featureColumn(feature) === watch.feature)
      const feature = manifest.features[watch.at]
      watch.what = { ...watch.what, unit: feature?.unit ?? '1', channel: feature?.channel ?? watch.what.channel }
    }
  }

  #raiseFigure(watch: FigureWatch, timeUs: number, atLeast: boolean): void {
    const { rule, state, value, what, zone } = watch
    const message = zone
      ? zoneRaised(rule, what, value, zone, atLeast)
      : figureRaised(rule, what, value, timeUs - state.onsetUs, atLeast)
    const evidence = zoneEvidence(rule, what, value, zone?.baseline)
    this.#book.raise(rule, state.onsetUs, { timeUs, value, message, evidence })
  }

  #raiseModel(watch: ModelWatch, batch: ScoredBatch, i: number): void {
    const { rule, state, value, what, feature, asset } = watch
    const timeUs = batch.timesUs[i]!
    const ofScore = feature === undefined
    const message = ofScore
      ? scoreText(batch, i, rule, asset.channels, timeUs - state.onsetUs)
      : figureRaised(rule, what, value, timeUs - state.onsetUs, false)
    const evidence = ofScore ? modelEvidence(batch, i) : zoneEvidence(rule, what, value)
    this.#book.raise(rule, state.onsetUs, { timeUs, value, message, evidence, model: modelRef(batch) })
  }

  #clear(watch: Watch, timeUs: number, batch?: ScoredBatch): void {
    const { rule, state, value, what } = watch
    const message = figureCleared(rule, what, timeUs - state.onsetUs, state.peak)
    const model = batch ? { model: modelRef(batch) } : {}
    this.#book.clear(rule, { timeUs, value, message, evidence: zoneEvidence(rule, what, value), ...model })
  }
}

function figureValue({ figure, rule }: FigureWatch, { values, atLeast }: CaptureFigures): number {
  const value = values[figure] ?? Number.NaN
  if (!atLeast) return value
  // At least so much: beyond an upper setpoint it counts, anywhere else it says nothing.
  return LEVELS.has(figure) && rule.side === 'above' && value >= rule.setpoint ? value : Number.NaN
}

function featureAt(batch: ScoredBatch, i: number, at: number): number {
  return at < 0 || at >= batch.featureCount ? Number.NaN : batch.features[i * batch.featureCount + at]!
}

function figureWatches(asset: AssetConfig): FigureWatch[] {
  return (asset.setpoints ?? []).flatMap(setpoint => {
    const { on, unit } = setpoint
    if (on.kind !== 'figure') return []
    const channel = asset.channels[on.channel]!
    const what = { name: channel.id, figure: on.figure, unit, channel: channel.id, channels: asset.channels }
    return [
      {
        ...newWatch(asset, setpointRule(asset, setpoint), what),
        channel: on.channel,
        figure: on.figure,
        zone: undefined,
      },
    ]
  })
}

/** Two for every axis of captures that gives a velocity. */
function zoneWatches(asset: AssetConfig): FigureWatch[] {
  return zonesOfCaptures(asset).map(({ rule, zone, channel, column }) => {
    const { id } = channel
    const what = { name: id, figure: 'velocity', unit: 'mm/s', channel: id, channels: asset.channels }
    return { ...newWatch(asset, rule, what), channel: column, figure: 'velocity' as const, zone }
  })
}

function modelWatches(asset: AssetConfig): ModelWatch[] {
  return (asset.setpoints ?? []).flatMap(setpoint => {
    const { on, text, unit } = setpoint
    if (on.kind !== 'feature' && on.kind !== 'score') return []
    const what = { name: text, figure: '', unit, channel: text, channels: asset.channels }
    const feature = on.kind === 'feature' ? on.name : undefined
    return [{ ...newWatch(asset, setpointRule(asset, setpoint), what), feature, at: -1 }]
  })
}

function newWatch(asset: AssetConfig, rule: AlarmRule, what: WatchedQuantity): Watch {
  return { asset, rule, what, state: newRuleState(), value: Number.NaN, blamed: new Set() }
}
