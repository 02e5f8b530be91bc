import { EVD, Matrix } from 'ml-matrix'

// A share of the identity mixed into the correlations. Two sensors of the same thing correlate to 1; without it their
// difference, which is rounding error, would count as much as all other channels together. Bounds the gain at 10.
const CORRELATION_SHRINK = 0.01
// Smallest standard deviation, in those of the channel itself. Below it float32 rounding would be amplified.
const DEVIATION_FLOOR = 1e-3

/**
 * ZCA-cor whitening of a covariance [n x n] (row-major): W with W S Wᵀ = I, as close to the channels as a whitening can
 * be, so that component i still belongs to channel i and may be blamed on it.
 * `constant[i]`: the channel never moved; it counts as uncorrelated with deviation 1.
 */
export function whitening(covariance: Float64Array, constant: Uint8Array): Float64Array {
  const n = constant.length
  const inverse = Float64Array.from(constant, (isConstant, i) =>
    isConstant ? 1 : 1 / Math.sqrt(Math.max(covariance[i * n + i]!, DEVIATION_FLOOR ** 2)),
  )
  const correlation = Matrix.zeros(n, n)
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      const value = covariance[i * n + j]! * inverse[i]! * inverse[j]! * (1 - CORRELATION_SHRINK)
      correlation.set(i, j, i === j ? 1 : constant[i] || constant[j] ? 0 : value)
    }
  }
  const { realEigenvalues: values, eigenvectorMatrix: vectors } = new EVD(correlation, { assumeSymmetric: true })
  const result = new Float64Array(n * n)
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0
      for (let k = 0; k < n; k++) {
        sum += (vectors.get(i, k) * vectors.get(j, k)) / Math.sqrt(Math.max(values[k]!, CORRELATION_SHRINK / 2))
      }
      result[i * n + j] = sum * inverse[j]!
    }
  }
  return result
}
