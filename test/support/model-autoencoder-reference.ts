// Family `autoencoder` once more, from its definition and nothing else, in float64 on a raw window.
import type { Autoencoder } from '../../agent/models/families/autoencoder-parts.ts'
import type { Standard } from '../../agent/models/families/rows.ts'

/** `window` [channels x samples] float32, newest row last. Scores and blame of the two parts. */
export function referenceAutoencoder(
  model: Autoencoder,
  standard: Standard,
  window: Float32Array,
): { scores: [number, number]; blame: [number[], number[]] } {
  const { channels, hidden, meanRows } = model
  const samples = window.length / channels
  const each = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i))
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
  const residualOf = (s: number): number[] => {
    const z = each(channels, c => (window[c * samples + s]! - standard.centre[c]!) * standard.inverse[c]!)
    const units = each(hidden, h =>
      Math.tanh(model.encodeBias[h]! + sum(z.map((value, c) => value * model.encode[c * hidden + h]!))),
    )
    return z.map((value, c) => {
      const back = model.decodeBias[c]! + sum(units.map((unit, h) => unit * model.decode[h * channels + c]!))
      return (value - back) * model.inverse[c]!
    })
  }
  const residuals = each(meanRows, k => residualOf(samples - meanRows + k))
  const norms = residuals.map(row => Math.hypot(...row))
  const last = residuals[meanRows - 1]!
  return {
    scores: [norms[meanRows - 1]! / model.limits.row, sum(norms) / meanRows / model.limits.mean],
    blame: [last.map(r => r * r), each(channels, c => sum(residuals.map(row => row[c]! ** 2)) / meanRows)],
  }
}
