// Alarms of sensors by when their values come: silent, and clocks that are wrong. Looked at by the clock and not by rows, for of a sensor
// that is silent no row comes.
import type { AssetConfig, ChannelConfig } from '../config/contract.ts'
import type { Arrivals, RowState } from '../windows/contract.ts'
import type { AlarmBook } from './book.ts'
import type { AlarmTransition } from './contract.ts'
import { type FaultWatch, newFaultWatch, stepFault } from './fault-watch.ts'
import { clockFacts, type FaultFacts, sensorName, silentFacts } from './message-sensors.ts'
import { ARRIVAL_FAULTS, type ArrivalFault, arrivalRule } from './rules-sensors.ts'

/** What is known of an asset at a tick. */
export interface AssetTick {
  arrivals: Arrivals
  /** As of the newest row. */
  state: RowState
}

/** Of a source, by its id. */
export interface SourceTick {
  /** False: it waits for its link, and whatever comes over it is silent for no fault of a sensor. */
  up: boolean
  /** Monotonic ms since when it has been up, or not. */
  sinceMs: number
  detail: string
  /** Frames and messages that could not be read, so far. */
  errors: number
}

export interface SensorTick {
  nowUs: number
  /** Monotonic. */
  nowMs: number
  clock: AlarmTransition['clock']
  /** By asset index. */
  assets: readonly AssetTick[]
  /** Only those that are to come: not a recording that is played. */
  sources: ReadonlyMap<string, SourceTick>
}

/** Told of every channel at every tick: whether what rows hold of it is too old to rest on. */
type Looked = (asset: number, column: number, old: boolean, arrivals: Arrivals) => void

interface ArrivalWatch extends FaultWatch {
  fault: ArrivalFault
  /** -1: of all channels together. */
  column: number
  /** Monotonic ms when its value was last known. */
  judgedMs: number
}

interface OfAsset {
  asset: AssetConfig
  watches: ArrivalWatch[]
  /** Per fault, [channels]: as above, the newest that was known. */
  values: Record<ArrivalFault, Float64Array>
  /** [channels] of what was seen at the last tick that had something new. */
  seenMs: Float64Array
  seenUs: Float64Array
  /** Monotonic ms: when the machine was last seen not to run, or this began. */
  stoodMs: number
}

/** Device time that advances like this beside the gateway's is lived through now; faster, it is a backlog that is being delivered. */
const PACE_LEAST = 0.4
const PACE_MOST = 2.5
/** The value of a periodic publisher is old after so many of its longest usual gaps, and never before so long. */
const USUAL_TIMES = 3
const OLD_LEAST_MS = 2_000

export class ArrivalFaults {
  readonly #book: AlarmBook
  readonly #assets: OfAsset[]
  readonly #looked: Looked
  #startedMs = Number.NaN

  constructor(book: AlarmBook, assets: readonly AssetConfig[], looked: Looked) {
    this.#book = book
    this.#looked = looked
    this.#assets = assets.map(asset => {
      const blank = (): Float64Array => new Float64Array(asset.channels.length).fill(Number.NaN)
      const values = { silent: blank(), clock: blank() }
      return { asset, watches: watchesOf(asset), values, seenMs: blank(), seenUs: blank(), stoodMs: Number.NaN }
    })
  }

  get all(): readonly FaultWatch[] {
    return this.#assets.flatMap(({ watches }) => watches)
  }

  of(asset: number): readonly FaultWatch[] {
    return this.#assets[asset]?.watches ?? []
  }

  tick(tick: SensorTick): void {
    if (Number.isNaN(this.#startedMs)) this.#startedMs = tick.nowMs
    for (const [index, of] of this.#assets.entries()) {
      const seen = tick.assets[index]
      if (seen && of.watches.length > 0) this.#judge(index, of, seen, tick)
    }
  }

  #judge(index: number, of: OfAsset, { arrivals, state }: AssetTick, tick: SensorTick): void {
    const { asset, values } = of
    const everCame = arrivals.lastMs.some(ms => !Number.isNaN(ms))
    // A machine that stands still may have its sensors switched off with it.
    if (state === 'stopped' && everCame) of.stoodMs = tick.nowMs
    for (const [column, channel] of asset.channels.entries()) {
      const source = tick.sources.get(channel.binding.source)
      const ageMs = this.#ageMs(of, arrivals.lastMs[column]!, source, tick)
      values.silent[column] = silentValue(channel, ageMs, tick.nowMs - arrivals.lastMs[column]!)
      this.#looked(index, column, isOld(asset, channel, arrivals.usualGapMs[column]!, ageMs), arrivals)
      this.#judgeClock(of, column, arrivals, source, tick)
    }
    this.#step(of, arrivals, tick)
  }

  /** How long a value has been due; NaN while none is to be expected. */
  #ageMs({ stoodMs }: OfAsset, lastMs: number, source: SourceTick | undefined, { nowMs }: SensorTick): number {
    if (!source?.up) return Number.NaN
    const from = [this.#startedMs, source.sinceMs, stoodMs, lastMs].filter(ms => !Number.isNaN(ms))
    return nowMs - Math.max(...from)
  }

  #judgeClock(
    of: OfAsset,
    column: number,
    arrivals: Arrivals,
    source: SourceTick | undefined,
    { clock }: SensorTick,
  ): void {
    const { seenMs, seenUs, asset, values } = of
    const lastMs = arrivals.lastMs[column]!
    const limitUs = (asset.channels[column]!.sensor?.clockMs ?? Number.NaN) * 1000
    if (
      !source ||
      Number.isNaN(limitUs) ||
      !(lastMs > (Number.isNaN(seenMs[column]!) ? Number.NEGATIVE_INFINITY : seenMs[column]!))
    )
      return
    const pace = (arrivals.sampledUs[column]! - seenUs[column]!) / 1000 / (lastMs - seenMs[column]!)
    const aheadUs = arrivals.aheadUs[column]!
    seenMs[column] = lastMs
    seenUs[column] = arrivals.sampledUs[column]!
    if (clock !== 'synced') values.clock[column] = Number.NaN
    else if (Math.abs(aheadUs) <= limitUs) values.clock[column] = 0
    else if (aheadUs > 0 || (pace >= PACE_LEAST && pace <= PACE_MOST)) values.clock[column] = 1
    else values.clock[column] = Number.NaN
  }

  #step({ asset, watches, values }: OfAsset, arrivals: Arrivals, tick: SensorTick): void {
    const all = { silent: together(asset, values.silent, 'silent'), clock: together(asset, values.clock, 'clock') }
    for (const watch of watches) {
      const { fault, column } = watch
      const ofAll = all[fault]
      // One channel is not told beside all of them.
      const value = column < 0 ? ofAll : ofAll === 1 ? Number.NaN : values[fault][column]!
      const elapsedUs = Number.isNaN(watch.judgedMs) ? 0 : (tick.nowMs - watch.judgedMs) * 1000
      if (!Number.isNaN(value)) watch.judgedMs = tick.nowMs
      stepFault(this.#book, watch, value, tick.nowUs, elapsedUs, true, () => factsOf(asset, watch, arrivals, tick))
    }
  }
}

/** 1 where it is silent, 0 where a value came in time, NaN where none is due, or none has come yet and may still. */
function silentValue({ sensor }: ChannelConfig, ageMs: number, sinceLastMs: number): number {
  const { silentMs } = sensor ?? {}
  if (silentMs === undefined || Number.isNaN(ageMs)) return Number.NaN
  if (ageMs >= silentMs) return 1
  return sinceLastMs < silentMs ? 0 : Number.NaN
}

/** Long before it is told: values that are held too long would pass for a machine that has changed, or that has not. */
function isOld({ alarm }: AssetConfig, { sensor, reports }: ChannelConfig, usualGapMs: number, ageMs: number): boolean {
  const { silentMs } = sensor ?? {}
  if (silentMs === undefined || Number.isNaN(ageMs)) return false
  const periodicMs = usualGapMs > 0 ? Math.max(OLD_LEAST_MS, USUAL_TIMES * usualGapMs) : alarm.onDelayMs / 2
  return ageMs >= Math.min(silentMs, reports === 'on-change' ? silentMs : periodicMs)
}

/** 1 where every channel that can be told has the fault, and there are several. A channel that reports on change may be quiet with them. */
function together({ channels }: AssetConfig, values: Float64Array, fault: ArrivalFault): number {
  let faulty = 0
  let well = 0
  for (const [column, { reports, waveform }] of channels.entries()) {
    if (waveform || (fault === 'silent' && reports === 'on-change')) continue
    if (values[column] === 1) faulty++
    else if (values[column] === 0) well++
  }
  if (well > 0) return 0
  return faulty > 1 ? 1 : Number.NaN
}

function watchesOf(asset: AssetConfig): ArrivalWatch[] {
  return ARRIVAL_FAULTS.flatMap(fault => {
    const watched = [...asset.channels.entries()].filter(([, { sensor }]) => delayOf(sensor, fault) !== undefined)
    const own = watched.map(([column, channel]) => {
      const rule = arrivalRule(asset, channel.sensor!, fault, channel.id)
      return { ...newFaultWatch(rule, sensorName(channel), channel.id, fault), fault, column, judgedMs: Number.NaN }
    })
    const scalars = watched.filter(([, { waveform }]) => !waveform)
    const [first] = scalars
    if (!first || scalars.length < 2) return own
    const rule = arrivalRule(asset, first[1].sensor!, fault)
    return [{ ...newFaultWatch(rule, '', '*', fault), fault, column: -1, judgedMs: Number.NaN }, ...own]
  })
}

function delayOf(sensor: ChannelConfig['sensor'], fault: ArrivalFault): number | undefined {
  return fault === 'silent' ? sensor?.silentMs : sensor?.clockMs
}

function factsOf(
  { channels }: AssetConfig,
  { fault, column }: ArrivalWatch,
  arrivals: Arrivals,
  { nowMs }: SensorTick,
): FaultFacts {
  const scalars = [...channels.keys()].filter(
    c => !channels[c]!.waveform && delayOf(channels[c]!.sensor, fault) !== undefined,
  )
  const at = column < 0 ? (scalars[0] ?? 0) : column
  const limitMs = delayOf(channels[at]!.sensor, fault) ?? 0
  if (fault === 'clock') return clockFacts(arrivals.aheadUs[at]!, limitMs)
  const lastMs =
    column < 0
      ? Math.max(...scalars.map(c => arrivals.lastMs[c]!).filter(ms => !Number.isNaN(ms)))
      : arrivals.lastMs[at]!
  const forMs = Number.isFinite(lastMs) ? nowMs - lastMs : limitMs
  return silentFacts(forMs, limitMs, column < 0 ? scalars.length : 1)
}
