// How fast the machine turned while a capture was taken.
import type { AssetConfig } from '../../config/contract.ts'
import type { GatedBlock } from '../../windows/contract.ts'
import { SPEED_SPREAD_MAX, type SpeedOfCapture, speedSpread } from '../vibration/velocity.ts'

/** Rows remembered: 40 s, the longest capture at 25.6 kHz, of 100 rows a second. */
const ROWS = 4096
const PER_MIN = '1/min'
const NOMINAL = /^([\d.]+)\s*(?:1?\/min|r\/min|rpm|min-1)?$/i

export interface CaptureSpeed {
  speed?: SpeedOfCapture
  /** Why it is not known although the machine has a channel for it. */
  unknown?: string
}

/**
 * Column of the asset's speed: its channel in 1/min, of several the one that is called `speed`; undefined where there is none, or
 * where nothing tells which.
 */
export function speedColumn({ channels }: AssetConfig): number | undefined {
  const columns = [...channels.keys()].filter(column => channels[column]!.unit === PER_MIN)
  const named = columns.find(column => channels[column]!.id === 'speed')
  return named ?? (columns.length === 1 ? columns[0] : undefined)
}

/** `machine.speed` in revolutions per minute; undefined where it is not written or in another unit. */
export function nominalSpeed({ machine }: AssetConfig): number | undefined {
  const perMin = Number(NOMINAL.exec(String(machine?.speed ?? ''))?.[1])
  return perMin > 0 ? perMin : undefined
}

/** Mean over the capture in 1/min; NaN where it is not known, or moved too far for the capture to be of one speed. */
export function steadySpeed(speed: SpeedOfCapture | undefined): number {
  return speed && speedSpread(speed) <= SPEED_SPREAD_MAX ? speed.mean : Number.NaN
}

/** Remembers the newest rows of an asset's speed. Nothing is allocated per row. */
export class SpeedTrack {
  readonly #column: number | undefined
  readonly #name: string
  readonly #maxAgeUs: number
  readonly #nominal: number | undefined
  readonly #timesUs = new Float64Array(ROWS).fill(Number.NaN)
  readonly #values = new Float64Array(ROWS)
  #at = 0

  constructor(asset: AssetConfig) {
    this.#column = speedColumn(asset)
    const channel = asset.channels[this.#column ?? -1]
    this.#name = channel?.id ?? ''
    this.#maxAgeUs = (channel?.maxAgeMs ?? 0) * 1000
    this.#nominal = nominalSpeed(asset)
  }

  rows({ rows, columns, values, timesUs }: GatedBlock): void {
    const column = this.#column
    if (column === undefined) return
    for (let row = 0; row < rows; row++) {
      const value = values[row * columns + column]!
      if (Number.isNaN(value)) continue
      this.#timesUs[this.#at] = timesUs[row]!
      this.#values[this.#at] = value
      this.#at = (this.#at + 1) % ROWS
    }
  }

  /**
   * Over [fromUs, toUs]: its values there, or the last one before as long as it may be held. Of a machine without a channel for it
   * the rated speed.
   */
  during(fromUs: number, toUs: number): CaptureSpeed {
    if (this.#column === undefined) return this.#nominal === undefined ? {} : { speed: constant(this.#nominal) }
    const speed = this.#over(fromUs, toUs) ?? this.#held(fromUs)
    return speed ? { speed } : { unknown: `no value of ${this.#name} during the capture` }
  }

  #over(fromUs: number, toUs: number): SpeedOfCapture | undefined {
    let [count, sum, min, max] = [0, 0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
    for (let i = 0; i < ROWS; i++) {
      if (!(this.#timesUs[i]! >= fromUs && this.#timesUs[i]! <= toUs)) continue
      const value = this.#values[i]!
      count++
      sum += value
      min = Math.min(min, value)
      max = Math.max(max, value)
    }
    return count === 0 ? undefined : { mean: sum / count, min, max }
  }

  #held(atUs: number): SpeedOfCapture | undefined {
    let newest = -1
    for (let i = 0; i < ROWS; i++) {
      const ageUs = atUs - this.#timesUs[i]!
      if (!(ageUs >= 0 && ageUs <= this.#maxAgeUs)) continue
      if (newest < 0 || this.#timesUs[i]! > this.#timesUs[newest]!) newest = i
    }
    return newest < 0 ? undefined : constant(this.#values[newest]!)
  }
}

const constant = (perMin: number): SpeedOfCapture => ({ mean: perMin, min: perMin, max: perMin })
