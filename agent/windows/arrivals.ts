import type { SampleBlock, WaveformBlock } from '../core/types.ts'
import type { Arrivals } from './contract.ts'

/** The longest usual gap is forgotten by and by: half of it after 700 values. */
const USUAL_KEPT = 0.999

/** Notes when values came, by the monotonic clock: a wall clock that is set makes no sensor silent. Nothing is allocated per value. */
export class ArrivalTable implements Arrivals {
  readonly lastMs: Float64Array
  readonly usualGapMs: Float64Array
  readonly sampledUs: Float64Array
  readonly aheadUs: Float64Array

  constructor(channels: number) {
    this.lastMs = new Float64Array(channels).fill(Number.NaN)
    this.usualGapMs = new Float64Array(channels)
    this.sampledUs = new Float64Array(channels).fill(Number.NaN)
    this.aheadUs = new Float64Array(channels).fill(Number.NaN)
  }

  samples({ rows, columns, values, timesUs }: SampleBlock, nowUs: number, nowMs: number): void {
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        if (!Number.isNaN(values[row * columns + column]!)) this.#note(column, timesUs[row]!, nowUs, nowMs)
      }
    }
  }

  waveform({ channel, startUs, samples, rateHz }: WaveformBlock, nowUs: number, nowMs: number): void {
    this.#note(channel, startUs + (samples.length / rateHz) * 1e6, nowUs, nowMs)
  }

  #note(column: number, timeUs: number, nowUs: number, nowMs: number): void {
    const gapMs = nowMs - this.lastMs[column]!
    if (gapMs >= 0) this.usualGapMs[column] = Math.max(gapMs, this.usualGapMs[column]! * USUAL_KEPT)
    this.lastMs[column] = nowMs
    this.sampledUs[column] = timeUs
    this.aheadUs[column] = timeUs - nowUs
  }
}
