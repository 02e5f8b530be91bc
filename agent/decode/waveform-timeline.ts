// Start times for waveform blocks whose sender has no clock.

// How far arrival may differ from the count before the timeline is laid anew. Drivers hold back up to 64 KiB (5.7 s at
// 115,200 baud is a fault, 0.7 s at 921,600 is normal), and a busy gateway adds some: 2 s is late, more is another time.
const TOLERANCE_US = 2e6
// Crystals differ by up to 100 ppm from the gateway's clock; twice that is followed, so arrival jitter of milliseconds
// hardly shows while a constant difference never adds up to the tolerance.
const SLEW_MAX = 200e-6
// And never more than this part of a sample per block: blocks then still join for whoever checks it.
const SLEW_SAMPLES_MAX = 0.25

/**
 * The first block starts at its arrival minus its duration. Each later one starts where the samples before it end, drawn
 * towards arrival by at most 200 ppm and a quarter of a sample; when the two differ by more than 2 s (a stepped clock, a
 * stalled line), or after restart(), by arrival again.
 */
export class WaveformTimeline {
  readonly #sampleUs: number
  #nextUs = Number.NaN
  /** Times laid anew because arrival disagreed. */
  resyncs = 0

  constructor(rateHz: number) {
    this.#sampleUs = 1e6 / rateHz
  }

  /** Forget: the next block does not continue the one before. */
  restart(): void {
    this.#nextUs = Number.NaN
  }

  /** Start of a block of `samples` that arrived at `receivedUs` without a time of its own. */
  place(samples: number, receivedUs: number): number {
    const durationUs = samples * this.#sampleUs
    const arrivalUs = receivedUs - durationUs
    let startUs = this.#nextUs
    const driftUs = arrivalUs - startUs
    if (Math.abs(driftUs) <= TOLERANCE_US) {
      const slewUs = Math.min(durationUs * SLEW_MAX, this.#sampleUs * SLEW_SAMPLES_MAX)
      startUs += Math.max(-slewUs, Math.min(slewUs, driftUs))
    } else {
      if (!Number.isNaN(driftUs)) this.resyncs++
      startUs = arrivalUs
    }
    this.#nextUs = startUs + durationUs
    return startUs
  }
}
