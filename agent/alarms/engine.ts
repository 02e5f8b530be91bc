// Values and scores in, alarm transitions out. Pure over event time: it writes nothing. Each transition is folded into
// `state` at once and handed to `commit`, whose owner appends it to the journal; only that makes it exist for others.
import type { AssetConfig, ChannelConfig, SourceConfig } from '../config/contract.ts'
import type { Clock } from '../core/clock.ts'
import type { Counter, Counters } from '../core/counters.ts'
import type { Prng } from '../core/prng.ts'
import type { SampleBlock } from '../core/types.ts'
import type { Manifest } from '../models/contract.ts'
import type { ScoredBatch } from '../scoring/contract.ts'
import type { GatedBlock } from '../windows/contract.ts'
import { ArrivalFaults, type SensorTick } from './arrival-faults.ts'
import { AlarmBook } from './book.ts'
import { ByDesign } from './by-design.ts'
import type { AlarmRule, AlarmTransition, SuppressionFact } from './contract.ts'
import { AlarmDesk } from './desk.ts'
import { type Blame, blame, isActive, isEvidence, modelRef } from './evidence.ts'
import { FloodWatch } from './flood.ts'
import {
  limitCleared,
  limitEvidence,
  limitRaised,
  modelCleared,
  modelEvidence,
  modelRaised,
  riseOf,
} from './message.ts'
import { velocityOf, zoneRaised } from './message-watched.ts'
import { newRuleState, stepRule } from './rule.ts'
import { limitRules, MODEL_RULE, modelRule } from './rules.ts'
import { RunningTime } from './running-time.ts'
import { SensorFaults } from './sensor-faults.ts'
import { type SensorTrouble, SensorWatches } from './sensors.ts'
import { SourceFaults } from './source-faults.ts'
import { type AlarmState, ruleKey, standingOf } from './state.ts'
import { factInEffect } from './suppression.ts'
import { type CaptureFigures, WatchedSetpoints } from './watched.ts'
import { takeRowBaselines, type ZoneFacts, zonesOfRows } from './zones.ts'

/** `GatedBlock.states` of a settled, running machine. */
const RUNNING = 2

export interface AlarmEngineOptions {
  assets: readonly AssetConfig[]
  /** Whose links are watched; alarms of them are of the gateway itself. */
  links?: readonly SourceConfig[]
  /** Folded from the journal; the engine is its only writer from then on. */
  state: AlarmState
  clock: Clock
  prng: Prng
  counters: Counters
  /** What every record says about the time it carries. */
  clockState: () => AlarmTransition['clock']
  /** Must not throw. Called in the order of alertSeq. */
  commit: (transition: AlarmTransition) => void
  /** See ByDesignOptions; absent = no windows. */
  cronMatcher?: (cron: string) => (minuteMs: number) => boolean
  /** Raise an alarm of the gateway when there are too many; not in a backtest. */
  watchFloods?: boolean
}

/** A rule on its way to an alarm. */
export interface PendingAlarm {
  rule: string
  asset: string
  value: number
  setpoint: number
  elapsedUs: number
  delayUs: number
  onsetUs: number
}

interface Watch extends Blame {
  asset: AssetConfig
  /** Undefined for the model's rule. */
  channel: ChannelConfig | undefined
  column: number
  value: number
  /** Of a channel that is a vibration velocity. */
  zone?: ZoneFacts
}

export class AlarmEngine {
  readonly #options: AlarmEngineOptions
  readonly #book: AlarmBook
  /** What people do with alarms. */
  readonly desk: AlarmDesk
  readonly #byDesign: ByDesign
  readonly #flood: FloodWatch | undefined
  /** By asset index: fixed limits in channel order; the model's rule. */
  readonly #limits: Watch[][]
  readonly #models: Watch[]
  readonly #sensors: SensorWatches
  readonly #watched: WatchedSetpoints
  readonly #faults: SensorFaults
  readonly #arrivals: ArrivalFaults
  readonly #links: SourceFaults | undefined
  readonly #time: RunningTime
  readonly #runningNow: Uint8Array
  /** Assets of waveforms alone: no row ever says how long they ran. */
  readonly #always: boolean[]
  readonly #notFinite: Counter

  constructor(options: AlarmEngineOptions) {
    this.#options = options
    this.#book = new AlarmBook({
      ...options,
      commit: transition => {
        options.commit(transition)
        this.#flood?.made(transition)
      },
      floodId: () => this.#flood?.id,
    })
    if (options.watchFloods) this.#flood = new FloodWatch({ ...options, book: this.#book })
    this.#limits = options.assets.map(asset => [
      ...asset.channels.flatMap((channel, column) =>
        limitRules(asset, channel).map(rule => newWatch(rule, asset, channel, column)),
      ),
      ...zonesOfRows(asset).map(({ rule, channel, column, zone }) => ({
        ...newWatch(rule, asset, channel, column),
        zone,
      })),
    ])
    this.#models = options.assets.map(asset => newWatch(modelRule(asset), asset, undefined, -1))
    this.#sensors = new SensorWatches(this.#book, options.assets)
    this.#watched = new WatchedSetpoints(this.#book, options.assets)
    this.#faults = new SensorFaults(this.#book, options.assets)
    const looked = this.#faults.looked.bind(this.#faults)
    this.#arrivals = new ArrivalFaults(this.#book, options.assets, looked)
    this.#links = options.links && new SourceFaults(this.#book, options.links)
    this.#time = new RunningTime(options.assets.length)
    this.#always = options.assets.map(asset => asset.channels.every(channel => channel.waveform))
    this.#runningNow = Uint8Array.from(this.#always, always => (always ? 1 : 0))
    this.#notFinite = options.counters.get('alarms.score_not_finite')
    const shared = { ...options, book: this.#book, isRunning: (asset: number) => this.#runningNow[asset] === 1 }
    const rulesOfGateway = (): AlarmRule[] => (this.#links?.all ?? []).map(({ rule }) => rule)
    this.desk = new AlarmDesk({ ...shared, rulesOf: asset => this.#rulesOf(asset), rulesOfGateway })
    const targetOf: AlarmDesk['targetOf'] = (asset, rule) => this.desk.targetOf(asset, rule)
    this.#byDesign = new ByDesign({ cronMatcher: () => () => false, ...shared, targetOf })
  }

  /** Takes up the alarms that stand: active ones stay active, those whose rule is gone are cleared. Call once. */
  start(): void {
    const ofSensors = [...this.#sensors.all, ...this.#faults.all, ...this.#arrivals.all, ...(this.#links?.all ?? [])]
    const all = [...this.#limits.flat(), ...this.#models, ...this.#watched.all, ...ofSensors]
    const watches = new Map(all.map(watch => [ruleKey(watch.rule.asset, watch.rule.id), watch]))
    for (const alarm of [...this.#options.state.standing.values()]) {
      if (!alarm.active) continue
      const watch = watches.get(ruleKey(alarm.asset, alarm.rule))
      // A latched alarm stands without its condition.
      if (alarm.kind === 'system' || (watch && alarm.latched)) continue
      if (watch) {
        Object.assign(watch.state, { phase: 'active', onsetUs: alarm.onsetUs, peak: alarm.value })
        if ('blamed' in watch) blame(watch, alarm.evidence)
      } else this.#book.clearRemoved(alarm, this.#options.clock.nowUs())
    }
    this.desk.dropRemoved()
    this.tick()
  }

  /** Rules that `suppress` names and nothing watches. */
  unknownSuppressed(): string[] {
    return this.#byDesign.unknown()
  }

  /** Every second: shelving ends, windows begin and end. */
  tick(): void {
    this.desk.tick()
    this.#byDesign.tick()
    this.#flood?.tick()
  }

  /** The machine's first, in the order in which people are told. */
  #watchesOf(asset: number) {
    const ofSensors = [...this.#sensors.of(asset), ...this.#faults.of(asset), ...this.#arrivals.of(asset)]
    return [this.#models[asset], ...(this.#limits[asset] ?? []), ...this.#watched.of(asset), ...ofSensors]
  }

  #rulesOf(asset: number): AlarmRule[] {
    return this.#watchesOf(asset).flatMap(watch => watch?.rule ?? [])
  }

  /**
   * Sensors, then fixed limits, row by row. Every gated row of every asset must pass here: running time is counted from them too.
   * `raw`: the same rows with the values that were turned down, for what is said of them.
   */
  rows(block: GatedBlock, raw?: SampleBlock): void {
    const { rows, columns, values, states, timesUs, runningUs } = block
    this.#time.rows(block)
    if (rows > 0) {
      this.#runningNow[block.asset] = states[rows - 1] === RUNNING ? 1 : 0
      this.#byDesign.row(block.asset, values, (rows - 1) * columns)
    }
    const watches = this.#limits[block.asset]
    const suspects = this.#faults.suspects(block.asset)
    if (!watches || (watches.length === 0 && !suspects)) return
    for (let row = 0; row < rows; row++) {
      const running = states[row] === RUNNING
      this.#faults.row(block, row, raw)
      for (let i = 0; i < watches.length; i++) {
        const watch = watches[i]!
        watch.value = suspects?.[watch.column] === 1 ? Number.NaN : values[row * columns + watch.column]!
        const decision = stepRule(watch.rule, watch.state, watch.value, timesUs[row]!, runningUs[row]!, running)
        if (decision === 'raise') this.#raiseLimit(watch, timesUs[row]!)
        else if (decision === 'clear') this.#clearLimit(watch, timesUs[row]!)
      }
    }
  }

  /**
   * Scored windows of any assets (`tags` are asset indices). Windows are cut from running rows only.
   * @param after called after each with whether an alarm of its asset stands then
   */
  scores(batch: ScoredBatch, after?: (asset: number, timeUs: number, score: number, inAlarm: boolean) => void): void {
    for (let i = 0; i < batch.count; i++) {
      const asset = batch.tags[i]!
      const timeUs = batch.timesUs[i]!
      this.score(batch, i, this.#ranSince('scored', asset, timeUs))
      after?.(asset, timeUs, batch.scores[i]!, this.inAlarm(asset))
    }
  }

  /** Rows without a score lie between the last window and the next: nothing is known of them, so no delay counts them. */
  unscored(asset: number): void {
    this.#time.restart(asset)
  }

  /**
   * A capture of the asset that ended at `timeUs` has been judged; no trouble with a channel clears its alarm in time. `figures`: of the
   * channels of which it tells something.
   */
  sensors(
    asset: number,
    timeUs: number,
    troubles: readonly SensorTrouble[],
    figures: readonly CaptureFigures[] = [],
  ): void {
    const runningUs = this.#ranSince('judged', asset, timeUs)
    this.#sensors.judge(asset, timeUs, runningUs, troubles)
    this.#watched.captured(asset, timeUs, runningUs, figures)
  }

  /** By the clock, every second or so: what does not come, and what comes with wrong times. */
  looked(tick: SensorTick): void {
    this.#arrivals.tick(tick)
    this.#links?.tick(tick)
  }

  /** A model is at work, and with it what was usual when its baseline was learnt. */
  bound(asset: number, manifest: Manifest): void {
    takeRowBaselines(this.#limits[asset] ?? [], manifest, this.#options.assets[asset]?.alarm.deadband ?? 0)
    this.#watched.bound(asset, manifest)
    this.#faults.bound(asset, manifest)
  }

  /** Features that setpoints are on and the model at work does not have. */
  unwatchedFeatures(asset: number): string[] {
    return this.#watched.missing(asset)
  }

  #ranSince(mark: 'scored' | 'judged', asset: number, timeUs: number): number {
    if (this.#always[asset]) return this.#time.sinceAlways(mark, asset, timeUs)
    return this.#time.since(mark, asset, timeUs)
  }

  /** An alarm of the machine stands: the model's, that of a fixed limit or of another setpoint. */
  inAlarm(asset: number): boolean {
    if (isActive(this.#models[asset]) || this.#watched.inAlarm(asset)) return true
    const limits = this.#limits[asset] ?? []
    for (let i = 0; i < limits.length; i++) if (isActive(limits[i])) return true
    return false
  }

  /** One scored window; `runningUs`: running time since the previous scored window of its asset. */
  score(batch: ScoredBatch, i: number, runningUs: number): void {
    const watch = this.#models[batch.tags[i]!]
    if (!watch) return
    const score = batch.scores[i]!
    if (!Number.isFinite(score)) this.#notFinite.n++
    watch.value = score
    // A sensor that has a fault is no reason to stop the machine, nor to call it well.
    const held = this.#faults.holds(batch.tags[i]!, batch, i)
    this.#watched.score(batch, i, runningUs, held)
    if (held || (batch.doubts && !isEvidence(watch, batch, i))) return
    const decision = stepRule(watch.rule, watch.state, score, batch.timesUs[i]!, runningUs, true)
    if (decision === 'raise') this.#raiseModel(watch, batch, i)
    else if (decision === 'clear') this.#clearModel(watch, batch, i)
  }

  /** What is on its way to an alarm: the model's rule before fixed limits, those before sensors. */
  pending(asset: number): PendingAlarm | undefined {
    const watches = this.#watchesOf(asset)
    const watch = watches.find(candidate => candidate?.state.phase === 'pending')
    if (!watch) return undefined
    const { rule, state } = watch
    return {
      rule: rule.id,
      asset: rule.asset,
      value: 'value' in watch ? watch.value : state.peak,
      setpoint: rule.setpoint,
      elapsedUs: state.elapsedUs,
      delayUs: rule.onDelayUs,
      onsetUs: state.onsetUs,
    }
  }

  /** The fact that suppresses it, its own or its asset's. */
  suppressedBy(alarm: AlarmTransition): SuppressionFact | undefined {
    return factInEffect(this.#options.state, alarm)
  }

  /** Alarms that stand, in the order in which they began to. */
  standing(): AlarmTransition[] {
    return [...this.#options.state.standing.values()]
  }

  #raiseLimit(watch: Watch, timeUs: number): void {
    const { rule, channel, value, state, zone } = watch
    if (!channel) return
    const message = zone
      ? zoneRaised(rule, velocityOf(channel), value, zone, false)
      : limitRaised(rule, channel, value, state.elapsedUs)
    this.#book.raise(rule, state.onsetUs, { timeUs, value, message, evidence: limitEvidence(rule, channel, value) })
  }

  #clearLimit(watch: Watch, timeUs: number): void {
    const { rule, channel, value, state } = watch
    if (!channel) return
    const message = limitCleared(rule, channel, timeUs - state.onsetUs, state.peak)
    this.#book.clear(rule, { timeUs, value, message, evidence: limitEvidence(rule, channel, value) })
  }

  #raiseModel(watch: Watch, batch: ScoredBatch, i: number): void {
    const evidence = modelEvidence(batch, i)
    const value = batch.scores[i]!
    const { rule, asset, state } = watch
    const beyondUs = batch.timesUs[i]! - state.onsetUs
    const { manifest } = batch.model
    const seen = { doubt: batch.doubts?.[i], rise: riseOf(batch, i, evidence) }
    const message = modelRaised(evidence, value, rule.setpoint, asset.channels, manifest, beyondUs, seen)
    const finding = { timeUs: batch.timesUs[i]!, value, message, evidence, model: modelRef(batch) }
    this.#book.raise(watch.rule, watch.state.onsetUs, finding)
  }

  #clearModel(watch: Watch, batch: ScoredBatch, i: number): void {
    const timeUs = batch.timesUs[i]!
    const raised = standingOf(this.#options.state, watch.asset.id, MODEL_RULE)?.evidence ?? []
    const message = modelCleared(raised, timeUs - watch.state.onsetUs, watch.state.peak, watch.asset.channels)
    const evidence = modelEvidence(batch, i)
    this.#book.clear(watch.rule, { timeUs, value: batch.scores[i]!, message, evidence, model: modelRef(batch) })
  }
}

function newWatch(rule: Blame['rule'], asset: AssetConfig, channel: ChannelConfig | undefined, column: number): Watch {
  return { rule, state: newRuleState(), asset, channel, column, value: Number.NaN, blamed: new Set() }
}
