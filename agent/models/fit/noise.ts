import type { FitData } from '../contract.ts'

/** Var(x₋₁ - 2x + x₊₁) of white noise, over its variance: slopes and most of what a machine does fall out. */
const SECOND_DIFFERENCE = 6

/** [channels] rms of the noise of neighbouring rows, in the units of the channels; 0 where no three rows follow each other. */
export function noiseOf({
  values,
  rows,
  channels,
  breaks,
}: Pick<FitData, 'values' | 'rows' | 'channels' | 'breaks'>): number[] {
  const width = channels.length
  const squares = new Float64Array(width)
  let count = 0
  for (let row = 2; row < rows; row++) {
    if (breaks[row] === 1 || breaks[row - 1] === 1) continue
    count++
    for (let c = 0; c < width; c++) {
      const at = row * width + c
      squares[c]! += (values[at]! - 2 * values[at - width]! + values[at - 2 * width]!) ** 2
    }
  }
  return Array.from(squares, sum => Number(Math.sqrt(sum / Math.max(1, count) / SECOND_DIFFERENCE).toPrecision(6)))
}
