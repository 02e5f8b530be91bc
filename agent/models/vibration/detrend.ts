/** `samples` less the straight line of least squares through them: offset and slope. A fresh array. */
export function detrend(samples: ArrayLike<number>): Float64Array {
  const count = samples.length
  const middle = (count - 1) / 2
  let sum = 0
  for (let i = 0; i < count; i++) sum += samples[i]!
  const mean = sum / Math.max(1, count)
  let moment = 0
  for (let i = 0; i < count; i++) moment += (i - middle) * (samples[i]! - mean)
  // Sum of (i - middle)² over a run of `count` whole numbers.
  const spread = (count * (count * count - 1)) / 12
  const slope = spread > 0 ? moment / spread : 0
  const out = new Float64Array(count)
  for (let i = 0; i < count; i++) out[i] = samples[i]! - mean - slope * (i - middle)
  return out
}
