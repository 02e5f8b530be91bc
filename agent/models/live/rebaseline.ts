// Slow re-baselining of process models: machines age, seasons turn, and a model that was right in spring alarms in autumn.
// Every period the model is fitted anew on healthy rows; what may be learnt, and when not, is decided here, for the live
// agent and for backtests alike. Pure: no clock, no files.
//
//   scored rows ─► RebaselineMeter ─► due: which stretches of rows are healthy, or why not now
//                                        │ the caller collects the rows
//                                        ▼
//                                   judgeRebaseline: has the machine drifted further than a model may follow?
//                                        │ no
//                                        ▼
//                                   fit with FitOptions.reference = the first baseline's, swap
//
// A fault creeps too. So three things are never learnt: rows in alarm and those before it, a period in which rows exceed the
// setpoint more often than healthy ones do, and a level that lies too far from the first baseline, however slowly it came.

// Rows left out before each row in alarm: what led up to it is not healthy either. Longer where the on-delay is.
const MARGIN_ROWS_MIN = 40
const MARGIN_ON_DELAYS = 2
// Healthy rows exceed the setpoint 1 % of the time; a period with more than this has something in it. 2 % refused too much
// on servers, whose load comes in bursts (VUS-PR .622 -> .552).
const EXCEEDING_SHARE_MAX = 0.05
/** Of the period: with fewer new healthy rows the same old ones would be fitted again. */
const FRESH_SHARE_MIN = 0.25
/** Of the first baseline: with fewer healthy rows in all the new model would be the worse one. */
const BASELINE_SHARE_MIN = 0.5
const DAY_US = 86_400e6
/** What a fit takes in seconds; beyond, contiguous runs are thinned by whoever collects the rows. */
export const REBASELINE_ROWS_MAX = 100_000
/** Each ends with an alarm; a machine with more alarms than this between two baselines has other troubles. */
const STRETCHES_MAX = 1_000

/** Rows before an alarm that are no baseline. */
export function alarmMarginRows(onDelayRows: number): number {
  return Math.max(MARGIN_ROWS_MIN, Math.ceil(MARGIN_ON_DELAYS * onDelayRows))
}

export interface RebaselineShape {
  /** Rows of the first baseline, after commissioning or `set-baseline`. */
  baselineRows: number
  /** Usual time between rows. */
  everyUs: number
  /** Of the alarm that the model raises. */
  onDelayRows: number
  /** Of the families in the model: as much as the first baseline held, or everything healthy so far. */
  keeps: 'baseline' | 'all'
  /** As configured; left out: a day, but no longer than the first baseline. */
  periodUs?: number
}

/** Healthy rows that follow one another, by position: µs in the live agent, row numbers in a backtest. */
export interface HealthyStretch {
  from: number
  /** Inclusive. */
  to: number
  /** Scored rows in it; rows without a score may lie between them. */
  rows: number
  /** Scored by a model without these channels, which were gone: nameOfSet(); absent where all had values. */
  without?: string
}

/** JSON, so that it can be kept over a restart. */
export interface RebaselineState {
  /** In order. */
  stretches: HealthyStretch[]
  /** Scored rows since the last time a re-baselining was due, and healthy ones among them, and those beyond the setpoint. */
  rows: number
  fresh: number
  exceeding: number
}

export type RebaselineDue =
  | { ready: false; reason: string }
  /** Of the learnable rows in `stretches` the last `takeLast` are the new baseline. */
  | { ready: true; stretches: HealthyStretch[]; takeLast: number }

/** Counts scored rows of one asset and says when a re-baselining is due, and on which rows. */
export class RebaselineMeter {
  readonly #shape: RebaselineShape
  readonly #periodRows: number
  readonly #state: RebaselineState
  /** Rows not yet known to be healthy: an alarm within the next `marginRows` takes them with it. A ring. */
  readonly #at: Float64Array
  readonly #beyond: Uint8Array
  #head = 0
  #waiting = 0
  #open = false
  #without = ''
  #inAlarm = false
  #beyondNow = false
  /** Rows in all stretches. */
  #healthy = 0

  /** @param state of before a restart; the rows that waited then are lost, which errs on the safe side */
  constructor(shape: RebaselineShape, state?: RebaselineState) {
    this.#shape = shape
    const { everyUs, baselineRows, periodUs } = shape
    const periodRows = periodUs === undefined ? Math.min(DAY_US / everyUs, baselineRows) : periodUs / everyUs
    this.#periodRows = Math.max(1, Math.round(periodRows))
    this.#state = state ? structuredClone(state) : { stretches: [], rows: 0, fresh: 0, exceeding: 0 }
    const marginRows = alarmMarginRows(shape.onDelayRows)
    this.#at = new Float64Array(marginRows)
    this.#beyond = new Uint8Array(marginRows)
    this.#healthy = sumRows(this.#state.stretches)
  }

  get state(): RebaselineState {
    return structuredClone(this.#state)
  }

  /** Scored rows until a re-baselining is due; 0: call take(). */
  get rowsToDue(): number {
    return Math.max(0, this.#periodRows - this.#state.rows)
  }

  /** The rows that the first model was fitted on are healthy. Call once, before the first row, unless there is a state. */
  begin(stretch: HealthyStretch): void {
    this.#state.stretches.push({ ...stretch })
    this.#healthy += stretch.rows
    this.#open = false
  }

  /** From the next row on a model without these channels scores; their rows are no use to one that has them. */
  leaveOut(without: string): void {
    if (without === this.#without) return
    this.#without = without
    this.#waiting = 0
    this.#open = false
  }

  /** One scored row, in order. `inAlarm`: the alarm of the model stands after this row. */
  row(at: number, score: number, inAlarm: boolean): void {
    this.#state.rows++
    this.#inAlarm = inAlarm
    this.#beyondNow = score >= 1
    this.#stepBack(at)
    if (inAlarm) {
      // What led up to an alarm goes with it.
      this.#waiting = 0
      this.#open = false
      return
    }
    if (this.#waiting === this.#at.length) this.#confirm()
    const slot = (this.#head + this.#waiting++) % this.#at.length
    this.#at[slot] = at
    this.#beyond[slot] = score >= 1 ? 1 : 0
  }

  /** Begins the next period. Call when rowsToDue is 0. */
  take(): RebaselineDue {
    const { baselineRows, keeps } = this.#shape
    // The newest rows count unless an alarm is on its way: a model that has not seen the last of what it is to judge alarms
    // sooner. A recording of one channel stood in alarm for 78 % of its rows without them and 37 % with them; a healthy rig alarmed
    // twice and not at all. If they turn out to lead to an alarm, the next baseline is without them.
    const newest = this.#beyondNow ? 0 : this.#waiting
    let exceeding = this.#state.exceeding
    for (let i = 0; i < newest; i++) exceeding += this.#beyond[(this.#head + i) % this.#at.length]!
    const fresh = Math.min(this.#periodRows, this.#state.fresh + newest)
    const healthy = this.#healthy + newest
    this.#state.rows = 0
    this.#state.fresh = 0
    this.#state.exceeding = 0
    const no = (reason: string): RebaselineDue => ({ ready: false, reason })
    if (this.#inAlarm) return no('the alarm stands')
    if (fresh < FRESH_SHARE_MIN * this.#periodRows) {
      return no(`only ${fresh} of the ${this.#periodRows} new rows are healthy`)
    }
    if (exceeding > EXCEEDING_SHARE_MAX * fresh) {
      return no(`${((100 * exceeding) / fresh).toFixed(1)} % of the new rows outside alarms exceed the setpoint`)
    }
    if (healthy < BASELINE_SHARE_MIN * baselineRows) {
      return no(`only ${healthy} healthy rows are there, of ${baselineRows} in the first baseline`)
    }
    const takeLast = keeps === 'baseline' ? baselineRows : healthy
    return { ready: true, stretches: this.#stretchesWith(newest), takeLast }
  }

  /** The healthy stretches, with the rows that wait as the end of the last or as one more. */
  #stretchesWith(newest: number): HealthyStretch[] {
    const stretches = this.#state.stretches.map(stretch => ({ ...stretch }))
    if (newest === 0) return stretches
    const from = this.#at[this.#head]!
    const to = this.#at[(this.#head + newest - 1) % this.#at.length]!
    const last = stretches.at(-1)
    if (this.#open && last) {
      last.to = to
      last.rows += newest
    } else stretches.push(this.#stretch(from, to, newest))
    return stretches
  }

  #stretch(from: number, to: number, rows: number): HealthyStretch {
    return { from, to, rows, ...(this.#without === '' ? {} : { without: this.#without }) }
  }

  /** A clock was set back: what lies after the new time would be found twice, so it is forgotten. */
  #stepBack(at: number): void {
    const newest = this.#waiting > 0 ? this.#at[(this.#head + this.#waiting - 1) % this.#at.length]! : undefined
    if (newest === undefined ? !(at <= (this.#state.stretches.at(-1)?.to ?? at - 1)) : at > newest) return
    this.#waiting = 0
    this.#open = false
    this.#state.stretches = this.#state.stretches.filter(({ to }) => to < at)
    this.#healthy = sumRows(this.#state.stretches)
  }

  /** The oldest waiting row is healthy. */
  #confirm(): void {
    const at = this.#at[this.#head]!
    this.#state.fresh++
    this.#state.exceeding += this.#beyond[this.#head]!
    this.#head = (this.#head + 1) % this.#at.length
    this.#waiting--
    this.#healthy++
    const last = this.#state.stretches.at(-1)
    if (this.#open && last) {
      last.to = at
      last.rows++
    } else this.#state.stretches.push(this.#stretch(at, at, 1))
    this.#open = true
    this.#bound()
  }

  /** Stretches that no re-baselining will look at any more go. */
  #bound(): void {
    const { stretches } = this.#state
    const oldest = stretches[0]?.rows ?? 0
    const needless = this.#shape.keeps === 'baseline' && this.#healthy - oldest >= this.#shape.baselineRows
    if (stretches.length < 2 || !(needless || stretches.length > STRETCHES_MAX)) return
    stretches.shift()
    this.#healthy -= oldest
  }
}

function sumRows(stretches: readonly HealthyStretch[]): number {
  return stretches.reduce((sum, { rows }) => sum + rows, 0)
}
