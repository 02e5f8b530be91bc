import type { WaveformBlock } from '../core/types.ts'
import type { WindowQueue } from '../scoring/contract.ts'

/**
 * Cuts windows of `samples` every `hop` out of the contiguous samples of one waveform channel, in engineering units. A gap
 * (lost frame) voids what was gathered: a capture with a hole in it is not a capture.
 */
export class WaveformCutter {
  readonly #asset: number
  readonly #samples: number
  readonly #hop: number
  readonly #window: Float32Array
  #filled = 0
  /** Samples to skip before the next window begins, when hop > samples. */
  #skip = 0

  constructor(asset: number, samples: number, hop: number) {
    this.#asset = asset
    this.#samples = samples
    this.#hop = hop
    this.#window = new Float32Array(samples)
  }

  /** What was gathered does not join what comes next. */
  void(): void {
    this.#filled = 0
    this.#skip = 0
  }

  push(block: WaveformBlock, queue: WindowQueue, onWindow: (timeUs: number) => void): void {
    if (block.gap) this.void()
    const { samples, scale } = block
    let at = Math.min(this.#skip, samples.length)
    this.#skip -= at
    while (at < samples.length) {
      const take = Math.min(this.#samples - this.#filled, samples.length - at)
      for (let i = 0; i < take; i++) this.#window[this.#filled + i] = samples[at + i]! * scale + block.offset
      this.#filled += take
      at += take
      if (this.#filled < this.#samples) return
      const timeUs = block.startUs + ((at - 1) / block.rateHz) * 1e6
      const offset = queue.claim(this.#asset, timeUs)
      queue.input.set(this.#window, offset)
      onWindow(timeUs)
      at += this.#slide(samples.length - at)
    }
  }

  /** Prepares for the next window; returns how many of the `left` samples of the block are skipped. */
  #slide(left: number): number {
    if (this.#hop < this.#samples) {
      this.#window.copyWithin(0, this.#hop)
      this.#filled = this.#samples - this.#hop
      return 0
    }
    this.#filled = 0
    const gap = this.#hop - this.#samples
    const now = Math.min(gap, left)
    this.#skip = gap - now
    return now
  }
}
