// Family `bands` once more, from its definition and nothing else: sums over samples in float64, no fast transform.
import type { BandsModel } from '../../agent/models/families/bands.ts'

export interface BandsReference {
  score: number
  contributions: number[]
  features: number[]
}

/** `window`: [channels x samples]. */
export function referenceBands(model: BandsModel, window: Float32Array): BandsReference {
  const { channels, samples, bands, groups, bandHz, perGroup } = model.shape
  const levels = bands + groups
  const rises: number[][] = []
  const features: number[] = []
  for (let c = 0; c < channels; c++) {
    const signal = straightened(window.subarray(c * samples, (c + 1) * samples))
    const lines = lineEnergies(model, signal)
    const energy = Array.from({ length: bands }, (_, b) => bandEnergy(model, lines, b))
    const grouped = Array.from({ length: groups }, (_, g) => sum(energy.slice(g * perGroup, (g + 1) * perGroup)))
    rises.push(
      [...energy, ...grouped].map((value, l) => {
        const at = c * levels + l
        const z = (Math.log(value / model.reference[at]! + 1e-3) - model.centre[at]!) * model.inverse[at]!
        return Math.max(0, z) ** 2
      }),
    )
    const power = sum(signal.map(x => x * x)) / samples
    const high = energy.filter((_, b) => b * bandHz >= 1000)
    features.push(
      Math.sqrt(power),
      Math.max(...signal.map(Math.abs)),
      power > 0 ? Math.max(...signal.map(Math.abs)) / Math.sqrt(power) : 0,
      power > 0 ? sum(signal.map(x => x ** 4)) / samples / power ** 2 : 0,
      ...(bands * bandHz > 1000 ? [Math.sqrt(sum(high))] : []),
      ...energy.map(Math.sqrt),
    )
  }
  return { ...judge(model, rises), features }
}

function judge(model: BandsModel, rises: readonly number[][]): { score: number; contributions: number[] } {
  const { bands, groups, perGroup } = model.shape
  const parts = rises.map((rise, c) => [
    Math.sqrt(sum(rise.slice(0, bands)) / bands) * model.gain[2 * c]!,
    Math.sqrt(sum(rise.slice(bands)) / groups) * model.gain[2 * c + 1]!,
  ])
  const score = Math.max(...parts.flat())
  const blame = rises.flatMap((rise, c) => {
    const [narrow, wide] = parts[c]!
    return Array.from({ length: bands }, (_, b) => {
      const g = Math.floor(b / perGroup)
      const members = rise.slice(g * perGroup, Math.min(bands, (g + 1) * perGroup))
      const share = (rise[b]! + 1e-9) / sum(members.map(one => one + 1e-9))
      return (narrow === score ? rise[b]! : 0) + (wide === score ? rise[bands + g]! * share : 0) + 1e-9
    })
  })
  return { score, contributions: blame.map(one => one / sum(blame)) }
}

/** Less its line of least squares. */
function straightened(x: Float32Array): number[] {
  const n = x.length
  const mean = sum([...x]) / n
  const middle = (n - 1) / 2
  let top = 0
  let bottom = 0
  for (let i = 0; i < n; i++) {
    top += (i - middle) * (x[i]! - mean)
    bottom += (i - middle) ** 2
  }
  return Array.from(x, (value, i) => value - mean - (top / bottom) * (i - middle))
}

/** Mean square per line 0 to block / 2 - 1, blocks of the Hann window overlapped by half. */
function lineEnergies({ shape: { block, samples } }: BandsModel, signal: readonly number[]): number[] {
  const cos = Array.from({ length: block }, (_, i) => Math.cos((2 * Math.PI * i) / block))
  const windowed: number[][] = []
  for (let start = 0; start + block <= samples; start += block / 2) {
    windowed.push(Array.from({ length: block }, (_, i) => signal[start + i]! * (0.5 - 0.5 * cos[i]!)))
  }
  return Array.from({ length: block / 2 }, (_, k) => {
    let power = 0
    for (const x of windowed) {
      let re = 0
      let im = 0
      for (let i = 0, angle = 0; i < block; i++, angle = (angle + k) % block) {
        re += x[i]! * cos[angle]!
        im += x[i]! * cos[(angle + block / 4) % block]!
      }
      power += re * re + im * im
    }
    return (2 * power) / (block * (3 / 8) * block) / windowed.length
  })
}

/** Lines half in a band count half; what lies below one and a half lines counts not at all. */
function bandEnergy({ shape: { lineHz, bandHz } }: BandsModel, lines: readonly number[], band: number): number {
  const from = Math.max(band * bandHz, 1.5 * lineHz)
  const to = (band + 1) * bandHz
  return sum(
    lines.map((power, k) => {
      const share = Math.min(to, (k + 0.5) * lineHz) - Math.max(from, (k - 0.5) * lineHz)
      return (power * Math.max(0, share)) / lineHz
    }),
  )
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
