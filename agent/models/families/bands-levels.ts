// Energies of the bands of windows, in float64: what a baseline of captures is made of.
import { detrend } from '../vibration/detrend.ts'
import { Fft } from '../vibration/fft.ts'
import { type BandsShape, hann, levelsOf, lineWeights } from './bands-shape.ts'

/** Mean squares of one window of one channel after another; holds what can be shared between them. */
export class BandMeter {
  readonly #shape: BandsShape
  readonly #fft: Fft
  readonly #window: Float64Array
  readonly #weights: Float64Array
  readonly #re: Float64Array
  readonly #im: Float64Array
  readonly #power: Float64Array

  constructor(shape: BandsShape) {
    this.#shape = shape
    this.#fft = new Fft(shape.block)
    this.#window = hann(shape.block)
    this.#weights = lineWeights(shape)
    this.#re = new Float64Array(shape.block)
    this.#im = new Float64Array(shape.block)
    this.#power = new Float64Array(shape.block / 2)
  }

  /** `samples`: [shape.samples] of one channel. `out`: [bands + groups]. */
  measure(samples: ArrayLike<number>, out: Float64Array): void {
    const { block, blocks } = this.#shape
    const signal = detrend(samples)
    this.#power.fill(0)
    for (let k = 0; k < blocks; k++) {
      const start = (k * block) / 2
      for (let i = 0; i < block; i++) this.#re[i] = signal[start + i]! * this.#window[i]!
      this.#im.fill(0)
      this.#fft.forward(this.#re, this.#im)
      for (let line = 0; line < this.#power.length; line++) {
        this.#power[line]! += this.#re[line]! ** 2 + this.#im[line]! ** 2
      }
    }
    const levels = levelsOf(this.#shape)
    out.fill(0)
    for (let line = 0; line < this.#power.length; line++) {
      const power = this.#power[line]!
      for (let level = 0; level < levels; level++) out[level]! += power * this.#weights[line * levels + level]!
    }
  }
}
