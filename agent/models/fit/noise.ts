import type { FitData } from '../contract.ts'

/** Rms of x₋₁ - 2x + x₊₁ of white noise, over its own: slopes and most of what a machine does fall out. */
const SECOND_DIFFERENCE = Math.sqrt(6)
/** Median of the magnitude of a normal deviate. */
const MEDIAN_MAGNITUDE = 0.6745

/**
 * [channels] what a sensor adds: the noise of neighbouring rows, rms, in the units of the channels. By the median, so that a load that
 * comes and goes adds nothing; 0 where most rows repeat their value, or where no three follow each other.
 */
export function noiseOf(data: Pick<FitData, 'values' | 'rows' | 'channels' | 'breaks'>): number[] {
  const { values, rows, channels, breaks } = data
  const width = channels.length
  const differences = new Float64Array(Math.max(0, rows - 2))
  return channels.map((_, c) => {
    let count = 0
    for (let row = 2; row < rows; row++) {
      if (breaks[row] === 1 || breaks[row - 1] === 1) continue
      const at = row * width + c
      differences[count++] = Math.abs(values[at]! - 2 * values[at - width]! + values[at - 2 * width]!)
    }
    const median = differences.subarray(0, count).sort()[count >> 1] ?? 0
    return Number((median / MEDIAN_MAGNITUDE / SECOND_DIFFERENCE).toPrecision(6))
  })
}
