// One capture of one axis, with what several of its figures are made of, each computed when it is first asked for.
import { HIGH_HZ_MIN, LOW_HZ_MAX, lowBand, RATE_OVER_TOP } from './decimate.ts'
import { detrend } from './detrend.ts'
import { bandPower, type Spectrum, welch } from './welch.ts'

/** Lines of 0.625 Hz. Four of them at 50 % overlap take 4 s. */
export const BLOCK_S = 1.6
/** Of the spectrum that only the energy above 1 kHz is read from: lines of 25 Hz. */
const HIGH_BLOCK_S = 0.04

export class CaptureSignal {
  /** As measured, in the unit of the channel. */
  readonly samples: ArrayLike<number>
  readonly rateHz: number
  #detrended: Float64Array | undefined
  #low: Spectrum | undefined
  #highRms: number | undefined

  constructor(samples: ArrayLike<number>, rateHz: number) {
    this.samples = samples
    this.rateHz = rateHz
  }

  get seconds(): number {
    return this.samples.length / this.rateHz
  }

  /** Highest frequency that is looked at. */
  get topHz(): number {
    return this.rateHz / RATE_OVER_TOP
  }

  get detrended(): Float64Array {
    return (this.#detrended ??= detrend(this.samples))
  }

  /** 0 to 1 kHz in lines of 0.625 Hz, in unit² per line; wider lines where the capture is shorter than 4 s. */
  get low(): Spectrum {
    if (!this.#low) {
      const low = lowBand(this.samples, this.rateHz)
      this.#low = welch(low.samples, low.rateHz, BLOCK_S)
    }
    return this.#low
  }

  /** Below 1 kHz, without the two lines that hold what the window leaks of the offset. */
  get lowRms(): number {
    return Math.sqrt(bandPower(this.low, 2 * this.low.lineHz, Math.min(LOW_HZ_MAX, this.topHz)))
  }

  /** From 1 kHz to rate / 2.56; undefined where the rate does not reach that far. */
  get highRms(): number | undefined {
    if (this.topHz <= HIGH_HZ_MIN) return undefined
    this.#highRms ??= Math.sqrt(bandPower(welch(this.samples, this.rateHz, HIGH_BLOCK_S), HIGH_HZ_MIN, this.topHz))
    return this.#highRms
  }
}
