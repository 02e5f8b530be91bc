import type { AssetConfig } from '../config/contract.ts'
import type { SampleBlock, WaveformBlock } from '../core/types.ts'
import { type GatedBlock, type LiveChannel, QUALITY } from './contract.ts'

// Smoothing of the shown rate: half of it is from the last ~7 values.
const RATE_WEIGHT = 0.1
/** Longer than an hour and this many times what is usual: the time of one of the two values was wrong. */
const STRANGE_US = 3600e6
const STRANGE_PERIODS = 100

/** Newest value, age, rate and quality of every channel of one asset. */
export class LiveTable {
  readonly #asset: AssetConfig
  readonly #values: Float64Array
  readonly #arrivedUs: Float64Array
  readonly #sampledUs: Float64Array
  readonly #periodUs: Float64Array
  readonly #quality: Uint8Array

  constructor(asset: AssetConfig) {
    const columns = asset.channels.length
    this.#asset = asset
    this.#values = new Float64Array(columns).fill(Number.NaN)
    this.#arrivedUs = new Float64Array(columns).fill(Number.NaN)
    this.#sampledUs = new Float64Array(columns).fill(Number.NaN)
    this.#periodUs = new Float64Array(columns).fill(Number.NaN)
    this.#quality = new Uint8Array(columns).fill(QUALITY.indexOf('missing'))
  }

  /** Values as the source gave them, before the grid. */
  arrived(block: SampleBlock, nowUs: number): void {
    for (let row = 0; row < block.rows; row++) {
      const base = row * block.columns
      for (let column = 0; column < block.columns; column++) {
        const value = block.values[base + column]!
        if (!Number.isNaN(value)) this.#note(column, value, block.timesUs[row]!, nowUs, 1)
      }
    }
  }

  waveform(block: WaveformBlock, nowUs: number): void {
    let sum = 0
    for (let i = 0; i < block.samples.length; i++) sum += (block.samples[i]! * block.scale + block.offset) ** 2
    const endUs = block.startUs + (block.samples.length / block.rateHz) * 1e6
    this.#note(block.channel, Math.sqrt(sum / Math.max(1, block.samples.length)), endUs, nowUs, block.samples.length)
    this.#quality[block.channel] = 0
  }

  /** Quality as the gate judged the newest row. */
  judged(block: GatedBlock): void {
    const base = (block.rows - 1) * block.columns
    for (let column = 0; column < block.columns; column++) {
      if (!this.#asset.channels[column]!.waveform) this.#quality[column] = block.quality[base + column]!
    }
  }

  rows(nowUs: number): LiveChannel[] {
    return this.#asset.channels.map((channel, column) => {
      const known = !Number.isNaN(this.#arrivedUs[column]!)
      const ageUs = Math.max(0, nowUs - this.#arrivedUs[column]!)
      const stale = known && ageUs > channel.maxAgeMs * 1000
      const period = this.#periodUs[column]!
      return {
        asset: this.#asset.id,
        channel: channel.id,
        unit: channel.unit,
        value: known ? this.#values[column]! : undefined,
        ageS: known ? ageUs / 1e6 : undefined,
        rateHz: period > 0 ? 1e6 / period : undefined,
        quality: stale ? 'stale' : QUALITY[this.#quality[column]!]!,
      }
    })
  }

  #note(column: number, value: number, sampledUs: number, nowUs: number, count: number): void {
    const sinceUs = (sampledUs - this.#sampledUs[column]!) / count
    const period = this.#periodUs[column]!
    // Averaged in, a time that is years off would show for minutes.
    if (isStrange(sinceUs, period)) this.#periodUs[column] = Number.NaN
    else if (isStrange(period, sinceUs)) this.#periodUs[column] = sinceUs
    else if (sinceUs > 0) {
      this.#periodUs[column] = period > 0 ? period + RATE_WEIGHT * (sinceUs - period) : sinceUs
    }
    this.#values[column] = value
    this.#arrivedUs[column] = nowUs
    this.#sampledUs[column] = sampledUs
  }
}

function isStrange(us: number, besideUs: number): boolean {
  return us > STRANGE_US && besideUs > 0 && us > STRANGE_PERIODS * besideUs
}
