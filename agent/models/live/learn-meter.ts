import type { AssetConfig } from '../../config/contract.ts'
import type { GatedBlock } from '../../windows/contract.ts'
import { learnsCaptures, rowsWord } from './captures.ts'

/** Payload of a journal record of kind `learn`: how far an asset's baseline has come. The rows themselves are in the history. */
export interface LearnRecord {
  asset: string
  /** AssetConfig.digest; another one means that the asset changed and learns anew. */
  digest: string
  /** The rows counted below lie from `sinceUs` (inclusive) to `uptoUs` (inclusive); not all there need be counted. */
  sinceUs: number
  uptoUs: number
  rows: number
  runningUs: number
  starts: number
  /** Time since learning began, stops included: what `provisional-after` counts. Absent in records of older agents. */
  elapsedUs?: number
  /** A fit of fewer rows has failed, or the baseline was not enough. */
  retryRows?: number
  /** What was wanting at the last fit: `12 % of the second half exceed the setpoint of the first`. */
  insufficient?: string
  /** Asked for by `set-baseline`: learnt although a model scores meanwhile, which the new one replaces. */
  anew?: true
  /** Channels that have given no good value for so long that it is learnt without them. */
  without?: string[]
}

export interface LearnProgress {
  /** 0–1 of what is required, the scarcest requirement counting. */
  share: number
  rows: number
  runningMin: number
  runningNeededMin: number
  rowsNeeded: number | undefined
  /** The rows are captures of vibration. */
  captures?: true
  starts: number
  startsNeeded: number
  /** `waiting for 2 more starts`, `machine is stopped`, … */
  waitingFor: string
  /** What the baseline still wants, in words that change seldom: `24 h of running time`, `2 more starts`. Empty when complete. */
  missing: string[]
  /** Until it is used all the same, marked provisional. */
  provisionalInMin: number
}

const STOPPED = 0
const RUNNING = 2
/** More than this between two rows counts as this much: the agent was off, or a clock was set by years. */
const ELAPSED_STEP_MAX_US = 86_400e6

/** Columns of the asset's channels that a telemetry model sees: all but waveforms. */
export function telemetryColumns(asset: AssetConfig): number[] {
  return asset.channels.flatMap((channel, column) => (channel.waveform ? [] : [column]))
}

/** The same without some of them. */
export function learntColumns(asset: AssetConfig, without: readonly string[]): number[] {
  return telemetryColumns(asset).filter(column => !without.includes(asset.channels[column]!.id))
}

/**
 * True where the row may be learnt from: running, settled, every telemetry channel but those in `without` good and inside its
 * fixed limits. A few rows beyond a limit widen the setpoint so far that the model would never alarm.
 */
export function learnableRows(
  asset: AssetConfig,
  without: readonly string[] = [],
): (block: GatedBlock, row: number) => boolean {
  const columns = learntColumns(asset, without)
  const low = Float64Array.from(asset.channels, channel => channel.min ?? Number.NEGATIVE_INFINITY)
  const high = Float64Array.from(asset.channels, channel => channel.max ?? Number.POSITIVE_INFINITY)
  return (block, row) => {
    if (block.states[row] !== RUNNING) return false
    const base = row * block.columns
    for (const column of columns) {
      const value = block.values[base + column]!
      if (block.quality[base + column] !== 0 || value <= low[column]! || value >= high[column]!) return false
    }
    return true
  }
}

/** Counts healthy rows, healthy running time and starts until the baseline is long enough. */
export class LearnMeter {
  readonly #asset: AssetConfig
  readonly #columns: readonly number[]
  readonly #learnable: (block: GatedBlock, row: number) => boolean
  #record: LearnRecord | undefined
  #wasRunning = false
  #lastUs = Number.NaN
  #missing: string[] = []
  #state = 'no data yet'

  constructor(asset: AssetConfig, record: LearnRecord | undefined) {
    this.#asset = asset
    this.#columns = learntColumns(asset, record?.without ?? [])
    this.#learnable = learnableRows(asset, record?.without)
    this.#record = record ? { ...record } : undefined
    this.#wasRunning = record !== undefined && record.starts > 0
  }

  /** Undefined before the first row. */
  get record(): LearnRecord | undefined {
    return this.#record
  }

  /**
   * Counts rows; returns the index of the row that completed the baseline, or -1. Rows after it are not counted.
   * @param rowsMin not complete with fewer: a fit has failed with what there was
   */
  count(block: GatedBlock, rowsMin = 0): number {
    for (let row = 0; row < block.rows; row++) {
      const timeUs = block.timesUs[row]!
      const ranUs = block.runningUs[row]!
      this.#record ??= this.#begin(timeUs)
      this.#countTime(timeUs, this.#record)
      // Rows older than the first: a backlog came late, or the clock was set back. The range reaches back to them, so that a
      // fit finds both. Only where rows follow one another, and then from the row before: a single wrong time, of 1970 say,
      // must not fetch years of history into the baseline.
      if (ranUs > 0 && timeUs < this.#record.sinceUs) this.#record.sinceUs = timeUs - ranUs
      this.#countStart(block.states[row]!, this.#record)
      // A record complete before a restart is fitted at the first row, whatever the clock says by then.
      this.#record.uptoUs = Math.max(this.#record.uptoUs, timeUs)
      if (this.#learnable(block, row)) {
        this.#record.rows++
        this.#record.runningUs += ranUs
      }
      if (this.complete && this.#record.rows >= rowsMin) return row
    }
    this.#explain(block)
    return -1
  }

  #countTime(timeUs: number, record: LearnRecord): void {
    // After a restart the last row is the newest that the record knows of.
    const lastUs = Number.isNaN(this.#lastUs) ? record.uptoUs : this.#lastUs
    record.elapsedUs = (record.elapsedUs ?? 0) + Math.min(Math.max(0, timeUs - lastUs), ELAPSED_STEP_MAX_US)
    this.#lastUs = timeUs
  }

  /** Only a machine that was seen to stop can start: settling again after a gap, or after a restart of the agent, is none. */
  #countStart(state: number, record: LearnRecord): void {
    if (state === STOPPED) this.#wasRunning = false
    if (state !== RUNNING || this.#wasRunning) return
    this.#wasRunning = true
    record.starts++
  }

  get complete(): boolean {
    // Asked after each row: what is wanting is put into words for people only.
    return this.#record !== undefined && this.#startsWanting(this.#record) <= 0 && !this.#wantsTime(this.#record)
  }

  /** Time enough has passed to use what there is, marked provisional. */
  get overdue(): boolean {
    return (this.#record?.elapsedUs ?? 0) >= this.#asset.learn.provisionalAfterMs * 1000
  }

  /** Counted before, of rows older than any of these: the running machine at their end is no other start. */
  include(older: LearnMeter): void {
    const before = older.#record
    if (!before) return
    const record = this.#record
    if (!record) {
      this.#record = { ...before }
      this.#wasRunning = older.#wasRunning
      return
    }
    record.sinceUs = Math.min(record.sinceUs, before.sinceUs)
    record.rows += before.rows
    record.runningUs += before.runningUs
    record.elapsedUs = (record.elapsedUs ?? 0) + (before.elapsedUs ?? 0)
    record.starts += before.starts - (older.#wasRunning && record.starts > 0 ? 1 : 0)
  }

  /** Rows counted again, with other channels left out: starts and time since it began stay as they are. */
  recounted(older: LearnMeter): void {
    const [record, before] = [this.#record, older.#record]
    if (!record || !before) return
    record.rows += before.rows
    record.runningUs += before.runningUs
  }

  progress(): LearnProgress {
    const { learn, running } = this.#asset
    const record = this.#record ?? this.#begin(0)
    const startsNeeded = running ? learn.starts : 0
    const timeShare = learn.rows === undefined ? record.runningUs / (learn.runningMs * 1000) : record.rows / learn.rows
    const startShare = startsNeeded === 0 ? 1 : record.starts / startsNeeded
    const retryShare = record.retryRows === undefined ? 1 : record.rows / record.retryRows
    const leftUs = learn.provisionalAfterMs * 1000 - (record.elapsedUs ?? 0)
    return {
      share: Math.min(1, timeShare, startShare, retryShare),
      rows: record.rows,
      runningMin: record.runningUs / 60e6,
      runningNeededMin: learn.runningMs / 60e3,
      rowsNeeded: learn.rows,
      ...(learnsCaptures(this.#asset) ? { captures: true as const } : {}),
      starts: record.starts,
      startsNeeded,
      waitingFor: this.#waitingFor(timeShare, startsNeeded - record.starts),
      missing: this.#wanting(record),
      provisionalInMin: Math.max(0, leftUs / 60e6),
    }
  }

  #wantsTime({ rows, runningUs }: LearnRecord): boolean {
    const { learn } = this.#asset
    return learn.rows === undefined ? runningUs < learn.runningMs * 1000 : rows < learn.rows
  }

  #startsWanting({ starts }: LearnRecord): number {
    return this.#asset.running ? this.#asset.learn.starts - starts : 0
  }

  #wanting(record: LearnRecord): string[] {
    const { learn } = this.#asset
    const wanting: string[] = []
    if (this.#wantsTime(record)) {
      const time = `${durationText(learn.runningMs)} of running time`
      wanting.push(learn.rows === undefined ? time : `${learn.rows} ${rowsWord(this.#asset)}`)
    }
    const more = this.#startsWanting(record)
    if (more > 0) wanting.push(`${more} more start${more > 1 ? 's' : ''} of the machine`)
    return wanting
  }

  #waitingFor(timeShare: number, startsMissing: number): string {
    if (this.#missing.length > 0) return `no good value of ${this.#missing.join(', ')}`
    if (this.#state !== 'running') return this.#state === 'no data yet' ? this.#state : `machine is ${this.#state}`
    if (timeShare >= 1 && startsMissing > 0)
      return `${startsMissing} more start${startsMissing > 1 ? 's' : ''} of the machine`
    return timeShare >= 1 ? '' : 'more running time'
  }

  #begin(timeUs: number): LearnRecord {
    return {
      asset: this.#asset.id,
      digest: this.#asset.digest,
      sinceUs: timeUs,
      uptoUs: timeUs,
      rows: 0,
      runningUs: 0,
      starts: 0,
      elapsedUs: 0,
    }
  }

  /** Remembers why the newest row did or did not count, for people who ask why learning takes long. */
  #explain(block: GatedBlock): void {
    const last = block.rows - 1
    const base = last * block.columns
    this.#state = ['stopped', 'settling', 'running', 'in an unknown state'][block.states[last]!]!
    this.#missing = this.#columns
      .filter(column => block.quality[base + column] !== 0)
      .map(column => this.#asset.channels[column]!.id)
  }
}

function durationText(ms: number): string {
  const [unit, unitMs] = ms >= 7200e3 ? ['h', 3600e3] : ms >= 120e3 ? ['min', 60e3] : ['s', 1e3]
  return `${Number((ms / unitMs).toPrecision(3))} ${unit}`
}
