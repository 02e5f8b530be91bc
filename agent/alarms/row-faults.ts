// What rows tell of the sensors of one asset: stuck, out of range, at the end of the range, noisy. The hot path of the room beside
// rule.ts: every row of every asset passes here, and nothing is allocated.
import type { AssetConfig, ChannelConfig } from '../config/contract.ts'
import type { Arrivals, GatedBlock } from '../windows/contract.ts'

/** GatedBlock.states and GatedBlock.quality. */
const RUNNING = 2
const OUT_OF_RANGE = 2
const GOOD = 0
/** A run of equal values that lasts so many times the longest usual one is suspected, before it is long enough to be told. */
const USUAL_TIMES = 3
/** The longest usual run is forgotten by and by: half of it after 700 runs. */
const USUAL_KEPT = 0.999
/** Rows that the noise is judged over. */
const NOISE_ROWS = 60
/** Rms of x₋₁ - 2x + x₊₁ of white noise, over its own: a slope and most of what a machine does fall out. */
const SECOND_DIFFERENCE = Math.sqrt(6)
/** Share of second differences of white noise beyond their own rms. A load that comes and goes makes few large ones, not many. */
const BEYOND_RMS = 0.317
/** Rms of white noise over its mean magnitude. */
const MAGNITUDE = Math.sqrt(Math.PI / 2)
/** Of the span of the range. */
const END_SHARE = 1e-9

/**
 * Per channel 1 (a fault), 0 (none) or NaN (nothing can be said) of the newest row, and whether machine rules may rest on it.
 *
 * "Suspect" comes before a fault is told: a sensor that froze would let the model's score rise, and its on-delay pass, long before an hour
 * of one value is over. So a value is no evidence from half of that delay on, unless the channel is often constant for that long.
 */
export class RowFaults {
  readonly columns: number
  readonly stuck: Float64Array
  readonly outOfRange: Float64Array
  readonly clipping: Float64Array
  readonly noisy: Float64Array
  /** µs of running time with one value; noise in the channel's unit. */
  readonly unchangedUs: Float64Array
  readonly noise: Float64Array
  /** Of the baseline; NaN without. */
  readonly usualNoise: Float64Array
  /** [columns] 1 while machine rules must not rest on the value. */
  readonly suspect: Uint8Array
  /** [columns] the newest time in which it was: NaN before the first. */
  readonly suspectFromUs: Float64Array
  readonly suspectToUs: Float64Array
  /** Time since the row before, 0 after a gap; µs. */
  sinceUs = 0

  /** [columns] when the value came that is old by now; NaN while it is not. */
  readonly #oldSinceMs: Float64Array
  #arrivals: Arrivals | undefined
  readonly #stuckUs: Float64Array
  readonly #suspectUs: Float64Array
  readonly #low: Float64Array
  readonly #high: Float64Array
  readonly #times: Float64Array
  readonly #runValue: Float64Array
  readonly #last: Float64Array
  readonly #before: Float64Array
  readonly #usualRunUs: Float64Array
  readonly #runFromUs: Float64Array
  /** Share of rows beyond so many times the usual noise. */
  readonly #beyond: Float64Array
  readonly #counted: Float64Array
  readonly #judgesRange: Uint8Array
  readonly #gapUs: number
  #lastUs = Number.NaN

  constructor(asset: AssetConfig) {
    const { channels } = asset
    const of = (pick: (channel: ChannelConfig) => number): Float64Array => Float64Array.from(channels, pick)
    const blank = (value: number): Float64Array => new Float64Array(channels.length).fill(value)
    this.columns = channels.length
    this.stuck = blank(Number.NaN)
    this.outOfRange = blank(Number.NaN)
    this.clipping = blank(Number.NaN)
    this.noisy = blank(Number.NaN)
    this.unchangedUs = blank(0)
    this.noise = blank(Number.NaN)
    this.usualNoise = blank(Number.NaN)
    this.suspect = new Uint8Array(channels.length)
    this.suspectFromUs = blank(Number.NaN)
    this.suspectToUs = blank(Number.NaN)
    this.#oldSinceMs = blank(Number.NaN)
    this.#stuckUs = of(({ sensor }) => (sensor?.stuckMs ?? Number.NaN) * 1000)
    this.#suspectUs = of(channel => suspectUs(asset, channel))
    const span = (channel: ChannelConfig): number =>
      channel.range ? channel.range.high - channel.range.low : Number.NaN
    const ends = (channel: ChannelConfig): boolean => channel.sensor?.clippingMs !== undefined
    this.#low = of(channel => (ends(channel) ? channel.range!.low + END_SHARE * span(channel) : Number.NaN))
    this.#high = of(channel => (ends(channel) ? channel.range!.high - END_SHARE * span(channel) : Number.NaN))
    this.#times = of(({ sensor }) => sensor?.noise ?? Number.NaN)
    this.#judgesRange = Uint8Array.from(channels, ({ sensor }) => (sensor?.outOfRangeMs === undefined ? 0 : 1))
    this.#runValue = blank(Number.NaN)
    this.#last = blank(Number.NaN)
    this.#before = blank(Number.NaN)
    this.#usualRunUs = blank(0)
    this.#runFromUs = blank(Number.NaN)
    this.#beyond = blank(0)
    this.#counted = blank(0)
    this.#gapUs = asset.gapMs * 1000
  }

  /** No value of the channel comes although one is due: what rows hold of it is old, until the next one comes. */
  looked(column: number, old: boolean, arrivals: Arrivals): void {
    this.#arrivals = arrivals
    this.#oldSinceMs[column] = old ? arrivals.lastMs[column]! : Number.NaN
  }

  row({ columns, values, quality, states, timesUs, runningUs, breaks }: GatedBlock, row: number): void {
    const timeUs = timesUs[row]!
    const since = timeUs - this.#lastUs
    this.sinceUs = since > 0 && since <= this.#gapUs ? since : 0
    this.#lastUs = timeUs
    const running = states[row] === RUNNING
    for (let c = 0; c < columns; c++) {
      const value = values[row * columns + c]!
      const kind = quality[row * columns + c]!
      if (this.#judgesRange[c] === 1) this.outOfRange[c] = kind === OUT_OF_RANGE ? 1 : kind === GOOD ? 0 : Number.NaN
      const known = !Number.isNaN(value)
      this.clipping[c] = known ? this.#atEnd(c, value) : Number.NaN
      if (running) {
        if (breaks[row] === 1) this.#counted[c] = 0
        this.#judgeRun(c, value, timeUs, runningUs[row]!)
        this.#judgeNoise(c, value)
      } else {
        // A machine that stands still has constant values, for good reasons.
        this.stuck[c] = Number.NaN
        this.noisy[c] = Number.NaN
        this.#counted[c] = 0
      }
      this.#suspect(c, timeUs)
    }
  }

  /** 1 at an end of the range, 0 within, NaN where that is not looked at. */
  #atEnd(c: number, value: number): number {
    if (Number.isNaN(this.#high[c]!)) return Number.NaN
    return value >= this.#high[c]! || value <= this.#low[c]! ? 1 : 0
  }

  #judgeRun(c: number, value: number, timeUs: number, runningUs: number): void {
    if (Number.isNaN(this.#stuckUs[c]!)) return
    if (Number.isNaN(value)) {
      this.stuck[c] = Number.NaN
      return
    }
    if (value === this.#runValue[c]) this.unchangedUs[c] = this.unchangedUs[c]! + runningUs
    else this.#beginRun(c, value, timeUs)
    this.stuck[c] = this.unchangedUs[c]! >= this.#stuckUs[c]! ? 1 : 0
  }

  #beginRun(c: number, value: number, timeUs: number): void {
    const lastedUs = this.unchangedUs[c]!
    // One that was told is no measure of what is usual.
    if (lastedUs < this.#stuckUs[c]!) this.#usualRunUs[c] = Math.max(lastedUs, this.#usualRunUs[c]! * USUAL_KEPT)
    this.unchangedUs[c] = 0
    this.#runValue[c] = value
    this.#runFromUs[c] = timeUs
  }

  #isLong(c: number): boolean {
    const unusualUs = Math.max(this.#suspectUs[c]!, USUAL_TIMES * this.#usualRunUs[c]!)
    return this.unchangedUs[c]! >= Math.min(this.#stuckUs[c]!, unusualUs)
  }

  #judgeNoise(c: number, value: number): void {
    if (Number.isNaN(this.#times[c]!)) return
    if (Number.isNaN(value)) {
      this.noisy[c] = Number.NaN
      this.#counted[c] = 0
    } else {
      const counted = (this.#counted[c] = this.#counted[c]! + 1)
      if (counted > 2) {
        const second = Math.abs(value - 2 * this.#last[c]! + this.#before[c]!) / SECOND_DIFFERENCE
        const weight = 1 / Math.min(NOISE_ROWS, counted - 2)
        const beyond = second > this.#times[c]! * this.usualNoise[c]! ? 1 : 0
        const first = counted === 3
        this.#beyond[c] = first ? beyond : this.#beyond[c]! + weight * (beyond - this.#beyond[c]!)
        const magnitude = second * MAGNITUDE
        this.noise[c] = first ? magnitude : this.noise[c]! + weight * (magnitude - this.noise[c]!)
      }
      const enough = counted >= NOISE_ROWS && this.usualNoise[c]! > 0
      this.noisy[c] = enough ? (this.#beyond[c]! > BEYOND_RMS ? 1 : 0) : Number.NaN
      this.#before[c] = this.#last[c]!
    }
    this.#last[c] = value
  }

  /** Rows may come in a burst, long before the clock looks again. */
  #isOld(c: number): boolean {
    return this.#oldSinceMs[c] === this.#arrivals?.lastMs[c]
  }

  #suspect(c: number, timeUs: number): void {
    const long = this.#stuckUs[c]! > 0 && this.#isLong(c)
    const suspect = long || this.clipping[c] === 1 || this.#isOld(c) ? 1 : 0
    if (suspect === 1) {
      if (this.suspect[c] === 0) this.suspectFromUs[c] = long ? this.#runFromUs[c]! : timeUs
      this.suspectToUs[c] = timeUs
    }
    this.suspect[c] = suspect
  }
}

/** Half of the shortest delay of a rule that rests on the channel, so that none of them passes on a value that is frozen. */
function suspectUs(asset: AssetConfig, channel: ChannelConfig): number {
  const delays = [
    asset.alarm.onDelayMs,
    ...(channel.min !== undefined || channel.max !== undefined ? [channel.limit.onDelayMs] : []),
    ...(asset.setpoints ?? []).map(({ onDelayMs }) => onDelayMs),
  ].filter(delay => delay > 0)
  return (Math.min(...delays, channel.sensor?.stuckMs ?? Number.POSITIVE_INFINITY) * 1000) / 2
}
